#include "ledger/explain.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include <boost/container/flat_map.hpp>
#include <fmt/format.h>

#include "base/check.hpp"
#include "base/planted_bug.hpp"
#include "ledger/breaks.hpp"
#include "ledger/infer.hpp"

namespace possync::ledger {

using base::Decimal;
using base::ErrorCode;
using base::Timestamp;
using model::Adjustment;
using model::Basis;
using model::Booking;
using model::Break;
using model::BreakKind;
using model::BreakState;
using model::BrokerPosition;
using model::Cause;
using model::ConId;
using model::Execution;
using model::Instrument;
using model::InstrumentBook;
using model::Observation;
using model::SharedInstrument;

namespace {

constexpr int price_decimals = 10;
/// A leg that an exercise or assignment delivers comes within a business day, over a weekend.
constexpr base::Duration delivery_patience = std::chrono::hours(72);

/// The facts of one instrument while they are being worked on.
struct Work {
    InstrumentFacts facts;
    InstrumentBook const* was = nullptr;  // null: not in the book yet
    bool new_executions = false;
    std::string stated;                        // by an operator of what changed, in words
    std::unique_ptr<Adjustment const> undone;  // what an edit makes unexplained again; seldom, and large
};

/// What the broker shows of one instrument.
struct Target {
    Decimal quantity;
    bool absent = false;  // not named by a complete snapshot, as opposed to an explicit zero
    std::optional<Decimal> average_cost;
};

/// By conId. Lists come in that order, so most is added at the end, and walked again and again.
using Targets = boost::container::flat_map<ConId, Target>;

Decimal held_quantity(InstrumentBook const& book) {
    return book.positions.empty() ? Decimal(0) : book.positions.back().quantity;
}

template <typename Fact>
void insert_sorted(std::vector<Fact>& facts, Fact fact) {
    auto const order = order_of(fact);
    auto const at = std::upper_bound(facts.begin(), facts.end(), order,
                                     [](auto const& key, Fact const& other) { return key < order_of(other); });
    facts.insert(at, std::move(fact));
}

/// Average price per quoted unit out of the broker's average cost, which contains the multiplier.
std::optional<Decimal> quoted_price(std::optional<Decimal> const& average_cost, Instrument const& instrument) {
    auto const factor = model::price_factor(instrument);
    if (!average_cost || !factor) return std::nullopt;
    return base::divide_rounded(*average_cost, *factor, price_decimals);
}

class Explainer {
public:
    Explainer(model::AccountBook const& book, Observation const& observation, Policy const& policy, IdAllocator& ids,
              StatementPart const* statement = nullptr)
        : book_(book), seen_(observation), policy_(policy), ids_(ids), statement_(statement),
          first_sight_(book.revision == 0 && statement == nullptr) {}

    base::Result<Explanation> run() {
        CHECK(!first_sight_ || seen_.snapshot);
        for (auto const& edit : seen_.edits) {
            POSSYNC_TRY_VOID(std::visit([this](auto const& each) { return take_edit(each); }, edit));
        }
        take_instruments();
        for (auto const& observed : seen_.executions) take_execution(observed);
        for (auto const& report : seen_.commissions) take_commission(report);
        if (statement_ != nullptr) take_statement();
        find_targets();
        hold_guarded();
        // What derivatives deliver is known before their underlyings are looked at. No target is added any more: they stay where they are.
        std::vector<Targets::value_type const*> others;
        others.reserve(targets_.size());
        for (auto const& each : targets_) {
            if (is_derivative(each.first)) settle(each.first, each.second);
            else others.push_back(&each);
        }
        for (auto const* each : others) settle(each->first, each->second);
        review_breaks();
        return finish();
    }

private:
    // --- facts that the observation states outright ---------------------------------------------------------

    InstrumentBook const* known(ConId con_id) const {
        auto const found = book_.instruments.find(con_id);
        return found == book_.instruments.end() ? nullptr : &found->second;
    }

    Work& work(SharedInstrument const& described) {
        auto const before = work_.size();
        auto const at = work_.try_emplace(work_.end(), described.con_id());  // lists come in order of conId
        if (work_.size() != before) {
            if (InstrumentBook const* book = known(described.con_id())) {
                at->second.facts = {book->instrument, book->executions, book->adjustments};
                at->second.was = book;
            } else {
                at->second.facts.instrument = described;
            }
        }
        return at->second;
    }

    void take_instruments() {
        for (auto const& instrument : seen_.instruments) {
            auto const* book = known(instrument.con_id());
            if (book != nullptr && book->instrument == instrument) continue;
            // Contract data of something the account never held is of no use to it.
            SharedInstrument const* const seen = book != nullptr ? &book->instrument : mentioned(instrument.con_id());
            if (seen == nullptr) continue;
            Instrument complete = *instrument;
            fill_gaps(complete, **seen);
            SharedInstrument const described = complete == *instrument ? instrument : SharedInstrument(std::move(complete));
            describe(work(described), described);
        }
    }

    /// Contract data of bonds has no local symbol; what the broker's rows say stays.
    static void fill_gaps(Instrument& described, Instrument const& seen) {
        if (described.local_symbol.empty()) described.local_symbol = seen.local_symbol;
        if (described.trading_class.empty()) described.trading_class = seen.trading_class;
        if (described.primary_exchange.empty()) described.primary_exchange = seen.primary_exchange;
        if (described.expiry.empty()) described.expiry = seen.expiry;
    }

    /// Prices that were derived from the broker's cost are in the quoted unit: a new scale or multiplier restates
    /// them, the cost stays.
    static void describe(Work& at, SharedInstrument const& instrument) {
        auto const before = model::price_factor(*at.facts.instrument);
        auto const after = model::price_factor(*instrument);
        at.facts.instrument = instrument;
        if (!before || !after || *before == *after) return;
        for (auto& adjustment : at.facts.adjustments) {
            if (adjustment.basis != Basis::broker || !adjustment.price) continue;
            adjustment.price = base::multiply_divide_rounded(*adjustment.price, *before, *after, price_decimals);
        }
        // So are fills that only a statement told: without contract data they are kept in the currency.
        for (auto& execution : at.facts.executions) {
            if (!execution.time_text.empty() || execution.transaction_id.empty()) continue;
            execution.price = base::multiply_divide_rounded(execution.price, *before, *after, price_decimals);
        }
    }

    /// The instrument as a row of this observation describes it.
    SharedInstrument const* mentioned(ConId con_id) const {
        if (seen_.snapshot) {
            if (auto const* row = seen_.snapshot->find(con_id)) return &row->instrument;
        }
        for (auto const& push : seen_.position_pushes) {
            if (push.instrument.con_id() == con_id) return &push.instrument;
        }
        for (auto const& each : seen_.executions) {
            if (each.instrument.con_id() == con_id) return &each.instrument;
        }
        return nullptr;
    }

    void take_execution(model::ObservedExecution const& observed) {
        Execution const& incoming = observed.execution;
        if (InstrumentBook const* book = known(incoming.con_id); book != nullptr && !work_.contains(incoming.con_id)) {
            // The usual case on a reconnect: a fill that is known already costs nothing.
            for (auto const& existing : book->executions) {
                if (existing.exec_id == incoming.exec_id) return;
            }
        }
        Work& at = work(observed.instrument);
        auto& executions = at.facts.executions;
        for (auto const& existing : executions) {
            if (existing.exec_id == incoming.exec_id) return;
        }
        Execution added = incoming;
        added.recorded_at = seen_.observed_at;
        added.booking = model::never_booked(at.facts.instrument->sec_type) ? Booking::never : Booking::pending;
        if (policy_.fold.zones != nullptr && !added.trade_date) {
            if (auto local = policy_.fold.zones->to_local(policy_.fold.report_zone, added.time)) {
                added.trade_date = local->date;
            }
        }
        supersede(executions, added);
        at.new_executions = true;
        insert_sorted(executions, std::move(added));
    }

    /// Of a fill and its corrections the highest number is in force, whatever the order of arrival.
    static void supersede(std::vector<Execution>& executions, Execution& added) {
        auto const root = model::execution_root(added.exec_id);
        auto const number = model::correction_rank(added.exec_id);
        Execution const* highest = nullptr;
        for (auto const& other : executions) {
            if (model::execution_root(other.exec_id) != root) continue;
            if (highest == nullptr ||
                model::correction_rank(other.exec_id) > model::correction_rank(highest->exec_id)) {
                highest = &other;
            }
        }
        if (highest == nullptr) return;
        // What the fill was booked as, its correction is booked as.
        if (highest->booking == Booking::booked) added.booking = Booking::booked;
        added.excluded = highest->excluded;
        added.sequence = highest->sequence;
        if (model::correction_rank(highest->exec_id) > number) {
            added.superseded_by = highest->exec_id;
            return;
        }
        for (auto& other : executions) {
            if (POSSYNC_PLANTED_BUG(correction_counts_beside_its_fill)) break;
            if (model::execution_root(other.exec_id) == root) other.superseded_by = added.exec_id;
        }
    }

