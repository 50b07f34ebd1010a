// Engine: everything one gateway's sync service decides, as one deterministic object.
//
//     Effects effects = engine.step(event, now);
//
// It owns the session with the gateway (tws), assembles what the broker says into observations, asks the ledger for
// plans and emits commits; it never calls a store, a socket or a clock. The three states are the broker as last
// observed, the book as committed, and the one commit under way between them. While a commit is under way whatever
// arrives is gathered, coalesced by key, and goes into the next one.
//
// Not thread-safe; app runs each engine on one thread, tests run the same object on virtual time.
#pragma once

#include <deque>
#include <memory>
#include <set>

#include "ledger/plan.hpp"
#include "model/observation.hpp"
#include "sync/assembler.hpp"
#include "sync/protocol.hpp"

namespace possync::sync {

class Engine {
public:
    /// `zones` must outlive the engine.
    Engine(EngineOptions options, base::ZoneRules const& zones);
    ~Engine();
    Engine(Engine const&) = delete;
    Engine& operator=(Engine const&) = delete;

    /// Takes one event to its conclusion. Effects are to be carried out in order.
    [[nodiscard]] Effects step(Event event, base::Now now);
    /// When (steady clock) a Tick is due if nothing happens before; unset: never.
    [[nodiscard]] std::optional<base::Duration> next_wakeup() const;
    [[nodiscard]] GatewayStatus status() const;
    [[nodiscard]] Statistics const& statistics() const;
    /// The committed book of an account, or null while it is not loaded.
    [[nodiscard]] model::AccountBook const* book(std::string_view account) const;

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace possync::sync
