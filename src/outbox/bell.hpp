// Bell: what the threads that deliver wait at. Ends waiting early: by a commit, or by the end. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "base/time.hpp"

namespace possync::outbox {

class Bell {
public:
    void ring() {
        {
            std::lock_guard const lock(mutex_);
            ++rings_;
        }
        changed_.notify_all();
    }
    void end() {
        {
            std::lock_guard const lock(mutex_);
            ending_ = true;
        }
        changed_.notify_all();
    }
    [[nodiscard]] bool ending() const {
        std::lock_guard const lock(mutex_);
        return ending_;
    }
    /// Until it rings after `seen`, at most `most`; `only_end`: rings do not count.
    void wait(std::int64_t& seen, base::Duration most, bool only_end) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, most, [&] { return ending_ || (!only_end && rings_ != seen); });
        seen = rings_;
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::int64_t rings_ = 0;
    bool ending_ = false;
};

/// The loop of a thread that delivers, until the bell ends it. `round()`: how many were taken, or why none was; with none it waits for the
/// bell, `idle` at most; after the n-th failure in a row it waits `pause(error, n)`, which only the end cuts short.
void deliver_until_the_end(Bell& bell, base::Duration idle, auto round, auto pause) {
    int failures = 0;
    std::int64_t seen = 0;
    while (!bell.ending()) {
        auto const taken = round();
        if (!taken) {
            bell.wait(seen, pause(taken.error(), ++failures), true);
            continue;
        }
        failures = 0;
        if (*taken == 0) bell.wait(seen, idle, false);
    }
}

}  // namespace possync::outbox