    void take_commission(model::CommissionReport const& report) {
        auto apply = [&](Execution& execution) {
            if (!execution.transaction_id.empty()) return;  // a statement said it: the gateway repeats what was provisional
            execution.commission = report.commission;
            execution.commission_currency = report.currency;
            execution.broker_realized_pnl = report.realized_pnl;
        };
        auto find_in = [&](auto& executions) {
            auto const is_it = [&](Execution const& execution) { return execution.exec_id == report.exec_id; };
            auto const found = std::find_if(executions.begin(), executions.end(), is_it);
            return found == executions.end() ? nullptr : &*found;
        };
        auto apply_to_work = [&](Work& at) {
            Execution* const execution = find_in(at.facts.executions);
            if (execution != nullptr) apply(*execution);
            return execution != nullptr;
        };
        auto apply_to_book = [&](InstrumentBook const& book) {
            Execution const* const existing = find_in(book.executions);
            if (existing == nullptr) return false;
            if (POSSYNC_PLANTED_BUG(late_commission_ignored)) return true;
            Execution changed = *existing;
            apply(changed);
            if (changed != *existing) *find_in(work(book.instrument).facts.executions) = std::move(changed);
            return true;
        };
        if (report.con_id != 0) {
            if (auto const at = work_.find(report.con_id); at != work_.end()) {
                apply_to_work(at->second);
            } else if (InstrumentBook const* book = known(report.con_id)) {
                apply_to_book(*book);
            }
            return;
        }
        for (auto& [unused, at] : work_) {
            if (apply_to_work(at)) return;
        }
        for (auto const& [unused, book] : book_.instruments) {
            if (apply_to_book(book)) return;
        }
    }

    // --- what a statement states ----------------------------------------------------------------------------

    void take_statement() {
        Joiner joiner(book_, *statement_, policy_, ids_, seen_.observed_at);
        for (ConId const con_id : statement_->instruments) {
            InstrumentBook const* book = known(con_id);
            Instrument const* described = statement_->index->of(con_id).described;
            if (book == nullptr && described == nullptr) continue;
            Work& at = work(book != nullptr ? book->instrument : *described);
            auto const executions = at.facts.executions.size();
            Decimal const moved_since = joiner.join(at.facts, book);
            at.new_executions = at.facts.executions.size() != executions;
            if (auto text = joiner.proposal(con_id); !text.empty()) proposals_[con_id] = std::move(text);
            if (!statement_->latest || model::never_booked(at.facts.instrument->sec_type)) continue;
            Decimal const by_facts = quantity_of(at.facts.executions, at.facts.adjustments, false);
            auto const listed = joiner.listed_quantity(con_id);
            targets_[con_id] = {listed ? *listed + moved_since : by_facts, false, joiner.listed_average_cost(con_id)};
        }
        result_.differences = joiner.take_differences();
        result_.successions = joiner.take_successions();
    }

    // --- what the operator states ---------------------------------------------------------------------------

    static base::Result<void> refuse(std::string text) { return base::fail(ErrorCode::invalid_input, std::move(text)); }

    /// The instrument whose adjustment has this id.
    std::pair<InstrumentBook const*, Adjustment const*> find_adjustment(model::RowId id) const {
        for (auto const& [unused, book] : book_.instruments) {
            for (auto const& adjustment : book.adjustments) {
                if (adjustment.adjustment_id == id) return {&book, &adjustment};
            }
        }
        return {nullptr, nullptr};
    }

    base::Result<void> take_edit(model::ExplainEdit const& edit) {
        bool const known_cause = edit.cause == Cause::split || edit.cause == Cause::transfer || edit.cause == Cause::reinvestment ||
                                 edit.cause == Cause::corporate_action || edit.cause == Cause::manual || was_inferred(edit.cause);
        if (!known_cause || edit.cause == Cause::missing_at_broker) {
            return refuse(fmt::format("{} is not a cause that can be stated; state one of split, expiry, exercise, assignment, "
                                      "cash_settlement, maturity, reinvestment, transfer, corporate_action, manual", to_string(edit.cause)));
        }
        if ((edit.cause == Cause::split) != edit.ratio.has_value()) return refuse("a split needs --ratio 4:1, and nothing else takes one");
        if (edit.price && edit.price->is_negative()) return refuse("a price cannot be negative");
        if (auto const open = book_.breaks.find(edit.id); open != book_.breaks.end()) return explain_break(open->second, edit);
        auto const [book, adjustment] = find_adjustment(edit.id);
        if (adjustment == nullptr) {
            return base::fail(ErrorCode::not_found, fmt::format("there is no unresolved break and no adjustment {}; see `possync breaks` "
                                                                "and `possync adjustments`", edit.id));
        }
        if (!adjustment->in_force()) return refuse(fmt::format("adjustment {} was withdrawn: {}", edit.id, adjustment->undone_by));
        if (adjustment->price && !adjustment->provisional()) return refuse(fmt::format("adjustment {} has a price already; undo it first", edit.id));
        return state_cause(work(book->instrument), *adjustment, edit);
    }

    base::Result<void> explain_break(Break const& open, model::ExplainEdit const& edit) {
        InstrumentBook const* book = known(open.con_id);
        if (book == nullptr) return refuse(fmt::format("break {} is of the whole account; it resolves by itself", open.break_id));
        Work& at = work(book->instrument);
        if (open.kind == BreakKind::quantity) {
            Adjustment const* rest = provisional_of(at);
            if (rest == nullptr) return refuse(fmt::format("break {} has no unexplained rest any more", open.break_id));
            return state_cause(at, *rest, edit);
        }
        if (open.kind == BreakKind::missing) {
            if (edit.ratio) return refuse("a position that is gone was not split");
            Adjustment gone;
            gone.quantity = -held_quantity(*book);
            gone.effective_at = open.opened_at;
            targets_[open.con_id] = {Decimal(0), false, std::nullopt};
            return state_cause(at, gone, edit);
        }
        return refuse(fmt::format("a break of kind {} is not explained by a cause{}", to_string(open.kind),
                                  open.kind == BreakKind::fill_without_position ? "; exclude the fill if it is not yours" : ""));
    }

    /// Why an operator's cause cannot be that of this change; empty: it can. Contracts end towards zero, those of a kind that ends so. What
    /// an option delivers comes or goes by the same cause.
    std::string why_not(Work const& at, Adjustment const& was, Cause cause) const {
        Instrument const& instrument = *at.facts.instrument;
        if (!was_inferred(cause)) return {};
        std::string const name = instrument.local_symbol.empty() ? instrument.symbol : instrument.local_symbol;
        bool const ends = ends_by(instrument, cause);
        bool const delivers = cause == Cause::exercise || cause == Cause::assignment;
        if (!ends && !(delivers && underlies_an_option(instrument))) {
            return fmt::format("{} ({}) does not end by {}{}; state transfer, reinvestment, corporate_action or manual", name, instrument.sec_type,
                               to_string(cause), delivers ? ", and no option on it is in the book" : "");
        }
        if (!ends) return {};
        auto const fits = [&](Decimal const& held) {
            bool const right_side = !delivers || held.is_positive() == (cause == Cause::exercise);
            return right_side && !was.quantity.is_zero() && held.sign() == -was.quantity.sign() && was.quantity.abs() <= held.abs();
        };
        // By what was held when it changed; later fills may have gone on.
        Decimal const all = was.adjustment_id == 0 ? -was.quantity : quantity_without(at, was, false);
        if (fits(all) || (was.adjustment_id != 0 && fits(quantity_without(at, was, true)))) return {};
        return fmt::format("a change of {} by {} is no {} of {}, of which {} were held", name, was.quantity.to_string(), to_string(cause), name, all.to_string());
    }

    static bool ends_by(Instrument const& instrument, Cause cause) {
        auto const& kind = instrument.sec_type;
        bool const option = kind == "OPT" || kind == "FOP" || kind == "WAR" || kind == "IOPT" || kind == "EC";
        if (cause == Cause::maturity) return kind == "BOND" || kind == "BILL";
        if (cause == Cause::exercise || cause == Cause::assignment) return option;
        return option || kind == "FUT";  // expiry, cash settlement
    }

