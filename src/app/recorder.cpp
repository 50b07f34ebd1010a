#include "app/recorder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <variant>

#include <fmt/format.h>

#include "app/service.hpp"
#include "recording/writer.hpp"

namespace possync::app {

using base::Duration;
using base::ErrorCode;
using base::Result;
using recording::EventKind;
using recording::Side;

namespace {

/// What may wait for the disk; beyond it the disk is taken for dead.
constexpr std::size_t waiting_max = 64 << 20;

struct Happening {
    Duration time{0};
    EventKind kind = EventKind::raw;
    int connection = 0;
    Side side = Side::client;
    std::string text;
};

}  // namespace

class Recorder::Implementation {
public:
    Implementation(RecorderOptions options, int file, base::Now now)
        : options_(std::move(options)), file_(file), begun_(now.steady),
          writer_({now.wall, options_.recorder, options_.seed}, options_.settings, options_.accounts, options_.size_limit),
          thread_([this] { work(); }) {}

    ~Implementation() {
        post({{}, EventKind::ended, 0, Side::client, {}});
        thread_.join();
        ::close(file_);
    }

    int next_connection() { return ++connections_; }

    void post(Happening happening) {
        happening.time = clock_now().steady - begun_;
        {
            std::lock_guard const lock(mutex_);
            bool const last = happening.kind == EventKind::ended;
            if (over_ && !last) return;
            if (waiting_ + happening.text.size() > waiting_max && !last) {
                overflowed_ = over_ = true;
            } else {
                waiting_ += happening.text.size();
                queue_.push_back(std::move(happening));
            }
        }
        wake_.notify_one();
    }

private:
    void work() {
        put(writer_.take());
        for (bool last = false; !last;) {
            std::vector<Happening> batch;
            bool overflowed = false;
            {
                std::unique_lock lock(mutex_);
                wake_.wait(lock, [this] { return !queue_.empty(); });
                batch.swap(queue_);
                waiting_ = 0;
                overflowed = std::exchange(overflowed_, false);
            }
            for (auto const& each : batch) {
                if (writer_.over()) break;
                take(each);
            }
            last = batch.back().kind == EventKind::ended;
            if (overflowed) writer_.truncate(batch.back().time, "the disk was too slow");
            put(writer_.take());
            if (writer_.truncated() && !told_) {
                tell(fmt::format("the recording {} ends here: {}", options_.path,
                                 overflowed ? "the disk was too slow" : "its size limit is reached"));
            }
            if (writer_.over()) {
                std::lock_guard const lock(mutex_);
                over_ = true;
            }
        }
        mend();
    }

    void take(Happening const& each) {
        switch (each.kind) {
        case EventKind::opened: return writer_.opened(each.time, each.connection);
        case EventKind::failed: return writer_.failed(each.time, each.text);
        case EventKind::closed: return writer_.closed(each.time, each.connection, each.side);
        case EventKind::sync: return writer_.sync(each.time, each.text);
        case EventKind::ended: return writer_.end(each.time);
        default: return writer_.bytes(each.time, each.connection, each.side, each.text);
        }
    }

    /// Whole lines, or none of them.
    void put(std::string_view text) {
        if (failed_) return;
        auto const written = write_at(text, size_);
        if (written) {
            size_ += static_cast<off_t>(text.size());
            tail_ += text.size() > tail_max ? text.substr(text.size() - tail_max) : text;
            if (tail_.size() > tail_max) tail_.erase(0, tail_.size() - tail_max);
            return;
        }
        failed_ = true;
        std::string const why = std::strerror(errno);
        // What was half written goes, and as much before it as the last line needs.
        writer_.truncate({}, why);
        std::string last;
        recording::write(last, {0, clock_now().steady - begun_, 0, EventKind::truncated, Side::client, why});
        off_t end = size_;
        (void)!::ftruncate(file_, end);
        while (!write_at(last, end)) {
            bool const enough = size_ - end >= static_cast<off_t>(last.size());
            auto const line = tail_.size() < 2 ? std::string::npos : tail_.rfind('\n', tail_.size() - 2);
            if (!enough && line != std::string::npos) {
                end -= static_cast<off_t>(tail_.size() - line - 1);
                tail_.resize(line + 1);
            }
            (void)!::ftruncate(file_, end);
            if (enough || line == std::string::npos) break;
        }
        tell(fmt::format("the recording {} ends here: {}", options_.path, why));
    }

