// A client at the simulated gateway, written out as the requests it sends: for the tests of this folder.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "gateway/simulator.hpp"
#include "tws/decode.hpp"
#include "tws/encode.hpp"

namespace possync::gateway::testing {

inline base::Decimal dec(std::string_view text) { return *base::Decimal::parse(text); }

/// A broker with AAPL and an option, one account, and a simulator on virtual time.
struct Desk {
    explicit Desk(SimulatorOptions options = {}) : simulator(broker, options) {
        now.wall = *base::parse_rfc3339("2026-11-23T14:30:00Z");
        now.steady = std::chrono::seconds(1000);
        broker.add_account("DU1");
        SimulatedInstrument apple;
        apple.con_id = 265598;
        apple.symbol = "AAPL";
        apple.price = dec("200");
        broker.add_instrument(apple);
        SimulatedInstrument option;
        option.con_id = 700;
        option.symbol = "SPY";
        option.sec_type = "OPT";
        option.local_symbol = "SPY   270115C00650000";
        option.expiry = "20270115";
        option.strike = dec("650");
        option.right = "C";
        option.multiplier = 100;
        option.price = dec("3");
        broker.add_instrument(option);
    }
    void pass(base::Duration duration) {
        auto const until = now.steady + duration;
        while (auto const due = simulator.next_deadline()) {
            if (*due > until) break;
            move_to(std::max(*due, now.steady));
            simulator.on_time(now);
        }
        move_to(until);
    }
    void move_to(base::Duration steady) {
        now.wall = now.wall + (steady - now.steady);
        now.steady = steady;
    }
    Fill const& fill(std::string_view quantity, std::string_view price, std::string_view commission = "1") {
        return broker.fill("DU1", 265598, dec(quantity), dec(price), dec(commission), now.wall, 0, "");
    }

    Broker broker;
    Simulator simulator;
    base::Now now;
};

/// One connection. Everything received is kept as frames; all<Message>() decodes those of a kind.
class Client {
public:
    Client(Desk& desk, std::int64_t client_id, int version = 226)
        : desk_(desk), version_(version), id_(desk.simulator.connect(desk.now)) {
        std::string bytes;
        tws::encode_client_hello(bytes, 100, version);
        desk_.simulator.bytes(id_, bytes, desk_.now);
        ask(tws::StartApi{client_id});
    }
    void ask(tws::OutgoingMessage const& request) {
        std::string bytes;
        tws::encode(bytes, request, version_);
        raw(bytes);
    }
    void raw(std::string const& bytes) {
        desk_.simulator.bytes(id_, bytes, desk_.now);
        receive();
    }
    /// For all connections of this desk: outputs of others are dropped.
    void receive() {
        for (auto const& output : desk_.simulator.take_outputs(desk_.now)) {
            if (output.connection != id_) continue;
            reader_.append(output.bytes);
            closed_ = closed_ || output.close;
        }
        while (auto const frame = reader_.next().value())
            frames_.emplace_back(*frame);
    }
    void forget() { frames_.clear(); }
    [[nodiscard]] bool closed() const { return closed_; }
    [[nodiscard]] std::vector<std::string> const& frames() const { return frames_; }
    /// Views into the frames kept here.
    template <typename Message>
    [[nodiscard]] std::vector<Message> all() const {
        std::vector<Message> found;
        for (auto const& frame : frames_) {
            auto const decoded = tws::decode(frame, version_);
            if (decoded && std::holds_alternative<Message>(*decoded)) found.push_back(std::get<Message>(*decoded));
        }
        return found;
    }
    template <typename Message>
    [[nodiscard]] std::size_t count() const {
        return all<Message>().size();
    }
    [[nodiscard]] std::vector<std::int64_t> errors() const {
        std::vector<std::int64_t> codes;
        for (auto const& error : all<tws::ErrorMessage>()) {
            if (error.code < 2102 || error.code > 2170) codes.push_back(error.code);
        }
        return codes;
    }

private:
    Desk& desk_;
    int version_;
    int id_;
    tws::FrameReader reader_;
    std::vector<std::string> frames_;
    bool closed_ = false;
};

}  // namespace possync::gateway::testing