    /// Below server version 122 the gateway does not say what an option is on; then the symbol tells.
    bool underlies_an_option(Instrument const& instrument) const {
        return std::ranges::any_of(book_.instruments, [&](auto const& each) {
            Instrument const& other = *each.second.instrument;
            if (!ends_by(other, Cause::exercise)) return false;
            return other.under_con_id ? *other.under_con_id == instrument.con_id : other.symbol == instrument.symbol;
        });
    }

    /// What is held without that change; `before`: by the facts before it alone.
    static Decimal quantity_without(Work const& at, Adjustment const& change, bool before) {
        std::vector<Execution> executions;
        std::vector<Adjustment> adjustments;
        auto const order = order_of(change);
        for (auto const& each : at.facts.executions) {
            if (!before || order_of(each) < order) executions.push_back(each);
        }
        for (auto const& each : at.facts.adjustments) {
            if (each.adjustment_id != change.adjustment_id && (!before || order_of(each) < order)) adjustments.push_back(each);
        }
        return quantity_of(executions, adjustments, true);
    }

    /// Replaces `was` (nothing yet when it has no id) by the same change with its stated cause and price.
    base::Result<void> state_cause(Work& at, Adjustment const was, model::ExplainEdit const& edit) {
        if (auto const no = why_not(at, was, edit.cause); !no.empty()) return refuse(no);
        if (was.adjustment_id != 0) withdraw(at, was.adjustment_id, "explained by " + edit.author);
        at.stated = fmt::format("{} ({})", to_string(edit.cause), edit.author);
        Adjustment added;
        added.adjustment_id = ids_.take();
        added.con_id = at.facts.instrument.con_id();
        added.cause = edit.cause;
        added.quantity = was.quantity;
        added.price = edit.price;
        added.basis = edit.price ? Basis::estimated : Basis::unknown;
        added.effective_at = was.effective_at;  // of what was held at the first sight unknown: it stays before everything
        added.recorded_at = seen_.observed_at;
        added.author = edit.author;
        added.note = edit.note;
        if (edit.ratio) {
            added.quantity = Decimal(0);
            added.ratio = edit.ratio;
            added.basis = Basis::broker;
            Decimal const before = quantity_of(at.facts.executions, at.facts.adjustments, false);
            auto with_it = at.facts.adjustments;
            insert_sorted(with_it, added);  // what was traded since is in its units
            Decimal const after = quantity_of(at.facts.executions, with_it, false);
            if (after != before + was.quantity) {
                return refuse(fmt::format("a split {} makes {} of {}, the broker shows {}", to_string(*edit.ratio), after.to_string(),
                                          before.to_string(), (before + was.quantity).to_string()));
            }
        }
        insert_sorted(at.facts.adjustments, std::move(added));
        return {};
    }

    base::Result<void> take_edit(model::ExcludeEdit const& edit) { return set_excluded(edit.exec_id, true, edit.author); }

    base::Result<void> set_excluded(std::string const& exec_id, bool excluded, std::string const& author) {
        auto const root = model::execution_root(exec_id);
        for (auto const& [unused, book] : book_.instruments) {
            auto const is_it = [&](Execution const& e) { return model::execution_root(e.exec_id) == root; };
            if (std::none_of(book.executions.begin(), book.executions.end(), is_it)) continue;
            for (auto& execution : work(book.instrument).facts.executions) {
                if (!is_it(execution)) continue;
                if (execution.excluded == excluded) {
                    return refuse(fmt::format("execution {} is {}", exec_id, excluded ? "excluded already" : "not excluded"));
                }
                execution.excluded = excluded;
            }
            work(book.instrument).stated = fmt::format("{} {} ({})", excluded ? "excluding" : "counting again", exec_id, author);
            return {};
        }
        return base::fail(ErrorCode::not_found, fmt::format("there is no execution {}; see `possync executions`", exec_id));
    }

    base::Result<void> take_edit(model::UndoEdit const& edit) {
        if (!edit.exec_id.empty()) return set_excluded(edit.exec_id, false, edit.author);
        auto const [book, adjustment] = find_adjustment(edit.id);
        if (adjustment == nullptr) {
            return base::fail(ErrorCode::not_found, fmt::format("there is no adjustment {} and no event that one caused; fills are excluded, not undone", edit.id));
        }
        if (!adjustment->in_force()) return refuse(fmt::format("adjustment {} was withdrawn already: {}", edit.id, adjustment->undone_by));
        if (adjustment->cause == Cause::opening_balance) return refuse("what was held at the first sight is not undone; a statement replaces it");
        if (adjustment->provisional()) return refuse("what is not explained yet is kept by the service itself; explain it instead");
        Work& at = work(book->instrument);
        Adjustment before = behind(at, *adjustment);
        at.stated = fmt::format("taking back {} ({})", to_string(adjustment->cause), edit.author);
        withdraw(at, edit.id, edit.author);
        if (before.cause == Cause::settling || before.cause == Cause::unexplained) {
            at.undone = std::make_unique<Adjustment const>(std::move(before));  // what is left of it
            return {};
        }
        before.adjustment_id = ids_.take();
        before.recorded_at = seen_.observed_at;
        before.undone_at.reset();
        before.undone_by.clear();
        insert_sorted(at.facts.adjustments, std::move(before));
        return {};
    }

    /// What a change of quantity is, once the name it was given is taken back: what was replaced by it, or a rest of that moment. A split
    /// is dated back to the beginning of a day; the change it names was seen later.
    static Adjustment behind(Work const& at, Adjustment const& named) {
        for (auto const& each : at.facts.adjustments) {
            if (each.undone_at == named.recorded_at && each.undone_by == "explained by " + named.author) return each;
        }
        Adjustment rest;
        rest.quantity = named.quantity;
        rest.effective_at = named.ratio || !named.effective_at ? named.recorded_at : named.effective_at;
        rest.estimated_price = named.estimated_price;
        return rest;
    }

    /// The operator withdrew such a reading before: it is not given again.
    static bool was_rejected(Work const& at, NamedEvent const& event) {
        return std::any_of(at.facts.adjustments.begin(), at.facts.adjustments.end(), [&](Adjustment const& a) {
            bool const by_operator = a.undone_at && a.author == "possync" && a.undone_by.starts_with("operator");
            return by_operator && a.cause == event.cause && a.quantity == event.quantity && a.ratio == event.ratio;
        });
    }

    // --- what the broker holds --------------------------------------------------------------------------------

    void find_targets() {
        if (seen_.snapshot) compare_list();
        for (auto const& push : seen_.position_pushes) add_target(push);
        // New or corrected fills of instruments that the broker said nothing new about: it still holds what it held.
        for (auto const& [con_id, at] : work_) {
            if (targets_.contains(con_id) || model::never_booked(at.facts.instrument->sec_type)) continue;
            bool const is_missing = find_break(con_id, BreakKind::missing) != nullptr;
            Decimal const held = at.was != nullptr ? held_quantity(*at.was) : Decimal(0);
            targets_[con_id] = {is_missing ? Decimal(0) : held, is_missing, std::nullopt};
        }
    }

    /// Walks book and list side by side, both in order of conId; what is as it should be costs a few comparisons.
    void compare_list() {
        auto row = seen_.snapshot->rows().begin();
        auto const rows_end = seen_.snapshot->rows().end();
        auto worked = work_.begin();
        for (auto const& [con_id, book] : book_.instruments) {
            for (; row != rows_end && (*row)->instrument.con_id() < con_id; ++row) add_target(**row);
            if (row == rows_end || (*row)->instrument.con_id() != con_id) {
                if (!held_quantity(book).is_zero()) {
                    targets_[con_id] = {Decimal(0), true, std::nullopt};
                } else if (has_rest(book) || closed_as_missing(book)) {
                    targets_[con_id] = {Decimal(0), false, std::nullopt};  // gone before, and nobody has said how: a look all the same
                }
                continue;
            }
            while (worked != work_.end() && worked->first < con_id) ++worked;
            bool const touched = worked != work_.end() && worked->first == con_id;
            if (touched || !is_settled(book, {(*row)->quantity, false, std::nullopt})) add_target(**row);
            ++row;
        }
        for (; row != rows_end; ++row) add_target(**row);
    }

    void add_target(BrokerPosition const& row) {
        ConId const con_id = row.instrument.con_id();
        if (model::never_booked(row.instrument->sec_type)) return;
        if (row.quantity.is_zero() && POSSYNC_PLANTED_BUG(zero_rows_ignored)) return;
        InstrumentBook const* book = known(con_id);
        if (book == nullptr) {
            if (row.quantity.is_zero() && !work_.contains(con_id)) return;  // closed long ago: noise
            work(row.instrument);
        }
        targets_.insert_or_assign(targets_.end(), con_id, Target{row.quantity, false, row.average_cost});
    }

