#include "ledger/certify.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "ledger/statement_index.hpp"
#include "ledger/tax_view.hpp"

namespace possync::ledger {

using base::Date;
using base::Decimal;
using base::Timestamp;
using model::Adjustment;
using model::Booking;
using model::Certification;
using model::CertificationDifference;
using model::CertificationState;
using model::ConId;
using model::CostBasis;
using model::DifferenceKind;
using model::DifferenceState;
using model::Execution;
using model::InstrumentBook;
using model::StatementPosition;

namespace {

constexpr int money_decimals = 10;
constexpr std::int64_t evening = std::int64_t{17} * 3'600'000'000;

/// Half a cent of rounding on either side.
bool same_cents(Decimal const& a, Decimal const& b) { return (a - b).abs() <= Decimal::from_parts(1, 2); }
bool same_cost(Decimal const& a, Decimal const& b) {
    Decimal const share = base::multiply_rounded(b.abs(), Decimal::from_parts(1, 6), money_decimals);
    return (a - b).abs() <= std::max(Decimal::from_parts(1, 2), share);
}
std::string text(std::optional<Decimal> const& value) { return value ? value->to_string() : ""; }

class Certifier {
public:
    Certifier(model::AccountBook const& book, model::StatementClaims const& claims, Date since, FoldOptions const& options)
        : book_(book), claims_(claims), since_(since), options_(options) {
        options_.method = CostBasis::fifo;
        options_.calculate_realized_pnl = true;
    }

    base::Result<Verdict> run() {
        POSSYNC_TRY(auto const view, tax_view(book_, options_));
        options_.tax_view = &view;
        begin_days();
        std::map<ConId, std::map<Date, std::vector<StatementPosition const*>>> listed;
        for (auto const& position : claims_.positions) {
            if (position.date >= since_) listed[position.con_id][position.date].push_back(&position);
        }
        static std::map<Date, std::vector<StatementPosition const*>> const none;
        hold_trades();
        for (auto const& [con_id, instrument] : book_.instruments) {
            auto const found = listed.find(con_id);
            judge(instrument, found == listed.end() ? none : found->second);
            if (found != listed.end()) listed.erase(found);
        }
        // Listed, and not in the book at all.
        for (auto const& [con_id, dates] : listed) {
            for (auto const& [date, rows] : dates) {
                for (auto const* row : rows) {
                    if (row->is_lot || row->quantity.is_zero() || !ends_.contains(date)) continue;
                    ++verdict_day(date).positions;
                    differs(DifferenceKind::position_missing, date, con_id, "", row->quantity.to_string(), "", "");
                }
            }
        }
        return finish();
    }

private:
    Certification& verdict_day(Date date) {
        auto& day = days_[date];
        day.trade_date = date;
        return day;
    }

    void differs(DifferenceKind kind, Date date, ConId con_id, std::string subject, std::string statement_value, std::string book_value,
                 std::string cause) {
        differences_.push_back({date, kind, DifferenceState::open, con_id, std::move(subject), std::move(statement_value), std::move(book_value),
                                std::move(cause)});
    }

    // --- days ------------------------------------------------------------------------------------------------------

    void begin_days() {
        std::optional<Date> covered_to;
        for (auto const& statement : claims_.statements) {
            if (statement.to >= since_ && lists_positions(statement)) ends_.insert(position_date(statement));
            // What it does not list it does not cover: one of cash alone says nothing of its days.
            if (!lists_trades(statement)) continue;
            if (covered_to && statement.from > day_after(*covered_to)) note_gap(day_after(*covered_to), statement.from);
            for (Date date = std::max(statement.from, since_); date <= statement.to; date = day_after(date)) {
                if (is_weekday(date)) verdict_day(date).state = CertificationState::matched;
                covered_.insert(date);
            }
            if (!covered_to || statement.to > *covered_to) covered_to = statement.to;
        }
    }

    /// The last day that any of its positions names: a period may end on a weekend.
    Date position_date(model::StatementRecord const& statement) const {
        std::optional<Date> last;
        for (auto const& position : claims_.positions) {
            bool const of_it = !position.is_lot && position.date >= statement.from && position.date <= statement.to;
            if (of_it && (!last || position.date > *last)) last = position.date;
        }
        return last.value_or(statement.to);
    }

