#include "ledger/join.hpp"

#include <algorithm>
#include <set>

#include "ledger/join_instrument.hpp"

namespace possync::ledger {

using base::Date;
using base::Decimal;
using base::Timestamp;
using model::ConId;
using model::DifferenceKind;
using model::DifferenceState;

// --- one instrument ----------------------------------------------------------------------------------------------------

void Joiner::Instrument::join() {
    describe();
    never_ = model::never_booked(facts_.instrument->sec_type);
    find_executions();
    for (auto const* trade : says_.taken_back) take_back(*trade);
    for (auto const* trade : says_.cancels) take_back_earlier(*trade);
    for (auto const* trade : says_.trades) take(*trade);
    merge_added();
    if (never_) return;
    for (auto const& action : joiner_.actions_) {
        for (auto const& leg : action.legs) {
            if (leg.con_id == con_id_) take(action, leg);
            if (leg.effect == ActionLeg::Effect::spun_off && leg.from == con_id_) give_cost(action, leg);
        }
    }
    for (auto const* transfer : says_.transfers) take(*transfer);
    withdraw_supplied_lots();
    settle_quantity();
}

void Joiner::Instrument::describe() {
    if (says_.described == nullptr || facts_.instrument->details_known) return;
    model::Instrument described = *says_.described;
    if (book_ != nullptr) {
        // The wire tells more of what it told at all; the statement knows the underlying.
        model::Instrument known = *facts_.instrument;
        if (!known.under_con_id) known.under_con_id = described.under_con_id;
        if (known.expiry.empty()) known.expiry = described.expiry;
        if (!known.strike) known.strike = described.strike;
        if (known.right.empty()) known.right = described.right;
        if (known.multiplier != described.multiplier && described.multiplier.is_positive()) {
            differs(DifferenceKind::multiplier, statement_.to, DifferenceState::open, "", text(described.multiplier),
                    text(known.multiplier), "the contract's multiplier is not what the statement calculates with");
        }
        if (known != *facts_.instrument) facts_.instrument = std::move(known);
    } else {
        facts_.instrument = std::move(described);
    }
}

void Joiner::Instrument::differs(DifferenceKind kind, Date date, DifferenceState state, std::string subject,
                                 std::string statement_value, std::string book_value, std::string cause) {
    // Of a trade of an earlier day that this one takes back or corrects, its own days tell.
    date = std::clamp(date, statement_.from, statement_.to);
    joiner_.differences_.push_back({date, kind, state, con_id_, std::move(subject), std::move(statement_value), std::move(book_value),
                                    std::move(cause)});
}

// --- a statement -------------------------------------------------------------------------------------------------------

std::vector<ConId> concerned(std::set<ConId> const& others, StatementIndex const& index) {
    std::set<ConId> all = others;
    for (auto const& [con_id, of] : index.instruments()) {
        bool const says = !of.trades.empty() || !of.cancels.empty() || !of.taken_back.empty() || !of.closed_lots.empty() ||
                          !of.totals.empty() || !of.lots.empty() || !of.actions.empty() || !of.transfers.empty();
        if (says) all.insert(con_id);
    }
    // What goes in an action before what comes of it.
    std::vector<ConId> ordered;
    std::set<ConId> done;
    auto put = [&](ConId con_id) {
        if (done.insert(con_id).second) ordered.push_back(con_id);
    };
    for (auto const& [unused, rows] : index.actions()) {
        for (auto const* row : rows) {
            if (row->quantity.is_negative()) put(row->con_id);
        }
        for (auto const* row : rows) put(row->con_id);
    }
    for (ConId const con_id : all) put(con_id);
    return ordered;
}

std::vector<model::StatementTradeClaim> trade_claims(StatementIndex const& index, ConId con_id) {
    std::vector<model::StatementTradeClaim> claims;
    for (auto const* trade : index.of(con_id).trades) {
        std::string exec_id = index.exec_id_of(*trade);
        std::string const transaction = trade->transaction_id.empty() ? exec_id : trade->transaction_id;
        claims.push_back({con_id, trade->trade_date, std::move(exec_id), transaction, trade->quantity, trade->realized_pnl});
    }
    return claims;
}

Joiner::Joiner(model::AccountBook const& book, StatementPart const& part, Policy const& policy, IdAllocator& ids, Timestamp now)
    : part_(part), policy_(policy), ids_(ids), now_(now) {
    for (auto const& [con_id, instrument] : book.instruments) {
        for (auto const& execution : instrument.executions) {
            bool const near = execution.time >= part.index->begin() - std::chrono::hours(24) && execution.time < part.index->end();
            if (near && execution.in_force()) fills_.emplace(model::execution_root(execution.exec_id), con_id);
        }
    }
    std::set<ConId> const wanted(part.instruments.begin(), part.instruments.end());
    for (auto const& [id, rows] : part.index->actions()) {
        bool const of_part = std::any_of(rows.begin(), rows.end(), [&](auto const* row) { return wanted.contains(row->con_id); });
        if (of_part) actions_.push_back(decide(id, rows, *part.index));
    }
    for (auto& action : actions_) {
        successions_.insert(successions_.end(), action.successions.begin(), action.successions.end());
    }
}

ConId Joiner::elsewhere(std::string const& exec_id, ConId con_id) const {
    auto const found = fills_.find(model::execution_root(exec_id));
    return found == fills_.end() || found->second == con_id ? 0 : found->second;
}

Decimal Joiner::join(InstrumentFacts& facts, model::InstrumentBook const* book) {
    Instrument instrument(*this, facts, book);
    instrument.join();
    return instrument.moved_since_listed();
}

std::optional<Decimal> Joiner::listed_quantity(ConId con_id) const {
    auto const& statement = part_.index->statement();
    if (!statement.has_positions) return std::nullopt;
    auto const* total = part_.index->of(con_id).total_on(part_.index->position_date());
    return total != nullptr ? total->quantity : Decimal(0);
}

std::optional<Decimal> Joiner::listed_average_cost(ConId con_id) const {
    auto const* total = part_.index->of(con_id).total_on(part_.index->position_date());
    if (total == nullptr || !total->cost_money || total->quantity.is_zero()) return std::nullopt;
    return base::divide_rounded(total->cost_money->abs(), total->quantity.abs(), Instrument::price_decimals);
}

std::string Joiner::proposal(ConId con_id) const {
    auto const found = proposals_.find(con_id);
    return found == proposals_.end() ? "" : found->second;
}

}  // namespace possync::ledger
