#include "model/certification.hpp"

#include <algorithm>
#include <tuple>

#include "model/words.hpp"

namespace possync::model {

namespace {

constexpr Words<CertificationState, 3> states{{{CertificationState::provisional, "provisional"},
                                               {CertificationState::matched, "matched"},
                                               {CertificationState::differs, "differs"}}};
constexpr Words<DifferenceState, 2> difference_states{{{DifferenceState::corrected, "corrected"}, {DifferenceState::open, "open"}}};
constexpr Words<DifferenceKind, 38> kinds{{{DifferenceKind::execution_missing, "execution_missing"},
                                           {DifferenceKind::execution_not_in_statement, "execution_not_in_statement"},
                                           {DifferenceKind::execution_duplicated, "execution_duplicated"},
                                           {DifferenceKind::execution_price, "execution_price"},
                                           {DifferenceKind::execution_quantity, "execution_quantity"},
                                           {DifferenceKind::execution_side, "execution_side"},
                                           {DifferenceKind::execution_instrument, "execution_instrument"},
                                           {DifferenceKind::execution_trade_date, "execution_trade_date"},
                                           {DifferenceKind::execution_cancelled, "execution_cancelled"},
                                           {DifferenceKind::execution_excluded, "execution_excluded"},
                                           {DifferenceKind::commission_missing, "commission_missing"},
                                           {DifferenceKind::commission, "commission"},
                                           {DifferenceKind::commission_currency, "commission_currency"},
                                           {DifferenceKind::realized_pnl, "realized_pnl"},
                                           {DifferenceKind::realized_pnl_unknown, "realized_pnl_unknown"},
                                           {DifferenceKind::event_missing, "event_missing"},
                                           {DifferenceKind::event_cause, "event_cause"},
                                           {DifferenceKind::event_price, "event_price"},
                                           {DifferenceKind::event_not_in_statement, "event_not_in_statement"},
                                           {DifferenceKind::split_missing, "split_missing"},
                                           {DifferenceKind::split_ratio, "split_ratio"},
                                           {DifferenceKind::corporate_action_missing, "corporate_action_missing"},
                                           {DifferenceKind::corporate_action_undecided, "corporate_action_undecided"},
                                           {DifferenceKind::transfer_missing, "transfer_missing"},
                                           {DifferenceKind::transfer_price, "transfer_price"},
                                           {DifferenceKind::opening_quantity, "opening_quantity"},
                                           {DifferenceKind::opening_price, "opening_price"},
                                           {DifferenceKind::position_quantity, "position_quantity"},
                                           {DifferenceKind::position_missing, "position_missing"},
                                           {DifferenceKind::position_not_in_statement, "position_not_in_statement"},
                                           {DifferenceKind::position_cost, "position_cost"},
                                           {DifferenceKind::lot_missing, "lot_missing"},
                                           {DifferenceKind::lot_not_in_statement, "lot_not_in_statement"},
                                           {DifferenceKind::lot_quantity, "lot_quantity"},
                                           {DifferenceKind::lot_cost, "lot_cost"},
                                           {DifferenceKind::lot_opened_at, "lot_opened_at"},
                                           {DifferenceKind::multiplier, "multiplier"},
                                           {DifferenceKind::statement_gap, "statement_gap"}}};

auto key_of(StatementRecord const& row) { return std::tuple(row.from, row.to); }
auto key_of(StatementTradeClaim const& row) { return std::tuple(row.con_id, row.trade_date, row.exec_id); }
auto key_of(CashTransaction const& row) { return std::tuple(row.transaction_id); }
auto key_of(InstrumentSuccession const& row) { return std::tuple(row.action_id, row.old_con_id, row.new_con_id); }
auto key_of(CurrencyRate const& row) { return std::tuple(row.date, row.currency); }
auto key_of(Certification const& row) { return std::tuple(row.trade_date); }
auto key_of(CertificationDifference const& row) { return std::tuple(row.trade_date, to_string(row.kind), row.con_id, row.subject); }
auto key_of(StatementRemainder const& row) { return std::tuple(row.section, row.content); }

template <typename Row>
auto find_place(std::vector<Row>& rows, Row const& row) {
    return std::lower_bound(rows.begin(), rows.end(), row, [](Row const& a, Row const& b) { return key_of(a) < key_of(b); });
}

template <typename Row>
void replace_or_add(std::vector<Row>& rows, std::vector<Row> const& written) {
    for (auto const& row : written) {
        auto const place = find_place(rows, row);
        if (place != rows.end() && key_of(*place) == key_of(row)) {
            *place = row;
        } else {
            rows.insert(place, row);
        }
    }
}

}  // namespace

bool comes_before(StatementPosition const& a, StatementPosition const& b) {
    auto const key = [](StatementPosition const& row) {
        return std::tie(row.date, row.con_id, row.is_lot, row.opened_at, row.originating_transaction_id, row.quantity, row.cost_price,
                        row.cost_money, row.mark_price, row.fx_rate_to_base);
    };
    return key(a) < key(b);
}

void apply(StatementRecords& kept, StatementRecords const& written) {
    replace_or_add(kept.statements, written.statements);
    std::erase_if(kept.positions, [&](StatementPosition const& row) {
        return std::ranges::find(written.position_dates, row.date) != written.position_dates.end() ||
               std::ranges::find(written.positions, row.date, &StatementPosition::date) != written.positions.end();
    });
    for (auto row : written.positions) {
        row.line = 0;
        kept.positions.push_back(std::move(row));
    }
    std::sort(kept.positions.begin(), kept.positions.end(), comes_before);
    replace_or_add(kept.trades, written.trades);
    replace_or_add(kept.cash, written.cash);
    replace_or_add(kept.successions, written.successions);
    replace_or_add(kept.rates, written.rates);
    replace_or_add(kept.certifications, written.certifications);
    std::erase_if(kept.differences, [&](CertificationDifference const& row) {
        return row.state == DifferenceState::open &&
               std::ranges::find(written.judged_dates, row.trade_date) != written.judged_dates.end();
    });
    replace_or_add(kept.differences, written.differences);
    for (auto row : written.remainders) {
        row.line = 0;
        auto const place = find_place(kept.remainders, row);
        if (place == kept.remainders.end() || key_of(*place) != key_of(row)) kept.remainders.insert(place, std::move(row));
    }
    if (!written.base_currency.empty()) kept.base_currency = written.base_currency;
}

std::string_view to_string(CertificationState state) { return word_of(states, state); }
std::string_view to_string(DifferenceKind kind) { return word_of(kinds, kind); }
std::string_view to_string(DifferenceState state) { return word_of(difference_states, state); }
base::Result<CertificationState> parse_certification_state(std::string_view text) {
    return parse_word(states, "state of a certification", text);
}
base::Result<DifferenceKind> parse_difference_kind(std::string_view text) { return parse_word(kinds, "kind of difference", text); }
base::Result<DifferenceState> parse_difference_state(std::string_view text) {
    return parse_word(difference_states, "state of a difference", text);
}

bool StatementRecords::empty() const {
    return statements.empty() && position_dates.empty() && positions.empty() && trades.empty() && cash.empty() && successions.empty() && rates.empty() &&
           certifications.empty() && judged_dates.empty() && differences.empty() && remainders.empty();
}

}  // namespace possync::model