    void note_gap(Date from, Date until) {
        if (until < since_) return;
        // Told on the first day that is missing: a statement of that day, once it comes, judges it anew. Nobody judges a Saturday.
        Date missing = from;
        while (missing < until && !is_business_day(missing)) missing = day_after(missing);
        if (missing >= until) return;
        verdict_day(missing).state = CertificationState::provisional;
        gaps_told_.insert(missing);
        differs(DifferenceKind::statement_gap, missing, 0, "", "", "",
                fmt::format("no statement covers {} to {}; fetch one for these days", base::to_string(from), base::to_string(day_after(until, -1))));
    }

    bool is_covered(Date date) const { return covered_.contains(date); }
    static Date next_business_day(Date date) {
        do date = day_after(date);
        while (!is_business_day(date));
        return date;
    }

    /// A fill that no statement dated belongs to the next day when it comes in the evening.
    std::optional<Date> date_of(Execution const& execution) const {
        if (!execution.transaction_id.empty() && execution.trade_date) return execution.trade_date;
        auto const local = options_.zones->to_local(options_.report_zone, execution.time);
        if (!local) return execution.trade_date;
        Date date = local->date;
        if (local->microseconds_of_day >= evening) date = day_after(date);
        while (!is_weekday(date)) date = day_after(date);
        return date;
    }
    std::optional<Date> date_of(Adjustment const& adjustment) const {
        if (!adjustment.effective_at) return std::nullopt;
        auto const local = options_.zones->to_local(options_.report_zone, *adjustment.effective_at);
        return local ? std::optional(local->date) : std::nullopt;
    }

    /// What statements count must be in the book, in force and with its quantity, or taken back by the broker.
    void hold_trades() {
        InstrumentBook const* book = nullptr;
        std::map<std::string_view, std::vector<Execution const*>> fills;  // of the book, by root and by transaction
        ConId of = -1;
        for (auto const& claim : claims_.trades) {
            if (claim.trade_date < since_ || !is_covered(claim.trade_date)) continue;
            if (claim.con_id != of) {
                of = claim.con_id;
                auto const found = book_.instruments.find(of);
                book = found == book_.instruments.end() ? nullptr : &found->second;
                fills.clear();
                if (book != nullptr) {
                    for (auto const& execution : book->executions) {
                        fills[model::execution_root(execution.exec_id)].push_back(&execution);
                        if (!execution.transaction_id.empty()) fills[execution.transaction_id].push_back(&execution);
                    }
                }
            }
            hold(claim, fills);
        }
    }

    void hold(model::StatementTradeClaim const& claim, std::map<std::string_view, std::vector<Execution const*>> const& fills) {
        auto find = [&](std::string_view name) -> std::vector<Execution const*> const& {
            static std::vector<Execution const*> const none;
            auto const found = fills.find(name);
            return found == fills.end() ? none : found->second;
        };
        Execution const* known = nullptr;
        for (auto const* candidates : {&find(model::execution_root(claim.exec_id)), &find(claim.transaction_id)}) {
            for (auto const* each : *candidates) {
                auto const taken_back = model::cancelled_on(*each);
                if (taken_back && !each->superseded_by.ends_with(model::not_listed)) return;
                if (each->superseded_by.empty()) known = each;
            }
        }
        if (known == nullptr) {
            differs(DifferenceKind::execution_missing, claim.trade_date, claim.con_id, claim.exec_id, claim.quantity.to_string(), "",
                    "it does not count in the book; import the statement again");
        } else if (known->excluded) {
            differs(DifferenceKind::execution_excluded, claim.trade_date, claim.con_id, known->exec_id, claim.quantity.to_string(), "0",
                    "excluded by the operator; `possync undo` lets it count again");
        } else if (known->signed_quantity() != claim.quantity) {
            differs(DifferenceKind::execution_quantity, claim.trade_date, claim.con_id, known->exec_id, claim.quantity.to_string(),
                    known->signed_quantity().to_string(), "");
        }
    }

    // --- one instrument --------------------------------------------------------------------------------------------

