#include "model/records.hpp"

#include "model/words.hpp"

namespace possync::model {

namespace {

constexpr Words<Trigger, 6> triggers{{{Trigger::startup, "startup"},
                                      {Trigger::scheduled, "scheduled"},
                                      {Trigger::position_update, "position_update"},
                                      {Trigger::trade, "trade"},
                                      {Trigger::manual, "manual"},
                                      {Trigger::reconnect, "reconnect"}}};
constexpr Words<Outcome, 3> outcomes{
    {{Outcome::committed, "committed"}, {Outcome::unchanged, "unchanged"}, {Outcome::failed, "failed"}}};

}  // namespace

std::string_view to_string(Trigger trigger) { return word_of(triggers, trigger); }
std::string_view to_string(Outcome outcome) { return word_of(outcomes, outcome); }

}  // namespace possync::model