    // --- implausible snapshots --------------------------------------------------------------------------------

    /// Whether fills that are known, booked or waiting, account for the position being gone.
    bool fills_close(ConId con_id) const {
        auto const found = work_.find(con_id);
        auto const& executions = found != work_.end() ? found->second.facts.executions : known(con_id)->executions;
        Decimal left = held_quantity(*known(con_id));
        for (auto const& execution : executions) {
            if (is_pending(execution)) left += execution.signed_quantity();
        }
        return left.is_zero();
    }

    /// One of the positions that lists lack is seen to move: they lie, and the wait begins anew.
    void doubt_guarded() {
        Break const* const held = find_break(0, BreakKind::guard);
        if (held == nullptr || seen_.snapshot) return;
        bool const moves = std::any_of(targets_.begin(), targets_.end(), [&](auto const& each) {
            InstrumentBook const* book = known(each.first);
            return book != nullptr && !each.second.quantity.is_zero() && !held_quantity(*book).is_zero() && each.second.quantity != held_quantity(*book);
        });
        if (!moves) return;
        Break anew = *held;
        anew.opened_at = anew.last_change_at = seen_.observed_at;
        save(std::move(anew));
    }

    void hold_guarded() {
        doubt_guarded();
        if (!seen_.snapshot || first_sight_ || POSSYNC_PLANTED_BUG(guard_not_applied)) return;
        std::vector<ConId> vanishing;
        for (auto const& [con_id, target] : targets_) {
            InstrumentBook const* book = known(con_id);
            bool const gone = target.quantity.is_zero() && book != nullptr && !held_quantity(*book).is_zero();
            // What is already being waited for as missing has been through the guard; what has expired is no surprise.
            bool const awaited = find_break(con_id, BreakKind::missing) != nullptr;
            if (gone && !awaited && !has_ended(*book->instrument) && !fills_close(con_id)) vanishing.push_back(con_id);
        }
        int const gone = static_cast<int>(vanishing.size());
        Break const* const held = find_break(0, BreakKind::guard);
        if (gone == 0 && held == nullptr) return;
        int open_positions = 0;
        for (auto const& [unused, book] : book_.instruments) open_positions += !held_quantity(book).is_zero();
        if (gone < policy_.guard_positions_min || 2 * gone < open_positions) {
            if (held != nullptr) close_break(*held, BreakState::resolved, "the positions are back");
            return;
        }
        auto const connection = fmt::format("connection {}", seen_.snapshot->connection_number());
        if (held == nullptr) {
            Break added = new_break(0, BreakKind::guard);
            added.state = BreakState::open;
            added.broker_value = Decimal(open_positions - gone);
            added.book_value = Decimal(open_positions);
            added.looks = 1;
            added.detail = connection;
            save(std::move(added));
        } else {
            Break looked = not_later_than_now(*held);
            auto const age = seen_.observed_at - looked.opened_at;
            bool const reconnected = held->detail != connection;
            if (age >= policy_.guard_after || (reconnected && age >= policy_.guard_reconnect_after)) {
                guard_opened_at_ = looked.opened_at;  // the wait counts for the policy of missing positions too
                close_break(*held, BreakState::explained, "confirmed by further snapshots");
                return;
            }
            ++looked.looks;
            // As with what is missing: counting looks alone is not worth a revision every few seconds for an hour.
            if (looked.opened_at != held->opened_at || looked.looks <= 2) save(std::move(looked));
        }
        result_.guard_held = true;
        warn(0, "guard.held",
             fmt::format("the broker's list lacks {} of {} positions and no fill explains it; they are kept until this is "
                         "confirmed after a reconnect or an hour",
                         gone, open_positions));
        leave_alone(vanishing);
    }

    /// In order of conId. All at once: they are most of the targets where a list comes empty.
    void leave_alone(std::vector<ConId> const& instruments) {
        Targets others;
        others.reserve(targets_.size());
        for (auto& each : targets_) {
            if (!std::ranges::binary_search(instruments, each.first)) others.emplace_hint(others.end(), std::move(each));
        }
        targets_ = std::move(others);
    }

    // --- one instrument ---------------------------------------------------------------------------------------

    void settle(ConId con_id, Target const& target) {
        InstrumentBook const* book = known(con_id);
        if (book != nullptr && !work_.contains(con_id) && is_settled(*book, target)) return;
        Work& at = work(book != nullptr ? book->instrument : work_.at(con_id).facts.instrument);
        if (first_sight_) return first_sight(at, target);

        // A copy: the facts grow below.
        Adjustment const* const standing = provisional_of(at);
        std::optional<Adjustment> const standing_copy = standing != nullptr ? std::optional(*standing) : std::nullopt;
        Adjustment const* const rest_before = standing_copy ? &*standing_copy : nullptr;
        Decimal explained = quantity_of(at.facts.executions, at.facts.adjustments, false);
        if (reopen_returned(at, target, target.quantity - explained) || (rest_before == nullptr && end_told_by_fills(at, target.quantity - explained))) {
            explained = quantity_of(at.facts.executions, at.facts.adjustments, false);
        }
        Decimal const delta = target.quantity - explained;
        Decimal const moved = rest_before != nullptr ? delta - rest_before->quantity : delta;
        std::size_t const taken = count_taken(at, delta, moved);
        Decimal rest = delta - sum_pending(at, taken);
        std::string by = !at.stated.empty() ? at.stated : statement_ != nullptr ? "a statement" : "fills";
        auto const named = infer(at, explained, taken, rest, target);
        for (auto const& event : named) {
            by = to_string(event.cause);
            add_named(at, event);
        }
        if (!named.empty()) rest = Decimal(0);
        // Where a fill stands before a split that was seen earlier (it comes late, or a clock was wrong), it moves more or less than
        // its own quantity: what the facts amount to with it decides what is left over, so that the book is the broker's in any case.
        auto const unbooked = taken > 0 ? at.facts.executions : std::vector<Execution>{};
        book_pending(at, taken);
        Decimal const by_facts = quantity_of(at.facts.executions, at.facts.adjustments, false);
        rest = target.quantity - by_facts;
        // Also where some of what is held is a rest which nobody has explained, and the fills do not account for it: that a list does
        // not name it closes nothing at once.
        bool const rest_is_gone = rest_before != nullptr && named.empty() && !fills_take(unbooked, taken, moved, rest_before->quantity);
        if (target.absent && (!rest.is_zero() || rest_is_gone)) {
            if (taken > 0) at.facts.executions = unbooked;
            keep_what_was_held(at, rest_before);
            return missing(at, con_id);
        }

        if (Break const* was = find_break(con_id, BreakKind::missing)) {
            close_break(*was, BreakState::resolved, target.absent || !at.stated.empty() ? "explained by " + by : "shown again");
            if (!target.quantity.is_zero()) {
                result_.notices.push_back({con_id, model::EventKind::found, Cause::missing_at_broker});
            }
        }
        // A move that undoes just what nobody had explained is a trade as well as any other.
        if (rest_before != nullptr && rest.is_zero() && taken == 0 && named.empty() && statement_ == nullptr && seen_.edits.empty()) ++result_.rests_gone;
        return hold_rest(at, rest_before, rest, target, by);
    }

    /// Whether the first `count` waiting fills are the whole move, or explain the rest before they are.
    static bool fills_take(std::vector<Execution> const& executions, std::size_t count, Decimal const& moved, Decimal const& rest) {
        Decimal sum;
        bool explains_rest = false;
        for (auto const& execution : executions) {
            if (count == 0) break;
            if (!is_pending(execution)) continue;
            sum += execution.signed_quantity();
            explains_rest = explains_rest || sum == rest;
            --count;
        }
        return sum == moved || explains_rest;
    }

    /// While it is waited for, a missing position is what it was, also when an operator's edit or a statement changes the facts below
    /// it: the difference is a rest.
    void keep_what_was_held(Work& at, Adjustment const* rest_before) {
        Decimal const held = at.was != nullptr ? held_quantity(*at.was) : Decimal(0);
        if (quantity_of(at.facts.executions, at.facts.adjustments, true) == held) return;
        Decimal const by_facts = quantity_of(at.facts.executions, at.facts.adjustments, false);
        hold_rest(at, rest_before, held - by_facts, {held, false, std::nullopt}, "an edit");
    }

    // --- named events ---------------------------------------------------------------------------------------

    bool is_derivative(ConId con_id) const {
        auto const at = work_.find(con_id);
        Instrument const& instrument = at != work_.end() ? *at->second.facts.instrument : *known(con_id)->instrument;
        return instrument.sec_type == "OPT" || instrument.sec_type == "FOP";
    }