    void judge(InstrumentBook const& book, std::map<Date, std::vector<StatementPosition const*>> const& listed) {
        ConId const con_id = book.instrument.con_id();
        bool const never = model::never_booked(book.instrument->sec_type);
        bool any_claim = false;
        for (auto const& execution : book.executions) {
            if (!execution.in_force()) continue;
            auto const date = date_of(execution);
            if (!date || *date < since_) continue;
            if (!is_covered(*date)) {
                note_uncovered(*date, execution);
                continue;
            }
            auto& day = verdict_day(*date);
            if (execution.transaction_id.empty()) {
                // The last hours of what trades at night are of the next date, which no statement covers yet.
                bool const may_be_next = !trades_by_calendar_day(*book.instrument) && !is_covered(next_business_day(*date));
                if (!never && !may_be_next) {
                    differs(DifferenceKind::execution_not_in_statement, *date, con_id, execution.exec_id, "",
                            fmt::format("{} @ {}", execution.signed_quantity().to_string(), execution.price.to_string()),
                            "no statement of its day lists it");
                }
                continue;
            }
            ++day.executions;
            if (execution.broker_realized_pnl) {
                add_claim(*date, book.instrument->currency, *execution.broker_realized_pnl);
                any_claim = true;
            }
        }
        if (never) return;
        if (any_claim) compare_realized_pnl(book);
        compare_positions(book, listed);
    }

    void note_uncovered(Date date, Execution const& execution) {
        if (claims_.statements.empty() || date < claims_.statements.front().from || date > claims_.statements.back().to) return;
        auto& day = verdict_day(date);
        if (gaps_told_.insert(date).second) {
            differs(DifferenceKind::statement_gap, date, 0, "", "", execution.exec_id, "no statement covers this day, yet there are fills");
        }
        day.state = CertificationState::provisional;
    }

    void add_claim(Date date, std::string const& currency, Decimal const& pnl) {
        auto& sums = claimed_[date];
        auto const [at, added] = sums.try_emplace(currency, pnl);
        if (!added) at->second += pnl;
    }

    void compare_realized_pnl(InstrumentBook const& book) {
        // A statement of before a correction claims what was known then.
        std::vector<Date> const corrections = corrections_of(book);
        std::vector<Realized> eras;  // before each correction, and after the last
        for (std::size_t i = 0; i <= corrections.size(); ++i) {
            InstrumentBook known;
            known.instrument = book.instrument;
            known.adjustments = book.adjustments;
            known.executions = i == corrections.size() ? book.executions : known_on(book, day_after(corrections[i], -1));
            eras.push_back(realized_by(known, options_));
        }
        auto const realized_on = [&](Date date) -> Realized const& {
            auto const era = std::upper_bound(corrections.begin(), corrections.end(), date) - corrections.begin();
            return eras[static_cast<std::size_t>(era)];
        };
        std::optional<Others> others;  // asked for when the first one differs
        for (auto const& execution : book.executions) {
            auto const date = date_of(execution);
            bool const claims = (execution.in_force() || counted_before(execution)) && execution.booking == Booking::booked && execution.broker_realized_pnl &&
                                !execution.transaction_id.empty() && date && *date >= since_ && is_covered(*date);
            if (!claims) continue;
            Decimal const theirs = *execution.broker_realized_pnl;
            auto const& realized = realized_on(*date);
            auto const found = realized.find(execution.exec_id);
            if (found != realized.end() && !found->second) {
                if (!theirs.is_zero()) {
                    differs(DifferenceKind::realized_pnl_unknown, *date, book.instrument.con_id(), execution.exec_id, theirs.to_string(), "",
                            "what it closed has no known cost or commission");
                }
                continue;
            }
            Decimal const ours = found == realized.end() ? Decimal(0) : *found->second;
            if (same_cents(ours, theirs)) continue;
            if (!others) others = other_ways(book);
            differs(DifferenceKind::realized_pnl, *date, book.instrument.con_id(), execution.exec_id, theirs.to_string(), ours.to_string(),
                    cause_of(*others, execution, ours, theirs));
        }
    }

    /// The broker took it back with a row of its own: until then it counted.
    static bool counted_before(Execution const& execution) {
        return model::cancelled_on(execution) && !execution.superseded_by.ends_with(model::not_listed) && !execution.excluded;
    }

    static std::vector<Date> corrections_of(InstrumentBook const& book) {
        std::set<Date> dates;
        for (auto const& execution : book.executions) {
            if (counted_before(execution)) dates.insert(*model::cancelled_on(execution));
        }
        return {dates.begin(), dates.end()};
    }

    /// The fills that counted at the end of a day, as if nothing had been corrected since.
    static std::vector<Execution> known_on(InstrumentBook const& book, Date day) {
        std::map<std::string_view, Date> replaced;  // root -> since when another version stands for it
        for (auto const& execution : book.executions) {
            if (counted_before(execution)) replaced[model::execution_root(execution.exec_id)] = *model::cancelled_on(execution);
        }
        std::vector<Execution> known;
        for (auto const& execution : book.executions) {
            auto const since = replaced.find(model::execution_root(execution.exec_id));
            bool const later = since != replaced.end() && !counted_before(execution) && since->second > day;
            bool const before = counted_before(execution) && *model::cancelled_on(execution) > day;
            if ((execution.in_force() && !later) || before) {
                known.push_back(execution);
                known.back().superseded_by.clear();
            }
        }
        return known;
    }

