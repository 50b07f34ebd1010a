// Scenarios: what happens at the broker, in a text that a trader can read and write. A line is a step; '#' begins a
// comment. docs/scenarios.md describes the steps. The player carries out those of the broker; the lines that drive or
// check the service (start, sync, wait, restart, expect) are for whoever runs the scenario. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "gateway/simulator.hpp"

namespace possync::gateway {

struct ScenarioStep {
    int line = 0;
    std::vector<std::string> words;  ///< at least one; "in quotes" is one word
    bool operator==(ScenarioStep const&) const = default;
};

/// Errors: invalid_input "NAME:LINE: ..." for a word that no step begins with, or a quote that is not closed.
[[nodiscard]] base::Result<std::vector<ScenarioStep>> parse_scenario(std::string_view text, std::string const& name);

class ScenarioPlayer {
public:
    ScenarioPlayer(Broker& broker, Simulator& simulator, std::string name)
        : broker_(broker), simulator_(simulator), name_(std::move(name)) {}

    /// Carries the step out at the broker: true; false: it is not a broker's step. Errors name the line and the form.
    [[nodiscard]] base::Result<bool> play(ScenarioStep const& step, base::Now now);
    [[nodiscard]] std::string const& account() const { return account_; }
    /// Execution id of a labelled fill; empty: there is none.
    [[nodiscard]] std::string exec_id(std::string const& label) const {
        auto const found = labels_.find(label);
        return found == labels_.end() ? "" : found->second;
    }

private:
    class Words;
    base::Result<void> instrument(Words& words);
    base::Result<void> fill(Words& words, base::Now now);
    base::Result<void> entry(Words& words, base::Now now);
    base::Result<void> exchange(Words& words, std::string const& type, base::Now now);
    base::Result<void> spinoff(Words& words, base::Now now);
    void pay_fraction(SimulatedInstrument const& instrument, base::Decimal const& price, base::Now now);
    [[nodiscard]] BookEntry entry_of(BookEntry::Kind kind, SimulatedInstrument const& instrument, base::Now now) const;
    [[nodiscard]] base::Decimal held(ConId con_id) const;
    base::Result<void> fault(ScenarioStep const& step);
    base::Result<void> gateway(ScenarioStep const& step, base::Now now);
    base::Result<void> combo(ScenarioStep const& step, base::Now now);
    base::Result<void> allocate(ScenarioStep const& step, base::Now now);

    Broker& broker_;
    Simulator& simulator_;
    std::string name_;
    std::string account_;  ///< the one that lines without an account speak of
    ConId next_con_id_ = 500'000;
    std::map<std::string, std::string> labels_;  ///< fill label -> exec_id
};

}  // namespace possync::gateway
