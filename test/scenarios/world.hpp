// World: the very engine of the service, a simulated gateway and a store, joined by bytes on virtual time. Nothing
// waits for real: time jumps to the next thing that is due. Runs scenario files and answers their `expect` lines.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "base/prng.hpp"
#include "base/time.hpp"
#include "gateway/scenario.hpp"
#include "query/views.hpp"
#include "store/store.hpp"
#include "sync/engine.hpp"
#include "tws/frame.hpp"

namespace possync::scenarios {

struct WorldOptions {
    bool restart_after_every_step = false;
    bool one_byte_per_read = false;
    bool every_frame_twice = false;
    bool facts_shuffled = false;  ///< fills and commissions of a delivery in another order
    int server_version = 226;
    /// Makes the store; called again after every restart, for the same data.
    std::function<std::unique_ptr<store::Store>()> open_store;
    bool store_survives_restart = false;  ///< a memory store is kept, a file is opened anew
    /// Whether the service's process is dead, by a fault that hit it at work: nothing of it moves then. Unset: never.
    std::function<bool()> process_stopped;
};

class World {
public:
    std::string committed;  ///< every change set, every field
    World(WorldOptions options, std::string name);

    /// Carries a scenario out; empty when every expectation held, else the first that did not, with its line.
    [[nodiscard]] std::string run(std::string_view text);

    // For tests that need more than a file can say.
    gateway::Broker broker;
    gateway::Simulator simulator;
    std::vector<sync::Log> log;
    [[nodiscard]] model::AccountBook const* book() const;
    [[nodiscard]] store::Store& store() { return *store_; }
    [[nodiscard]] base::Now now() const { return now_; }
    [[nodiscard]] ledger::FoldOptions fold_options() const;
    /// As `stop`, and the store is closed too; `restart` opens it again. The broker goes on.
    void crash();

private:
    [[nodiscard]] std::string verify() const;
    [[nodiscard]] std::string disturbed(std::string const& bytes);
    std::string repair(gateway::ScenarioStep const& step);
    std::string statement(gateway::ScenarioStep const& step);
    std::string expect_certified(gateway::ScenarioStep const& step);
    std::string expect_difference(gateway::ScenarioStep const& step);
    std::string expect_at(gateway::ScenarioStep const& step);
    [[nodiscard]] model::AccountId account_id() const;
    [[nodiscard]] static std::string shown(std::vector<model::CertificationDifference> const& differences);
    /// What was committed, by the service or beside it.
    void keep(model::ChangeSet const& change_set);
    [[nodiscard]] std::string last_troubles() const;
    std::string step(gateway::ScenarioStep const& step);
    std::string configure(gateway::ScenarioStep const& step);
    std::string start(gateway::ScenarioStep const& step);
    std::string expect(gateway::ScenarioStep const& step);
    std::string sync(gateway::ScenarioStep const& step);
    void restart();
    void stop();
    /// Carries effects out and delivers bytes until nothing moves.
    void settle();
    /// Lets virtual time pass, stopping at everything that is due.
    void pass(base::Duration duration);
    void feed(sync::Event const& event);
    void carry_out(sync::Effect& effect);
    [[nodiscard]] model::InstrumentBook const* instrument(std::string const& name) const;

    WorldOptions options_;
    std::string name_;
    gateway::ScenarioPlayer player_;
    /// What the service's clocks say; its wall clock may have been set.
    [[nodiscard]] base::Now clock() const { return {now_.wall + clock_off_, now_.steady}; }

    base::Now now_;
    base::Duration clock_off_{0};
    sync::EngineOptions engine_options_;
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<sync::Engine> engine_;
    store::GatewayLease lease_;
    tws::FrameReader frames_;  ///< of the simulator's output, where it is disturbed
    bool shaken_hands_ = false;
    int disturbed_ = 0;
    base::Prng random_{7};
    std::map<base::Timestamp, model::CoverageWindow> coverage_;  ///< by begin, as committed
    int connection_ = 0;
    std::deque<sync::Event> events_;
    std::deque<std::string> received_;  ///< bytes on their way to the engine; views into it are fed
    std::optional<sync::SyncFinished> answer_;
    std::vector<model::PositionEvent> changes_;  ///< of every committed change set
    std::map<model::RowId, model::ConId> instrument_of_;  ///< of every position that was committed
    std::vector<query::HistoryRow> history_;
    std::string trouble_;
    std::int64_t requests_ = 0;
    int commits_ = 0;
};

}  // namespace possync::scenarios