    using Realized = std::map<std::string, std::optional<Decimal>>;
    /// What the same facts realize when they are calculated otherwise, with what that would mean.
    using Others = std::vector<std::pair<char const*, Realized>>;

    Others other_ways(InstrumentBook const& book) {
        constexpr std::array methods{std::pair(CostBasis::lifo, "the broker matched its lots by last in, first out"),
                                     std::pair(CostBasis::hifo, "the broker matched its lots by highest in, first out"),
                                     std::pair(CostBasis::average, "the broker matched its lots by average cost")};
        Others others;
        for (auto const& [method, meaning] : methods) {
            FoldOptions other = options_;
            other.method = method;
            others.emplace_back(meaning, realized_by(book, other));
        }
        FoldOptions economic = options_;
        economic.tax_view = nullptr;
        others.emplace_back("the statement realizes the option's premium by itself", realized_by(book, economic));
        return others;
    }

    /// What would make the two agree.
    static std::string cause_of(Others const& others, Execution const& execution, Decimal const& ours, Decimal const& theirs) {
        if (execution.commission && same_cents(ours + *execution.commission, theirs)) return "the statement leaves the commission out";
        for (auto const& [meaning, realized] : others) {
            auto const found = realized.find(execution.exec_id);
            if (found != realized.end() && found->second && same_cents(*found->second, theirs)) return meaning;
        }
        return {};
    }

    static Realized realized_by(InstrumentBook const& book, FoldOptions const& options) {
        auto const folded = fold_or_throw(*book.instrument, book.executions, book.adjustments, options);
        Realized realized;
        for (auto const& close : folded.closes) {
            if (!close.exec_id.empty()) realized[close.exec_id] = close.net_realized_pnl;
        }
        return realized;
    }

    // --- positions and lots ----------------------------------------------------------------------------------------

    void compare_positions(InstrumentBook const& book, std::map<Date, std::vector<StatementPosition const*>> const& listed) {
        static std::vector<StatementPosition const*> const nothing;
        std::optional<Folded> folded;
        std::size_t folded_facts = 0;
        bool const corrected = !corrections_of(book).empty();
        Dated const dated = date_facts(book);
        for (Date const date : ends_) {
            auto const rows = listed.find(date);
            auto const day = base::days_since_epoch(date);
            auto const until = [&](std::vector<std::int64_t> const& days) {
                return static_cast<std::size_t>(std::count_if(days.begin(), days.end(), [&](std::int64_t of) { return of <= day; }));
            };
            std::size_t const facts = until(dated.executions) + until(dated.adjustments);
            if (facts == 0 && rows == listed.end()) continue;
            if (!folded || facts != folded_facts || corrected) {
                std::vector<Execution> executions = known_on(book, date);
                std::erase_if(executions, [&](Execution const& each) { return day_of(each) > day; });
                std::vector<Adjustment> adjustments;
                for (std::size_t i = 0; i < book.adjustments.size(); ++i) {
                    if (dated.adjustments[i] <= day) adjustments.push_back(book.adjustments[i]);
                }
                folded = fold_or_throw(*book.instrument, executions, adjustments, options_);
                folded_facts = facts;
            }
            compare(book, date, *folded, rows == listed.end() ? nothing : rows->second);
        }
    }

    /// Day (since 1970) at whose end each fact counts: far away for those that never do, far back for what was there before.
    struct Dated {
        std::vector<std::int64_t> executions;
        std::vector<std::int64_t> adjustments;
    };
    static constexpr std::int64_t never_counts = std::numeric_limits<std::int64_t>::max();
    std::int64_t day_of(Execution const& execution) const {
        bool const counts = (execution.in_force() || counted_before(execution)) && execution.booking == Booking::booked;
        auto const date = counts ? date_of(execution) : std::nullopt;
        return date ? base::days_since_epoch(*date) : never_counts;
    }
    Dated date_facts(InstrumentBook const& book) const {
        Dated dated;
        for (auto const& execution : book.executions) {
            dated.executions.push_back(day_of(execution));
        }
        for (auto const& adjustment : book.adjustments) {
            auto const date = date_of(adjustment);
            // What nobody has explained only makes the book equal to the broker: it proves nothing.
            bool const counts = adjustment.in_force() && !adjustment.provisional();
            dated.adjustments.push_back(!counts ? never_counts : date ? base::days_since_epoch(*date) : 0);
        }
        return dated;
    }