    bool write_at(std::string_view text, off_t at) const {
        while (!text.empty()) {
            auto const count = ::pwrite(file_, text.data(), text.size(), at);
            if (count < 0 && errno == EINTR) continue;
            if (count == 0) errno = ENOSPC;
            if (count <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(count));
            at += count;
        }
        return true;
    }

    /// Account codes that became known after they were written: every replacement is as long as what it replaces.
    void mend() const {
        std::string text(static_cast<std::size_t>(size_), '\0');
        std::size_t have = 0;
        while (have < text.size()) {
            auto const count = ::pread(file_, text.data() + have, text.size() - have, static_cast<off_t>(have));
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) break;
            have += static_cast<std::size_t>(count);
        }
        for (auto const& leak : writer_.redactor().leaks(std::string_view(text).substr(0, have))) {
            (void)write_at(leak.replacement, static_cast<off_t>(leak.at));
        }
    }

    void tell(std::string const& why) {
        told_ = true;
        if (options_.on_end) options_.on_end(why);
    }

    RecorderOptions options_;
    int file_;
    Duration begun_;
    int connections_ = 0;
    // The recorder's thread alone:
    recording::Writer writer_;
    static constexpr std::size_t tail_max = 1024;
    off_t size_ = 0;
    std::string tail_;  ///< what was written last: the end of the file, where it must be cut
    bool failed_ = false;
    bool told_ = false;
    // Both:
    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Happening> queue_;
    std::size_t waiting_ = 0;
    bool overflowed_ = false;
    bool over_ = false;
    std::thread thread_;
};

Result<std::unique_ptr<Recorder>> Recorder::open(RecorderOptions options) {
    if (options.keep_previous) (void)std::rename(options.path.c_str(), (options.path + ".previous").c_str());
    // Only its owner may read it: what is held and traded stands in it.
    int const file = ::open(options.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0 && errno == EEXIST) {
        return base::fail(ErrorCode::refused, fmt::format("{} exists already; name a new file", options.path));
    }
    if (file < 0)
        return base::fail(ErrorCode::io,
                          fmt::format("the recording {} cannot be written: {}", options.path, std::strerror(errno)));
    return std::unique_ptr<Recorder>(new Recorder(std::make_unique<Implementation>(std::move(options), file, clock_now())));
}

Recorder::Recorder(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Recorder::~Recorder() = default;

int Recorder::opened() {
    int const number = implementation_->next_connection();
    implementation_->post({{}, EventKind::opened, number, Side::client, {}});
    return number;
}
void Recorder::failed(std::string_view why) { implementation_->post({{}, EventKind::failed, 0, Side::client, std::string(why)}); }
void Recorder::bytes(int connection, Side side, std::string_view bytes) {
    implementation_->post({{}, EventKind::raw, connection, side, std::string(bytes)});
}
void Recorder::closed(int connection, Side side) { implementation_->post({{}, EventKind::closed, connection, side, {}}); }
void Recorder::sync(std::string_view account) {
    implementation_->post({{}, EventKind::sync, 0, Side::client, std::string(account)});
}

Result<std::uint64_t> parse_size(std::string_view text) {
    std::uint64_t size = 0;
    auto const [stop, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    std::string_view const unit = text.substr(static_cast<std::size_t>(stop - text.data()));
    int const shift = unit.empty() ? 0 : unit == "K" ? 10 : unit == "M" ? 20 : unit == "G" ? 30 : -1;
    if (error != std::errc{} || shift < 0 || size > (std::uint64_t{1} << 33)) {
        return base::fail(ErrorCode::invalid_input, fmt::format("'{}' is no size; write 64M, 512K or 1G", text));
    }
    size <<= shift;
    if (size < recording::size_limit_min || size > (std::uint64_t{1} << 40)) {
        return base::fail(ErrorCode::invalid_input, fmt::format("{} is not between 64K and 1024G", text));
    }
    return size;
}

std::string size_text(std::uint64_t bytes) {
    for (auto const& [unit, shift] : {std::pair("G", 30), std::pair("M", 20), std::pair("K", 10)}) {
        if (bytes > 0 && bytes % (std::uint64_t{1} << shift) == 0) return std::to_string(bytes >> shift) + unit;
    }
    return std::to_string(bytes);
}

}  // namespace possync::app
