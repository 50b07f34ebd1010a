// One instrument of a join (join.hpp), which walks through it in this order: what the statement describes, its trades against the
// executions, corporate actions and transfers, then what is held at its end and what was held before its first day. Private to
// the four join*.cpp; the parts are in the files that the sections below name.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/join.hpp"

namespace possync::ledger {

class Joiner::Instrument {
public:
    static constexpr int price_decimals = 10;

    Instrument(Joiner& joiner, InstrumentFacts& facts, model::InstrumentBook const* book)
        : joiner_(joiner), index_(*joiner.part_.index), statement_(index_.statement()), facts_(facts), book_(book),
          con_id_(facts.instrument.con_id()), says_(index_.of(con_id_)) {}
    void join();
    [[nodiscard]] base::Decimal moved_since_listed() const { return quantity(false) - quantity(true); }

private:
    using Date = base::Date;
    using Decimal = base::Decimal;
    using Timestamp = base::Timestamp;
    using Adjustment = model::Adjustment;
    using Cause = model::Cause;
    using ConId = model::ConId;
    using DifferenceKind = model::DifferenceKind;
    using DifferenceState = model::DifferenceState;
    using Execution = model::Execution;
    using StatementTrade = model::StatementTrade;

    static constexpr std::string_view by_statement = "statement";

    /// What the ledger itself concluded without anybody saying so.
    static bool is_inferred(Adjustment const& a) {
        return a.in_force() && a.reference.empty() && a.author == "possync" && !a.provisional() &&
               a.cause != Cause::opening_balance;
    }
    static bool is_opening(Adjustment const& a) { return a.in_force() && a.cause == Cause::opening_balance; }
    static std::string text(Decimal const& value) { return value.to_string(); }
    static std::string text(std::optional<Decimal> const& value) { return value ? value->to_string() : ""; }

    // --- describing

    void describe();

    // --- differences

    void differs(DifferenceKind kind, Date date, DifferenceState state, std::string subject, std::string statement_value,
                 std::string book_value, std::string cause);
    /// A service followed the account then: what the book lacks, it missed.
    bool was_followed(Timestamp time) const { return joiner_.part_.live_since && *joiner_.part_.live_since <= time; }

    // --- executions: join_trades.cpp

    void find_executions();
    /// The version of a fill that counts; null when the book has none.
    Execution* version_in_force(std::string const& exec_id);
    /// An entry for the end of an option, which the wire may have brought as a fill with an exercise type.
    Execution* same_event(StatementTrade const& trade);
    bool near(Timestamp time, Date date) const;
    /// No contract data came yet: what the wire's prices are in is not known.
    bool is_quoted_unit_unknown() const;
    /// The statement's price in the unit that the wire quotes, or in the currency while that unit is not known: what the trade came to
    /// tells which unit the statement prints.
    Decimal quoted(StatementTrade const& trade) const;
    bool has_price_of(Execution const& execution, StatementTrade const& trade) const;
    void take(StatementTrade const& trade);
    /// The broker took the fill back and lists what is to stand for it, often under the id of the same fill.
    bool stands_for_cancelled(Execution const& known, StatementTrade const& trade) const;
    /// The correction that the statement lists, as the wire told it: a statement of before, which did not know it yet, took its place.
    Execution* told_before(std::string const& exec_id, StatementTrade const& trade);
    /// `id`, or the statement's version of it where the book has one of that name.
    std::string free_id(std::string id) const;
    /// Equal but for the way binary numbers were printed: less than half a cent in all.
    bool same_money(Decimal const& ours, Decimal const& theirs, Decimal const& shares) const;
    /// What the statement adds to a fill that is as it says: commission, claim, date.
    void confirm(Execution& execution, StatementTrade const& trade);
    Cause cause_of(StatementTrade const& trade) const { return index_.cause_of(trade); }
    std::string transaction_of(StatementTrade const& trade) const;
    Execution made_of(StatementTrade const& trade, std::string exec_id) const;
    void add(StatementTrade const& trade, std::string const& exec_id);
    /// The statement's version of a fill takes the place of the wire's; both stay.
    void correct(Execution& was, StatementTrade const& trade, Decimal const& price);
    /// What the same statement takes back again; its correction may carry the next number of the same fill.
    void take_back(StatementTrade const& trade);
    /// A statement of before lists what is known to be taken back: it counted through that statement's days.
    void count_until_taken_back(Execution& known, Date since, StatementTrade const& trade);
    void cancel(Execution& known, StatementTrade const& trade);
    std::string name_of_cancel(StatementTrade const& cancel_row) const;
    /// A row that takes a trade back, kept among the executions without ever counting: the trade may come with an older
    /// statement.
    void keep(StatementTrade const& cancel_row);
    /// The row of a later statement that takes this trade back; null when there is none.
    Execution const* taken_back_later(Execution const& trade) const;
    /// The statement takes back a trade that it does not list: one of the days before.
    void take_back_earlier(StatementTrade const& cancel_row);
    void merge_added();

    // --- corporate actions and transfers: join_actions.cpp