    void compare(InstrumentBook const& book, Date date, Folded const& folded, std::vector<StatementPosition const*> const& rows) {
        ConId const con_id = book.instrument.con_id();
        StatementPosition const* total = nullptr;
        std::vector<StatementPosition const*> lots;
        for (auto const* row : rows) {
            if (row->is_lot) {
                lots.push_back(row);
            } else {
                total = row;
            }
        }
        Decimal const ours = folded.positions.empty() ? Decimal(0) : folded.positions.back().quantity;
        Decimal const theirs = total != nullptr ? total->quantity : Decimal(0);
        if (total == nullptr && ours.is_zero()) return;
        ++verdict_day(date).positions;
        if (ours != theirs) {
            auto const kind = ours.is_zero()   ? DifferenceKind::position_missing
                              : theirs.is_zero() ? DifferenceKind::position_not_in_statement
                                                 : DifferenceKind::position_quantity;
            bool const has_rest = std::any_of(book.adjustments.begin(), book.adjustments.end(), [](Adjustment const& a) { return a.provisional(); });
            return differs(kind, date, con_id, "", theirs.to_string(), ours.to_string(),
                           has_rest ? "a change of quantity is not explained; see `possync breaks`" : "");
        }
        if (ours.is_zero()) return;
        std::optional<Decimal> cost = Decimal(0);
        for (auto const& lot : folded.open_lots) {
            if (cost && lot.cost) {
                *cost += *lot.cost;
            } else {
                cost.reset();
            }
        }
        if (total->cost_money && !total->cost_money->is_zero()) {
            if (!cost || !same_cost(*cost, total->cost_money->abs())) {
                differs(DifferenceKind::position_cost, date, con_id, "", total->cost_money->abs().to_string(), text(cost),
                        cost ? "" : "a cost or a commission is not known");
            }
        }
        if (!lots.empty()) compare_lots(book, date, folded, lots);
    }

    struct LotSum {
        Decimal quantity;
        std::optional<Decimal> cost = Decimal(0);
        void add(Decimal const& more, std::optional<Decimal> const& its_cost) {
            quantity += more;
            if (cost && its_cost) {
                *cost += its_cost->abs();
            } else {
                cost.reset();
            }
        }
    };

    void compare_lots(InstrumentBook const& book, Date date, Folded const& folded, std::vector<StatementPosition const*> const& lots) {
        ConId const con_id = book.instrument.con_id();
        auto const second = [](Timestamp time) { return Timestamp{time.microseconds - time.microseconds % 1'000'000}; };
        std::map<Timestamp, LotSum> theirs;
        std::map<Timestamp, LotSum> ours;
        for (auto const* lot : lots) {
            if (!lot->opened_at) return;  // without times there is nothing to tell them apart by
            theirs[second(*lot->opened_at)].add(lot->quantity.abs(), lot->cost_money);
        }
        for (auto const& lot : folded.open_lots) {
            auto const& row = folded.lots[lot.lot];
            ours[row.opened_at ? second(*row.opened_at) : Timestamp{0}].add(lot.remaining, lot.cost);
        }
        verdict_day(date).lots += static_cast<int>(theirs.size());
        for (auto at = theirs.begin(); at != theirs.end();) {
            auto const found = ours.find(at->first);
            if (found == ours.end()) {
                ++at;
                continue;
            }
            std::string const subject = base::to_rfc3339(at->first);
            if (found->second.quantity != at->second.quantity) {
                differs(DifferenceKind::lot_quantity, date, con_id, subject, at->second.quantity.to_string(), found->second.quantity.to_string(),
                        "another lot was consumed: the broker does not match first in, first out here");
            } else if (at->second.cost && (!found->second.cost || !same_cost(*found->second.cost, *at->second.cost))) {
                differs(DifferenceKind::lot_cost, date, con_id, subject, text(at->second.cost), text(found->second.cost), "");
            }
            ours.erase(found);
            at = theirs.erase(at);
        }
        for (auto const& [opened, lot] : theirs) {
            auto const moved = std::find_if(ours.begin(), ours.end(), [&](auto const& each) { return each.second.quantity == lot.quantity; });
            if (moved != ours.end()) {
                differs(DifferenceKind::lot_opened_at, date, con_id, base::to_rfc3339(opened), base::to_rfc3339(opened),
                        moved->first == Timestamp{0} ? "" : base::to_rfc3339(moved->first), "");
                ours.erase(moved);
            } else {
                differs(DifferenceKind::lot_missing, date, con_id, base::to_rfc3339(opened), lot.quantity.to_string(), "", "");
            }
        }
        for (auto const& [opened, lot] : ours) {
            differs(DifferenceKind::lot_not_in_statement, date, con_id, opened == Timestamp{0} ? "" : base::to_rfc3339(opened), "",
                    lot.quantity.to_string(), "");
        }
    }