    bool has_ended(Instrument const& instrument) const {
        auto const end = end_of_trading(instrument, policy_.fold);
        return end && *end <= seen_.observed_at;
    }

    /// Only after a complete look and a complete pull of fills: what could still be a fill is given no other name.
    std::vector<NamedEvent> infer(Work& at, Decimal const& explained, std::size_t taken, Decimal const& rest,
                                                Target const& target) {
        std::vector<NamedEvent> events;
        if (rest.is_zero() || !seen_.snapshot || !seen_.executions_complete) return events;
        if (target.quantity.is_zero() && !explained.is_zero()) {
            Decimal const held = -rest;
            Decimal const moved = delivery(*at.facts.instrument, rest);
            bool const delivered = is_derivative(at.facts.instrument.con_id()) && delivered_alone(at, moved);
            if (auto event = end_of_contract(*at.facts.instrument, held, seen_, policy_.fold, delivered); event && !was_rejected(at, *event)) {
                bool const delivers = event->cause == Cause::exercise || event->cause == Cause::assignment;
                if (delivers && at.facts.instrument->under_con_id) {
                    deliveries_[*at.facts.instrument->under_con_id].push_back({event->cause, moved, at.facts.instrument});
                }
                events.push_back(std::move(*event));
                return events;
            }
        }
        if (auto delivered = deliveries_of(at, rest); !delivered.empty()) return delivered;
        if (taken == 0 && !has_pending(at)) {
            if (auto event = split(at, explained, target); event && !was_rejected(at, *event)) events.push_back(std::move(*event));
        }
        return events;
    }

    struct Delivery {
        Cause cause = Cause::exercise;
        Decimal quantity;
        SharedInstrument option;
    };

    static bool has_pending(Work const& at) {
        return std::any_of(at.facts.executions.begin(), at.facts.executions.end(), is_pending);
    }

    /// What the broker shows of an instrument beyond what its facts explain; nothing when it shows nothing new.
    std::optional<Decimal> unexplained(ConId con_id) const {
        auto const target = targets_.find(con_id);
        if (target == targets_.end()) return std::nullopt;
        auto const at = work_.find(con_id);
        auto const& executions = at != work_.end() ? at->second.facts.executions : known(con_id)->executions;
        auto const& adjustments = at != work_.end() ? at->second.facts.adjustments : known(con_id)->adjustments;
        Decimal rest = target->second.quantity - quantity_of(executions, adjustments, false);
        for (auto const& execution : executions) {
            if (is_pending(execution)) rest = rest - execution.signed_quantity();
        }
        return rest;
    }

    /// The change of the underlying is this option's delivery, and no other option on it changed unexplained.
    bool delivered_alone(Work const& at, Decimal const& moved) const {
        Instrument const& option = *at.facts.instrument;
        if (!option.under_con_id || !option.strike || option.right.empty()) return false;
        auto const rest = unexplained(*option.under_con_id);
        if (!rest || rest->is_zero() || *rest != moved) return false;
        for (auto const& [con_id, unused] : targets_) {
            if (con_id == option.con_id || !is_derivative(con_id)) continue;
            InstrumentBook const* other = known(con_id);
            if (other == nullptr || other->instrument->under_con_id != option.under_con_id) continue;
            if (!unexplained(con_id)->is_zero()) return false;
        }
        return true;
    }

    /// The legs that options delivered into this underlying, now or within the last three days, at their strikes. All of
    /// them together are the change exactly, or none is taken.
    std::vector<NamedEvent> deliveries_of(Work const& at, Decimal const& rest) const {
        ConId const con_id = at.facts.instrument.con_id();
        std::vector<Delivery> legs;
        if (auto const found = deliveries_.find(con_id); found != deliveries_.end()) legs = found->second;
        for (auto const& [unused, book] : book_.instruments) {
            if (book.instrument->under_con_id != con_id) continue;
            for (auto const& adjustment : book.adjustments) {
                bool const delivers = adjustment.in_force() && (adjustment.cause == Cause::exercise || adjustment.cause == Cause::assignment);
                bool const recent = adjustment.effective_at && seen_.observed_at - *adjustment.effective_at <= delivery_patience;
                if (!delivers || !recent || is_delivered(at, book.instrument.con_id())) continue;
                legs.push_back({adjustment.cause, delivery(*book.instrument, adjustment.quantity), book.instrument});
            }
        }
        Decimal sum;
        for (auto const& leg : legs) sum += leg.quantity;
        std::vector<NamedEvent> events;
        if (legs.empty() || sum != rest) return events;
        for (auto const& leg : legs) {
            NamedEvent event;
            event.cause = leg.cause;
            event.quantity = leg.quantity;
            event.price = leg.option->strike;
            event.basis = event.price ? Basis::estimated : Basis::unknown;
            event.effective_at = seen_.observed_at;
            event.note = delivery_note(leg.option.con_id());
            events.push_back(std::move(event));
        }
        return events;
    }

    static std::string delivery_note(ConId option) { return fmt::format("delivered by conId {}", option); }
    static bool is_delivered(Work const& at, ConId option) {
        return std::any_of(at.facts.adjustments.begin(), at.facts.adjustments.end(),
                           [&](Adjustment const& a) { return a.in_force() && a.note == delivery_note(option); });
    }

    /// The quantity is multiplied by a ratio of small numbers and the cost stayed what it was. It takes effect at the
    /// beginning of the day it is seen on, or right behind the last fill of that day: fills come with whole seconds, and
    /// one that follows within the second must not seem to be earlier.
    std::optional<NamedEvent> split(Work const& at, Decimal const& explained, Target const& target) const {
        auto const ratio = split_ratio(explained, target.quantity);
        if (!ratio || !target.average_cost) return std::nullopt;
        Decimal const after = base::multiply_rounded(*target.average_cost, target.quantity.abs(), price_decimals);
        auto const folded = fold_or_throw(*at.facts.instrument, at.facts.executions, without_rest(at), policy_.fold);
        auto const& held = folded.positions.back();  // there is one, for what the facts explain is not zero
        if (!held.cost) return std::nullopt;
        Decimal const cost = held.cost->abs();
        Decimal const paid = held.commissions.value_or(Decimal(0));
        if (!cost_conserved(cost, after) && !cost_conserved(cost + paid, after) && !cost_conserved(cost - paid, after)) return std::nullopt;
        NamedEvent event;
        event.cause = Cause::split;
        event.ratio = ratio;
        event.basis = Basis::broker;
        event.effective_at = beginning_of_day().value_or(seen_.observed_at);  // add_named moves it behind the day's fills
        return event;
    }

    static std::vector<Adjustment> without_rest(Work const& at) {
        std::vector<Adjustment> kept;
        for (auto const& adjustment : at.facts.adjustments) {
            if (!adjustment.provisional()) kept.push_back(adjustment);
        }
        return kept;
    }

    std::optional<Timestamp> beginning_of_day() const {
        if (policy_.fold.zones == nullptr) return std::nullopt;
        auto local = policy_.fold.zones->to_local(policy_.fold.report_zone, seen_.observed_at);
        if (!local) return std::nullopt;
        local->microseconds_of_day = 0;
        auto const midnight = policy_.fold.zones->to_utc(policy_.fold.report_zone, *local);
        return midnight ? std::optional(*midnight) : std::nullopt;
    }

    void add_named(Work& at, NamedEvent const& event) {
        Adjustment added;
        added.adjustment_id = ids_.take();
        added.con_id = at.facts.instrument.con_id();
        added.cause = event.cause;
        added.quantity = event.quantity;
        added.price = event.price;
        added.basis = event.basis;
        if (!event.price && !event.ratio) added.estimated_price = fresh_mark(added.con_id);
        added.ratio = event.ratio;
        added.recorded_at = seen_.observed_at;
        added.note = event.note;
        // Never before a fill of the same day: an option that traded until 16:15 ends then. Nor before what else made the quantity:
        // a split would multiply nothing, and be seen again by the next look.
        added.effective_at = behind_facts(at, event.effective_at);
        warn(added.con_id, fmt::format("position.{}", to_string(event.cause)),
             fmt::format("{}: {}{}", at.facts.instrument->local_symbol.empty() ? at.facts.instrument->symbol : at.facts.instrument->local_symbol,
                         event.ratio ? "split " + to_string(*event.ratio) : fmt::format("{} {}", to_string(event.cause), event.quantity.to_string()),
                         event.note.empty() ? "" : ", " + event.note));
        insert_sorted(at.facts.adjustments, std::move(added));
    }

