// Changes that come by themselves are planned and committed between syncs; commits, what rides on them, and the answers.
#include "sync/engine_implementation.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/planted_bug.hpp"
#include "sync/change_lines.hpp"
#include "sync/mark_records.hpp"
#include "sync/statistics.hpp"

namespace possync::sync {

namespace {

constexpr Duration flush_every = std::chrono::seconds(5);
/// Prices and account values come in bursts; what comes so close together, or while a commit is under way, is one transaction.
constexpr Duration values_together = std::chrono::milliseconds(5);
constexpr Duration retry_after = std::chrono::seconds(5);
constexpr Duration look_again_after = std::chrono::seconds(20);

/// What is pushed moves the book to what the broker holds, but for what his lists did not show.
int still_missing(model::AccountBook const& book, model::ChangeSet const& change_set) {
    int count = 0;
    for (auto const& [id, open] : book.breaks) {
        if (open.kind != model::BreakKind::missing) continue;
        bool const over = std::any_of(change_set.breaks.begin(), change_set.breaks.end(), [&](auto const& changed) {
            return changed.break_id == id && !changed.unresolved();
        });
        count += over ? 0 : 1;
    }
    return count;
}

}  // namespace

void Engine::Implementation::handle(Committed const& event) {
    if (!under_way_ || under_way_->number != event.commit_number) return;
    CommitUnderWay done = std::move(*under_way_);
    under_way_.reset();
    commit_again_at_.reset();
    for (auto& planned : done.planned)
        settle_commit(planned);
    if (done.is_sync) finish_results(std::move(done.results), done.requests, done.trigger, done.started);
}

void Engine::Implementation::handle(CommitFailed const& event) {
    if (!under_way_ || under_way_->number != event.commit_number) return;
    CommitUnderWay failed = std::move(*under_way_);
    under_way_.reset();
    for (auto& planned : failed.planned)
        put_back(planned);
    put_back_riders(failed, event.error.message);
    if (event.error.code == ErrorCode::conflict && !options_.one_shot && phase_ == Phase::ready) {
        log(LogLevel::warning, "sync.conflict", "", event.error.message);
        for (auto const& request : failed.requests)
            next_requests_.push_back(request);
        if (!POSSYNC_PLANTED_BUG(conflict_does_not_reload)) {
            phase_ = Phase::loading;  // until it is known whose the gateway is
            reloaded_for_ = failed.is_sync ? failed.trigger : Trigger::scheduled;
            check_lease_ = true;
            claim();
        }
        next_sync_at_ = now_.steady + std::chrono::seconds(1);
        return;
    }
    // A full disk or a failing one is not asked again and again at once.
    commit_again_at_ = flush_at_ = now_.steady + retry_after;
    if (!failed.is_sync) {
        log(LogLevel::error, "store.failed", "", event.error.message);
        return;
    }
    for (auto& result : failed.results) {
        result.success = false;
        result.book_positions = accounts_.at(result.account).open_positions;  // nothing of it was written
        result.changed = false;
        result.positions_created = result.positions_updated = result.positions_closed = 0;
        result.error = event.error.message;
        result.error_code = event.error.code;
    }
    finish_results(std::move(failed.results), failed.requests, failed.trigger, failed.started);
    if (!options_.one_shot) next_sync_at_ = now_.steady + retry_after;
}

void Engine::Implementation::arrived(AccountState& account) {
    if (!account.first_arrival) account.first_arrival = account.pull_no_sooner = now_.steady;
}

/// Plans what came by itself. What fills explain is committed at once; what they do not starts a pull of
/// executions and waits for them, at most settle_max.
void Engine::Implementation::plan_arrivals() {
    if (commit_again_at_ && now_.steady < *commit_again_at_) return;
    commit_again_at_.reset();
    std::vector<PlannedAccount> planned;
    std::vector<SyncResult> results;
    Trigger trigger = Trigger::trade;
    for (auto& [unused, account] : accounts_) {
        bool const described = due(account.descriptions_due, now_.steady);
        if (account.book.revision == 0 || (!account.first_arrival && !described)) continue;
        account.descriptions_due.reset();
        if (account.arrivals.empty()) {
            account.first_arrival.reset();
            continue;
        }
        if (!account.first_arrival) account.first_arrival = now_.steady;
        model::Observation observation = account.observe(now_.wall);
        for (auto const& [con_id, push] : account.arrivals.pushes)
            observation.position_pushes.push_back(*push);
        add_descriptions(account, observation);  // another account may have met the instrument before
        auto plan = ledger::plan(account.book, observation, account.policy);
        bool const overdue = now_.steady >= *account.first_arrival + options_.settle_max;
        bool const unexplained = plan && !plan->explained();
        account.pull_wanted = unexplained && account.push_unasked;
        if (unexplained && !overdue) continue;
        SyncResult result;
        result.account = account.account;
        if (!account.arrivals.pushes.empty()) trigger = Trigger::position_update;
        account.first_arrival.reset();
        if (!plan) {
            result.book_positions = account.open_positions;
            result.error = plan.error().message;
            result.error_code = plan.error().code;
            account.arrivals.pushes.clear();  // the next list has them; fills stay facts
            results.push_back(std::move(result));
            continue;
        }
        if (!plan->commits()) {
            account.arrivals = {};
            continue;
        }
        result.success = true;
        describe_plan(account, *plan, result);
        result.broker_positions = *result.book_positions - still_missing(account.book, plan->change_set);
        for (auto const& warning : plan->warnings)
            log(LogLevel::warning, warning.event, account.account, warning.text);
        planned.push_back({&account, std::move(*plan), std::exchange(account.arrivals, {}), {}, {}});
        results.push_back(std::move(result));
    }
    if (results.empty()) return;
    for (auto& result : results)
        result.trigger = trigger;
    ++statistics_.callback_triggers;
    commit(std::move(planned), std::move(results), {}, trigger, now_);
}

void Engine::Implementation::commit(std::vector<PlannedAccount> planned, std::vector<SyncResult> results,
                                    std::vector<Request> requests, Trigger trigger, Now started) {
    Commit effect;
    bool changes = false;
    for (auto& each : planned) {
        bool const waits = !each.plan.explained() || each.plan.missing > 0;
        if (waits) look_again_soon();
        if (!each.plan.commits()) continue;
        changes = true;
        each.change_set = model::share(std::move(each.plan.change_set));
        effect.change_sets.push_back(each.change_set);
        auto& unsaved = each.account->unsaved_marks;
        for (auto const& position : each.change_set->positions)
            unsaved.insert(unsaved.end(), position.con_id);
    }
    for (auto const& result : results)
        add_run(result, started.wall);
    // Who asked hears of it when everybody can read how fresh the book is.
    if (!changes && !options_.one_shot && requests.empty()) {
        want_flush();
        finish_results(std::move(results), requests, trigger, started.steady);
        return;
    }
    under_way_.emplace();
    under_way_->number = ++commit_number_;
    under_way_->planned = std::move(planned);
    under_way_->results = std::move(results);
    under_way_->requests = std::move(requests);
    under_way_->trigger = trigger;
    under_way_->started = started.steady;
    under_way_->is_sync = true;
    send(std::move(effect));
}

/// What is not explained yet is decided by further complete looks.
void Engine::Implementation::look_again_soon() {
    if (!options_.enabled || options_.one_shot) return;
    auto const sooner = now_.steady + std::min(options_.interval, look_again_after);
    if (!next_sync_at_ || sooner < *next_sync_at_) next_sync_at_ = sooner;
}

void Engine::Implementation::add_run(SyncResult const& result, Timestamp started_at) {
    model::SyncRun run;
    run.gateway = options_.gateway;
    run.account = result.account;
    run.account_id = accounts_.at(result.account).book.account_id;
    run.trigger = result.trigger;
    run.started_at = started_at;
    run.finished_at = now_.wall;
    run.outcome = !result.success  ? model::Outcome::failed
                  : result.changed ? model::Outcome::committed
                                   : model::Outcome::unchanged;
    run.positions_created = result.positions_created;
    run.positions_updated = result.positions_updated;
    run.positions_closed = result.positions_closed;
    run.broker_positions = result.broker_positions;
    run.error = result.error;
    if (result.changed) run.revision = result.revision;
    unsaved_runs_.push_back(std::move(run));
}

/// Who asks for a sync while the gateway cannot be reached leaves a trace: a run of no account. Not so who asks for an account that is
/// another gateway's.
void Engine::Implementation::add_run_in_vain(Request const& request, std::string const& why) {
    bool const chosen = options_.accounts.empty() || std::ranges::find(options_.accounts, request.account) != options_.accounts.end();
    bool const known = accounts_.empty() || accounts_.contains(request.account);
    if (!owned_ || (!request.account.empty() && !(chosen && known))) return;
    want_flush();
    if (!unsaved_runs_.empty()) {
        auto& last = unsaved_runs_.back();
        if (last.outcome == model::Outcome::failed && last.account_id == 0 && last.error == why) {
            ++last.repeats;
            last.finished_at = now_.wall;
            return;
        }
    }
    model::SyncRun run;
    run.gateway = options_.gateway;
    run.trigger = Trigger::manual;
    run.started_at = request.asked_at;
    run.finished_at = now_.wall;
    run.outcome = model::Outcome::failed;
    run.error = why;
    unsaved_runs_.push_back(std::move(run));
}

/// When runs are to be written although the gateway is away; what else waits does so until it is back.
std::optional<Duration> Engine::Implementation::runs_in_vain_at() const {
    bool const may = (phase_ == Phase::connecting || phase_ == Phase::registering) && owned_ && claims_ == 0 && !under_way_ && !unsaved_runs_.empty();
    return may ? flush_at_ : std::nullopt;
}

void Engine::Implementation::write_runs_in_vain() {
    Commit effect;
    effect.commit_number = ++commit_number_;
    effect.runs = std::exchange(unsaved_runs_, {});
    under_way_.emplace();
    under_way_->number = effect.commit_number;
    under_way_->riders.runs = effect.runs;
    flush_at_.reset();
    emit(std::move(effect));
}

/// That a time is covered may be written with or behind the fills of that time, never before them: a crash between the two
/// would lose fills that nobody asks for again.
std::vector<model::CoverageWindow> Engine::Implementation::take_coverage() {
    std::vector<model::CoverageWindow> taken;
    std::set<model::AccountId> waiting;
    for (auto const& [unused, account] : accounts_) {
        if (!account.arrivals.executions.empty()) waiting.insert(account.book.account_id);
    }
    std::erase_if(unsaved_coverage_, [&](auto& each) {
        if (waiting.contains(each.second.account_id)) return false;
        taken.push_back(std::move(each.second));
        return true;
    });
    return taken;
}

/// Adds everything that only waits for a transaction to ride on, and emits.
void Engine::Implementation::send(Commit effect) {
    effect.commit_number = under_way_->number;
    effect.runs = std::exchange(unsaved_runs_, {});
    if (effect.coverage.empty()) effect.coverage = take_coverage();
    for (auto& [unused, account] : accounts_) {
        add_unsaved_marks(account, effect);
        for (auto& [key, value] : account.unsaved_values) {
            value.account_id = account.book.account_id;
            effect.values.push_back(std::move(value));
        }
        account.unsaved_values.clear();
        if (account.unsaved_freshness) {
            effect.freshness.push_back({account.book.account_id, *account.last_synced_at, account.base_currency});
            account.unsaved_freshness = false;
        }
    }
    flush_at_.reset();
    Commit& riders = under_way_->riders;
    riders.runs = effect.runs;
    riders.coverage = effect.coverage;
    riders.values = effect.values;
    riders.freshness = effect.freshness;
    for (auto const& mark : effect.marks) under_way_->marks.emplace_back(mark.account_id, mark.con_id);
    emit(std::move(effect));
}

void Engine::Implementation::want_flush() { flush_within(flush_every); }
void Engine::Implementation::want_values_flush() { flush_within(values_together); }

void Engine::Implementation::flush_within(Duration duration) {
    Duration const at = std::max(now_.steady + duration, commit_again_at_.value_or(Duration(0)));
    if (!flush_at_ || at < *flush_at_) flush_at_ = at;
}

/// Writes runs, freshness, marks and values that no commit took along.
void Engine::Implementation::flush() {
    Commit effect;
    effect.coverage = take_coverage();
    bool anything = !unsaved_runs_.empty() || !effect.coverage.empty();
    for (auto const& [unused, account] : accounts_) {
        anything = anything || !account.unsaved_marks.empty() || !account.unsaved_values.empty();  // freshness comes with a run
    }
    flush_at_.reset();
    if (!anything) return;
    under_way_.emplace();
    under_way_->number = ++commit_number_;
    send(std::move(effect));
}

void Engine::Implementation::settle_commit(PlannedAccount& planned) {
    AccountState& account = *planned.account;
    if (!planned.change_set || account.book.revision != planned.change_set->base_revision) return;
    account.apply(*planned.change_set);
    bool const still_settled =
        account.settled_revision == planned.change_set->base_revision && only_describes(*planned.change_set);
    if (still_settled) account.settled_revision = account.book.revision;
    for (auto& line : lines_about(account.book, *planned.change_set))
        emit(std::move(line));
    emit(Changed{account.account, planned.change_set});
}

void Engine::Implementation::put_back(PlannedAccount& planned) {
    if (POSSYNC_PLANTED_BUG(failed_commit_forgets_arrivals)) return;
    planned.account->considered.clear();
    planned.account->settled_revision.reset();
    Arrivals& arrivals = planned.account->arrivals;
    auto prepend = [](auto& to, auto& from) { to.insert(to.begin(), from.begin(), from.end()); };
    prepend(arrivals.executions, planned.taken.executions);
    prepend(arrivals.commissions, planned.taken.commissions);
    prepend(arrivals.instruments, planned.taken.instruments);
    for (auto& [con_id, push] : planned.taken.pushes)
        arrivals.pushes.try_emplace(con_id, std::move(push));
    if (!arrivals.empty()) arrived(*planned.account);
}

/// What a commit that failed took along waits for the next one; newer values of the same thing win.
void Engine::Implementation::put_back_riders(CommitUnderWay& failed, std::string const& why) {
    Commit& riders = failed.riders;
    for (auto& [unused, account] : accounts_) {
        auto const id = account.book.account_id;
        for (auto const& [account_id, con_id] : failed.marks) {
            if (account_id == id) account.unsaved_marks.insert(con_id);
        }
        for (auto& value : riders.values) {
            if (value.account_id == id) account.unsaved_values.try_emplace({value.key, value.currency}, value);
        }
        for (auto const& freshness : riders.freshness) account.unsaved_freshness |= freshness.account_id == id;
    }
    for (auto const& window : riders.coverage) unsaved_coverage_.try_emplace(key_of(window), window);
    for (auto& run : riders.runs) {
        if (run.outcome != model::Outcome::committed) continue;
        run.outcome = model::Outcome::failed;  // it was its commit that failed
        run.error = why;
        run.revision.reset();
        run.positions_created = run.positions_updated = run.positions_closed = 0;
    }
    unsaved_runs_.insert(unsaved_runs_.begin(), riders.runs.begin(), riders.runs.end());
    // A disk that is full for days leaves a few rows, not one for every attempt.
    std::vector<model::SyncRun> kept;
    for (auto& run : unsaved_runs_) {
        auto const before = std::find_if(kept.rbegin(), kept.rend(), [&](auto const& each) { return each.account_id == run.account_id; });
        bool const same = before != kept.rend() && run.outcome == before->outcome && run.outcome != model::Outcome::committed &&
                          run.trigger == before->trigger && run.error == before->error;
        if (same) {
            before->repeats += run.repeats;
            before->finished_at = run.finished_at;
            before->broker_positions = run.broker_positions;
        } else {
            kept.push_back(std::move(run));
        }
    }
    unsaved_runs_ = std::move(kept);
}

void Engine::Implementation::reload_books() {
    phase_ = Phase::loading;
    forget_executions();  // the database may have lost one, as with a server that failed over
    if (cycle_) cycle_->doubtful = true;  // its list may be older than what was written meanwhile
    for (auto& [unused, account] : accounts_) {
        account.loaded = false;
        emit(LoadBook{account.book.account_id});
    }
}

void Engine::Implementation::finish_results(std::vector<SyncResult> results, std::vector<Request> const& requests,
                                            Trigger trigger, Duration started) {
    for (auto& result : results) {
        result.duration = now_.steady - started;
        count_result(statistics_, result, now_.wall);
        auto const told = std::make_shared<SyncResult const>(result);
        if (result.success) {
            if (result.changed) {
                log(LogLevel::info, "sync.committed", result.account,
                    fmt::format("revision {}: {} created, {} updated, {} closed ({}, {} positions)", result.revision,
                                result.positions_created, result.positions_updated, result.positions_closed, to_string(trigger),
                                *result.book_positions),
                    told);
            } else {
                log(LogLevel::debug, "sync.unchanged", result.account, fmt::format("{} positions", *result.book_positions), told);
            }
        } else {
            log(LogLevel::error, "sync.failed", result.account, result.error, told);
        }
    }
    for (auto const& request : requests)
        answer(request, results, {});
    if (options_.one_shot) one_shot_done_ = true;
}

void Engine::Implementation::answer(Request const& request, std::vector<SyncResult> const& results, SyncFinished finished) {
    finished.request_number = request.number;
    for (auto const& result : results) {
        if (request.account.empty() || result.account == request.account) finished.results.push_back(result);
    }
    emit(std::move(finished));
    if (options_.one_shot) one_shot_done_ = true;
}

void Engine::Implementation::fail_requests(std::vector<Request> const& requests, ErrorCode code, std::string const& why) {
    SyncResult result;
    result.error = why;
    result.error_code = code;
    for (auto const& request : requests) {
        result.account = request.account;
        auto const known = accounts_.find(request.account);
        result.book_positions = known != accounts_.end() && known->second.loaded ? std::optional(known->second.open_positions) : std::nullopt;
        SyncFinished finished;
        finished.request_number = request.number;
        finished.results.push_back(result);
        if (code != ErrorCode::not_found && !request.dry_run) {  // nobody's sync failed where a name was mistyped
            count_refusal(statistics_, why);
            if (code == ErrorCode::unavailable) add_run_in_vain(request, why);
        }
        emit(std::move(finished));
        if (options_.one_shot) one_shot_done_ = true;
    }
}

void Engine::Implementation::fail_waiting(ErrorCode code, std::string const& why) {
    fail_requests(std::exchange(next_requests_, {}), code, why);
    next_trigger_.reset();
}

}  // namespace possync::sync
