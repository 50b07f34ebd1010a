#include "gateway/simulator.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "tws/decode.hpp"
#include "tws/encode.hpp"

namespace possync::gateway {

using base::Decimal;
using base::Now;

namespace {

/// "20261123 14:30:05" in UTC.
std::string plain_time(base::Timestamp time, char between) {
    std::string text = base::to_rfc3339(time).substr(0, 19);
    std::erase(text, '-');
    text[8] = between;
    return text;
}

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

}  // namespace

template <typename Message>
void Simulator::send(Connection& connection, Message const& message) {
    if (connection.closing || faults.stall) return;
    tws::encode(connection.out, tws::IncomingMessage(message), connection.version);
}

int Simulator::connect(Now) {
    if (faults.refuse_connections) return 0;
    int const id = next_connection_++;
    connections_[id];
    return id;
}

void Simulator::disconnected(int connection) { connections_.erase(connection); }

std::vector<Simulator::Output> Simulator::take_outputs() {
    std::vector<Output> outputs;
    for (auto it = connections_.begin(); it != connections_.end();) {
        auto& [id, connection] = *it;
        bool const close = connection.closing;
        if (!connection.out.empty() || close) outputs.push_back({id, std::exchange(connection.out, {}), close});
        it = close ? connections_.erase(it) : std::next(it);
    }
    return outputs;
}

void Simulator::bytes(int id, std::string_view bytes, Now now) {
    auto const found = connections_.find(id);
    if (found == connections_.end()) return;
    Connection& connection = found->second;
    if (connection.greeting.size() < 4) {
        std::size_t const take = std::min(bytes.size(), 4 - connection.greeting.size());
        connection.greeting.append(bytes.substr(0, take));
        bytes.remove_prefix(take);
        if (connection.greeting.size() < 4) return;
        if (connection.greeting != std::string_view("API\0", 4)) {
            connection.closing = true;
            return;
        }
    }
    connection.reader.append(bytes);
    while (!connection.closing) {
        auto const frame = connection.reader.next();
        if (!frame) {
            connection.closing = true;
            return;
        }
        if (!*frame) return;
        if (connection.version == 0) {
            auto const hello = tws::decode_client_hello(**frame);
            int const version = hello ? std::min(hello->version_max, options_.server_version) : 0;
            if (!hello || version < hello->version_min) {
                connection.closing = true;
                return;
            }
            connection.version = version;
            if (!faults.stall) tws::encode_server_hello(connection.out, version, plain_time(now.wall, ' ') + " " + options_.zone);
            continue;
        }
        auto const decoded = tws::decode_request(**frame, connection.version);
        if (!decoded) {
            send_error(connection, -1, 320, fmt::format("Error reading request: {}", decoded.error().what), now);
            continue;
        }
        request(id, connection, *decoded, now);
    }
}

void Simulator::request(int id, Connection& connection, tws::ClientRequest const& request, Now now) {
    auto& recent = connection.recent_requests;
    std::erase_if(recent, [&](base::Duration at) { return now.steady - at >= std::chrono::seconds(1); });
    recent.push_back(now.steady);
    if (recent.size() > static_cast<std::size_t>(options_.requests_per_second_max)) {
        send_error(connection, -1, 100, "Max rate of messages per second has been exceeded", now);
        if (++connection.strikes >= 3) connection.closing = true;
    }
    if (auto const* unknown = std::get_if<tws::UnknownRequest>(&request)) {
        // What a read-only client may not send, and what this gateway does not serve.
        constexpr int order_requests[] = {3, 4, 5, 15, 16, 21, 58, 99, 109};
        if (std::find(std::begin(order_requests), std::end(order_requests), unknown->id) != std::end(order_requests)) {
            alarms_.insert(unknown->id);
        }
        return send_error(connection, -1, 321, "Error validating request: the API interface is currently in Read-Only mode", now);
    }
    if (auto const* m = std::get_if<tws::StartApi>(&request)) return start(id, connection, m->client_id, now);
    if (!connection.started) return;
    if (std::holds_alternative<tws::RequestManagedAccounts>(request)) {
        std::string const accounts = broker_.account_list();
        send(connection, tws::ManagedAccounts{accounts});
    } else if (std::holds_alternative<tws::RequestCurrentTime>(request)) {
        send(connection, tws::CurrentTime{now.wall.microseconds / 1'000'000});
    } else if (std::holds_alternative<tws::RequestPositions>(request)) {
        send_positions(connection);
    } else if (std::holds_alternative<tws::CancelPositions>(request)) {
        connection.positions = false;
    } else if (auto const* executions = std::get_if<tws::RequestExecutions>(&request)) {
        send_executions(connection, *executions, now);
    } else if (auto const* contract = std::get_if<tws::RequestContractData>(&request)) {
        auto const found = broker_.instruments().find(contract->con_id);
        if (found == broker_.instruments().end()) {
            return send_error(connection, contract->request_id, 200, "No security definition has been found for the request", now);
        }
        tws::ContractData data;
            data.request_id = contract->request_id;
        data.contract = contract_of(found->second);
        data.contract.exchange = found->second.exchange;
        data.market_name = found->second.trading_class;
        data.min_tick = base::Decimal::from_parts(1, 2);
        data.price_magnifier = found->second.price_magnifier;
        data.under_con_id = found->second.under_con_id;
        data.under_sec_type = found->second.under_sec_type;
        data.long_name = found->second.symbol;
        data.time_zone = "US/Eastern";
        send(connection, data);
        send(connection, tws::ContractDataEnd{contract->request_id});
    } else if (auto const* updates = std::get_if<tws::RequestAccountUpdates>(&request)) {
        std::string const account(updates->account);
        if (!updates->subscribe) {
            connection.account_updates.clear();
        } else if (!broker_.holdings().contains(account)) {
            send_error(connection, -1, 321, "Error validating request: invalid account code '" + account + "'", now);
        } else {
            send_account_updates(connection, account, now);
        }
    } else if (auto const* single = std::get_if<tws::RequestPnlSingle>(&request)) {
        tws::PnlSingle pnl;
        pnl.request_id = single->request_id;
        auto const account = broker_.holdings().find(std::string(single->account));
        if (account == broker_.holdings().end() || !account->second.contains(single->con_id)) return;  // silence, as the real one
        pnl.position = account->second.at(single->con_id).quantity;
        send(connection, pnl);
    }
}

void Simulator::start(int id, Connection& connection, std::int64_t client_id, Now now) {
    for (auto const& [other_id, other] : connections_) {
        if (other_id == id || !other.started || other.client_id != client_id) continue;
        send_error(connection, -1, 326, "Unable to connect as the client id is already in use. Retry with a unique client id.", now);
        connection.closing = true;
        return;
    }
    connection.client_id = client_id;
    connection.started = true;
    std::string const accounts = broker_.account_list();
    send(connection, tws::ManagedAccounts{accounts});
    send(connection, tws::NextValidId{1});
    send_error(connection, -1, 2104, "Market data farm connection is OK:usfarm", now);
    send_error(connection, -1, 2158, "Sec-def data farm connection is OK:secdefil", now);
}

void Simulator::send_positions(Connection& connection) {
    bool const plain = !faults.stall && faults.close_after_positions < 0;
    if (plain && list_.version == connection.version && list_.changes == broker_.changes()) {
        connection.out += list_.bytes;
        connection.positions = true;
        if (!faults.omit_position_end) send(connection, tws::PositionEnd{});
        return;
    }
    std::size_t const begin = connection.out.size();
    int rows = 0;
    for (auto const& [account, holdings] : broker_.holdings()) {
        for (auto const& [con_id, holding] : holdings) {
            if (faults.close_after_positions >= 0 && rows++ == faults.close_after_positions) {
                faults.close_after_positions = -1;
                connection.closing = true;
                return;
            }
            send_position(connection, account, broker_.instruments().at(con_id), holding);
        }
    }
    if (plain) list_ = {connection.version, broker_.changes(), connection.out.substr(begin)};
    connection.positions = true;
    if (!faults.omit_position_end) send(connection, tws::PositionEnd{});
}

void Simulator::send_position(Connection& connection, std::string const& account, SimulatedInstrument const& instrument,
                              Holding const& holding) {
    if (connection.closing || faults.stall) return;
    EncodedRow& row = encoded_[{account, instrument.con_id}];
    if (row.version == connection.version && row.holding == holding) {
        connection.out += row.bytes;
        return;
    }
    tws::Position position;
    position.account = account;
    position.contract = contract_of(instrument);
    position.position = holding.quantity;
    position.average_cost = holding.average_cost();
    row = {connection.version, holding, {}};
    tws::encode(row.bytes, tws::IncomingMessage(position), connection.version);
    connection.out += row.bytes;
}

void Simulator::send_executions(Connection& connection, tws::RequestExecutions const& request, Now now) {
    // Fills of the current day are all that a gateway serves.
    auto today = base::utc_local(now.wall);
    today.microseconds_of_day = 0;
    auto const midnight = base::from_utc_local(today);
    std::vector<Fill const*> chosen;
    for (auto const& fill : broker_.fills()) {
        if (fill.time < midnight) continue;
        if (!request.account.empty() && fill.account != request.account) continue;
        if (request.client_id != 0 && fill.client_id != request.client_id) continue;
        if (!request.time.empty() && plain_time(fill.time, '-') < request.time) continue;
        chosen.push_back(&fill);
    }
    for (auto const* fill : chosen) send_execution(connection, *fill, request.request_id);
    for (auto const* fill : chosen) send_commission(connection, *fill);
    if (!faults.omit_executions_end) send(connection, tws::ExecutionDetailsEnd{request.request_id});
}

void Simulator::send_execution(Connection& connection, Fill const& fill, std::int64_t request_id) {
    SimulatedInstrument const& instrument = broker_.instruments().at(fill.con_id);
    tws::ExecutionDetails details;
    // From 174 on times carry a zone; before, they are the gateway's own without one.
    std::string time = plain_time(fill.time, ' ');
    if (connection.version >= 174) {
        time += " " + options_.zone;
    } else {
        time.insert(8, " ");
    }
    details.request_id = request_id;
    details.order_id = fill.order_id;
    details.contract = contract_of(instrument);
    details.contract.exchange = "ISLAND";
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
    details.last_liquidity = 1;
    send(connection, details);
}

void Simulator::send_commission(Connection& connection, Fill const& fill) {
    if (!fill.commission || faults.omit_commissions) return;
    tws::CommissionReport report;
    report.exec_id = fill.exec_id;
    report.commission = fill.commission;
    report.currency = broker_.instruments().at(fill.con_id).currency;
    report.realized_pnl = fill.realized_pnl;
    send(connection, report);
}

void Simulator::send_account_updates(Connection& connection, std::string const& account, Now now) {
    if (!connection.account_updates.empty() && connection.account_updates != account) {
        send_error(connection, -1, 2100, "New account data requested from TWS. API client has been unsubscribed from account data.", now);
    }
    connection.account_updates = account;
    Decimal net;
    for (auto const& [con_id, holding] : broker_.holdings().at(account)) {
        auto const& instrument = broker_.instruments().at(con_id);
        net += base::multiply_rounded(instrument.price, holding.quantity * instrument.factor(), 2);
    }
    std::string const value = (net + Decimal(100'000)).to_string();
    send(connection, tws::AccountValue{"AccountReady", "true", "", account});
    send(connection, tws::AccountValue{"NetLiquidation", value, "USD", account});
    for (auto const& [con_id, holding] : broker_.holdings().at(account)) {
        if (!holding.quantity.is_zero()) send_portfolio(connection, account, con_id);
    }
    std::string const clock = base::to_rfc3339(now.wall).substr(11, 5);
    send(connection, tws::AccountUpdateTime{clock});
    send(connection, tws::AccountDownloadEnd{account});
}

void Simulator::send_portfolio(Connection& connection, std::string const& account, ConId con_id) {
    auto const& instrument = broker_.instruments().at(con_id);
    Holding const& holding = broker_.holdings().at(account).at(con_id);
    tws::PortfolioValue value;
    value.contract = contract_of(instrument);
    // In the binary form the exchange stands where it stands in other contracts; the text form has the primary one only.
    if (connection.version >= 207) value.contract.exchange = std::exchange(value.contract.primary_exchange, {});
    value.position = holding.quantity;
    value.market_price = instrument.price;
    value.market_value = base::multiply_rounded(instrument.price, holding.quantity * instrument.factor(), 2);
    value.average_cost = holding.average_cost();
    Decimal const cost = holding.quantity.is_negative() ? -holding.cost : holding.cost;
    value.unrealized_pnl = (*value.market_value - cost).rounded(2);
    value.realized_pnl = Decimal(0);
    value.account = account;
    send(connection, value);
}

void Simulator::send_error(Connection& connection, std::int64_t request_id, std::int64_t code, std::string const& text, Now now) {
    send(connection, tws::ErrorMessage{request_id, code, text, "", now.wall.microseconds / 1000});
}

void Simulator::push_fill(Fill const& fill, Now) {
    for (auto& [unused, connection] : connections_) {
        bool const concerned = connection.client_id == fill.client_id || connection.client_id == options_.master_client_id;
        if (connection.started && concerned) send_execution(connection, fill, -1);
    }
}

void Simulator::push_commission(Fill const& fill) {
    for (auto& [unused, connection] : connections_) {
        bool const concerned = connection.client_id == fill.client_id || connection.client_id == options_.master_client_id;
        if (connection.started && concerned) send_commission(connection, fill);
    }
}

void Simulator::push_position(std::string const& account, ConId con_id) {
    for (auto& [unused, connection] : connections_) {
        if (connection.positions) {
            send_position(connection, account, broker_.instruments().at(con_id), broker_.holdings().at(account).at(con_id));
        }
    }
}

void Simulator::push_portfolio(std::string const& account, ConId con_id, Now) {
    for (auto& [unused, connection] : connections_) {
        if (connection.account_updates == account) send_portfolio(connection, account, con_id);
    }
}

void Simulator::notice(std::int64_t code, std::string const& text, Now now) {
    for (auto& [unused, connection] : connections_) {
        if (connection.started) send_error(connection, -1, code, text, now);
    }
}

void Simulator::close_all() {
    for (auto& [unused, connection] : connections_) connection.closing = true;
}

}  // namespace possync::gateway
