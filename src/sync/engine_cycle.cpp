// A complete sync: list and executions are asked for, what is new is described, the ledger plans, account by account.
#include "sync/engine_implementation.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ledger/compare.hpp"

namespace possync::sync {

namespace {

constexpr Duration second_look_after = std::chrono::seconds(2);
constexpr Duration describe_patience = std::chrono::seconds(5);
constexpr Duration retry_after = std::chrono::seconds(5);
/// Up to this many unknown instruments are described before they are first booked; more are described meanwhile.
constexpr std::size_t describe_first_max = 200;
/// A fill this young when the list was asked for, or younger, may be missing from it.
constexpr Duration first_sight_quiet = std::chrono::seconds(5);
/// An account that trades without a pause is taken up at last, as it is.
constexpr int first_sight_looks_max = 8;

}  // namespace

/// After something that makes a fresh look worth it.
void Engine::Implementation::ask_by_itself() {
    if (options_.enabled && !options_.one_shot) ask(Trigger::reconnect, std::nullopt);
}

void Engine::Implementation::ask(Trigger trigger, std::optional<Request> const& request) {
    if (request) next_requests_.push_back(*request);
    if (cycle_ || under_way_) {
        if (!request && !next_trigger_) next_trigger_ = trigger;
        return;
    }
    begin_cycle(trigger, !request);
}

/// `by_itself`: also when nobody asks for it.
void Engine::Implementation::begin_cycle(Trigger trigger, bool by_itself) {
    if (stale_since_) {
        fail_waiting(ErrorCode::unavailable, stale_text());
        return;  // the next one begins when it is over
    }
    cycle_.emplace();
    cycle_->trigger = trigger;
    cycle_->requests = std::exchange(next_requests_, {});
    // What only looks has a cycle of its own: it is no sync, and those that are to write are not answered by it.
    auto const only_looks = [](Request const& request) { return request.dry_run; };
    if (by_itself || !std::ranges::all_of(cycle_->requests, only_looks)) {
        std::ranges::copy_if(cycle_->requests, std::back_inserter(next_requests_), only_looks);
        std::erase_if(cycle_->requests, only_looks);
    }
    cycle_->started_at = now_.wall;
    cycle_->started = now_.steady;
    if (options_.enabled && !options_.one_shot && !is_dry(*cycle_)) next_sync_at_ = now_.steady + options_.interval;
    for (auto it = cycle_->requests.begin(); it != cycle_->requests.end();) {
        if (it->account.empty() || accounts_.contains(it->account)) {
            ++it;
            continue;
        }
        fail_requests({*it}, ErrorCode::not_found,
                      fmt::format("there is no account {}; the accounts are {}", it->account,
                                  fmt::format("{}", fmt::join(account_names(), ", "))));
        it = cycle_->requests.erase(it);
    }
    if (cycle_->requests.empty() && !by_itself) {
        cycle_.reset();
        return;
    }
    begin_look();
}

void Engine::Implementation::begin_look() {
    Cycle& cycle = *cycle_;
    ++cycle.looks;
    cycle.collecting = true;
    cycle.look_asked_at = now_.wall;
    cycle.snapshots.clear();
    cycle.lost.clear();
    cycle.positions_done = cycle.executions_done = cycle.executions_complete = cycle.doubtful = false;
    cycle.second_look_at.reset();
    assembler_.begin(feed_.connection_number(), ++position_request_);
    feed_.request_positions(now_, account_names());
    int days = 0;
    if (std::exchange(ask_days_back_, false) && feed_.serves_days_of_executions()) {
        for (auto const& [unused, account] : accounts_)
            days = std::max(days, pulls_.days_to_ask(account.covered_to, now_.wall));
    }
    cycle.execution_request = pull_executions(days);
}

/// Asks for contract data of what is new. True when the cycle need not wait for it.
bool Engine::Implementation::describe() {
    Cycle& cycle = *cycle_;
    if (cycle.described) return true;
    if (!cycle.describe_until) {
        std::set<ConId> unknown;
        for (auto const& [name, account] : accounts_) {
            auto note = [&](ConId con_id) {
                if (!descriptions_.contains(con_id)) unknown.insert(unknown.end(), con_id);  // lists come in order of conId
            };
            if (auto const snapshot = cycle.snapshots.find(name); snapshot != cycle.snapshots.end()) {
                for_each_new(snapshot->second.rows(), account.considered, [&](model::BrokerPosition const& row) {
                    if (!row.quantity.is_zero()) note(row.instrument.con_id());
                });
            }
            for (auto const& fill : account.arrivals.executions) note(fill.execution.con_id);
        }
        // They come in turn: behind many others that were asked for, none would come in time.
        bool const wait = std::max(unknown.size(), asked_descriptions_.size()) <= describe_first_max;
        if (!wait || unknown.empty()) {
            if (!options_.one_shot) undescribed_.merge(unknown);
            cycle.described = true;
            return true;
        }
        ask_descriptions(unknown);
        cycle.describe_until = now_.steady + describe_patience;
    }
    if (!asked_descriptions_.empty() && now_.steady < *cycle.describe_until) return false;
    cycle.described = true;
    cycle.describe_until.reset();
    return true;
}

void Engine::Implementation::ask_descriptions(std::set<ConId> const& con_ids) {
    for (ConId const con_id : con_ids) {
        if (asked_descriptions_.insert(con_id).second) feed_.request_contract(now_, con_id);
    }
}

ledger::Policy Engine::Implementation::policy_of(std::string const& account) const {
    ledger::Policy policy = options_.policy;
    policy.fold.zones = &zones_;
    if (auto const own = options_.account_options.find(account); own != options_.account_options.end()) {
        if (own->second.cost_basis) policy.fold.method = *own->second.cost_basis;
        if (own->second.on_missing) policy.on_missing = *own->second.on_missing;
    }
    return policy;
}

void Engine::Implementation::conclude() {
    Cycle& cycle = *cycle_;
    cycle.collecting = false;
    if (stale_since_) return fail_cycle(ErrorCode::unavailable, stale_text());
    if (cycle.doubtful) {  // it is over; what was said meanwhile does not count
        --cycle.looks;
        return begin_look();
    }
    std::vector<PlannedAccount> planned;
    std::vector<SyncResult> results;
    bool again = false;
    bool moving = false;
    for (auto& [name, account] : accounts_) {
        auto const taken = cycle.snapshots.find(name);
        if (taken == cycle.snapshots.end()) {
            results.push_back(result_of(account, std::nullopt));
            results.back().error = fmt::format("the broker's list of positions is not whole: {}", cycle.lost[name]);
            results.back().error_code = ErrorCode::unavailable;
            continue;
        }
        model::CompleteSnapshot& snapshot = taken->second;
        if (account.ready == false) {
            // The broker's server is being reset: lists can lack what is held. Unknown, not empty.
            results.push_back(result_of(account, std::nullopt));
            results.back().error =
                fmt::format("the broker is resetting account {} (AccountReady is false); the book stays as it is", name);
            results.back().error_code = ErrorCode::unavailable;
            continue;
        }
        if (is_settled(account, snapshot)) {
            planned.push_back({&account, nothing_to_do(account), {}, {}, {}, {}, true});
            results.push_back(result_of(account, snapshot.held()));
            results.back().success = true;
            describe_plan(account, planned.back().plan, results.back());
            continue;
        }
        model::Observation observation = account.observe(now_.wall);
        observation.snapshot = std::move(snapshot);
        observation.executions_complete = cycle.executions_complete;
        // What was pushed since the list ended is newer than the list.
        for (auto const& [con_id, push] : account.arrivals.pushes) observation.position_pushes.push_back(*push);
        add_descriptions(account, observation);
        ledger::Policy policy = account.policy;
        for (auto const& request : cycle.requests) {
            if (request.calculate_realized_pnl) policy.fold.calculate_realized_pnl = *request.calculate_realized_pnl;
        }
        auto plan = ledger::plan(account.book, observation, policy);
        SyncResult result = result_of(account, observation.snapshot->held());
        if (!plan) {
            result.error = plan.error().message;
            result.error_code = plan.error().code;
        } else {
            result.success = true;
            again = again || needs_second_look(account, observation, *plan);
            // A position that moved since the list would be part of the opening balance, and its fill one too many.
            moving = moving || (account.book.revision == 0 && !observation.position_pushes.empty());
            describe_plan(account, *plan, result);
            planned.push_back({&account, std::move(*plan), {}, observation.snapshot->rows(), {}});
            if (is_dry(cycle))
                planned.back().differences = ledger::compare(account.book, *observation.snapshot, planned.back().plan);
        }
        results.push_back(std::move(result));
    }
    if ((again && cycle.looks == 1) || (moving && !options_.one_shot && cycle.looks < first_sight_looks_max)) {
        cycle.second_look_at = now_.steady + second_look_after;
        return;
    }
    finish_cycle(std::move(planned), std::move(results));
}

/// The same rows, and nothing else, were found equal to this very book before. Planning is a function of book and
/// observation, and where nothing waits for time to pass its answer stands.
bool Engine::Implementation::is_settled(AccountState const& account, model::CompleteSnapshot const& snapshot) {
    Arrivals const& arrivals = account.arrivals;
    bool const only_descriptions = arrivals.pushes.empty() && arrivals.executions.empty() && arrivals.commissions.empty();
    return account.settled_revision == account.book.revision && only_descriptions && account.considered == snapshot.rows();
}

/// New descriptions of instruments move no quantity.
bool Engine::Implementation::only_describes(model::ChangeSet const& change_set) {
    return change_set.executions.empty() && change_set.adjustments.empty() && change_set.positions.empty() &&
           change_set.removed_positions.empty() && change_set.breaks.empty();
}

/// Breaks of class info say that two numbers differ; once they stand, no further look decides them.
bool Engine::Implementation::waits_for_looks(model::AccountBook const& book) {
    return std::any_of(book.breaks.begin(), book.breaks.end(), [](auto const& each) {
        return each.second.break_class == model::BreakClass::alert || each.second.state == model::BreakState::settling;
    });
}

ledger::Plan Engine::Implementation::nothing_to_do(AccountState const& account) {
    ledger::Plan plan;
    plan.change_set.account_id = account.book.account_id;
    plan.change_set.base_revision = account.book.revision;
    plan.change_set.next_id = account.book.next_id;
    return plan;
}

bool Engine::Implementation::needs_second_look(AccountState const& account, model::Observation const& observation,
                                               ledger::Plan const& plan) const {
    if (account.book.revision == 0) {
        // Opening balance = list - fills: a fill between the two answers would be counted wrongly for good.
        for (auto const& fill : observation.executions) {
            if (cycle_->look_asked_at - fill.execution.time < first_sight_quiet) return true;
        }
        return false;
    }
    return options_.one_shot && !plan.explained();
}

void Engine::Implementation::add_descriptions(AccountState const& account, model::Observation& observation) const {
    auto add = [&](ConId con_id) {
        auto const found = descriptions_.find(con_id);
        if (found == descriptions_.end()) return;
        auto const known = account.book.instruments.find(con_id);
        if (known != account.book.instruments.end() && known->second.instrument->details_known) return;
        observation.instruments.push_back(found->second);
    };
    if (observation.snapshot) {
        for_each_new(observation.snapshot->rows(), account.considered,
                     [&](model::BrokerPosition const& row) { add(row.instrument.con_id()); });
    }
    for (auto const& push : observation.position_pushes)
        add(push.instrument.con_id());
    for (auto const& fill : observation.executions)
        add(fill.execution.con_id);
}

SyncResult Engine::Implementation::result_of(AccountState const& account, std::optional<int> broker_positions) const {
    SyncResult result;
    result.account = account.account;
    result.trigger = cycle_->trigger;
    result.broker_positions = broker_positions;
    result.book_positions = account.open_positions;
    if (!cycle_->executions_complete) {
        result.warnings.push_back("today's fills could not be read completely; changes may stay unexplained");
    }
    return result;
}

void Engine::Implementation::describe_plan(AccountState const& account, ledger::Plan const& plan, SyncResult& result) {
    auto const counts = model::count_changes(plan.change_set);
    result.positions_created = counts.positions_created;
    result.positions_updated = counts.positions_updated;
    result.positions_closed = counts.positions_closed;
    result.book_positions = account.open_positions + counts.positions_created - counts.positions_closed;
    result.pending = plan.pending_executions + plan.settling;
    result.revision = account.book.revision + (plan.commits() ? 1 : 0);
    result.changed = plan.commits();
    for (auto const& warning : plan.warnings)
        result.warnings.push_back(warning.text);
}

bool Engine::Implementation::is_dry(Cycle const& cycle) {
    return !cycle.requests.empty() &&
           std::all_of(cycle.requests.begin(), cycle.requests.end(), [](auto const& request) { return request.dry_run; });
}

void Engine::Implementation::finish_cycle(std::vector<PlannedAccount> planned, std::vector<SyncResult> results) {
    Cycle cycle = std::move(*cycle_);
    cycle_.reset();

    if (is_dry(cycle)) {
        // What was seen is written by a sync, and soon.
        bool const differs = std::any_of(planned.begin(), planned.end(), [](auto const& each) { return each.plan.commits(); });
        if (differs) look_again_soon();
        SyncFinished finished;
        for (auto& each : planned) {
            if (each.plan.commits()) finished.would_write.push_back(std::move(each.plan.change_set));
            if (!each.differences.empty()) finished.differences.push_back({each.account->account, std::move(each.differences)});
        }
        for (auto& result : results)
            result.duration = now_.steady - cycle.started;
        for (auto const& request : cycle.requests)
            answer(request, results, finished);
        return;
    }
    for (auto& each : planned) {
        AccountState& account = *each.account;
        account.last_synced_at = now_.wall;
        account.unsaved_freshness = true;
        bool const explained = each.settled || (each.plan.explained() && each.plan.missing == 0 && each.plan.unexplained == 0 && !each.plan.guard_held);
        decide_hole(account, cycle.look_asked_at, explained);
        account.pull_wanted = account.push_unasked && !each.settled && !each.plan.explained();
        if (each.settled) continue;
        each.taken = std::exchange(account.arrivals, {});
        account.first_arrival.reset();
        account.descriptions_due.reset();
        account.considered = std::move(each.rows);
        account.settled_revision.reset();
        bool const settled = only_describes(each.plan.change_set) && explained && !waits_for_looks(account.book);
        if (settled) account.settled_revision = account.book.revision;
        for (auto const& warning : each.plan.warnings)
            log(LogLevel::warning, warning.event, account.account, warning.text);
    }
    commit(std::move(planned), std::move(results), std::move(cycle.requests), cycle.trigger, {cycle.started_at, cycle.started});
}

void Engine::Implementation::fail_cycle(ErrorCode code, std::string const& why) {
    Cycle cycle = std::move(*cycle_);
    cycle_.reset();
    assembler_.discard();
    std::vector<SyncResult> results;
    for (auto const& [name, account] : accounts_) {
        SyncResult result;
        result.account = name;
        result.trigger = cycle.trigger;
        if (account.loaded) result.book_positions = account.open_positions;
        result.error = why;
        result.error_code = code;
        results.push_back(std::move(result));
    }
    if (is_dry(cycle)) {
        for (auto const& request : cycle.requests)
            answer(request, results, {});
        return;
    }
    for (auto const& result : results)
        add_run(result, cycle.started_at);
    want_flush();
    finish_results(std::move(results), cycle.requests, cycle.trigger, cycle.started);
    if (options_.enabled && !options_.one_shot) next_sync_at_ = now_.steady + retry_after;
}

}  // namespace possync::sync
