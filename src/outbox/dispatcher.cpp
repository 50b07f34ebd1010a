#include "outbox/dispatcher.hpp"

#include <algorithm>
#include <mutex>
#include <random>
#include <thread>

#include <fmt/format.h>

#include "outbox/bell.hpp"

namespace possync::outbox {

using base::Duration;
using base::Result;

namespace {

constexpr int batch = 100;
constexpr Duration prune_every = std::chrono::hours(1);
/// What every sink has stays so long for a person to look at.
constexpr Duration keep_settled = std::chrono::hours(1);

/// One sink and its thread.
class Worker {
public:
    Worker(DispatcherOptions const& options, SinkOptions sink, Bell& bell)
        : options_(options), sink_options_(std::move(sink)), bell_(bell),
          sink_(sink_options_.type == SinkType::webhook ? make_webhook(sink_options_) : make_nats(sink_options_)) {
        status_.sink = sink_options_.name;
        thread_ = std::thread([this] { run(); });
    }
    void join() { thread_.join(); }
    [[nodiscard]] SinkStatus status() const {
        std::lock_guard const lock(mutex_);
        return status_;
    }

private:
    void run() {
        deliver_until_the_end(
            bell_, options_.look_every, [this] { return round(); },
            [this](base::Error const& error, int failures) {
                fail(error.message, failures);
                std::uniform_real_distribution<double> between(0, 1);
                return retry_pause(failures, sink_options_.retry_max, between(random_));
            });
    }

    /// Delivers a batch of each account that is behind; the number of messages taken. An error when none was and some were there.
    Result<int> round() {
        if (!outbox_) {
            POSSYNC_TRY(outbox_, options_.open());
            auto const added = outbox_->add_sink(sink_options_.name, options_.now());
            if (!added) {
                outbox_.reset();
                return std::unexpected(added.error());
            }
        }
        auto behind = outbox_->behind(sink_options_.name, options_.owner);
        if (!behind) return closed(behind.error());
        std::erase_if(*behind, [&](auto const& account) {
            auto const& wanted = sink_options_.accounts;
            return !wanted.empty() && std::find(wanted.begin(), wanted.end(), account.account) == wanted.end();
        });
        int taken = 0;
        std::optional<base::Error> error;
        for (auto& account : *behind) {
            auto const notifications = outbox_->next(account, batch);
            if (!notifications) return closed(notifications.error());
            for (auto const& notification : *notifications) {
                if (bell_.ending()) return taken;
                query::RevisionRows rows;
                if (!notification.gap_from) {
                    auto read = outbox_->changed_rows(notification);
                    if (!read) return closed(read.error());
                    rows = std::move(*read);
                }
                auto const message = make_message(notification, rows);
                if (auto const done = sink_->deliver(message, options_.now()); !done) {
                    error = base::Error{done.error().code, message.id + ": " + done.error().message};
                    count_failure();
                    break;
                }
                if (auto const done = outbox_->acknowledge(sink_options_.name, notification.account_id, notification.revision, options_.now()); !done) {
                    return closed(done.error());
                }
                account.acknowledged = notification.revision;
                ++taken;
                succeed(notification.gap_from.has_value());
            }
        }
        look(*behind);
        if (taken == 0 && error) return std::unexpected(*error);
        return taken;
    }

    std::unexpected<base::Error> closed(base::Error const& error) {
        outbox_.reset();
        return std::unexpected(error);
    }

    void look(std::vector<store::BehindAccount> const& behind) {
        std::int64_t queued = 0;
        std::optional<base::Timestamp> oldest;
        for (auto const& account : behind) {
            auto const state = outbox_->queue(sink_options_.name, account);
            if (!state) continue;
            queued += state->depth;
            if (state->oldest && (!oldest || *state->oldest < *oldest)) oldest = state->oldest;
        }
        std::lock_guard const lock(mutex_);
        status_.queued = queued;
        status_.oldest = oldest;
    }

    void succeed(bool gap) {
        bool recovered = false;
        {
            std::lock_guard const lock(mutex_);
            ++status_.delivered;
            status_.gaps += gap;
            recovered = !status_.last_error.empty();
            status_.last_error.clear();
        }
        if (recovered) options_.tell(false, sink_options_.name, "delivers again");
    }

    void count_failure() {
        std::lock_guard const lock(mutex_);
        ++status_.failed;
    }

    void fail(std::string const& why, int failures) {
        bool news = false;
        {
            std::lock_guard const lock(mutex_);
            news = status_.last_error != why && failures == 1;
            status_.last_error = why;
        }
        if (news) options_.tell(true, sink_options_.name, why + "; it is tried again");
    }

    DispatcherOptions const& options_;
    SinkOptions const sink_options_;
    Bell& bell_;
    std::unique_ptr<Sink> sink_;
    std::unique_ptr<store::Outbox> outbox_;
    std::mt19937_64 random_{std::random_device{}()};
    mutable std::mutex mutex_;
    SinkStatus status_;
    std::thread thread_;
};

}  // namespace

class Dispatcher::Implementation {
public:
    explicit Implementation(DispatcherOptions options) : options_(std::move(options)) {
        for (auto const& sink : options_.sinks) workers_.push_back(std::make_unique<Worker>(options_, sink, bell_));
        housekeeper_ = std::thread([this] { keep_house(); });
    }
    ~Implementation() {
        bell_.end();
        for (auto& worker : workers_) worker->join();
        housekeeper_.join();
    }

    void wake() { bell_.ring(); }
    std::vector<SinkStatus> status() const {
        std::vector<SinkStatus> all;
        for (auto const& worker : workers_) all.push_back(worker->status());
        return all;
    }

private:
    void keep_house() {
        std::int64_t seen = 0;
        while (!bell_.ending()) {
            if (auto outbox = options_.open(); outbox) {
                auto const now = options_.now();
                if (auto const done = (*outbox)->prune(now - options_.keep, now - keep_settled); !done) {
                    options_.tell(true, "", "what was delivered long ago cannot be forgotten: " + done.error().message);
                }
            }
            bell_.wait(seen, prune_every, true);
        }
    }

    DispatcherOptions options_;
    Bell bell_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::thread housekeeper_;
};

Dispatcher::Dispatcher(DispatcherOptions options) : implementation_(std::make_unique<Implementation>(std::move(options))) {}
Dispatcher::~Dispatcher() = default;
void Dispatcher::wake() { implementation_->wake(); }
std::vector<SinkStatus> Dispatcher::status() const { return implementation_->status(); }

Duration retry_pause(int failures, Duration most, double random) {
    Duration pause = std::chrono::seconds(1);
    for (int i = 1; i < failures && pause < most; ++i) pause *= 2;
    pause = std::min(pause, most);
    return pause - Duration(static_cast<std::int64_t>(static_cast<double>(pause.count()) * random / 2));
}

}  // namespace possync::outbox