    /// `time`, or right behind the last fact in force that is not before it.
    static Timestamp behind_facts(Work const& at, Timestamp time) {
        Timestamp last = time;
        auto const follow = [&](Timestamp fact) {
            if (fact >= time) last = std::max(last, fact + std::chrono::microseconds(1));
        };
        for (auto const& execution : at.facts.executions) {
            if (execution.in_force()) follow(execution.time);
        }
        for (auto const& adjustment : at.facts.adjustments) {
            if (adjustment.in_force() && !adjustment.provisional() && adjustment.effective_at) follow(*adjustment.effective_at);
        }
        return last;
    }

    static bool has_rest(InstrumentBook const& book) {
        return std::any_of(book.adjustments.begin(), book.adjustments.end(), [](Adjustment const& a) { return a.provisional(); });
    }

    /// The whole cost of an unchanged position: a few comparisons.
    bool is_settled(InstrumentBook const& book, Target const& target) const {
        if (target.absent || held_quantity(book) != target.quantity) return false;
        auto const pending = [](Execution const& e) { return e.in_force() && e.booking == Booking::pending; };
        return std::none_of(book.executions.begin(), book.executions.end(), pending) && !has_rest(book) &&
               (book_.breaks.empty() || find_break(book.instrument.con_id(), BreakKind::missing) == nullptr);
    }

    static Adjustment const* provisional_of(Work const& at) {
        for (auto const& adjustment : at.facts.adjustments) {
            if (adjustment.provisional()) return &adjustment;
        }
        return nullptr;
    }

    static bool is_pending(Execution const& execution) {
        return execution.in_force() && execution.booking == Booking::pending;
    }

    /// How many pending fills, oldest first, are taken up: the most that sum exactly to all that is unexplained (`delta`)
    /// or to what the position moved by since it was last seen, so that trading goes on beside a rest that nobody has
    /// explained. Of the fills behind a mere move, the most that come closest to the rest without going beyond it.
    static std::size_t count_taken(Work const& at, Decimal const& delta, Decimal const& moved) {
        Decimal sum;
        std::size_t count = 0;
        std::size_t whole = 0;
        std::size_t of_move = 0;
        for (auto const& execution : at.facts.executions) {
            if (!is_pending(execution)) continue;
            sum += execution.signed_quantity();
            ++count;
            if (sum == delta) whole = count;
            if (sum == moved) of_move = count;  // also of no move: fills that cancel out
        }
        if (whole > 0 && whole >= of_move) return whole;
        Decimal closest = (delta - sum_pending(at, of_move)).abs();
        int const direction = (delta - sum_pending(at, of_move)).sign();
        std::size_t best = of_move;
        sum = Decimal(0);
        count = 0;
        for (auto const& execution : at.facts.executions) {
            if (!is_pending(execution)) continue;
            sum += execution.signed_quantity();
            if (++count <= of_move) continue;
            Decimal const left = delta - sum;
            bool const beyond = left.sign() != direction;  // what leaves nothing was taken above
            if (!beyond && left.abs() <= closest) {
                closest = left.abs();
                best = count;
            }
        }
        return best;
    }

    static Decimal sum_pending(Work const& at, std::size_t count) {
        Decimal sum;
        for (auto const& execution : at.facts.executions) {
            if (count == 0) break;
            if (!is_pending(execution)) continue;
            sum += execution.signed_quantity();
            --count;
        }
        return sum;
    }

    static void book_pending(Work& at, std::size_t count) {
        for (auto& execution : at.facts.executions) {
            if (count == 0) break;
            if (!is_pending(execution)) continue;
            execution.booking = Booking::booked;
            --count;
        }
    }

    void withdraw(Work& at, model::RowId adjustment_id, std::string const& by) {
        for (auto& adjustment : at.facts.adjustments) {
            if (adjustment.adjustment_id != adjustment_id) continue;
            adjustment.undone_at = seen_.observed_at;
            adjustment.undone_by = by;
        }
    }

    /// A rest is counted in units of today, whatever was split since it was first seen.
    static Timestamp behind_splits(Work const& at, Timestamp time) {
        for (auto const& other : at.facts.adjustments) {
            bool const splits = other.in_force() && other.ratio;
            if (splits && *other.effective_at >= time) time = *other.effective_at + std::chrono::microseconds(1);
        }
        return time;
    }

    /// Keeps the one provisional adjustment equal to what fills and named events leave over.
    void hold_rest(Work& at, Adjustment const* before, Decimal const& rest, Target const& target,
                                 std::string const& by) {
        ConId const con_id = at.facts.instrument.con_id();
        Break const* const open = find_break(con_id, BreakKind::quantity);
        if (rest.is_zero()) {
            if (before != nullptr) withdraw(at, before->adjustment_id, "explained");
            if (open != nullptr && !POSSYNC_PLANTED_BUG(break_not_resolved)) close_break(*open, BreakState::resolved, "explained by " + by);
            return;
        }
        // A fill that explains itself beside a rest that waited long enough makes nobody wait again.
        bool const was_open = open != nullptr && open->state == BreakState::open;
        bool const unchanged = before != nullptr && before->quantity == rest && (!at.new_executions || was_open);
        // A split that a statement told of later must not multiply it.
        bool const stays = unchanged && behind_splits(at, *before->effective_at) == *before->effective_at;
        Break state = open != nullptr ? not_later_than_now(*open) : new_break(con_id, BreakKind::quantity);
        if (open == nullptr && at.undone) state.opened_at = std::min(state.opened_at, *at.undone->effective_at);  // it is as old as it was
        if (open == nullptr || !unchanged) {
            state.state = BreakState::settling;
            state.last_change_at = seen_.observed_at;
            state.looks = 0;
        }
        state.broker_value = target.quantity;
        state.book_value = target.quantity - rest;
        bool const stated = statement_ != nullptr && statement_->latest;  // nobody looks again
        bool const stays_open = was_open && unchanged;                    // counting on would write a revision with every look
        if (seen_.snapshot && !stays_open) ++state.looks;
        bool const settled = stated || stays_open || (state.looks >= policy_.looks_needed &&
                                        seen_.observed_at - state.last_change_at >= policy_.settle_for);
        if (auto const proposal = proposals_.find(con_id); proposal != proposals_.end()) state.detail = proposal->second;
        Cause const cause = settled ? Cause::unexplained : Cause::settling;
        if (settled) {
            if (state.state != BreakState::open) {
                warn(con_id, "position.unexplained",
                     fmt::format("{}: {} of the change to {} is explained by no fill; see `possync breaks`",
                                 at.facts.instrument->symbol, rest.to_string(), target.quantity.to_string()));
            }
            state.state = BreakState::open;
            ++result_.unexplained;
        } else {
            ++result_.settling;
        }
        if (!stays || before->cause != cause) replace_rest(at, before, rest, cause, target);
        if (open == nullptr || *open != state) save(std::move(state));
    }

    void replace_rest(Work& at, Adjustment const* before, Decimal const& rest, Cause cause,
                                    Target const& target) {
        Adjustment added;
        added.adjustment_id = ids_.take();
        added.con_id = at.facts.instrument.con_id();
        added.cause = cause;
        added.quantity = rest;
        added.effective_at = before != nullptr ? before->effective_at : std::optional(seen_.observed_at);
        if (before == nullptr && statement_ != nullptr && statement_->latest) {
            added.effective_at = statement_->index->end() - std::chrono::microseconds(1);
        }
        Adjustment const* const undone = before == nullptr ? at.undone.get() : nullptr;
        if (undone != nullptr) added.effective_at = undone->effective_at;
        added.effective_at = behind_splits(at, *added.effective_at);
        added.recorded_at = seen_.observed_at;
        if (before != nullptr) {
            withdraw(at, before->adjustment_id, "replaced");
        }
        auto const folded = fold_or_throw(*at.facts.instrument, at.facts.executions, at.facts.adjustments, policy_.fold);
        Decimal const from = folded.positions.empty() ? Decimal(0) : folded.positions.back().quantity;
        auto const average = from.is_zero() ? std::nullopt : folded.positions.back().average_price;
        added.price = provisional_price(at, from, average, target, cause);
        added.basis = added.price ? Basis::broker : Basis::unknown;
        bool const reduces = !from.is_zero() && from.sign() != rest.sign();
        if (reduces) added.estimated_price = fresh_mark(added.con_id);
        if (undone != nullptr) {  // nothing of today says what it was worth then
            bool const same = undone->quantity == rest && undone->effective_at == added.effective_at;
            added.price = same ? undone->price : std::nullopt;
            added.basis = added.price ? undone->basis : Basis::unknown;
            added.estimated_price = same ? undone->estimated_price : std::nullopt;
        }
        insert_sorted(at.facts.adjustments, std::move(added));
    }

