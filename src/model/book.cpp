#include "model/book.hpp"

#include <utility>

#include "model/words.hpp"

namespace possync::model {

namespace {

constexpr Words<CostBasis, 4> methods{{{CostBasis::average, "average"},
                                       {CostBasis::fifo, "fifo"},
                                       {CostBasis::lifo, "lifo"},
                                       {CostBasis::hifo, "hifo"}}};
constexpr Words<BreakKind, 8> break_kinds{{{BreakKind::quantity, "quantity"},
                                           {BreakKind::missing, "missing"},
                                           {BreakKind::guard, "guard"},
                                           {BreakKind::scale, "scale"},
                                           {BreakKind::fill_without_position, "fill_without_position"},
                                           {BreakKind::cost, "cost"},
                                           {BreakKind::realized_pnl, "realized_pnl"},
                                           {BreakKind::commission, "commission"}}};
constexpr Words<BreakClass, 2> break_classes{{{BreakClass::alert, "alert"}, {BreakClass::info, "info"}}};
constexpr Words<BreakState, 4> break_states{{{BreakState::settling, "settling"},
                                             {BreakState::open, "open"},
                                             {BreakState::explained, "explained"},
                                             {BreakState::resolved, "resolved"}}};

}  // namespace

InstrumentBooks side_by_side(std::map<ConId, InstrumentBook> gathered) {
    InstrumentBooks books;
    books.reserve(gathered.size());
    for (auto& [con_id, book] : gathered) books.emplace_hint(books.end(), con_id, std::move(book));
    return books;
}

std::string_view to_string(CostBasis method) { return word_of(methods, method); }
std::string_view to_string(BreakKind kind) { return word_of(break_kinds, kind); }
std::string_view to_string(BreakClass break_class) { return word_of(break_classes, break_class); }
std::string_view to_string(BreakState state) { return word_of(break_states, state); }

base::Result<CostBasis> parse_cost_basis(std::string_view text) { return parse_word(methods, "cost basis", text); }
base::Result<BreakKind> parse_break_kind(std::string_view text) { return parse_word(break_kinds, "kind of break", text); }
base::Result<BreakClass> parse_break_class(std::string_view text) {
    return parse_word(break_classes, "class of break", text);
}
base::Result<BreakState> parse_break_state(std::string_view text) {
    return parse_word(break_states, "state of a break", text);
}

}  // namespace possync::model
