// Positions, executions and contracts.
#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "gateway/simulator_parts.hpp"

namespace possync::gateway {

using base::Now;

namespace {

/// 20261123
std::int64_t day_number(base::LocalTime const& time) {
    return time.date.year * 10'000 + static_cast<std::int64_t>(time.date.month) * 100 + time.date.day;
}

/// "20261123" and what is between, and "14:30:05".
std::string digits_of(base::LocalTime const& local, std::string_view between) {
    std::string text = base::to_rfc3339(base::from_utc_local(local));
    return text.substr(0, 4) + text.substr(5, 2) + text.substr(8, 2) + std::string(between) + text.substr(11, 8);
}

std::optional<std::int64_t> number(std::string_view digits) {
    std::int64_t value = 0;
    auto const [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || error != std::errc{} || stop != digits.data() + digits.size()) return std::nullopt;
    return value;
}

bool is_clock(std::string_view text) {
    return text.size() == 8 && text[2] == ':' && text[5] == ':' && number(text.substr(0, 2)) && number(text.substr(3, 2)) &&
           number(text.substr(6, 2));
}

/// The lower bound of a filter. Official documentation, ExecutionFilter: `YYYYMMDD HH:mm:ss ZONE`, or UTC as
/// `YYYYMMDD-HH:mm:ss`; without a date it is today's, without a zone the gateway's.
std::optional<base::Timestamp> since_of(std::string_view text, base::LocalTime const& today, std::string const& own_zone,
                                        base::ZoneRules const* zones) {
    base::LocalTime local = today;
    bool utc = false;
    if (text.size() >= 9 && number(text.substr(0, 8)) && (text[8] == ' ' || text[8] == '-')) {
        auto const date = base::parse_date(text.substr(0, 8));
        if (!date) return std::nullopt;
        local.date = *date;
        utc = text[8] == '-';
        text.remove_prefix(9);
        while (text.starts_with(' '))
            text.remove_prefix(1);
    }
    if (text.size() < 8 || !is_clock(text.substr(0, 8))) return std::nullopt;
    local.microseconds_of_day =
        ((*number(text.substr(0, 2)) * 60 + *number(text.substr(3, 2))) * 60 + *number(text.substr(6, 2))) * 1'000'000;
    text.remove_prefix(8);
    if (text == "Z") utc = true, text = {};
    while (text.starts_with(' '))
        text.remove_prefix(1);
    std::string const zone = text.empty() ? own_zone : std::string(text);
    if (utc || zone == "UTC" || zones == nullptr) return base::from_utc_local(local);
    auto const time = zones->to_utc(zone, local);
    return time ? std::optional(*time) : std::nullopt;
}

tws::Position position_of(std::string const& account, SimulatedInstrument const& instrument, Holding const& holding) {
    tws::Position position;
    position.account = account;
    position.contract = contract_of(instrument);
    position.position = holding.quantity;
    position.average_cost = holding.average_cost();
    return position;
}

}  // namespace

tws::Contract contract_of(SimulatedInstrument const& instrument) {
    tws::Contract contract;
    contract.con_id = instrument.con_id;
    contract.symbol = instrument.symbol;
    contract.sec_type = instrument.sec_type;
    contract.last_trade_date = instrument.expiry;
    contract.strike = instrument.strike;
    contract.right = instrument.right;
    if (instrument.sec_type != "STK") contract.multiplier = instrument.multiplier;
    if (instrument.sec_type == "STK") contract.exchange = instrument.primary_exchange;
    contract.primary_exchange = instrument.primary_exchange;
    contract.currency = instrument.currency;
    contract.local_symbol = instrument.local_symbol;
    contract.trading_class = instrument.trading_class;
    return contract;
}

// --- positions -----------------------------------------------------------------------------------------------------

/// Closed positions stay in the list with quantity 0, where a setting says so only the day's (nautilus_trader #3305, #3618;
/// Lumiwealth/lumibot #127, #177). Currency pairs are listed where a setting says so.
bool Simulator::shown(SimulatedInstrument const& instrument, Holding const& holding) const {
    if (instrument.sec_type == "CASH" && !options.virtual_fx_positions) return false;
    if (!options.zero_rows_of_today_only || !holding.quantity.is_zero()) return true;
    return holding.closed_at && *holding.closed_at >= midnight({now_, {}});
}

void Simulator::answer(Asked const& asked, tws::RequestPositions const&) {
    Connection& connection = asked.connection;
    if (broker_.holdings().size() > accounts_in_one_list) {
        // Which code and text a gateway uses is not documented; that it refuses is.
        return send_error(connection, -1, 321,
                          fmt::format("Error validating request: positions of more than {} accounts; use reqPositionsMulti",
                                      accounts_in_one_list),
                          asked.now);
    }
    if (lists_are_plain()) {
        if (!connection.closing) connection.out += encoded_list(connection.version);
    } else {
        send_positions(connection);
        if (connection.closing) return;
    }
    connection.subscriptions.positions = true;
    if (!faults.omit_position_end) send(connection, tws::PositionEnd{});
}

bool Simulator::lists_are_plain() const {
    return !faults.stall && !faults.empty_lists && !faults.omit_position_end && faults.close_after_positions < 0 && !options.newer_than_client &&
           !options.zero_rows_of_today_only;
}

void Simulator::send_positions(Connection& connection) {
    // A list that is never finished stops in the middle.
    std::size_t left = std::numeric_limits<std::size_t>::max();
    if (faults.omit_position_end) {
        left = 0;
        for (auto const& [unused, holdings] : broker_.holdings()) left += holdings.size();
        left /= 2;
    }
    int rows = 0;
    for (auto const& [account, holdings] : broker_.holdings()) {
        for (auto const& [con_id, holding] : holdings) {
            if (faults.close_after_positions >= 0 && rows++ == faults.close_after_positions) {
                faults.close_after_positions = -1;
                connection.closing = true;
                return;
            }
            if (left == 0) return;
            --left;
            auto const& instrument = broker_.instruments().at(con_id);
            if (shown(instrument, holding) && !faults.empty_lists) send_position(connection, account, instrument, holding);
        }
    }
}

std::string const& Simulator::encoded_list(int version) {
    EncodedList& list = lists_[version];
    if (list.changes == broker_.changes() && list.with_currency_pairs == options.virtual_fx_positions) return list.bytes;
    list = {broker_.changes(), options.virtual_fx_positions, {}};
    for (auto const& [account, holdings] : broker_.holdings()) {
        for (auto const& [con_id, holding] : holdings) {
            auto const& instrument = broker_.instruments().at(con_id);
            if (shown(instrument, holding)) append_position(list.bytes, version, account, instrument, holding);
        }
    }
    return list.bytes;
}

void Simulator::encode_lists() {
    if (!lists_are_plain() || broker_.holdings().size() > accounts_in_one_list) return;
    lists_.try_emplace(options.server_version);
    for (auto const& [version, unused] : lists_) static_cast<void>(encoded_list(version));
}

void Simulator::answer(Asked const& asked, tws::CancelPositions const&) { asked.connection.subscriptions.positions = false; }

void Simulator::send_position(Connection& connection, std::string const& account, SimulatedInstrument const& instrument,
                              Holding const& holding) {
    if (connection.closing || faults.stall) return;
    if (options.newer_than_client) return send(connection, position_of(account, instrument, holding));
    append_position(connection.out, connection.version, account, instrument, holding);
}

void Simulator::append_position(std::string& out, int version, std::string const& account, SimulatedInstrument const& instrument,
                                Holding const& holding) {
    if (restated_when_encoded_ != broker_.instruments_restated()) encoded_.clear();
    restated_when_encoded_ = broker_.instruments_restated();
    EncodedRow& row = encoded_[{version, account, instrument.con_id}];
    if (row.bytes.empty() || row.holding != holding) {
        row = {holding, {}};
        tws::encode(row.bytes, tws::IncomingMessage(position_of(account, instrument, holding)), version);
    }
    out += row.bytes;
}

/// Rows of an account, and rows of its models with their code. How they add up is not documented; here what a model holds is
/// part of what its account holds.
void Simulator::send_positions_of_model(Connection& connection, std::int64_t request_id, std::string const& account,
                                        std::string const& model_code) {
    auto rows = [&](std::map<ConId, Holding> const& holdings, std::string const& model) {
        for (auto const& [con_id, holding] : holdings) {
            auto const& instrument = broker_.instruments().at(con_id);
            if (!shown(instrument, holding)) continue;
            tws::PositionMulti row;
            row.request_id = request_id;
            row.account = account;
            row.contract = contract_of(instrument);
            row.position = holding.quantity;
            row.average_cost = holding.average_cost();
            row.model_code = model;
            send(connection, row);
        }
    };
    if (model_code.empty()) rows(broker_.holdings().at(account), "");
    for (auto const& [key, holdings] : broker_.models()) {
        if (key.first == account && (model_code.empty() || key.second == model_code)) rows(holdings, key.second);
    }
}

void Simulator::answer(Asked const& asked, tws::RequestPositionsMulti const& request) {
    auto const account = account_of(asked, request.request_id, request.account);
    if (!account) return;
    std::string const model(request.model_code);
    send_positions_of_model(asked.connection, request.request_id, *account, model);
    asked.connection.subscriptions.positions_of_model[request.request_id] = {*account, model};
    if (!faults.omit_position_end) send(asked.connection, tws::PositionMultiEnd{request.request_id});
}

void Simulator::answer(Asked const& asked, tws::CancelPositionsMulti const& request) {
    asked.connection.subscriptions.positions_of_model.erase(request.request_id);
}

// --- executions ----------------------------------------------------------------------------------------------------

void Simulator::answer(Asked const& asked, tws::RequestExecutions const& request) {
    // Official documentation, reqExecutions: a gateway has those since its midnight; a TWS up to seven days. Whether a gateway
    // gives more when lastNDays or specificDates ask for it is not documented: days_of_executions says.
    constexpr std::int64_t a_day = 86'400'000'000;
    auto const today = local(asked.now.wall);
    std::int64_t days = std::min(options.days_of_executions, 7);
    if (request.last_days > 0 && request.last_days < 100) days = std::min(days, request.last_days);
    base::Timestamp const from{midnight(asked.now).microseconds - days * a_day};
    std::optional<base::Timestamp> since;
    if (!request.time.empty()) {
        since = since_of(request.time, today, options.zone, options.zones);
        if (!since) {
            return send_error(asked.connection, request.request_id, 10314,
                              "End Date/Time: The date, time, or time-zone entered is invalid: " + std::string(request.time),
                              asked.now);
        }
    }
    auto const matches = [](std::string_view wanted, std::string_view value) { return wanted.empty() || wanted == value; };
    std::vector<Fill const*> chosen;
    for (auto const& fill : broker_.fills()) {
        if (!fill.served || fill.time < from || (since && fill.time < *since)) continue;
        // Without an account, those of the login's accounts.
        if (request.account.empty() ? !broker_.holdings().contains(fill.account) : request.account != fill.account) continue;
        if (request.client_id != 0 && fill.client_id != request.client_id) continue;
        auto const& instrument = broker_.instruments().at(fill.con_id);
        if (!matches(request.symbol, instrument.symbol) || !matches(request.sec_type, instrument.sec_type)) continue;
        if (!matches(request.exchange, "ISLAND") || !matches(request.side, fill.quantity.is_positive() ? "BUY" : "SELL"))
            continue;
        if (!request.dates.empty() &&
            std::find(request.dates.begin(), request.dates.end(), day_number(local(fill.time))) == request.dates.end()) {
            continue;
        }
        chosen.push_back(&fill);
    }
    // First all executions in the order of their time, then all commissions, then the End (ThomasMarcelis/ibkr-go, capture at
    // 225).
    for (auto const* fill : chosen)
        send_execution(asked.connection, *fill, request.request_id);
    for (auto const* fill : chosen)
        send_commission(asked.connection, *fill);
    // It may never come, above all for an empty answer (ib-api-reloaded/ib_async #54, #82; erdewit/ib_insync #638).
    if (!faults.omit_executions_end) send(asked.connection, tws::ExecutionDetailsEnd{request.request_id});
}

/// Forms seen: two blanks and no zone up to 173; with a zone from 174; UTC as `20261123-14:30:05` (erdewit/ib_insync #671,
/// nautilus_trader #2359, ib_async #230), with a Z behind it from 214 on.
std::string Simulator::execution_time(Fill const& fill, int version) const {
    if (version < 174) return digits_of(local(fill.time), "  ");
    if (options.execution_times == ExecutionTimes::utc)
        return digits_of(base::utc_local(fill.time), "-") + (version >= 214 ? "Z" : "");
    if (options.execution_times == ExecutionTimes::instrument_zone && options.zones != nullptr) {
        std::string const& zone = broker_.instruments().at(fill.con_id).time_zone;
        if (auto const there = options.zones->to_local(zone, fill.time)) return digits_of(*there, " ") + " " + zone;
    }
    return digits_of(local(fill.time), " ") + " " + options.zone;
}

void Simulator::send_execution(Connection& connection, Fill const& fill, std::int64_t request_id) {
    SimulatedInstrument const& instrument = broker_.instruments().at(fill.con_id);
    std::string const time = execution_time(fill, connection.version);
    tws::ExecutionDetails details;
    details.request_id = request_id;
    details.order_id = fill.order_id;
    details.contract = contract_of(instrument);
    details.contract.exchange = "ISLAND";  // the venue
    details.exec_id = fill.exec_id;
    details.time = time;
    details.account = fill.account;
    details.exchange = "ISLAND";
    details.side = fill.quantity.is_positive() ? "BOT" : "SLD";
    details.shares = fill.quantity.abs();
    details.price = fill.price;
    details.perm_id = fill.perm_id;
    details.client_id = fill.client_id;
    details.cum_qty = fill.quantity.abs();
    details.average_price = fill.price;
    details.order_ref = fill.order_ref;
    details.model_code = fill.model_code;
    details.last_liquidity = 1;
    // Binary only; -1 stands on ordinary fills (ThomasMarcelis/ibkr-go, captures).
    details.exercise_type = fill.exercise_type.value_or(-1);
    details.liquidation = fill.liquidation ? 1 : 0;
    send(connection, details);
}

void Simulator::send_commission(Connection& connection, Fill const& fill) {
    // Commissions come later than their fill, sometimes not within the session (pst-group/pysystemtrade #1661).
    if (!fill.commission || faults.omit_commissions) return;
    tws::CommissionReport report;
    report.exec_id = fill.exec_id;
    report.commission = fill.commission;
    report.currency = broker_.instruments().at(fill.con_id).currency;
    report.realized_pnl = fill.realized_pnl;  // unset for opening fills: DBL_MAX as text, absent in binary
    send(connection, report);
}

// --- contracts -----------------------------------------------------------------------------------------------------

void Simulator::answer(Asked const& asked, tws::RequestContractData const& request) {
    auto const today = day_number(local(asked.now.wall));
    auto const matches = [](std::string_view wanted, std::string_view value) { return wanted.empty() || wanted == value; };
    int found = 0;
    auto const& instruments = broker_.instruments();
    auto const [first, last] = request.con_id != 0 ? instruments.equal_range(request.con_id) : std::pair(instruments.begin(), instruments.end());
    for (auto at = first; at != last; ++at) {
        auto const& [con_id, instrument] = *at;
        if (request.con_id == 0) {
            if (request.symbol.empty() && request.local_symbol.empty()) break;
            bool const strike =
                !request.strike || request.strike->is_zero() || (instrument.strike && *instrument.strike == *request.strike);
            bool const date =
                request.last_trade_date.empty() || std::string_view(instrument.expiry).starts_with(request.last_trade_date);
            bool const right =
                matches(request.right, "0") || matches(request.right, "?") || request.right.substr(0, 1) == instrument.right;
            if (!matches(request.symbol, instrument.symbol) || !matches(request.local_symbol, instrument.local_symbol) ||
                !strike || !date || !right || !matches(request.sec_type, instrument.sec_type) ||
                !matches(request.currency, instrument.currency)) {
                continue;
            }
        }
        // What has expired is not resolved; includeExpired helps for futures only (nautilus_trader #3305).
        auto const expiry = number(instrument.expiry);
        if (expiry && *expiry < today && !(request.include_expired && instrument.sec_type == "FUT")) continue;
        ++found;
        tws::ContractData data;
        data.request_id = request.request_id;
        data.is_bond = instrument.sec_type == "BOND";
        data.contract = contract_of(instrument);
        data.contract.exchange = instrument.exchange;
        data.market_name = instrument.trading_class;
        data.min_tick = base::Decimal::from_parts(1, 2);
        data.price_magnifier = instrument.price_magnifier;
        data.under_con_id = instrument.under_con_id;
        data.under_sec_type = instrument.under_sec_type;
        data.long_name = instrument.symbol;
        data.time_zone = instrument.time_zone;
        send(asked.connection, data);
    }
    if (found == 0) {  // and no End
        return send_error(asked.connection, request.request_id, 200, "No security definition has been found for the request",
                          asked.now);
    }
    if (!faults.omit_contract_end) send(asked.connection, tws::ContractDataEnd{request.request_id});
}

}  // namespace possync::gateway