    /// Entry price of a rest, out of the broker's average cost before and after. A reduction has none: what it was
    /// sold for is not known.
    std::optional<Decimal> provisional_price(Work const& at, Decimal const& from, std::optional<Decimal> const& average,
                                             Target const& target, Cause cause) const {
        auto const cost = quoted_price(target.average_cost, *at.facts.instrument);
        if (!cost || target.quantity.is_zero()) return std::nullopt;
        std::optional<Decimal> price;
        if (from.is_zero() || from.sign() != target.quantity.sign()) {
            price = cost;
        } else if (target.quantity.abs() > from.abs()) {
            if (!average) return std::nullopt;
            Decimal const value = base::multiply_rounded(*cost, target.quantity, price_decimals) -
                                  base::multiply_rounded(*average, from, price_decimals);
            price = base::divide_rounded(value, target.quantity - from, price_decimals);
        }
        if (!price || !price->is_positive()) return std::nullopt;
        if (cause == Cause::settling) {
            // The broker's cost may still lag the fill: believed only near what the instrument trades at.
            auto const* mark = seen_.mark_of(at.facts.instrument.con_id());
            auto const near = mark != nullptr ? std::optional(mark->price) : average;
            if (!near) return std::nullopt;
            Decimal const off = base::multiply_rounded((*price - *near).abs(), Decimal(20), price_decimals);
            if (off > near->abs()) return std::nullopt;
        }
        return price;
    }

    std::optional<Decimal> fresh_mark(ConId con_id) const {
        auto const* mark = seen_.mark_of(con_id);
        if (mark == nullptr || seen_.observed_at - mark->marked_at > policy_.mark_fresh_for) return std::nullopt;
        return mark->price;
    }

    // --- first sight ------------------------------------------------------------------------------------------

    /// Opening balance = snapshot - the fills still served, its cost found by walking those fills back.
    void first_sight(Work& at, Target const& target) {
        for (auto& execution : at.facts.executions) {
            if (is_pending(execution)) execution.booking = Booking::booked;
        }
        Decimal const filled = quantity_of(at.facts.executions, {}, true);
        Decimal const opening = POSSYNC_PLANTED_BUG(opening_balance_counts_fills_twice) ? target.quantity : target.quantity - filled;
        if (opening.is_zero()) return;
        Adjustment added;
        added.adjustment_id = ids_.take();
        added.con_id = at.facts.instrument.con_id();
        added.cause = Cause::opening_balance;
        added.quantity = opening;
        added.recorded_at = seen_.observed_at;
        added.price = walked_back_price(at, target);
        added.basis = added.price ? Basis::broker : Basis::unknown;
        insert_sorted(at.facts.adjustments, std::move(added));
    }

    /// Undoing an increase takes its value and commission out of the cost, undoing a reduction keeps the average;
    /// through zero, or at a cost that is not positive, nothing is known.
    std::optional<Decimal> walked_back_price(Work const& at, Target const& target) const {
        auto const factor = model::price_factor(*at.facts.instrument);
        if (!factor || !target.average_cost || target.quantity.is_zero()) return std::nullopt;
        Decimal quantity = target.quantity;
        Decimal cost = base::multiply_rounded(*target.average_cost, quantity.abs(), price_decimals);
        auto const& executions = at.facts.executions;
        for (auto fill = executions.rbegin(); fill != executions.rend(); ++fill) {
            if (!fill->in_force()) continue;  // all are booked by now
            Decimal const earlier = quantity - fill->signed_quantity();
            if (earlier.is_zero() || earlier.sign() != quantity.sign()) return std::nullopt;
            if (earlier.abs() < quantity.abs()) {
                Decimal const value = base::multiply_rounded(fill->price, fill->shares * *factor, price_decimals);
                cost = cost - value;
                // A short's proceeds are reduced by its commission, a long's cost is raised.
                if (fill->commission) cost = quantity.is_positive() ? cost - *fill->commission : cost + *fill->commission;
            } else {
                cost = base::multiply_divide_rounded(cost, earlier, quantity, price_decimals);
            }
            if (!cost.is_positive()) return std::nullopt;
            quantity = earlier;
        }
        return base::divide_rounded(cost, quantity.abs() * *factor, price_decimals);
    }

    // --- missing at the broker --------------------------------------------------------------------------------

    void missing(Work& at, ConId con_id) {
        if (!seen_.snapshot) return;  // only a complete snapshot counts
        ++result_.missing;
        Decimal const held = held_quantity(*at.was);  // what is missing was in the book
        Break const* const since = find_break(con_id, BreakKind::missing);
        if (since == nullptr) {
            Break added = new_break(con_id, BreakKind::missing);
            added.broker_value = Decimal(0);
            added.book_value = held;
            added.looks = 1;
            if (guard_opened_at_) added.opened_at = *guard_opened_at_;
            save(std::move(added));
            result_.notices.push_back({con_id, model::EventKind::missing, Cause::missing_at_broker});
            warn(con_id, "position.missing",
                 fmt::format("{}: the broker's complete list no longer shows the {} held and no fill explains it",
                             at.facts.instrument->symbol, held.to_string()));
            return;
        }
        Break looked = not_later_than_now(*since);
        ++looked.looks;
        bool const waited = seen_.observed_at - looked.opened_at >= policy_.missing_after || POSSYNC_PLANTED_BUG(missing_closes_without_waiting);
        if (policy_.on_missing == OnMissing::warn || !waited) {
            looked.state = waited ? BreakState::open : looked.state;
            // Counting looks alone is not worth a revision once two are known.
            if (looked.state != since->state || looked.opened_at != since->opened_at || looked.looks <= 2) save(std::move(looked));
            return;
        }
        if (Adjustment const* rest = provisional_of(at)) {
            model::RowId const id = rest->adjustment_id;
            withdraw(at, id, "missing at the broker");
            if (Break const* open = find_break(con_id, BreakKind::quantity)) {
                close_break(*open, BreakState::resolved, "missing at the broker");
            }
        }
        Decimal const explained = quantity_of(at.facts.executions, at.facts.adjustments, true);
        if (!explained.is_zero()) {
            Adjustment added;
            added.adjustment_id = ids_.take();
            added.con_id = con_id;
            added.cause = Cause::missing_at_broker;
            added.quantity = -explained;
            added.estimated_price = fresh_mark(con_id);
            // By a clock that was set back what was held would end before it began, and an older split would multiply its end.
            added.effective_at = behind_facts(at, seen_.observed_at);
            added.recorded_at = seen_.observed_at;
            insert_sorted(at.facts.adjustments, std::move(added));
        }
        looked.state = BreakState::explained;
        looked.closed_at = seen_.observed_at;
        looked.detail = "closed: missing at the broker";
        save(std::move(looked));
        warn(con_id, "position.closed_missing",
             fmt::format("{}: closed, missing at the broker; its realized P&L is unknown", at.facts.instrument->symbol));
    }

    static bool was_inferred(Cause cause) {
        return cause == Cause::missing_at_broker || cause == Cause::expiry || cause == Cause::exercise || cause == Cause::assignment ||
               cause == Cause::cash_settlement || cause == Cause::maturity;
    }

    /// What last changed the position, but for fills and a rest that nobody has explained.
    static Adjustment const* last_named(Work const& at) {
        Adjustment const* last = nullptr;
        for (auto const& adjustment : at.facts.adjustments) {
            if (adjustment.in_force() && !adjustment.provisional()) last = &adjustment;
        }
        return last;
    }

    static bool traded_since(Work const& at, Adjustment const& change) {
        auto const order = order_of(change);
        return std::ranges::any_of(at.facts.executions, [&](Execution const& execution) {
            return execution.in_force() && execution.booking == Booking::booked && order < order_of(execution);
        });
    }

    /// A position that was closed as missing, or as ended, and is back with the same quantity, or with what the fills known since make
    /// of it, was never closed.
    bool reopen_returned(Work& at, Target const& target, Decimal const& delta) {
        if (target.absent || delta.is_zero()) return false;
        Adjustment const* const last = last_named(at);
        if (last == nullptr || !was_inferred(last->cause)) return false;
        // What an option delivered into it is no end: it is sold again like anything else.
        bool const delivered = (last->cause == Cause::exercise || last->cause == Cause::assignment) && !is_derivative(at.facts.instrument.con_id());
        if (delivered) return false;
        Decimal waiting;
        bool by_fills = false;
        // What was missing may have been bought anew, and its push comes before its fill: a complete look knows of both. What has ended
        // cannot be bought.
        bool const may_be_new = last->cause == Cause::missing_at_broker && !seen_.snapshot && statement_ == nullptr;
        bool returned = delta == -last->quantity && !may_be_new;
        for (auto const& execution : at.facts.executions) {
            if (!is_pending(execution)) continue;
            waiting += execution.signed_quantity();
            by_fills = by_fills || waiting == delta;  // they say it all: what went is gone
            returned = returned || waiting - last->quantity == delta;
        }
        if (!returned || by_fills || traded_since(at, *last)) return false;
        withdraw(at, last->adjustment_id, "returned");
        return true;
    }

