// Generator: writes the story of a seed, step by step, in the language of scenario files (docs/scenarios.md) and a few words of
// the simulation's own (docs/simulation.md). It looks at the broker to write something that makes sense, and at nothing of the
// service. A step stands by itself: without those before it it still means something, or nothing, so that a story can be cut.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "base/prng.hpp"
#include "gateway/broker.hpp"
#include "swarm.hpp"

namespace possync::sim {

struct Step {
    int number = 0;          ///< in the whole story; kept when others are cut
    base::Duration wait{0};  ///< before it
    std::vector<std::string> words;
    std::string account;  ///< the one the words speak of, where they speak of one

    [[nodiscard]] std::string line() const;
};

class Generator {
public:
    Generator(Swarm const& swarm, std::uint64_t seed, gateway::Broker const& broker);

    /// What is there before the service starts: accounts, instruments, holdings, the start itself.
    [[nodiscard]] std::vector<Step> beginning();
    [[nodiscard]] Step next(base::Timestamp now);

private:
    using Decimal = base::Decimal;
    [[nodiscard]] Step step(std::string line, std::string account = {});
    [[nodiscard]] base::Duration pause();
    [[nodiscard]] std::string const& some_account();
    [[nodiscard]] gateway::SimulatedInstrument const* some_instrument();
    [[nodiscard]] Decimal held(std::string const& account, gateway::ConId con_id) const;
    [[nodiscard]] Decimal quantity_of(gateway::SimulatedInstrument const& instrument);
    [[nodiscard]] Decimal price_near(gateway::SimulatedInstrument const& instrument);
    [[nodiscard]] std::string duration(std::int64_t low_ms, std::int64_t high_ms);
    [[nodiscard]] std::string host();

    Step trade();
    Step price();
    Step correction();
    Step commission();
    Step statement_only(base::Timestamp now);
    Step unexplained();
    Step split();
    Step option_end();
    Step combination();
    Step account_change();
    Step operator_verb();
    Step statement(base::Timestamp now);
    Step option_change();
    Step network();
    Step notice();
    Step missing_end();
    Step empty_list();
    Step vanish();
    Step reset();
    Step client_id();
    Step crash();
    Step disk();
    Step clock();
    Step pause_service();

    Swarm const& swarm_;
    gateway::Broker const& broker_;
    base::Prng random_;  ///< one draw, one statement: compilers evaluate arguments in different orders
    std::vector<std::string> accounts_;
    std::vector<std::string> names_;
    std::vector<std::string> labels_;       ///< of fills
    std::vector<std::string> unpaid_;       ///< whose commission was not told yet
    std::deque<Step> planned_;              ///< ends of what was begun
    int fills_ = 0;
    int steps_ = 0;
    int joined_ = 0;
};

}  // namespace possync::sim
