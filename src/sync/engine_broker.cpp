// What the gateway tells, as it comes: rows of a list to the assembler, everything else to what waits to be planned.
#include "sync/engine_implementation.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.hpp"
#include "base/planted_bug.hpp"

namespace possync::sync {

namespace {

/// Contract data comes one by one at the pace of requests; so much of it is committed together.
constexpr Duration describe_together = std::chrono::seconds(5);

}  // namespace

void Engine::Implementation::on_account_download_end(std::string_view) { rotation_.values_came(now_.steady); }

void Engine::Implementation::on_account_updates_refused(std::string const& why) {
    log(LogLevel::warning, "gateway.account_updates", "",
        why + "; prices and account values stay as they are. Allow API requests to switch the subscription in the gateway's "
              "settings, or "
              "stop the other program");
    rotation_.end();
    for (auto& [unused, account] : accounts_)
        account.ready.reset();  // its end would not be heard of
}

void Engine::Implementation::subscribe_accounts() {
    rotation_.end();
    if (!options_.marks || options_.one_shot) return;
    rotation_.begin(account_names());
    subscribe_next_account();
}

void Engine::Implementation::subscribe_next_account() {
    if (auto const account = rotation_.next(now_.steady)) feed_.request_account_updates(now_, *account);
}

std::int64_t Engine::Implementation::pull_executions(int days) {
    auto const request = feed_.request_executions(now_, days);
    pulls_.asked(request, days, now_);
    for (auto& [unused, account] : accounts_) {
        account.push_unasked = account.pull_wanted = false;
        account.pull_no_sooner = now_.steady + options_.settle;
    }
    return request;
}

/// When executions are to be asked for because of what was pushed: each push that the fills do not explain is asked about, the first of a
/// burst at once, those behind it together. A sync asks by itself.
std::optional<Duration> Engine::Implementation::wanted_pull_at() const {
    std::optional<Duration> at;
    if (cycle_ || pull_request_ != 0) return at;
    for (auto const& [unused, account] : accounts_) {
        if (account.pull_wanted && (!at || account.pull_no_sooner < *at)) at = account.pull_no_sooner;
    }
    return at;
}

void Engine::Implementation::on_position(std::string_view account, model::BrokerRow row) {
    if (assembler_.building()) {
        assembler_.add(account, std::move(row));
        return;
    }
    auto const found = accounts_.find(account);
    if (found == accounts_.end()) return;
    note_cost(found->second, *row);
    if (POSSYNC_PLANTED_BUG(last_push_dropped)) {
        found->second.arrivals.pushes.try_emplace(row->instrument.con_id(), row);
    } else {
        found->second.arrivals.pushes.insert_or_assign(row->instrument.con_id(), std::move(row));
    }
    if (!options_.enabled || !options_.on_position_update) return;
    found->second.push_unasked = true;
    arrived(found->second);
}

/// The broker's average cost is kept beside the book; a change of it alone is written without a revision.
void Engine::Implementation::note_cost(AccountState& account, model::BrokerPosition const& row) {
    if (!row.average_cost || row.quantity.is_zero()) return;
    ConId const con_id = row.instrument.con_id();
    auto const before = account.average_costs.size();
    auto const known = account.average_costs.try_emplace(account.average_costs.end(), con_id, *row.average_cost);
    if (account.average_costs.size() != before || known->second == *row.average_cost) return;
    known->second = *row.average_cost;
    account.unsaved_marks.insert(con_id);
}

void Engine::Implementation::on_position_end() {
    auto snapshots = assembler_.complete(feed_.connection_number(), account_names());
    if (!snapshots) return;  // of a list that nobody waits for any more
    CHECK(cycle_);           // what is being assembled is always a cycle's
    cycle_->snapshots = std::move(*snapshots);
    cycle_->positions_done = true;
    for (auto& [name, account] : accounts_) {
        auto const snapshot = cycle_->snapshots.find(name);
        if (snapshot == cycle_->snapshots.end()) continue;
        auto const& rows = snapshot->second.rows();
        account.take_list(rows, !is_dry(*cycle_));
        for_each_new(rows, account.listed, [&](model::BrokerPosition const& row) { note_cost(account, row); });
        if (account.listed != rows) account.listed = rows;
    }
}

void Engine::Implementation::on_position_lost(std::string_view account, std::string const& why) {
    if (assembler_.building() && !account.empty()) {
        assembler_.spoil(account);
        if (!cycle_->lost.try_emplace(std::string(account), why).second) return;
    }
    log(LogLevel::warning, "positions.lost", std::string(account),
        why + (account.empty() ? "" : "; what this account holds is not known"));
    if (phase_ == Phase::ready && !cycle_) look_again_soon();
}

void Engine::Implementation::on_positions_failed(std::string const& why) {
    assembler_.discard();
    if (cycle_) fail_cycle(ErrorCode::timeout, "the broker's list of positions did not come: " + why);
}

bool Engine::Implementation::repeats_execution(std::string_view exec_id) {
    auto const* const owner = owners_.find(exec_id);
    if (owner == nullptr) return false;
    // Owners of accounts that left are forgotten with them.
    (void)pulls_.take(owner->time, accounts_.at(owner->account).covered_to);
    return true;
}

void Engine::Implementation::on_execution(std::string_view account, model::ObservedExecution execution) {
    auto const found = POSSYNC_PLANTED_BUG(fills_cross_accounts) ? accounts_.begin() : accounts_.find(account);
    bool const ours = found != accounts_.end();
    if (!pulls_.take(execution.execution.time, ours ? found->second.covered_to : std::nullopt) || !ours) return;
    auto const& exec_id = execution.execution.exec_id;
    ConId const con_id = execution.execution.con_id;
    owners_.add(exec_id, {found->first, con_id, execution.execution.time});
    if (auto report = owners_.take_kept(exec_id)) {
        report->con_id = con_id;
        owners_.note(*report);
        found->second.arrivals.commissions.push_back(std::move(*report));
    }
    found->second.arrivals.executions.push_back(std::move(execution));
    if (options_.enabled && options_.on_trade) arrived(found->second);
}

void Engine::Implementation::on_commission(model::CommissionReport report) {
    auto const [owner, is_news] = owners_.note(report);
    if (owner == nullptr) return owners_.keep(std::move(report));
    if (!is_news) return;
    report.con_id = owner->con_id;
    AccountState& account = accounts_.at(owner->account);
    account.arrivals.commissions.push_back(std::move(report));
    if (options_.enabled && options_.on_trade) arrived(account);
}

void Engine::Implementation::on_executions_end(std::int64_t request, bool complete, std::string const& problem) {
    auto const ended = pulls_.ended(request, complete, now_);
    bool const of_cycle = cycle_ && request == cycle_->execution_request;
    if (!complete && ended.days > 0 && of_cycle) {
        log(LogLevel::info, "executions.no_history", "",
            fmt::format("the gateway does not answer for {} days back: {}; asking for today", ended.days, problem));
        cycle_->execution_request = pull_executions(0);
        return;
    }
    if (!ended.sure) {
        log(LogLevel::warning, "executions.incomplete", "",
            "today's fills could not be read completely: " + (complete ? stale_text() : problem) +
                "; positions are committed all the same");
    } else if (ended.proved) {
        cover(*ended.proved);
    }
    if (request == pull_request_) pull_request_ = 0;
    if (of_cycle) {
        cycle_->executions_done = true;
        cycle_->executions_complete = ended.sure;
    }
}

void Engine::Implementation::on_contract(model::Instrument instrument) {
    model::SharedInstrument const described = std::move(instrument);
    descriptions_.insert_or_assign(described.con_id(), described);
    asked_descriptions_.erase(described.con_id());
    for (auto& [unused, account] : accounts_) {
        auto const found = account.book.instruments.find(described.con_id());
        if (found == account.book.instruments.end() || found->second.instrument == described) continue;
        account.arrivals.instruments.push_back(described);
        if (!account.descriptions_due) account.descriptions_due = now_.steady + describe_together;
    }
}

void Engine::Implementation::on_contract_failed(ConId con_id, std::string const& why) {
    asked_descriptions_.erase(con_id);
    log(LogLevel::info, "instrument.unresolved", "", fmt::format("conId {}: {}", con_id, why));
}

void Engine::Implementation::on_mark(std::string_view account, ConId con_id, model::Mark mark,
                                     std::optional<base::Decimal> average_cost) {
    auto const found = accounts_.find(account);
    // What may be old is no price of now.
    if (found == accounts_.end() || stale_since_ || found->second.ready == false) return;
    found->second.marks.insert_or_assign(con_id, std::move(mark));
    if (average_cost) found->second.average_costs.insert_or_assign(con_id, *average_cost);
    found->second.unsaved_marks.insert(con_id);
    want_values_flush();
}

void Engine::Implementation::on_account_value(std::string_view account, std::string_view key, std::string_view currency,
                                              std::string_view value) {
    auto const found = accounts_.find(account);
    if (found == accounts_.end()) return;
    AccountState& state = found->second;
    if (key == "AccountReady") {
        bool const was_resetting = state.ready == false;
        state.ready = value == "true";
        if (was_resetting && *state.ready && phase_ == Phase::ready) ask_by_itself();
    }
    if (stale_since_) return;
    if (key == "NetLiquidation" && !currency.empty() && currency != "BASE") state.base_currency = std::string(currency);
    state.unsaved_values[{std::string(key), std::string(currency)}] = {state.book.account_id, std::string(key),
                                                                       std::string(currency), std::string(value), now_.wall};
    want_values_flush();
}

/// A sure answer to a pull of executions. What it does not reach nobody saw.
void Engine::Implementation::cover(ProvedWindow const& proved) {
    for (auto& [unused, account] : accounts_) {
        for (auto& window : windows_gained(account.book.account_id, account.covered_to, proved)) {
            if (closes_by_quantities(window) && !stale_since_ && heard_since_ <= window.from_time) {
                account.hole = window;
            } else if (window.state == "unknown") {
                tell_unknown(account.account, window);
            }
            keep_coverage(std::move(window));
        }
        account.covered_to = proved.to;
    }
    want_flush();
}

/// A list that was asked for behind a short hole tells whether a quantity changed over it.
void Engine::Implementation::decide_hole(AccountState& account, Timestamp list_asked_at, bool explained) {
    if (!account.hole || list_asked_at < account.hole->to_time) return;
    model::CoverageWindow hole = *std::exchange(account.hole, std::nullopt);
    if (!explained) return tell_unknown(account.account, hole);
    hole.state = "complete";
    hole.source = "snapshot";
    keep_coverage(std::move(hole));
}

void Engine::Implementation::tell_unknown(std::string const& account, model::CoverageWindow const& window) {
    log(LogLevel::warning, "executions.unknown", account,
        fmt::format("fills between {} and {} were not seen and are no longer served; statements fill the gap",
                    base::to_rfc3339(window.from_time), base::to_rfc3339(window.to_time)));
}

/// To be written; what is newly known of the same time counts.
void Engine::Implementation::keep_coverage(model::CoverageWindow window) {
    auto key = key_of(window);
    unsaved_coverage_.insert_or_assign(std::move(key), std::move(window));
}

/// What the books about to be loaded do not name is forgotten, but for what waits to be planned.
void Engine::Implementation::forget_executions() {
    owners_.forget_owners();
    for (auto const& [name, account] : accounts_) {
        for (auto const& fill : account.arrivals.executions) {
            owners_.add(fill.execution.exec_id, {name, fill.execution.con_id, fill.execution.time});
        }
    }
}

}  // namespace possync::sync
