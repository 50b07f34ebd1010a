// Threads that ask the database, each over a reader of its own, so that neither the io thread nor a commit ever waits for a
// query. Two lanes: quick questions (lists, status) and long ones (other cost methods, time travel), so that long ones, however
// many, never hold up quick ones. Both are bounded; what does not fit is refused at once.
//
// post() may be called from any thread. A job gets a reader, or the error why there is none; it answers by posting elsewhere.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "query/reader.hpp"

namespace possync::http {

using ReaderFactory = std::function<base::Result<std::unique_ptr<query::Reader>>()>;

/// The reader, or why the database cannot be read.
using ReaderResult = base::Result<query::Reader*>;

/// True: the reader is as good as before; false: open another one for the next job.
using Job = std::function<bool(ReaderResult const& reader)>;

/// Whether an error says that the connection, and not the question, was the trouble.
[[nodiscard]] bool needs_new_reader(base::Error const& error);

class Workers {
public:
    Workers(ReaderFactory open_reader, std::size_t threads, std::size_t queue_limit);
    ~Workers();
    Workers(Workers const&) = delete;
    Workers& operator=(Workers const&) = delete;
    /// False when too many wait already.
    [[nodiscard]] bool post(Job job);
    [[nodiscard]] std::size_t waiting() const;
    /// What waits is dropped; ends when the jobs under way have.
    void stop();

private:
    void work();

    ReaderFactory open_reader_;
    std::size_t queue_limit_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job> jobs_;
    bool ending_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace possync::http