    // --- the verdict -----------------------------------------------------------------------------------------------

    Verdict finish() {
        std::sort(differences_.begin(), differences_.end(), [](auto const& a, auto const& b) {
            return std::tie(a.trade_date, a.con_id, a.kind, a.subject) < std::tie(b.trade_date, b.con_id, b.kind, b.subject);
        });
        for (auto const& difference : differences_) {
            auto& day = verdict_day(difference.trade_date);
            ++day.open;
            bool const hole = difference.kind == DifferenceKind::statement_gap;
            if (day.state == CertificationState::matched || !hole) day.state = CertificationState::differs;
        }
        Verdict verdict;
        for (auto& [date, day] : days_) {
            if (auto const claimed = claimed_.find(date); claimed != claimed_.end() && claimed->second.size() == 1) {
                day.statement_realized_pnl = claimed->second.begin()->second;
            }
            if (is_covered(date) && day.state == CertificationState::provisional) {
                day.state = day.open == 0 ? CertificationState::matched : CertificationState::differs;  // a weekend with entries
            }
            verdict.certifications.push_back(day);
        }
        verdict.differences = std::move(differences_);
        return verdict;
    }

    model::AccountBook const& book_;
    model::StatementClaims const& claims_;
    Date since_;
    FoldOptions options_;
    std::set<Date> covered_;
    std::set<Date> gaps_told_;  ///< each day once
    std::set<Date> ends_;  ///< days at whose end positions are listed
    std::map<Date, Certification> days_;
    std::map<Date, std::map<std::string, Decimal>> claimed_;  ///< by currency
    std::vector<CertificationDifference> differences_;
};

}  // namespace

base::Result<Verdict> certify(model::AccountBook const& book, model::StatementClaims const& claims, Date since, FoldOptions const& options) {
    try {
        return Certifier(book, claims, since, options).run();
    } catch (base::DecimalOverflow const& overflow) {
        return base::fail(base::ErrorCode::out_of_range,
                          std::string("book and statements cannot be compared exactly: ") + overflow.what());
    }
}

void include(Verdict& verdict, std::vector<CertificationDifference> const& differences) {
    auto const key = [](CertificationDifference const& each) { return std::tie(each.trade_date, each.con_id, each.kind, each.subject); };
    for (auto const& added : differences) {
        auto const known = std::find_if(verdict.differences.begin(), verdict.differences.end(),
                                        [&](CertificationDifference const& each) { return key(each) == key(added); });
        if (known != verdict.differences.end()) {
            if (!added.cause.empty()) known->cause = added.cause;  // who joined the statement knows what to do about it
            continue;
        }
        verdict.differences.push_back(added);
        auto const at = std::lower_bound(verdict.certifications.begin(), verdict.certifications.end(), added.trade_date,
                                         [](Certification const& each, Date date) { return each.trade_date < date; });
        Certification& day = at != verdict.certifications.end() && at->trade_date == added.trade_date
                                 ? *at
                                 : *verdict.certifications.insert(at, Certification{added.trade_date, CertificationState::matched, 0, 0, 0, {}, 0, 0});
        added.state == DifferenceState::open ? ++day.open : ++day.corrected;
        if (added.state == DifferenceState::open && day.state == CertificationState::matched) day.state = CertificationState::differs;
    }
    std::sort(verdict.differences.begin(), verdict.differences.end(),
              [&](CertificationDifference const& a, CertificationDifference const& b) { return key(a) < key(b); });
}

bool told_by_joining(DifferenceKind kind) {
    return kind == DifferenceKind::corporate_action_undecided || kind == DifferenceKind::execution_cancelled ||
           kind == DifferenceKind::execution_instrument || kind == DifferenceKind::multiplier;
}

std::optional<Date> certified_through(std::vector<Certification> const& certifications) {
    std::optional<Date> through;
    for (auto const& day : certifications) {
        if (day.state != CertificationState::matched) break;
        through = day.trade_date;
    }
    return through;
}

}  // namespace possync::ledger
