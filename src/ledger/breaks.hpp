// Looking up breaks in a book, which holds the unresolved ones alone.
#pragma once

#include "model/book.hpp"

namespace possync::ledger {

/// The unresolved break of that kind about an instrument (0: about the whole account); null: there is none.
[[nodiscard]] inline model::Break const* find_break(model::AccountBook const& book, model::ConId con_id, model::BreakKind kind) {
    for (auto const& [unused, candidate] : book.breaks) {
        if (candidate.con_id == con_id && candidate.kind == kind) return &candidate;
    }
    return nullptr;
}

}  // namespace possync::ledger