    bool has_reference(std::string const& reference) const;
    Adjustment& insert(Adjustment added);
    void withdraw(Adjustment& adjustment);
    /// The inferred or stated adjustment that is the same change; null when there is none.
    Adjustment* stated_before(Cause cause, Decimal const& quantity, std::optional<model::Ratio> const& ratio, Date date);
    void take(DecidedAction const& action, ActionLeg const& leg);
    InstrumentFacts facts_before(Timestamp time) const;
    /// The ratio gives a fraction that the row's own quantity leaves out: it was paid in cash, for what the row says or is not
    /// known.
    void pay_fraction(DecidedAction const& action, ActionLeg const& leg);
    /// What comes, lot by lot of what went: each with its cost and the day it was bought.
    void move_in(DecidedAction const& action, ActionLeg const& leg, Adjustment const& whole);
    static std::string key(DecidedAction const& action, ConId con_id) { return action.id + "/" + std::to_string(con_id); }
    /// The price that the exact value amounts to, for showing.
    void name_price(Adjustment& adjustment) const;
    void note_action(DecidedAction const& action, ActionLeg const& leg, Adjustment const& added);
    /// What goes, by the lots it is made of, oldest first, with their commissions.
    void remember_cost(DecidedAction const& action, ActionLeg const& leg);
    /// What was spun off costs the parent less.
    void give_cost(DecidedAction const& action, ActionLeg const& leg);
    void take(model::StatementTransfer const& transfer);
    /// The cost of what came is what the statement lists at its end, less what everything else cost; known while nothing was
    /// closed since, and everything else is known.
    std::optional<Decimal> transferred_cost(model::StatementTransfer const& transfer) const;
    /// Quantity and cost with commissions at the end of the statement, as the broker calculates; unset: some of it is not known.
    std::optional<std::pair<Decimal, Decimal>> cost_at_end() const;

    // --- what is held at the end, and was before the first day: join_openings.cpp

    /// Lots that a later statement supplied and whose opening this one tells itself.
    void withdraw_supplied_lots();
    /// In the quantities that the statement lists. A fill of its last hours that it does not list may be of the next trade date.
    bool counts_until_end(Execution const& execution) const;
    /// What the ledger concluded of a future in the evening is of the next trade date, as its fills are.
    bool is_of_evening_session(Adjustment const& adjustment) const;
    bool counts_until_end(Adjustment const& adjustment) const;
    /// Quantity by the facts: at the end of the statement, or of all.
    Decimal quantity(bool until_end) const;
    /// How the facts fall short of what is known to be held; nothing when neither statement nor service say.
    std::optional<Decimal> gap() const;
    bool within(std::optional<Timestamp> const& time) const { return time && *time >= index_.begin() && *time < index_.end(); }
    void settle_quantity();
    /// What the ledger concluded, and the statement now says itself.
    void replace_inferred();
    /// The event was not missing after all, only inferred.
    void drop_missing_note(StatementTrade const& trade);
    /// Inferred changes without which the quantities agree: the newest one that does it alone, or all of them.
    void withdraw_what_does_not_fit(Decimal const& missing);
    void drop(Adjustment& adjustment);
    Date date_of(Timestamp time) const;
    /// Fills that no statement lists and that are of this one's days by any reckoning: since the day before, where that was
    /// covered too, and before its last day, whose fills may be of the next trade date.
    std::vector<Execution*> unlisted();
    /// Whether a fill of its last day is surely of its last trade date.
    bool is_of_calendar_day() const;
    /// Unlisted fills of the last hours without which the quantities agree: the next statement will list them.
    void leave_to_next_day(Decimal const& missing);
    /// Neither the statement nor the quantity it lists know them: they were taken back.
    void cancel_unlisted(Decimal const& missing);
    bool has_twin(Execution const& execution) const;
    void report_unlisted();

    /// What a quantity before the splits is after them, or with `undo` the other way round.
    Decimal splits_since_opening(Decimal value, bool undo) const;
    /// What was held before the first day. Of an instrument that the book does not know it follows from what the statement lists.
    /// What a service saw at its first sight was all there was, whenever it was bought: fills from before, which the statement
    /// adds, are part of it. Otherwise only lots that tell it exactly change it: an opening balance is no place for what does not
    /// add up.
    void open_with(std::optional<Decimal> const& missing);
    /// Closed lots from before tell what was held where positions are not listed.
    std::optional<Decimal> consumed_before() const;
    /// What the statement added from before the service's first sight, which held it already.
    Decimal added_before(Timestamp first_sight) const;
    /// Not a statement's version of a fill that the book had.
    bool is_first_version(Execution const& execution) const;
    void replace_openings(std::vector<Adjustment*> const& openings, Decimal const& total, Decimal const& needed,
                          std::vector<Adjustment> lots);
    /// What came in days that no statement covers is told by its lots, or stays a difference.
    void fill_hole(Decimal const& missing);
    /// Untouched since: it costs what the statement lists.
    void price_lump(Adjustment& lump) const;
    void report_opening_price(std::vector<Adjustment> const& lots, std::optional<Decimal> const& before, bool same_quantity);
    /// What was held before the first day, lot by lot: those that are still listed, and those that were consumed since. Only when
    /// they are the needed quantity exactly.
    std::vector<Adjustment> opening_lots(Decimal const& needed, std::optional<Timestamp> const& since) const;
    /// In the evening before the first day, and of its trade date.
    bool is_traded_at(Timestamp time) const;
    void report_quantity(Decimal const& missing);

    Joiner& joiner_;
    StatementIndex const& index_;
    Timestamp const positions_until_ = std::min(index_.known_until(), evening_of(index_.position_date(), joiner_.policy_.fold));
    model::Statement const& statement_;
    InstrumentFacts& facts_;
    model::InstrumentBook const* book_;
    ConId con_id_;
    StatementOfInstrument const& says_;
    bool never_ = false;
    bool order_changes_ = false;
    std::map<std::string, std::vector<std::size_t>> by_root_;
    std::vector<Execution> added_;
    std::set<std::string> of_next_day_;  ///< fills of the last hours that the quantities do not contain
};

}  // namespace possync::ledger
