#include "app/replay.hpp"

#include <deque>

#include "app/config.hpp"
#include "app/store_work.hpp"
#include "app/zones.hpp"
#include "recording/gateway_side.hpp"
#include "sync/engine.hpp"

namespace possync::app {

using base::Duration;
using base::ErrorCode;
using base::Result;
using recording::Delivery;
using recording::EventKind;
using recording::Recorder;

namespace {

/// A steady clock may stand anywhere when a program begins; not at its zero, where differences would be negative.
constexpr Duration steady_begin = std::chrono::hours(1);
/// How long what another program received goes on to be digested: longer than any request waits for an answer that is not
/// there, shorter than a rest takes to be called unexplained.
constexpr Duration digestion = std::chrono::seconds(50);
/// Steps at one and the same moment beyond which time does not pass.
constexpr int steps_at_once_max = 1'000'000;

class Player {
public:
    Player(recording::Recording const& recording, sync::EngineOptions const& options, store::Store& store)
        : recording_(recording), options_(options), store_(store), gateway_(recording), engine_(options, system_zones()) {}

    Result<Replay> run() {
        for (auto const& event : recording_.events) {
            if (event.kind == EventKind::sync) syncs_.push_back(&event);
        }
        time_ = gateway_.begin();
        bool const own = recording_.header.recorder != Recorder::pass_through;
        feed(sync::Start{});
        int steps_at_once = 0;
        while (!finished_) {
            settle();
            Duration const end = gateway_.end() + (own ? Duration(0) : digestion);
            auto next = gateway_.next_due().value_or(end);
            if (auto const wakeup = engine_.next_wakeup()) next = std::min(next, *wakeup - steady_begin);
            if (!syncs_.empty()) next = std::min(next, syncs_.front()->time);
            if (next > end || (next == end && time_ == end)) break;
            steps_at_once = next > time_ ? 0 : steps_at_once + 1;
            if (steps_at_once > steps_at_once_max)
                return base::fail(ErrorCode::internal,
                                  "time does not pass: the engine asks to be woken at once, again and again");
            time_ = std::max(time_, next);
            if (!syncs_.empty() && syncs_.front()->time <= time_) {
                ask_for_sync(syncs_.front()->payload);
                syncs_.pop_front();
            }
            feed(sync::Tick{});
        }
        if (!finished_) {
            stopping_ = true;
            feed(sync::Stop{});
            settle();
        }
        result_.missing = gateway_.missing();
        return std::move(result_);
    }

private:
    /// Bytes are kept beside the event that shows them.
    struct Pending {
        sync::Event event;
        std::string bytes;
    };

    [[nodiscard]] base::Now now() const { return {recording_.header.started + time_, steady_begin + time_}; }

    void feed(sync::Event event) { events_.push_back({std::move(event), {}}); }

    void ask_for_sync(std::string_view payload) {
        sync::SyncRequested request;
        request.request_number = ++requests_;
        auto const blank = payload.find(' ');
        request.account = std::string(payload.substr(0, blank));
        request.dry_run = blank != std::string_view::npos;
        feed(request);
    }

    /// Until nothing moves at this moment.
    void settle() {
        for (int guard = 0; guard < steps_at_once_max && !finished_; ++guard) {
            if (events_.empty()) {
                for (auto& delivery : gateway_.take(time_))
                    deliver(delivery);
                if (gateway_.wants_sync()) ask_for_sync("");
                if (events_.empty()) return;
            }
            Pending pending = std::move(events_.front());
            events_.pop_front();
            if (auto* received = std::get_if<sync::BytesReceived>(&pending.event)) received->bytes = pending.bytes;
            for (auto& effect : engine_.step(std::move(pending.event), now())) {
                std::visit([this](auto& each) { carry_out(each); }, effect);
            }
        }
    }

    void deliver(Delivery& delivery) {
        switch (delivery.kind) {
        case Delivery::Kind::opened: return feed(sync::SocketOpened{});
        case Delivery::Kind::failed: return feed(sync::SocketFailed{delivery.text});
        case Delivery::Kind::closed: return feed(sync::SocketClosed{delivery.text});
        case Delivery::Kind::bytes: events_.push_back({sync::BytesReceived{}, std::move(delivery.text)});
        }
    }

    void carry_out(sync::OpenSocket&) { gateway_.open(); }
    void carry_out(sync::CloseSocket&) {
        gateway_.close(time_);
        // What the closed connection still had to say is gone with it.
        std::erase_if(events_, [](auto const& pending) { return std::holds_alternative<sync::BytesReceived>(pending.event); });
    }
    void carry_out(sync::SendBytes& effect) { gateway_.bytes(time_, effect.bytes); }
    void carry_out(sync::Claim& effect) {
        feed(app::carry_out(store_, effect, {options_.gateway, "replay"}, now().wall, lease_));
    }
    void carry_out(sync::Release&) { (void)store_.release(lease_.gateway_id, lease_.epoch, now().wall); }
    void carry_out(sync::LoadBook& effect) { feed(app::carry_out(store_, effect, now().wall)); }
    void carry_out(sync::Commit& effect) { feed(app::carry_out(store_, std::move(effect), lease_, now().wall)); }
    void carry_out(sync::SyncFinished&) {}
    void carry_out(sync::Changed& effect) { result_.commits.push_back({now().wall, std::move(effect)}); }
    void carry_out(sync::Log& effect) {
        if (stopping_ && effect.event == "gateway.disconnected") return;  // by the replay's end, not by the recording
        result_.log.push_back({now().wall, std::move(effect)});
    }
    void carry_out(sync::Finished&) { finished_ = true; }

    recording::Recording const& recording_;
    sync::EngineOptions const& options_;
    store::Store& store_;
    recording::GatewaySide gateway_;
    sync::Engine engine_;
    Duration time_{0};  ///< since the recording began
    std::deque<Pending> events_;
    std::deque<recording::Event const*> syncs_;
    std::int64_t requests_ = 0;
    store::GatewayLease lease_;
    bool finished_ = false;
    bool stopping_ = false;
    Replay result_;
};

}  // namespace

Result<sync::EngineOptions> replay_options(recording::Recording const& recording, std::string const& name) {
    // A line of the configuration stands in the same line here: what is said of one is said of the other.
    std::string toml;
    int line = 1;
    for (auto const& setting : recording.settings) {
        for (; line < setting.line; ++line)
            toml += '\n';
        toml += setting.text;
    }
    POSSYNC_TRY(auto const configuration, parse_configuration(toml, name, {}));
    if (configuration.gateways.empty()) return base::fail(ErrorCode::invalid_input, name + ":1: the settings name no gateway");
    auto options = engine_options(configuration, configuration.gateways.front());
    options.seed = recording.header.seed;
    options.one_shot = recording.header.recorder == Recorder::one_shot;
    // Another program's lists of positions set the rhythm.
    if (recording.header.recorder == Recorder::pass_through) options.interval = std::chrono::hours(24 * 366);
    return options;
}

Result<Replay> replay(recording::Recording const& recording, sync::EngineOptions const& options, store::Store& store) {
    return Player(recording, options, store).run();
}

}  // namespace possync::app
