// Dispatcher: delivers what was committed, at least once and in the order of revisions per account, to each sink on a thread of
// its own with a connection of its own. Nothing here is waited for by a sync.
//
//   commit -> wake() -> behind(sink, owner) -> next() -> changed_rows() -> Sink::deliver -> acknowledge
//
// A service delivers for the accounts of the gateways that it holds. A message that is not taken stops its account at that sink
// until it is; when no message of a round was taken the sink is left alone for a pause that doubles, with jitter, up to
// retry_max. After a crash it goes on from the cursors in the database: what was delivered and not acknowledged comes again, with
// the same id.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "outbox/sink.hpp"

namespace possync::outbox {

struct SinkStatus {
    std::string sink;
    std::int64_t queued = 0;     ///< revisions to be delivered, of accounts whose gateway this service holds
    std::int64_t delivered = 0;  ///< since the start
    std::int64_t failed = 0;     ///< tries since the start
    std::int64_t gaps = 0;       ///< told of since the start
    std::optional<base::Timestamp> oldest;  ///< recorded_at of the first that is queued
    std::string last_error;      ///< empty: the last try was taken
};

struct DispatcherOptions {
    std::vector<SinkOptions> sinks;
    std::string owner;                                                        ///< as in the leases
    std::function<base::Result<std::unique_ptr<store::Outbox>>()> open;       ///< called on the threads that use what it opens
    std::function<base::Timestamp()> now;
    /// Of what a person should know, once per change: (is it trouble, sink, text). From any thread.
    std::function<void(bool, std::string const&, std::string const&)> tell;
    base::Duration keep = std::chrono::hours(24 * 7);  ///< what is not delivered by then is not kept
    base::Duration look_every = std::chrono::seconds(1);
};

class Dispatcher {
public:
    explicit Dispatcher(DispatcherOptions options);
    ~Dispatcher();  ///< waits for the deliveries that are under way, each at most its sink's timeout
    Dispatcher(Dispatcher const&) = delete;
    Dispatcher& operator=(Dispatcher const&) = delete;

    /// Something was committed. From any thread.
    void wake();
    /// From any thread.
    [[nodiscard]] std::vector<SinkStatus> status() const;

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

/// The pause before try `failures` + 1: a second, doubled each time up to `most`, of which `random` in [0, 1) takes off up to half.
[[nodiscard]] base::Duration retry_pause(int failures, base::Duration most, double random);

}  // namespace possync::outbox
