// What the operator's verbs of a scenario (explain, exclude, undo) ask of a book: the edit that the command of that name would make.
#pragma once

#include <string>
#include <vector>

#include "gateway/broker.hpp"
#include "model/book.hpp"
#include "model/observation.hpp"

namespace possync::scenarios {

/// `words`: the verb, then a fill's name (`exec_id` is its execution) or an instrument's, then `cause`, `price`, `ratio` with their
/// values. `explain` is of the instrument's unresolved break, else of its last adjustment without a price. Errors: invalid_input for
/// what does not exist.
[[nodiscard]] inline base::Result<model::Observation> operator_edit(std::vector<std::string> const& words, std::string const& exec_id,
                                                                    gateway::Broker const& broker, model::AccountBook const& book,
                                                                    std::string const& author, base::Timestamp now) {
    model::Observation observation;
    observation.observed_at = now;
    if (words[0] == "exclude") {
        observation.edits.push_back(model::ExcludeEdit{exec_id, author});
        return observation;
    }
    if (words[0] == "undo" && !exec_id.empty()) {
        observation.edits.push_back(model::UndoEdit{0, exec_id, author});
        return observation;
    }
    auto const* named = broker.find(words[1]);
    if (named == nullptr) return base::fail(base::ErrorCode::invalid_input, "there is no instrument " + words[1]);
    model::Adjustment const* last = nullptr;
    if (auto const found = book.instruments.find(named->con_id); found != book.instruments.end()) {
        for (auto const& adjustment : found->second.adjustments) {
            bool const wanted = words[0] == "undo" ? !adjustment.provisional() : !adjustment.price;
            if (adjustment.in_force() && wanted) last = &adjustment;
        }
    }
    model::RowId id = last == nullptr ? 0 : last->adjustment_id;
    if (words[0] == "undo") {
        observation.edits.push_back(model::UndoEdit{id, "", author});
        return observation;
    }
    for (auto const& [break_id, each] : book.breaks) {
        if (each.con_id == named->con_id && each.unresolved()) id = break_id;
    }
    model::ExplainEdit edit;
    edit.id = id;
    edit.author = author;
    for (std::size_t i = 2; i + 1 < words.size(); i += 2) {
        if (words[i] == "cause") {
            auto const cause = model::parse_cause(words[i + 1]);
            if (!cause) return base::fail(base::ErrorCode::invalid_input, "no such cause: " + words[i + 1]);
            edit.cause = *cause;
        } else if (words[i] == "price") {
            edit.price = *base::Decimal::parse(words[i + 1]);
        } else if (words[i] == "ratio") {
            edit.ratio = *model::parse_ratio(words[i + 1]);
        } else {
            return base::fail(base::ErrorCode::invalid_input, "no such word: " + words[i]);
        }
    }
    observation.edits.push_back(edit);
    return observation;
}

}  // namespace possync::scenarios
