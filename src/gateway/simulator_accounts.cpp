// Account updates and summaries, P&L, family codes, the gateway's settings.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "gateway/account_values.hpp"
#include "gateway/simulator_parts.hpp"
#include "tws/generation.hpp"

namespace possync::gateway {

using base::Decimal;
using base::Now;

namespace {

bool is_adviser(std::string_view account) {
    return account.starts_with('F') || account.starts_with("DF") || account.starts_with('I') || account.starts_with("DI");
}

}  // namespace

std::optional<std::string> Simulator::account_of(Asked const& asked, std::int64_t request_id, std::string_view account) {
    auto const& holdings = broker_.holdings();
    if (account.empty() && holdings.size() == 1) return holdings.begin()->first;
    if (account.empty()) {
        // Official documentation, error 321: a login of several accounts has to name one.
        send_error(asked.connection, request_id, 321, "Error validating request: the account code is required for this operation",
                   asked.now);
        return std::nullopt;
    }
    if (holdings.contains(std::string(account))) return std::string(account);
    send_error(asked.connection, request_id, 321, fmt::format("Error validating request: invalid account code '{}'", account),
               asked.now);
    return std::nullopt;
}

std::vector<std::string> Simulator::accounts_of_group(std::string_view group) const {
    std::vector<std::string> accounts;
    for (auto const& [account, unused] : broker_.holdings()) {
        if (group == "All" || group == account) accounts.push_back(account);
    }
    return accounts;
}

// --- account updates -----------------------------------------------------------------------------------------------

void Simulator::answer(Asked const& asked, tws::RequestAccountUpdates const& request) {
    Connection& connection = asked.connection;
    auto& mine = connection.subscriptions.account_updates;
    if (!request.subscribe) return mine.reset();
    auto const account = account_of(asked, -1, request.account);
    if (!account) return;
    // Official documentation, reqAccountUpdates: one account at a time, for all clients together. Another client's account is in
    // the way (2101) unless the setting lets the request switch; then that client is told (2100).
    bool held = !faults.account_held.empty() && faults.account_held != *account && !options.switch_subscription;
    for (auto& [id, other] : connections_) {
        if (id == asked.id || !other.subscriptions.account_updates || other.subscriptions.account_updates->account == *account)
            continue;
        if (!options.switch_subscription) {
            held = true;
            continue;
        }
        other.subscriptions.account_updates.reset();
        send_error(other, -1, 2100, "New account data requested from TWS. API client has been unsubscribed from account data.",
                   asked.now);
    }
    if (held) {
        return send_error(connection, -1, 2101,
                          "Unable to subscribe to account as the following clients are subscribed to a different account.",
                          asked.now);
    }
    if (mine && mine->account != *account) {
        send_error(connection, -1, 2100,
                   "New account data requested from TWS. API client has been unsubscribed from account data.", asked.now);
    }
    mine = Subscriptions::AccountUpdates{*account, {}};
    send_account_updates(connection, asked.now);
    if (!faults.omit_account_end) send(connection, tws::AccountDownloadEnd{*account});
}

/// What changed since it was told last; everything the first time. Afterwards on a position's change, and every three minutes
/// (official documentation, reqAccountUpdates).
void Simulator::send_account_updates(Connection& connection, Now now) {
    auto& updates = *connection.subscriptions.account_updates;
    Told& told = updates.told;
    told.due = now.steady + options.account_interval;
    if (!broker_.holdings().contains(updates.account)) return;
    bool changed = false;
    for (auto const& line :
         account_lines(broker_, updates.account, midnight(now), account_ready_, options.round_account_values)) {
        if (!told.changes("value " + line.key + " " + line.currency, line.value)) continue;
        send(connection, tws::AccountValue{line.key, line.value, line.currency, updates.account});
        changed = true;
    }
    for (auto const& [con_id, holding] : broker_.holdings().at(updates.account)) {
        auto const& instrument = broker_.instruments().at(con_id);
        if (holding.quantity.is_zero() || !shown(instrument, holding)) continue;
        std::string const state =
            fmt::format("{} {} {}", holding.quantity.to_string(), holding.cost.to_string(), instrument.price.to_string());
        if (!told.changes(fmt::format("portfolio {}", con_id), state)) continue;
        send_portfolio(connection, updates.account, con_id);
        changed = true;
    }
    if (!changed) return;
    std::string const clock = base::to_rfc3339(base::from_utc_local(local(now.wall))).substr(11, 5);
    send(connection, tws::AccountUpdateTime{clock});
}

void Simulator::send_portfolio(Connection& connection, std::string const& account, ConId con_id) {
    auto const& instrument = broker_.instruments().at(con_id);
    DaysPnl const pnl = days_pnl(broker_, account, con_id, midnight({now_, {}}));
    tws::PortfolioValue value;
    value.contract = contract_of(instrument);
    // In the binary form the exchange stands where it stands in other contracts; the text form has the primary one only.
    if (connection.version >= 207) value.contract.exchange = std::exchange(value.contract.primary_exchange, {});
    value.position = pnl.quantity;
    value.market_price = instrument.price;
    value.market_value = pnl.value.rounded(2);
    value.average_cost = broker_.holdings().at(account).at(con_id).average_cost();
    value.unrealized_pnl = pnl.unrealized.rounded(2);
    value.realized_pnl = pnl.realized.rounded(2);
    value.account = account;
    send(connection, value);
}

void Simulator::set_account_ready(bool ready, Now now) {
    // While the broker's servers reset, AccountReady is false and values may be stale (official documentation, account values).
    now_ = now.wall;
    account_ready_ = ready;
    for (auto& [unused, connection] : connections_) {
        auto& updates = connection.subscriptions.account_updates;
        if (!updates) continue;
        send(connection, tws::AccountValue{"AccountReady", ready ? "true" : "false", "", updates->account});
        updates->told.values["value AccountReady "] = ready ? "true" : "false";
    }
}

// --- summaries and values ------------------------------------------------------------------------------------------

void Simulator::answer(Asked const& asked, tws::RequestAccountSummary const& request) {
    Connection& connection = asked.connection;
    auto& summaries = connection.subscriptions.summaries;
    // Official documentation, reqAccountSummary: two at a time. Cancelling does not always free a place until the client comes
    // anew (ThomasMarcelis/ibkr-go, lifecycle of account summaries).
    bool const again = summaries.contains(request.request_id);
    if (!again && connection.summary_slots >= 2) {
        return send_error(connection, request.request_id, 322,
                          "Error processing request: Maximum number of account summary requests exceeded", asked.now);
    }
    if (request.group == "All" && broker_.holdings().size() > accounts_in_one_list) {
        return send_error(connection, request.request_id, 321,
                          fmt::format("Error validating request: the group All has more than {} accounts", accounts_in_one_list),
                          asked.now);
    }
    if (accounts_of_group(request.group).empty()) {
        return send_error(connection, request.request_id, 321,
                          fmt::format("Error validating request: unknown group '{}'", request.group), asked.now);
    }
    if (!again) ++connection.summary_slots;
    auto& summary = summaries[request.request_id];
    summary = {std::string(request.group), std::string(request.tags), {}};
    send_summary(connection, request.request_id, summary, asked.now);
    if (!faults.omit_account_end) send(connection, tws::AccountSummaryEnd{request.request_id});
}

/// First everything, then what changed, every three minutes (official documentation, reqAccountSummary).
void Simulator::send_summary(Connection& connection, std::int64_t request_id, Subscriptions::Summary& summary, Now now) {
    summary.told.due = now.steady + options.account_interval;
    for (auto const& account : accounts_of_group(summary.group)) {
        for (auto const& line : summary_lines(broker_, account, summary.tags, midnight(now), options.round_account_values)) {
            if (!summary.told.changes(account + " " + line.key + " " + line.currency, line.value)) continue;
            send(connection, tws::AccountSummary{request_id, account, line.key, line.value, line.currency});
        }
    }
}

void Simulator::answer(Asked const& asked, tws::CancelAccountSummary const& request) {
    Connection& connection = asked.connection;
    if (connection.subscriptions.summaries.erase(request.request_id) == 1 && !faults.keep_summary_slots)
        --connection.summary_slots;
}

void Simulator::answer(Asked const& asked, tws::RequestAccountUpdatesMulti const& request) {
    std::string account(request.account);
    if (account != "All") {
        auto const one = account_of(asked, request.request_id, account);
        if (!one) return;
        account = *one;
    } else if (broker_.holdings().size() > accounts_in_one_list) {
        return send_error(asked.connection, request.request_id, 321,
                          fmt::format("Error validating request: the group All has more than {} accounts", accounts_in_one_list),
                          asked.now);
    }
    auto& values = asked.connection.subscriptions.values[request.request_id];
    values = {account, std::string(request.model_code), request.ledger_and_nlv, {}};
    send_values(asked.connection, request.request_id, values, asked.now);
    if (!faults.omit_account_end) send(asked.connection, tws::AccountUpdateMultiEnd{request.request_id});
}

void Simulator::send_values(Connection& connection, std::int64_t request_id, Subscriptions::Values& values, Now now) {
    values.told.due = now.steady + options.account_interval;
    for (auto const& account : accounts_of_group(values.account)) {
        for (auto const& line : account_lines(broker_, account, midnight(now), account_ready_, options.round_account_values)) {
            if (values.ledger_and_net_liquidation && !is_ledger_or_net_liquidation(line.key)) continue;
            if (!values.told.changes(account + " " + line.key + " " + line.currency, line.value)) continue;
            send(connection,
                 tws::AccountUpdateMulti{request_id, account, values.model_code, line.key, line.value, line.currency});
        }
    }
}

void Simulator::answer(Asked const& asked, tws::CancelAccountUpdatesMulti const& request) {
    asked.connection.subscriptions.values.erase(request.request_id);
}

// --- P&L -----------------------------------------------------------------------------------------------------------

void Simulator::answer(Asked const& asked, tws::RequestPnl const& request) {
    std::string account(request.account);
    if (account != "All") {
        auto const one = account_of(asked, request.request_id, account);
        if (!one) return;
        account = *one;
    }
    auto& pnl = asked.connection.subscriptions.pnl[request.request_id];
    pnl = {account, std::string(request.model_code), 0, asked.now.steady, false};
    send_pnl(asked.connection, request.request_id, pnl, asked.now);
}

void Simulator::answer(Asked const& asked, tws::RequestPnlSingle const& request) {
    auto const account = account_of(asked, request.request_id, request.account);
    if (!account) return;
    // A conId that the account does not hold is answered by silence (official documentation, reqPnLSingle).
    if (request.con_id == 0 || !broker_.holdings().at(*account).contains(request.con_id)) return;
    auto& pnl = asked.connection.subscriptions.pnl[request.request_id];
    pnl = {*account, "", request.con_id, asked.now.steady, false};
    send_pnl(asked.connection, request.request_id, pnl, asked.now);
}

/// About once a second. The first answer may come before the values are known: DBL_MAX as text, absent in binary.
void Simulator::send_pnl(Connection& connection, std::int64_t request_id, Subscriptions::ProfitAndLoss& pnl, Now now) {
    pnl.due = now.steady + options.pnl_interval;
    bool const known = std::exchange(pnl.told_once, true);
    DaysPnl sum;
    for (auto const& account : accounts_of_group(pnl.account)) {
        if (pnl.con_id != 0) {
            if (broker_.holdings().at(account).contains(pnl.con_id)) sum = days_pnl(broker_, account, pnl.con_id, midnight(now));
            continue;
        }
        DaysPnl const one = days_pnl(broker_, account, midnight(now));
        sum.unrealized += one.unrealized;
        sum.realized += one.realized;
        sum.daily += one.daily;
    }
    auto const amount = [&](Decimal const& value) { return known ? tws::OptionalDecimal(value.rounded(2)) : std::nullopt; };
    auto const daily = options.prepare_daily_pnl ? amount(sum.daily) : std::nullopt;
    if (pnl.con_id == 0) return send(connection, tws::Pnl{request_id, daily, amount(sum.unrealized), amount(sum.realized)});
    send(connection,
         tws::PnlSingle{request_id, sum.quantity, daily, amount(sum.unrealized), amount(sum.realized), amount(sum.value)});
}

void Simulator::answer(Asked const& asked, tws::CancelPnl const& request) {
    asked.connection.subscriptions.pnl.erase(request.request_id);
}

void Simulator::answer(Asked const& asked, tws::CancelPnlSingle const& request) {
    asked.connection.subscriptions.pnl.erase(request.request_id);
}

// --- the gateway itself --------------------------------------------------------------------------------------------

void Simulator::answer(Asked const& asked, tws::RequestFamilyCodes const&) {
    // A login without a family gets one entry, * without a code; an adviser's accounts share one (official documentation,
    // reqFamilyCodes).
    auto const& holdings = broker_.holdings();
    auto const adviser = std::find_if(holdings.begin(), holdings.end(), [](auto const& each) { return is_adviser(each.first); });
    tws::FamilyCodes codes;
    if (adviser == holdings.end()) {
        codes.codes.push_back({"*", ""});
        return send(asked.connection, codes);
    }
    std::string const code = adviser->first + "A";
    for (auto const& [account, unused] : holdings)
        codes.codes.push_back({account, code});
    send(asked.connection, codes);
}

void Simulator::answer(Asked const& asked, tws::RequestSettings const& request) {
    if (asked.connection.version < tws::answers_binary_since(110)) return;
    tws::GatewaySettings settings;
    settings.request_id = request.request_id;
    settings.logoff = {"11:45", "PM", "restart"};
    auto& api = settings.api.settings;
    api.read_only_api = true;
    api.include_virtual_fx_positions = options.virtual_fx_positions;
    api.prepare_daily_pnl = options.prepare_daily_pnl;
    api.zero_positions_for_today_only = options.zero_rows_of_today_only;
    api.account_requests_switch_subscription = options.switch_subscription;
    api.master_client_id = options.master_client_id;
    api.bulk_data_timeout = 30;
    api.round_account_values = options.round_account_values;
    api.reject_messages_above_max_rate = options.reject_above_max_rate;
    api.instrument_time_zone = options.execution_times == ExecutionTimes::instrument_zone ? "instrument"
                               : options.execution_times == ExecutionTimes::utc           ? "UTC"
                                                                                          : "operator";
    send(asked.connection, settings);
}

}  // namespace possync::gateway