    /// Whether fills wait beside a close as missing.
    static bool closed_as_missing(InstrumentBook const& book) {
        auto const closed = [](Adjustment const& each) { return each.in_force() && each.cause == Cause::missing_at_broker; };
        return std::ranges::any_of(book.executions, is_pending) && std::ranges::any_of(book.adjustments, closed);
    }

    /// A position was closed as missing, and fills that are known since amount to just what went: they say how, and for how much. Those
    /// made before it was closed are believed at once, whatever was traded since. Later ones may be the beginning of a position that the
    /// list does not show yet: they are believed when they have moved nothing for as long as a rest may settle, and nothing was traded.
    bool end_told_by_fills(Work& at, Decimal const& delta) {
        if (!delta.is_zero()) return false;
        Adjustment const* const last = last_named(at);
        if (last == nullptr || last->cause != Cause::missing_at_broker) return false;
        Decimal waiting;
        bool made_before = true;
        bool believed = true;
        bool told_by_earlier = false;  // whatever was traded since, they come before it
        bool told = false;
        for (auto const& execution : at.facts.executions) {
            if (!is_pending(execution)) continue;
            waiting += execution.signed_quantity();
            bool const settled = seen_.snapshot && seen_.observed_at - execution.recorded_at >= policy_.settle_for;
            made_before = made_before && execution.time <= *last->effective_at;
            believed = believed && (made_before || settled);
            if (waiting != last->quantity) continue;
            told_by_earlier = told_by_earlier || made_before;
            told = told || believed;
        }
        if (!told_by_earlier && (!told || traded_since(at, *last))) return false;
        withdraw(at, last->adjustment_id, "explained by fills");
        return true;
    }

    // --- breaks -----------------------------------------------------------------------------------------------

    Break const* find_break(ConId con_id, BreakKind kind) const { return ledger::find_break(book_, con_id, kind); }

    Break new_break(ConId con_id, BreakKind kind) {
        Break added;
        added.break_id = ids_.take();
        added.con_id = con_id;
        added.kind = kind;
        added.opened_at = seen_.observed_at;
        added.last_change_at = seen_.observed_at;
        return added;
    }

    /// Nothing began later than now: where the clock was set back since, the wait begins anew, or it would last until the clock
    /// has caught up.
    Break not_later_than_now(Break waiting) const {
        waiting.opened_at = std::min(waiting.opened_at, seen_.observed_at);
        waiting.last_change_at = std::min(waiting.last_change_at, seen_.observed_at);
        return waiting;
    }

    void save(Break changed) { breaks_[changed.break_id] = std::move(changed); }

    void close_break(Break const& open, BreakState state, std::string detail) {
        Break closed = open;
        closed.state = state;
        closed.closed_at = seen_.observed_at;
        closed.detail = std::move(detail);
        save(std::move(closed));
    }

    /// Fills that no change of position takes up become breaks of their own, with patience.
    void review_breaks() {
        std::set<ConId> waiting;
        auto review = [&](ConId con_id, std::vector<Execution> const& executions) {
            Execution const* oldest = nullptr;
            for (auto const& execution : executions) {
                if (!is_pending(execution)) continue;
                ++result_.pending_executions;
                if (oldest == nullptr || execution.recorded_at < oldest->recorded_at) oldest = &execution;
            }
            if (oldest != nullptr) {
                waiting.insert(con_id);
                if (seen_.snapshot) look_at_waiting(con_id, *oldest);
            }
        };
        for (auto const& [con_id, at] : work_) review(con_id, at.facts.executions);
        auto const review_other = [&](ConId con_id, InstrumentBook const& book) {
            if (!work_.contains(con_id)) review(con_id, book.executions);
        };
        if (seen_.snapshot || statement_ != nullptr) {
            for (auto const& [con_id, book] : book_.instruments) review_other(con_id, book);
        } else {  // what is pushed of one instrument is not made to wait by the others, nor by looking through all of them
            for (auto const& [unused, open] : book_.breaks) {
                auto const* const book = open.kind == BreakKind::fill_without_position ? known(open.con_id) : nullptr;
                if (book != nullptr) review_other(open.con_id, *book);
            }
        }
        for (ConId const con_id : orders_of_master_) {
            close_break(*find_break(con_id, BreakKind::fill_without_position), BreakState::resolved,
                        "an adviser's order: its clients have the fills");
            for (auto& execution : work(book_.instruments.at(con_id).instrument).facts.executions) {
                if (is_pending(execution)) execution.booking = Booking::never;
            }
            waiting.insert(con_id);
        }
        for (auto const& [unused, open] : book_.breaks) {
            if (open.kind == BreakKind::fill_without_position && !waiting.contains(open.con_id)) {
                close_break(open, BreakState::resolved, "taken up by the position");
            }
        }
    }

    /// An adviser's master account carries the rows of orders that were allocated to its clients. Its code begins with F, on
    /// paper with DF (https://ibkrcampus.com, TWS API, financial advisors).
    static bool is_adviser_master(std::string_view account) { return account.starts_with('F') || account.starts_with("DF"); }

    void look_at_waiting(ConId con_id, Execution const& oldest) {
        Break const* const open = find_break(con_id, BreakKind::fill_without_position);
        if (open == nullptr) {
            Break added = new_break(con_id, BreakKind::fill_without_position);
            added.book_value = oldest.signed_quantity();
            added.looks = 1;
            added.detail = oldest.exec_id;
            save(std::move(added));
            return;
        }
        if (open->state == BreakState::open) return;
        Break looked = not_later_than_now(*open);
        ++looked.looks;
        if (looked.looks >= policy_.looks_needed && seen_.observed_at - looked.opened_at >= policy_.settle_for) {
            if (is_adviser_master(book_.account) && known(con_id)->positions.empty()) {
                orders_of_master_.push_back(con_id);
                return;
            }
            looked.state = BreakState::open;
            warn(con_id, "execution.without_position",
                 fmt::format("fill {} of {} has not moved the broker's position", oldest.exec_id,
                             oldest.signed_quantity().to_string()));
        }
        save(std::move(looked));
    }

    void warn(ConId con_id, std::string event, std::string text) {
        result_.warnings.push_back({con_id, std::move(event), std::move(text)});
    }

    Explanation finish() {
        result_.changed.reserve(work_.size());
        for (auto& [unused, at] : work_) {
            if (at.was == nullptr) {
                bool const empty = at.facts.executions.empty() && at.facts.adjustments.empty();
                if (!empty) result_.changed.push_back(std::move(at.facts));
                continue;
            }
            bool const same_facts = at.was->executions == at.facts.executions && at.was->adjustments == at.facts.adjustments;
            if (same_facts && at.was->instrument == at.facts.instrument) continue;
            if (same_facts && fold_alike(*at.was->instrument, *at.facts.instrument)) {
                result_.described.push_back(at.facts.instrument);
            } else {
                result_.changed.push_back(std::move(at.facts));
            }
        }
        for (auto& [unused, changed] : breaks_) result_.breaks.push_back(std::move(changed));
        return std::move(result_);
    }

    model::AccountBook const& book_;
    Observation const& seen_;
    Policy const& policy_;
    IdAllocator& ids_;
    StatementPart const* statement_;
    bool first_sight_;
    std::map<ConId, Work> work_;
    std::vector<ConId> orders_of_master_;  ///< whose pending fills are rows of an adviser's orders
    Targets targets_;
    std::map<ConId, std::vector<Delivery>> deliveries_;  ///< underlying -> legs delivered in this observation
    std::map<model::RowId, Break> breaks_;
    std::map<ConId, std::string> proposals_;  ///< what to do about what a statement does not decide
    std::optional<Timestamp> guard_opened_at_;
    Explanation result_;
};

}  // namespace

base::Result<Explanation> explain(model::AccountBook const& book, Observation const& observation, Policy const& policy,
                                  IdAllocator& ids) {
    return Explainer(book, observation, policy, ids).run();
}

base::Result<Explanation> explain(model::AccountBook const& book, StatementPart const& statement, Observation const& observation,
                                  Policy const& policy, IdAllocator& ids) {
    return Explainer(book, observation, policy, ids, &statement).run();
}

}  // namespace possync::ledger
