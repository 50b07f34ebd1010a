#include "auditor.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "own_ledger.hpp"

namespace possync::sim {

using base::Decimal;
using model::Cause;
using model::RowId;

namespace {

std::string show(std::optional<Decimal> const& value) { return value ? value->to_string() : "unknown"; }

bool never_a_position(std::string const& sec_type) { return sec_type == "BAG" || sec_type == "CASH"; }

constexpr std::string_view by_statement = "+statement";

/// Which version of a fill an id is: the digits behind the last dot; a statement's version stands above the one it restates.
std::int64_t version_of(std::string_view id) {
    bool stated = false;
    for (; id.ends_with(by_statement); stated = true) id.remove_suffix(by_statement.size());
    std::int64_t number = 0;
    std::int64_t place = 1;
    for (auto at = id.size(); at > 0 && id[at - 1] != '.'; --at, place *= 10) number += (id[at - 1] - '0') * place;
    return 2 * number + stated;
}

std::string root_of(std::string const& id) { return id.substr(0, id.rfind('.')); }

}  // namespace

void Auditor::fail(std::string promise, std::string what) {
    if (!violation_) violation_ = Violation{std::move(promise), std::move(what)};
}

void Auditor::broker_changed(base::Timestamp now) {
    auto const date = base::utc_local(now).date;
    today_ = fmt::format("{:04}{:02}{:02}", date.year, date.month, date.day);
    if (broker_.changes() == seen_changes_) return;
    seen_changes_ = broker_.changes();
    for (auto const& [account, holdings] : broker_.holdings()) {
        served_accounts_.insert(account);
        for (auto const& [con_id, holding] : holdings) {
            auto& quantities = truth_[{account, con_id}].quantities;
            if (quantities.empty()) quantities.emplace_back(0);
            if (quantities.back() != holding.quantity) quantities.push_back(holding.quantity);
        }
    }
    for (auto const& key : vanished_) {
        auto const holdings = broker_.holdings().find(key.first);
        if (holdings == broker_.holdings().end() || holdings->second.contains(key.second)) continue;
        auto& quantities = truth_[key].quantities;
        if (!quantities.empty() && !quantities.back().is_zero()) quantities.emplace_back(0);
    }
    for (std::size_t i = fills_.size(); i < broker_.fills().size(); ++i) fills_[broker_.fills()[i].exec_id] = i;
}

gateway::Fill const* Auditor::fill(std::string const& exec_id) const {
    auto const found = fills_.find(exec_id);
    return found == fills_.end() ? nullptr : &broker_.fills()[found->second];
}

std::int64_t Auditor::revisions() const {
    std::int64_t sum = 0;
    for (auto const& [unused, account] : accounts_) sum += account.revision;
    return sum;
}

bool Auditor::knows(std::string const& code) const {
    return std::any_of(accounts_.begin(), accounts_.end(), [&](auto const& each) { return each.second.code == code && each.second.revision > 0; });
}

// --- what happens ------------------------------------------------------------------------------------------------------------

void Auditor::claimed(int host, store::GatewayLease const& lease) {
    if (lease.epoch < epoch_) fail("P4", fmt::format("epoch {} was given after {}", lease.epoch, epoch_));
    if (lease.epoch > epoch_) marks_.hit("lease taken anew");
    epoch_ = std::max(epoch_, lease.epoch);
    auto const [owner, added] = host_of_epoch_.try_emplace(lease.epoch, host);
    if (!added && owner->second != host) {
        fail("P14", fmt::format("epoch {} was given to service {} and to service {}", lease.epoch, owner->second, host));
    }
    for (auto const& each : lease.accounts) {
        Account& account = accounts_[each.account_id];
        if (!account.code.empty() && account.code != each.account) {
            fail("P4", fmt::format("account number {} was {} and is {}", each.account_id, account.code, each.account));
        }
        account.code = each.account;
        account.id = each.account_id;
    }
}

void Auditor::in_doubt(int host, store::CommitRequest const& request, model::CostBasis method) {
    if (!request.change_sets.empty()) doubts_.push_back({host, request, method});
}

void Auditor::committed(int host, store::CommitRequest const& request, model::CostBasis method) {
    bool const nothing = request.change_sets.empty() && request.runs.empty() && request.marks.empty() && request.values.empty() &&
                         request.coverage.empty() && request.freshness.empty() && request.statements.empty();
    if (nothing) return;  // the store wrote nothing, and looked at no epoch
    auto const owner = host_of_epoch_.find(request.epoch);
    if (request.epoch != epoch_) {
        fail("P14", fmt::format("service {} wrote under epoch {}, the epoch is {}", host, request.epoch, epoch_));
    } else if (owner == host_of_epoch_.end() || owner->second != host) {
        fail("P14", fmt::format("service {} wrote under an epoch that is not its own", host));
    }
    take(request, method);
}

void Auditor::take(store::CommitRequest const& request, model::CostBasis method) {
    ++commits_;
    bool const statement = !request.statements.empty();
    in_statement_ = statement || importing;
    for (auto const& change_set : request.change_sets) {
        for (auto const& i : change_set->instruments) {
            auto& shared = described_[i.con_id()];
            if (i->details_known || !shared.details_known) shared = *i;
        }
    }
    for (auto const& change_set : request.change_sets) {
        auto const found = accounts_.find(change_set->account_id);
        if (found == accounts_.end()) return fail("P4", fmt::format("account number {} was never claimed", change_set->account_id));
        if (statement) {
            for (auto const& e : change_set->executions) taint(found->second.code, e.con_id);
            for (auto const& a : change_set->adjustments) taint(found->second.code, a.con_id);
            for (auto const& p : change_set->positions) taint(found->second.code, p.con_id);
            marks_.hit("statement changed the book");
        }
        take(found->second, *change_set, method);
        if (violation_) return;
    }
    for (auto const& window : request.coverage) {
        auto const found = accounts_.find(window.account_id);
        if (found == accounts_.end()) continue;
        found->second.coverage[window.from_time] = window;
        marks_.hit("coverage", window.state + " " + window.source);
    }
    for (auto const& run : request.runs) {
        marks_.hit("run", to_string(run.trigger));
        marks_.hit("outcome", to_string(run.outcome));
    }
    if (!request.marks.empty()) marks_.hit("marks written");
    if (!request.values.empty()) marks_.hit("account values written");
}

Decimal Auditor::held(InstrumentRows const& rows) {
    return rows.positions.empty() ? Decimal(0) : rows.positions.rbegin()->second.quantity;
}

void Auditor::take(Account& account, model::ChangeSet const& change_set, model::CostBasis method) {
    taken_ = &change_set;
    if (change_set.base_revision != account.revision) {
        return fail("P4", fmt::format("account {} stood at revision {}, a commit made {} of {}", account.code, account.revision,
                                      change_set.base_revision + 1, change_set.base_revision));
    }
    if (change_set.next_id < account.next_id) return fail("P4", fmt::format("account {}: its counter goes back from {} to {}", account.code, account.next_id, change_set.next_id));
    if (change_set.empty() && account.revision != 0) return fail("P20", fmt::format("account {}: revision {} changes nothing", account.code, change_set.base_revision + 1));
    if (account.revision == 0) {
        account.first_seen = change_set.recorded_at;
        // A list that names nothing at the first sight is a lie that nobody can tell; fills within seconds of it may be on either side.
        if (a_list_may_be_empty) first_sight_of_a_lie_.insert(account.code);
        for (auto const& each : broker_.fills()) {
            if (each.account != account.code) continue;
            bool const asked = std::any_of(change_set.executions.begin(), change_set.executions.end(), [&](auto const& e) { return e.exec_id == each.exec_id; });
            // Within seconds of the list a fill may be on either side; one that could not be asked for is part of the opening balance.
            if (!asked || account.first_seen - each.time < std::chrono::seconds(20)) taint(account.code, each.con_id);
        }
    }
    // What a statement begins, the first list does not begin: where it listed less than is held, a rest remains that no fill explains.
    if (account.revision == 0 && in_statement_) begun_by_statement_.insert(account.code);
    account.listed = account.listed || !in_statement_;
    ++account.revision;
    auto const own = [&](RowId id) {
        std::int64_t const n = id & 0xFFFFFFFF;
        if (id >> 32 != account.id || n <= 0 || n >= change_set.next_id) fail("P4", fmt::format("account {}: row {} has a number that is not its own", account.code, id));
    };
    std::set<model::ConId> changed;
    std::map<RowId, Decimal> before;
    for (auto const& i : change_set.instruments) {
        account.instruments[i.con_id()].instrument = *i;
    }
    // Contract data is shared by the accounts of a database: who meets an instrument later may find it there.
    auto const describe = [&](model::ConId con_id) {
        auto& known = account.instruments[con_id].instrument;
        if (known.con_id == 0 && described_.contains(con_id)) known = described_.at(con_id);
    };
    for (auto const& e : change_set.executions) describe(e.con_id);
    for (auto const& a : change_set.adjustments) describe(a.con_id);
    for (auto const& e : change_set.executions) {
        account.instruments[e.con_id].executions[e.exec_id] = e;
        changed.insert(e.con_id);
    }
    for (auto const& a : change_set.adjustments) {
        own(a.adjustment_id);
        account.instruments[a.con_id].adjustments[a.adjustment_id] = a;
        changed.insert(a.con_id);
    }
    for (auto const& p : change_set.positions) {
        own(p.position_id);
        auto& positions = account.instruments[p.con_id].positions;
        auto const was = positions.find(p.position_id);
        before[p.position_id] = was == positions.end() ? Decimal(0) : was->second.quantity;
        positions[p.position_id] = p;
        auto const [known, added] = account.con_of.try_emplace(p.position_id, p.con_id);
        if (!added && known->second != p.con_id) fail("P1", fmt::format("position {} changed its instrument", p.position_id));
        if (p.revision != account.revision) fail("P4", fmt::format("position {} says revision {}, it is {}", p.position_id, p.revision, account.revision));
        changed.insert(p.con_id);
    }
    auto const rows_of = [&](RowId position) -> InstrumentRows* {
        auto const con_id = account.con_of.find(position);
        if (con_id == account.con_of.end()) return nullptr;
        changed.insert(con_id->second);
        return &account.instruments[con_id->second];
    };
    for (auto const id : change_set.removed_positions) {
        if (auto* rows = rows_of(id)) {
            before[id] = rows->positions[id].quantity;
            rows->positions.erase(id);
            marks_.hit("episode taken back");
        }
    }
    for (auto const& c : change_set.closes) {
        own(c.close_id);
        if (auto* rows = rows_of(c.position_id)) rows->closes[c.close_id] = c;
    }
    for (auto const& l : change_set.lots) {
        own(l.lot_id);
        if (auto* rows = rows_of(l.position_id)) rows->lots[l.lot_id] = l;
    }
    for (auto const id : change_set.removed_closes) {
        for (auto const con_id : changed) account.instruments[con_id].closes.erase(id);
    }
    for (auto const id : change_set.removed_lots) {
        for (auto const con_id : changed) account.instruments[con_id].lots.erase(id);
    }
    for (auto const& b : change_set.breaks) {
        own(b.break_id);
        if (b.state == model::BreakState::open || b.state == model::BreakState::settling) {
            account.breaks[b.break_id] = b;
        } else {
            account.breaks.erase(b.break_id);
        }
    }
    account.next_id = change_set.next_id;
    mark(change_set);
    if (violation_) return;
    bool statement = false;
    statement = in_statement_;
    for (auto const con_id : changed) {
        check_executions(account, account.instruments[con_id], change_set.executions);
        check_instrument(account, con_id, method, statement);
        if (violation_) return;
    }
    check_events(account, change_set, before);
}

void Auditor::check_executions(Account const& account, InstrumentRows const& rows, std::vector<model::Execution> const& changed) {
    for (auto const& e : changed) {
        if (e.con_id != rows.instrument.con_id) continue;
        if (e.transaction_id.empty()) {
            auto const* truth = fill(e.exec_id);
            if (truth == nullptr) return fail("P5", fmt::format("execution {} was never made", e.exec_id));
            Decimal const signed_shares = e.side == model::Side::bought ? e.shares : -e.shares;
            bool const same = truth->account == account.code && truth->con_id == e.con_id && truth->quantity == signed_shares && truth->price == e.price &&
                              truth->time.microseconds / 1'000'000 == e.time.microseconds / 1'000'000;
            if (!same) return fail("P5", fmt::format("execution {} is not what the broker made", e.exec_id));
            if (e.commission && truth->commission != e.commission) {
                return fail("P5", fmt::format("the commission of {} is {}, the broker charged {}", e.exec_id, show(e.commission), show(truth->commission)));
            }
            if (!e.commission && e.broker_realized_pnl) return fail("P5", fmt::format("{} has a claim without a commission", e.exec_id));
        }
        bool const never = e.booking == model::Booking::never;
        // A statement's row that takes an earlier day's fill back is kept to be known again, and moves nothing itself.
        bool const takes_back = never && !e.transaction_id.empty() && std::ranges::any_of(broker_.fills(), [&](auto const& each) {
            return each.superseded && each.account == account.code && each.con_id == e.con_id && each.quantity == -e.signed_quantity();
        });
        if (!takes_back && never != never_a_position(rows.instrument.sec_type)) return fail("P5", fmt::format("execution {} of kind {} is{} counted", e.exec_id, rows.instrument.sec_type, never ? " not" : ""));
    }
    std::map<std::string, model::Execution const*> highest;
    std::map<std::string, int> in_force;
    for (auto const& [id, e] : rows.executions) {
        auto& best = highest[root_of(id)];
        if (best == nullptr || version_of(id) > version_of(best->exec_id)) best = &e;
        in_force[root_of(id)] += e.superseded_by.empty();
    }
    for (auto const& [root, best] : highest) {
        if (in_force[root] > 1) return fail("P5", fmt::format("{} versions of the fill {} are in force", in_force[root], root));
        bool const cancelled = best->superseded_by.starts_with("cancelled:");
        if (in_force[root] == 0 && !cancelled) return fail("P5", fmt::format("no version of the fill {} is in force", root));
        if (!best->superseded_by.empty() && !cancelled) return fail("P5", fmt::format("the highest version {} is superseded by {}", best->exec_id, best->superseded_by));
    }
}

void Auditor::check_instrument(Account& account, model::ConId con_id, model::CostBasis method, bool statement) {
    InstrumentRows const& rows = account.instruments[con_id];
    auto const name = [&] { return fmt::format("{} {} (conId {})", account.code, rows.instrument.local_symbol, con_id); };
    if (rows.instrument.con_id != con_id) return fail("P1", fmt::format("{}: rows of an instrument that nobody described", name()));
    // Contract data of another account may have reached this one through the database, or not yet.
    Recount count = recount(rows.instrument, rows.executions, rows.adjustments, method);
    auto const shared = described_.find(con_id);
    if (shared != described_.end() && shared->second != rows.instrument) {
        auto with_shared = recount(shared->second, rows.executions, rows.adjustments, method);
        auto const fits = [&](Recount const& each) {
            std::size_t index = 0;
            return each.episodes.size() == rows.positions.size() && std::all_of(rows.positions.begin(), rows.positions.end(), [&](auto const& position) {
                       Episode const& episode = each.episodes[index++];
                       return episode.average == position.second.average_price && episode.realized == position.second.realized_pnl;
                   });
        };
        if (!fits(count) && fits(with_shared)) count = std::move(with_shared);
    }
    if (count.episodes.size() != rows.positions.size()) {
        return fail("P7", fmt::format("{}: {} positions are kept, the facts make {}", name(), rows.positions.size(), count.episodes.size()));
    }
    std::map<RowId, Decimal> lots;
    for (auto const& [unused, lot] : rows.lots) lots[lot.position_id] += lot.remaining_quantity;
    struct Sum {
        Decimal realized;
        int closes = 0;
        int unknown = 0;
    };
    std::map<RowId, Sum> sums;
    for (auto const& [unused, close] : rows.closes) {
        Sum& sum = sums[close.position_id];
        ++sum.closes;
        if (close.realized_pnl) {
            sum.realized += *close.realized_pnl;
        } else {
            ++sum.unknown;
        }
    }
    std::size_t index = 0;
    for (auto const& [id, p] : rows.positions) {
        Episode const& e = count.episodes[index++];
        auto const differs = [&](char const* what, std::string const& is, std::string const& should) {
            fail("ledger", fmt::format("{}: position {}: {} is {}, the facts make {}", name(), id, what, is, should));
        };
        if (p.quantity != e.quantity) return differs("the quantity", p.quantity.to_string(), e.quantity.to_string());
        if (lots[id] != p.quantity) return differs("what its lots hold", lots[id].to_string(), p.quantity.to_string());
        if (sums[id].closes != e.closes) return differs("the number of closes", std::to_string(sums[id].closes), std::to_string(e.closes));
        if (p.quantity.is_zero() != p.closed_at.has_value()) return differs("the time of closing", p.closed_at ? "there" : "missing", "the other");
        if (!p.quantity.is_zero() && index < rows.positions.size()) return fail("P1", fmt::format("{}: two positions are open", name()));
        if (!count.priced) continue;
        if (p.realized_pnl != e.realized) return differs("realized P&L", p.realized_pnl.to_string(), e.realized.to_string());
        if (sums[id].realized != e.realized) return differs("the sum of its closes", sums[id].realized.to_string(), e.realized.to_string());
        if (p.unknown_closes != e.unknown_closes || sums[id].unknown != e.unknown_closes) return differs("closes unknown", std::to_string(p.unknown_closes), std::to_string(e.unknown_closes));
        if (p.commissions != e.commissions) return differs("commissions", show(p.commissions), show(e.commissions));
        if (p.net_realized_pnl != e.net) return differs("net realized P&L", show(p.net_realized_pnl), show(e.net));
        if (p.average_price != e.average) return differs("the average price", show(p.average_price), show(e.average));
        // The law behind all methods: what is flat again and fully known realized what came in less what went out.
        if (p.quantity.is_zero() && e.all_known && p.realized_pnl != e.cash) return differs("realized P&L of a flat position", p.realized_pnl.to_string(), e.cash.to_string());
        if (p.quantity.is_zero() && e.all_known) marks_.hit("flat to flat is exact");
    }
    check_quantity(account, con_id, held(rows), statement);
}

/// P1: of the moments since the one that was shown last, the first at which the broker held so much.
void Auditor::check_quantity(Account& account, model::ConId con_id, Decimal const& quantity, bool statement) {
    auto const at = truth_.find({account.code, con_id});
    if (at == truth_.end()) {
        if (!quantity.is_zero()) fail("P1", fmt::format("{} conId {}: {} is shown, the broker never held any", account.code, con_id, quantity.to_string()));
        return;
    }
    History& history = at->second;
    for (std::size_t i = history.shown; i < history.quantities.size(); ++i) {
        if (history.quantities[i] != quantity) continue;
        // A statement may know more than what has arrived from the gateway: the stream goes on where it was.
        if (!statement) history.shown = i;
        history.excused.reset();
        return;
    }
    if (history.excused == quantity) return;  // this commit changed something else of it
    if (excuse(account, con_id, quantity, statement)) {
        history.excused = quantity;
        return;
    }
    std::string all;
    for (std::size_t i = history.shown; i < history.quantities.size(); ++i) all += " " + history.quantities[i].to_string();
    fail("P1", fmt::format("{} conId {}: {} is shown, the broker had since what was shown last:{}", account.code, con_id, quantity.to_string(), all));
}

bool Auditor::excuse(Account const& account, model::ConId con_id, Decimal const& quantity, bool statement) {
    if (first_sight_of_a_lie_.contains(account.code)) return true;
    // What has expired, by the clock that the service has, may go when it is no longer listed.
    auto const expires = described_.find(con_id);
    bool const expired = expires != described_.end() && !expires->second.expiry.empty() && (swarm_.clocks != 0 || expires->second.expiry <= today_);
    bool const left = !broker_.holdings().contains(account.code);
    if (quantity.is_zero() && left) return true;
    bool const listed = !a_list_may_be_empty;
    if (quantity.is_zero() && !listed && (expired || swarm_.clocks != 0)) return true;
    // Nor is it seen that a list lies where fills, or a delivery to the share, amount to just what it says, or an operator explains it.
    bool const adjusted = taken_ != nullptr && std::ranges::any_of(taken_->adjustments, [&](auto const& each) {
        bool const delivers = each.cause == Cause::exercise || each.cause == Cause::assignment;
        return each.con_id == con_id && each.in_force() && !delivers;
    });
    if (quantity.is_zero() && a_list_may_be_empty && (operator_edits || !adjusted)) return true;
    auto const marked = [&](char const* name) {
        marks_.hit(name);
        return true;
    };
    // A whole account that is gone at once is believed only when something confirms it.
    auto const gone = taken_ == nullptr ? 0 : std::ranges::count_if(taken_->adjustments, [](auto const& each) { return each.cause == Cause::missing_at_broker && each.in_force(); });
    bool const guarded = gone >= 3 && guard_holds && swarm_.clocks == 0 && swarm_.vanishing == 0;
    if (quantity.is_zero() && lists_were_empty_for_long && !guarded) return marked("closed after long empty lists");
    // A frame that was lost on the way makes the gateway lie by omission: what is missing for long is closed at last.
    if (quantity.is_zero() && swarm_.drops) return marked("closed because rows were lost");
    // By a clock that was set, a statement's evening may stand between the list that counts and a fill that only a later statement
    // takes back: the next look puts it right.
    if (statement && swarm_.clocks != 0 && tainted_.contains({account.code, con_id})) return true;
    // Trades alone, before any list: what they amount to, without what was held before them.
    return statement && !account.listed && !imports_positions && marked("statement without positions begins the book");
}

void Auditor::check_events(Account& account, model::ChangeSet const& change_set, std::map<RowId, Decimal> const& before) {
    RowId last_id = 0;
    std::set<RowId> told;
    for (auto const& event : change_set.events) {
        ++account.events;
        if (event.event_id <= last_id) return fail("P7", fmt::format("event {} stands behind {}", event.event_id, last_id));
        last_id = event.event_id;
        told.insert(event.position_id);
        Decimal& after = account.last_after[event.position_id];
        if (event.quantity_before != after) {
            return fail("P7", fmt::format("event {} ({} {} of {}) begins at {}, position {} stood at {}", event.event_id, to_string(event.kind), to_string(event.cause), event.con_id, event.quantity_before.to_string(), event.position_id, after.to_string()));
        }
        after = event.quantity_after;
        auto const con_id = account.con_of.find(event.position_id);
        if (con_id == account.con_of.end() || con_id->second != event.con_id) return fail("P7", fmt::format("event {} is of no position", event.event_id));
    }
    for (auto const& [id, was] : before) {
        auto const con_id = account.con_of.at(id);
        auto const& positions = account.instruments[con_id].positions;
        auto const now = positions.find(id);
        Decimal const is = now == positions.end() ? Decimal(0) : now->second.quantity;
        if (is != account.last_after[id]) {
            return fail("P7", fmt::format("position {} went from {} to {}, its events end at {}", id, was.to_string(), is.to_string(), account.last_after[id].to_string()));
        }
        if (is != was && !told.contains(id)) return fail("P7", fmt::format("position {} went from {} to {} and no event says why", id, was.to_string(), is.to_string()));
    }
}

void Auditor::mark(model::ChangeSet const& change_set) {
    for (auto const& event : change_set.events) {
        marks_.hit("event", to_string(event.kind));
        marks_.hit("cause", to_string(event.cause));
    }
    for (auto const& b : change_set.breaks) marks_.hit("break", fmt::format("{} {}", to_string(b.kind), to_string(b.state)));
    for (auto const& a : change_set.adjustments) {
        if (a.undone_at) {
            marks_.hit("withdrawn", a.undone_by);
            if (a.undone_by.starts_with("operator")) marks_.hit("withdrawn by an operator");
            if (a.undone_by.starts_with("explained by")) marks_.hit("explained by an operator");
        }
        if (a.estimated_price) marks_.hit("an estimate at the mark");
    }
    for (auto const& e : change_set.executions) {
        if (!e.superseded_by.empty()) marks_.hit(e.superseded_by.starts_with("cancelled:") ? "fill taken back" : "fill superseded");
        if (e.excluded) marks_.hit("fill excluded");
        if (e.exercise_type && *e.exercise_type > 0) marks_.hit("fill with an exercise type");
        if (e.booking == model::Booking::pending) marks_.hit("fill waits for its position");
        if (e.booking == model::Booking::never) marks_.hit("fill that never counts");
        if (e.commission && e.commission->is_negative()) marks_.hit("rebate");
    }
    for (auto const& close : change_set.closes) {
        if (!close.realized_pnl) marks_.hit("close without P&L");
        if (close.realized_pnl && close.side == model::Side::bought) marks_.hit("short covered");
        if (!close.net_realized_pnl && close.realized_pnl) marks_.hit("close whose commission is unknown");
    }
    if (change_set.base_revision == 0) marks_.hit("first sight");
    if (change_set.base_revision == 0 && !change_set.executions.empty()) marks_.hit("first sight with fills of the day");
    if (change_set.positions.size() > 1 && change_set.closes.size() == 1) marks_.hit("through zero");
}

void Auditor::statement_imported(std::string const& code, base::Date day) {
    constexpr std::int64_t a_day = 86'400'000'000;
    for (auto const& [unused, account] : accounts_) {
        if (account.code != code) continue;
        for (auto const& each : broker_.fills()) {
            bool const taken_back = each.account == code && each.superseded && !each.served && each.superseded_at && each.superseded_at->microseconds / a_day == base::days_since_epoch(day) &&
                                    each.time.microseconds / a_day < base::days_since_epoch(day);
            auto const rows = account.instruments.find(each.con_id);
            if (!taken_back || rows == account.instruments.end()) continue;
            auto const known = rows->second.executions.find(each.exec_id);
            if (known != rows->second.executions.end() && known->second.superseded_by.empty()) {
                fail("P5", fmt::format("the statement of {} takes back {}, and it still counts", base::to_string(day), each.exec_id));
            }
        }
    }
}

// --- looking -----------------------------------------------------------------------------------------------------------------

std::optional<std::map<model::AccountId, model::Revision>> Auditor::settle_doubts(store::sqlite::Database& database, Look look,
                                                                                  store::CommitRequest const* just_done) {
    std::map<model::AccountId, model::Revision> revisions;
    auto read = database.each("SELECT account_id, revision FROM account", [&](auto& row) {
        auto const id = static_cast<model::AccountId>(row.integer());
        revisions[id] = row.integer();
    });
    // Of several commits of one revision the one was done whose time and events stand beside it.
    struct Recorded {
        base::Timestamp at;
        std::optional<RowId> first_event;
        std::optional<RowId> last_event;
        bool operator==(Recorded const&) const = default;
    };
    std::map<std::pair<model::AccountId, model::Revision>, Recorded> recorded;
    if (read && !doubts_.empty()) {
        read = database.each("SELECT account_id, revision, recorded_at, first_event_id, last_event_id FROM outbox", [&](auto& row) {
            auto const id = static_cast<model::AccountId>(row.integer());
            auto const revision = row.integer();
            Recorded& one = recorded[{id, revision}];
            one.at = row.time();
            one.first_event = row.optional_integer();
            one.last_event = row.optional_integer();
        });
    }
    if (!read) return std::nullopt;
    auto const is_done = [&](model::ChangeSet const& change_set) {
        auto const found = recorded.find({change_set.account_id, change_set.base_revision + 1});
        bool const overtaken = just_done != nullptr && std::ranges::any_of(just_done->change_sets, [&](auto const& done) {
            return done->account_id == change_set.account_id && done->base_revision == change_set.base_revision;
        });
        Recorded own{change_set.recorded_at, std::nullopt, std::nullopt};
        if (!change_set.events.empty()) own.first_event = change_set.events.front().event_id, own.last_event = change_set.events.back().event_id;
        return !overtaken && found != recorded.end() && found->second == own && accounts_[change_set.account_id].revision == change_set.base_revision;
    };
    auto const is_past = [&](model::ChangeSet const& change_set) { return revisions[change_set.account_id] > change_set.base_revision; };
    for (bool again = true; again;) {  // a commit may stand on another one in doubt
        again = false;
        for (auto it = doubts_.begin(); it != doubts_.end() && !again; ++it) {
            if (!std::ranges::all_of(it->request.change_sets, [&](auto const& each) { return is_done(*each); })) continue;
            Doubt const doubt = std::move(*it);
            doubts_.erase(it);
            marks_.hit("commit in doubt was done");
            take(doubt.request, doubt.method);
            again = true;
        }
    }
    std::erase_if(doubts_, [&](Doubt const& doubt) {
        bool const gone = look == Look::recovered || std::ranges::any_of(doubt.request.change_sets, [&](auto const& each) { return is_past(*each); });
        if (gone) marks_.hit("commit in doubt was not done");
        return gone;
    });
    return revisions;
}

void Auditor::check_database(store::sqlite::Database& database, Look look) {
    auto const read = settle_doubts(database, look);
    if (!read) return fail("P9", "the database cannot be read");
    auto const& revisions = *read;
    for (auto& [id, account] : accounts_) {
        auto const found = revisions.find(id);
        model::Revision const stored = found == revisions.end() ? 0 : found->second;
        if (stored != account.revision) {
            return fail("P9", fmt::format("account {}: revision {} was acknowledged, the database holds {}", account.code, account.revision, stored));
        }
        compare_rows(database, account);
        if (violation_) return;
    }
}

void Auditor::compare_rows(store::sqlite::Database& database, Account& account) {
    auto const name = [&](auto const& what) { return fmt::format("account {}: {}", account.code, what); };
    std::size_t count = 0;
    auto const wrong = [&](std::string what) { fail("store", name(what)); };
    auto const text = [](std::optional<Decimal> const& value) { return value ? value->to_string() : std::string(); };

    count = 0;
    auto done = database.each(
        "SELECT exec_id, con_id, side, shares, price, commission, booking, superseded_by, excluded, time FROM execution WHERE account_id = ?1",
        [&](auto& row) {
            ++count;
            std::string const id = row.text();
            auto const& known = account.instruments[row.integer()].executions;
            auto const e = known.find(id);
            if (e == known.end()) return wrong("execution " + id + " was never committed");
            bool const same = row.text() == to_string(e->second.side) && row.text() == e->second.shares.to_string() && row.text() == e->second.price.to_string() &&
                              row.text() == text(e->second.commission) && row.text() == to_string(e->second.booking) &&
                              row.text() == e->second.superseded_by && row.boolean() == e->second.excluded && row.time() == e->second.time;
            if (!same) wrong("execution " + id + " is not what was committed");
        },
        account.id);
    std::size_t expected = 0;
    for (auto const& [unused, rows] : account.instruments) expected += rows.executions.size();
    if (done && count != expected) wrong(fmt::format("{} executions, {} were committed", count, expected));

    count = 0;
    if (done) {
        done = database.each(
            "SELECT adjustment_id, con_id, cause, quantity, price, undone_at IS NOT NULL FROM adjustment WHERE account_id = ?1",
            [&](auto& row) {
                ++count;
                auto const id = row.integer();
                auto const& known = account.instruments[row.integer()].adjustments;
                auto const a = known.find(id);
                if (a == known.end()) return wrong(fmt::format("adjustment {} was never committed", id));
                bool const same = row.text() == to_string(a->second.cause) && row.text() == a->second.quantity.to_string() && row.text() == text(a->second.price) &&
                                  row.boolean() == a->second.undone_at.has_value();
                if (!same) wrong(fmt::format("adjustment {} is not what was committed", id));
            },
            account.id);
    }
    expected = 0;
    for (auto const& [unused, rows] : account.instruments) expected += rows.adjustments.size();
    if (done && count != expected) wrong(fmt::format("{} adjustments, {} were committed", count, expected));

    count = 0;
    if (done) {
        done = database.each(
            "SELECT position_id, con_id, quantity, average_price, cost, realized_pnl, commissions, net_realized_pnl, unknown_closes, closed_at, revision "
            "FROM position WHERE account_id = ?1 AND superseded_at IS NULL",
            [&](auto& row) {
                ++count;
                auto const id = row.integer();
                auto const& known = account.instruments[row.integer()].positions;
                auto const p = known.find(id);
                if (p == known.end()) return wrong(fmt::format("position {} was never committed, or taken back", id));
                bool const same = row.text() == p->second.quantity.to_string() && row.text() == text(p->second.average_price) && row.text() == text(p->second.cost) &&
                                  row.text() == p->second.realized_pnl.to_string() && row.text() == text(p->second.commissions) &&
                                  row.text() == text(p->second.net_realized_pnl) && row.integer() == p->second.unknown_closes &&
                                  row.optional_time() == p->second.closed_at && row.integer() == p->second.revision;
                if (!same) wrong(fmt::format("position {} is not what was committed", id));
            },
            account.id);
    }
    expected = 0;
    for (auto const& [unused, rows] : account.instruments) expected += rows.positions.size();
    if (done && count != expected) wrong(fmt::format("{} positions, {} were committed", count, expected));

    count = 0;
    if (done) {
        done = database.each(
            "SELECT c.close_id, p.con_id, c.quantity_closed, c.realized_pnl, c.net_realized_pnl, c.cause, c.is_full_close FROM position_close c "
            "JOIN position p USING (position_id) WHERE p.account_id = ?1 AND c.superseded_at IS NULL",
            [&](auto& row) {
                ++count;
                auto const id = row.integer();
                auto const& known = account.instruments[row.integer()].closes;
                auto const c = known.find(id);
                if (c == known.end()) return wrong(fmt::format("close {} was never committed, or taken back", id));
                bool const same = row.text() == c->second.quantity_closed.to_string() && row.text() == text(c->second.realized_pnl) &&
                                  row.text() == text(c->second.net_realized_pnl) && row.text() == to_string(c->second.cause) && row.boolean() == c->second.is_full_close;
                if (!same) wrong(fmt::format("close {} is not what was committed", id));
            },
            account.id);
    }
    expected = 0;
    for (auto const& [unused, rows] : account.instruments) expected += rows.closes.size();
    if (done && count != expected) wrong(fmt::format("{} closes, {} were committed", count, expected));

    std::map<RowId, std::string> lots;
    for (auto const& [unused, rows] : account.instruments) {
        for (auto const& [id, lot] : rows.lots) {
            if (!lot.remaining_quantity.is_zero()) lots[id] = lot.remaining_quantity.to_string();
        }
    }
    count = 0;
    if (done) {
        done = database.each(
            "SELECT l.lot_id, l.remaining_quantity FROM lot l JOIN position p USING (position_id) WHERE p.account_id = ?1 AND l.remaining_quantity <> '0'",
            [&](auto& row) {
                auto const id = row.integer();
                count += lots.contains(id) && lots[id] == row.text();
            },
            account.id);
    }
    if (done && count != lots.size()) wrong(fmt::format("{} of {} lots are as committed", count, lots.size()));

    if (done) {
        done = database.each(
            "SELECT count(*), coalesce(max(revision), 0) FROM outbox WHERE account_id = ?1",
            [&](auto& row) {
                auto const rows = row.integer();
                auto const highest = row.integer();
                if (rows != account.revision || highest != account.revision) fail("P21", name(fmt::format("{} outbox rows up to {}, the revision is {}", rows, highest, account.revision)));
            },
            account.id);
    }
    if (done) {
        done = database.each(
            "SELECT count(*) FROM position_event e JOIN position p USING (position_id) WHERE p.account_id = ?1",
            [&](auto& row) {
                auto const rows = row.integer();
                if (rows != account.events) wrong(fmt::format("{} events, {} were committed", rows, account.events));
            },
            account.id);
    }
    // What is believed now of now: one open version of each position that is there, with its quantity.
    if (done) {
        done = database.each(
            "SELECT p.position_id, p.quantity, (SELECT count(*) FROM position_version v WHERE v.position_id = p.position_id AND v.valid_to IS NULL AND "
            "v.recorded_to IS NULL), (SELECT v.quantity FROM position_version v WHERE v.position_id = p.position_id AND v.valid_to IS NULL AND "
            "v.recorded_to IS NULL) FROM position p WHERE p.account_id = ?1 AND p.superseded_at IS NULL",
            [&](auto& row) {
                auto const id = row.integer();
                std::string const quantity = row.text();
                if (row.integer() != 1 || row.text() != quantity) fail("P7", name(fmt::format("the history of position {} does not end at {}", id, quantity)));
            },
            account.id);
    }
    count = 0;
    if (done) {
        done = database.each(
            "SELECT break_id, state FROM break WHERE account_id = ?1 AND state IN ('settling', 'open')",
            [&](auto& row) {
                auto const b = account.breaks.find(row.integer());
                count += b != account.breaks.end() && row.text() == to_string(b->second.state);
            },
            account.id);
    }
    if (done && count != account.breaks.size()) wrong(fmt::format("{} of {} breaks are as committed", count, account.breaks.size()));
    if (!done) fail("P9", "the database cannot be read: " + done.error().message);
}

std::string Auditor::difference() const {
    for (auto const& [code, holdings] : broker_.holdings()) {
        Account const* account = nullptr;
        for (auto const& [unused, each] : accounts_) {
            if (each.code == code) account = &each;
        }
        if (account == nullptr || account->revision == 0) {
            bool const anything = std::any_of(holdings.begin(), holdings.end(), [&](auto const& each) {
                return !each.second.quantity.is_zero() && !never_a_position(broker_.instruments().at(each.first).sec_type);
            });
            if (anything) return fmt::format("account {} is not in the book", code);
            continue;
        }
        for (auto const& [con_id, instrument] : broker_.instruments()) {
            if (never_a_position(instrument.sec_type)) continue;
            auto const holding = holdings.find(con_id);
            Decimal const there = holding == holdings.end() ? Decimal(0) : holding->second.quantity;
            auto const rows = account->instruments.find(con_id);
            Decimal const here = rows == account->instruments.end() ? Decimal(0) : held(rows->second);
            if (here == there) continue;
            bool const waits = there.is_zero() && warns && std::any_of(account->breaks.begin(), account->breaks.end(), [&](auto const& each) {
                return each.second.con_id == con_id && each.second.kind == model::BreakKind::missing;
            });
            if (!waits) return fmt::format("{} {}: the broker holds {}, the book {}", code, instrument.local_symbol, there.to_string(), here.to_string());
        }
    }
    return {};
}

/// The fills of that time that the book does not have.
bool Auditor::comes_to_nothing(Account const& account, model::ConId con_id, base::Timestamp from, base::Timestamp to) const {
    auto const rows = account.instruments.find(con_id);
    Decimal sum;
    for (auto const& each : broker_.fills()) {
        bool const known = rows != account.instruments.end() && rows->second.executions.contains(each.exec_id);
        bool const meant = each.account == account.code && each.con_id == con_id && each.time >= from && each.time < to;
        if (meant && !known) sum += each.quantity;
    }
    return sum.is_zero();
}

void Auditor::check_explained(base::Timestamp now, std::set<std::string> const& accounts) {
    constexpr std::int64_t a_day = 86'400'000'000;
    for (auto const& [unused, account] : accounts_) {
        if (account.revision == 0 || !broker_.holdings().contains(account.code) || !accounts.contains(account.code)) continue;
        std::set<model::ConId> with_unknown_fills;
        for (auto const& each : broker_.fills()) {
            if (each.account != account.code || !each.served) continue;
            auto const rows = account.instruments.find(each.con_id);
            bool const known = rows != account.instruments.end() && rows->second.executions.contains(each.exec_id);
            if (known) {
                auto const& execution = rows->second.executions.at(each.exec_id);
                bool const today = each.time.microseconds / a_day == now.microseconds / a_day;
                if (today && each.commission && execution.commission != each.commission && execution.superseded_by.empty() && execution.transaction_id.empty()) {
                    return fail("P18", fmt::format("the commission of {} is {}, the broker charged {}", each.exec_id, show(execution.commission), show(each.commission)));
                }
                continue;
            }
            with_unknown_fills.insert(each.con_id);
            // What is corrected on a later day is no fill of that day's list; nor is one that the first sight counted in its opening.
            if (swarm_.drops || swarm_.clocks != 0 || each.time < account.first_seen) continue;
            if (!each.corrects.empty()) continue;
            for (auto const& [from, window] : account.coverage) {
                bool const within = window.state == "complete" && window.source != "statement" && each.time >= from && each.time < window.to_time;
                // What equal quantities on both sides say: fills that come to nothing may have been made meanwhile, and those that move no
                // position.
                bool const moves_none = never_a_position(broker_.instruments().at(each.con_id).sec_type);
                if (within && window.source == "snapshot" && (moves_none || comes_to_nothing(account, each.con_id, from, window.to_time))) continue;
                if (within) {
                    return fail("P6", fmt::format("{} was made at {}, within complete coverage, and is not in the book", each.exec_id, base::to_rfc3339(each.time)));
                }
            }
            bool const today = each.time.microseconds / a_day == now.microseconds / a_day;
            if (today) return fail("P18", fmt::format("today's fill {} is not in the book", each.exec_id));
        }
        if (all_tainted_ || first_sight_of_a_lie_.contains(account.code) || begun_by_statement_.contains(account.code) || swarm_.drops || swarm_.clocks != 0) continue;
        for (auto const& [con_id, rows] : account.instruments) {
            if (tainted_.contains({account.code, con_id}) || with_unknown_fills.contains(con_id) || never_a_position(rows.instrument.sec_type)) continue;
            auto const name = fmt::format("{} {}", account.code, rows.instrument.local_symbol);
            for (auto const& [id, a] : rows.adjustments) {
                if (a.undone_at || a.cause == Cause::opening_balance) continue;
                return fail("P7", fmt::format("{}: nothing but fills moved it, and adjustment {} says {} of {}", name, id, to_string(a.cause), a.quantity.to_string()));
            }
            for (auto const& [id, e] : rows.executions) {
                if (e.superseded_by.empty() && !e.excluded && e.booking != model::Booking::booked) return fail("P7", fmt::format("{}: fill {} is not booked", name, id));
            }
            for (auto const& [id, b] : account.breaks) {
                bool const of_quantity = b.kind == model::BreakKind::quantity || b.kind == model::BreakKind::missing || b.kind == model::BreakKind::fill_without_position;
                if (b.con_id == con_id && of_quantity) return fail("P7", fmt::format("{}: nothing but fills moved it, and break {} of kind {} is there", name, id, to_string(b.kind)));
            }
        }
        marks_.hit("all is explained");
    }
}

}  // namespace possync::sim
