#include "gateway/simulator.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "gateway/simulator_parts.hpp"
#include "tws/decode.hpp"
#include "tws/generation.hpp"
#include "tws/outgoing.hpp"

namespace possync::gateway {

using base::Now;

namespace {

/// Requests that trade, show orders, or change something. A gateway in read-only mode refuses them (erdewit/ib_insync #1, #7:
/// asking for open orders counts as well).
constexpr int order_requests[] = {3, 4, 5, 15, 16, 19, 21, 58, 99, 109};

/// Requests that a gateway takes without an answer: log level, kind of market data, cancelling of contract data.
constexpr int silent_requests[] = {14, 59, 106};

template <std::size_t Size>
bool contains(int const (&ids)[Size], int id) {
    return std::find(std::begin(ids), std::end(ids), id) != std::end(ids);
}

/// The order id that a placed order carries: the first field, so that the refusal finds its order.
std::int64_t order_id_of(std::string_view frame, int version) {
    std::int64_t number = -1;
    if (version < tws::binary_ids_since) {
        auto const first = frame.find('\0');
        std::string_view const field = frame.substr(std::min(first + 1, frame.size()));
        std::from_chars(field.data(), field.data() + field.size(), number);
        return number;
    }
    std::string_view body = frame.substr(std::min<std::size_t>(4, frame.size()));
    if (static_cast<unsigned char>(frame[3]) <= tws::binary_offset && frame[2] == 0) {
        std::from_chars(body.data(), body.data() + body.size(), number);
        return number;
    }
    if (!body.starts_with('\x08')) return number;
    std::uint64_t value = 0;
    int shift = 0;
    for (std::size_t i = 1; i < body.size() && shift < 63; ++i, shift += 7) {
        value |= static_cast<std::uint64_t>(body[i] & 0x7F) << shift;
        if ((body[i] & 0x80) == 0) return static_cast<std::int64_t>(value);
    }
    return number;
}

}  // namespace

int Simulator::connect(Now now) {
    now_ = now.wall;
    if (faults.refuse_connections || injector.refuses(now)) return 0;
    int const id = next_connection_++;
    connections_[id];
    return id;
}

void Simulator::disconnected(int connection) {
    connections_.erase(connection);
    injector.disconnected(connection);
}

std::vector<Delivery> Simulator::take_outputs(Now now) {
    for (auto& [id, connection] : connections_) {
        if (!connection.out.empty() || connection.closing)
            injector.send(id, std::exchange(connection.out, {}), connection.closing, now);
    }
    if (injector.take_restart()) {
        for (auto const& [id, unused] : connections_)
            injector.send(id, {}, true, now);
        connections_.clear();
    }
    std::erase_if(connections_, [](auto const& each) { return each.second.closing; });
    auto deliveries = injector.take(now);
    for (auto const& each : deliveries) {
        if (each.close) connections_.erase(each.connection);
    }
    return deliveries;
}

std::optional<base::Duration> Simulator::next_deadline() const {
    std::optional<base::Duration> next = injector.next_deadline();
    for (auto const& [unused, connection] : connections_) {
        auto const due = connection.subscriptions.next_due();
        if (due && (!next || *due < *next)) next = due;
    }
    return next;
}

void Simulator::on_time(Now now) {
    now_ = now.wall;
    for (auto& [unused, connection] : connections_) {
        auto& held = connection.subscriptions;
        if (held.account_updates && held.account_updates->told.due <= now.steady) send_account_updates(connection, now);
        for (auto& [request_id, summary] : held.summaries) {
            if (summary.told.due <= now.steady) send_summary(connection, request_id, summary, now);
        }
        for (auto& [request_id, values] : held.values) {
            if (values.told.due <= now.steady) send_values(connection, request_id, values, now);
        }
        for (auto& [request_id, pnl] : held.pnl) {
            if (pnl.due <= now.steady) send_pnl(connection, request_id, pnl, now);
        }
    }
}

void Simulator::bytes(int id, std::string_view bytes, Now now) {
    now_ = now.wall;
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
            int const version = hello ? std::min(hello->version_max, options.server_version) : 0;
            // Ranges that do not meet: the socket is closed without a word (wboayue/rust-ibapi, seen in use).
            if (!hello || version < hello->version_min) {
                connection.closing = true;
                return;
            }
            connection.version = version;
            if (faults.stall) continue;
            // The zone is display text of the machine's language, in its encoding (wboayue/rust-ibapi, time zone tests).
            auto const time = local(now.wall);
            std::string digits = base::to_rfc3339(base::from_utc_local(time)).substr(0, 19);
            std::erase(digits, '-');
            digits[8] = ' ';
            tws::encode_server_hello(connection.out, version,
                                     digits + " " + (options.zone_text.empty() ? options.zone : options.zone_text));
            continue;
        }
        auto const decoded = tws::decode_request(**frame, connection.version);
        if (!decoded) {
            send_error(connection, -1, 320, fmt::format("Error reading request: {}", decoded.error().what), now);
            continue;
        }
        request(id, connection, **frame, *decoded, now);
    }
}

void Simulator::request(int id, Connection& connection, std::string_view frame, tws::ClientRequest const& request, Now now) {
    // Official documentation, pacing: 50 messages a second; beyond, error 100 and, the third time, the end of the connection,
    // where the setting says to reject; else reading slows down.
    auto& recent = connection.recent_requests;
    std::erase_if(recent, [&](base::Duration at) { return now.steady - at >= std::chrono::seconds(1); });
    recent.push_back(now.steady);
    if (options.reject_above_max_rate && recent.size() > static_cast<std::size_t>(options.requests_per_second_max)) {
        send_error(connection, -1, 100, "Max rate of messages per second has been exceeded", now);
        if (++connection.strikes >= 3) connection.closing = true;
    }
    if (auto const* unknown = std::get_if<tws::UnknownRequest>(&request)) return refuse(connection, frame, unknown->id, now);
    if (auto const* m = std::get_if<tws::StartApi>(&request)) return start(id, connection, m->client_id, now);
    // Official documentation: what is asked before the next order id came may be dropped.
    if (!connection.started) return;
    std::visit(
        [&](auto const& each) {
            using Request = std::decay_t<decltype(each)>;
            if constexpr (!std::is_same_v<Request, tws::UnknownRequest> && !std::is_same_v<Request, tws::StartApi>) {
                answer(Asked{id, connection, now}, each);
            }
        },
        request);
}

void Simulator::refuse(Connection& connection, std::string_view frame, int message_id, Now now) {
    if (contains(order_requests, message_id)) {
        alarms_.insert(message_id);
        std::int64_t const order = message_id == 3 ? order_id_of(frame, connection.version) : -1;
        return send_error(connection, order, 321, "Error validating request: the API interface is currently in Read-Only mode",
                          now);
    }
    if (!connection.started || contains(silent_requests, message_id)) return;
    if (message_id == 8) return send(connection, tws::NextValidId{1});  // reqIds: how many is ignored
    // How a gateway treats an id of the future is not known; this answer is the simulator's own.
    ++not_served_[message_id];
    send_error(
        connection, -1, 321,
        fmt::format("Error validating request: this simulated gateway does not serve message {} (no market data, no history)",
                    message_id),
        now);
}

void Simulator::start(int id, Connection& connection, std::int64_t client_id, Now now) {
    bool taken = faults.client_ids_taken.contains(client_id);
    for (auto const& [other_id, other] : connections_) {
        taken = taken || (other_id != id && other.started && other.client_id == client_id);
    }
    if (taken) {
        // After a crash or restart the id stays taken for a while (ib-api-reloaded/ib_async #152, nautilus_trader #3796).
        send_error(connection, -1, 326, "Unable to connect as the client id is already in use. Retry with a unique client id.",
                   now);
        connection.closing = true;
        return;
    }
    connection.client_id = client_id;
    connection.started = true;
    std::string const accounts = broker_.account_list();
    // The usual order; it is not promised (ThomasMarcelis/ibkr-go, captures at server versions 200 to 225).
    std::vector<int> order{0, 1, 2, 3, 4};
    if (options.start_seed != 0) {
        for (std::size_t i = order.size() - 1; i > 0; --i) {
            std::swap(order[i], order[static_cast<std::size_t>(start_order_.between(0, static_cast<std::int64_t>(i)))]);
        }
    }
    for (int const what : order) {
        switch (what) {
        case 0: send(connection, tws::ManagedAccounts{accounts}); break;
        case 1: send(connection, tws::NextValidId{1}); break;
        case 2: send_error(connection, -1, 2104, "Market data farm connection is OK:usfarm", now); break;
        case 3: send_error(connection, -1, 2106, "HMDS data farm connection is OK:ushmds", now); break;
        default: send_error(connection, -1, 2158, "Sec-def data farm connection is OK:secdefil", now); break;
        }
    }
}

void Simulator::answer(Asked const& asked, tws::RequestManagedAccounts const&) {
    std::string const accounts = broker_.account_list();
    send(asked.connection, tws::ManagedAccounts{accounts});
}

void Simulator::answer(Asked const& asked, tws::RequestCurrentTime const&) {
    send(asked.connection, tws::CurrentTime{asked.now.wall.microseconds / 1'000'000});
}

void Simulator::answer(Asked const& asked, tws::RequestCurrentTimeInMillis const&) {
    send(asked.connection, tws::CurrentTimeInMillis{asked.now.wall.microseconds / 1000});
}

void Simulator::send_error(Connection& connection, std::int64_t request_id, std::int64_t code, std::string const& text, Now now) {
    send(connection, tws::ErrorMessage{request_id, code, text, "", now.wall.microseconds / 1000});
}

void Simulator::push_fill(Fill const& fill, Now now) {
    now_ = now.wall;
    // Official documentation, execDetails: pushed to the client of the order, to the master client, and client 0 hears of what
    // was done by hand; everybody else has to ask.
    for (auto& [unused, connection] : connections_) {
        bool const concerned = connection.client_id == fill.client_id || connection.client_id == options.master_client_id;
        if (connection.started && concerned) send_execution(connection, fill, -1);
    }
}

void Simulator::push_commission(Fill const& fill) {
    for (auto& [unused, connection] : connections_) {
        bool const concerned = connection.client_id == fill.client_id || connection.client_id == options.master_client_id;
        if (connection.started && concerned) send_commission(connection, fill);
    }
}

void Simulator::push_position(std::string const& account, ConId con_id) {
    SimulatedInstrument const& instrument = broker_.instruments().at(con_id);
    Holding const& holding = broker_.holdings().at(account).at(con_id);
    if (instrument.sec_type == "CASH" && !options.virtual_fx_positions) return;
    for (auto& [unused, connection] : connections_) {
        if (connection.subscriptions.positions) send_position(connection, account, instrument, holding);
        for (auto const& [request_id, wanted] : connection.subscriptions.positions_of_model) {
            if (wanted.account != account || !wanted.model_code.empty()) continue;
            tws::PositionMulti row;
            row.request_id = request_id;
            row.account = account;
            row.contract = contract_of(instrument);
            row.position = holding.quantity;
            row.average_cost = holding.average_cost();
            send(connection, row);
        }
    }
}

void Simulator::push_position_before_commission(std::string const& account, ConId con_id) {
    // A fill tells its position twice: without, then with its commission (erdewit/ib_insync #575).
    SimulatedInstrument const& instrument = broker_.instruments().at(con_id);
    Holding const& holding = broker_.holdings().at(account).at(con_id);
    if (instrument.sec_type == "CASH" && !options.virtual_fx_positions) return;
    for (auto& [unused, connection] : connections_) {
        if (!connection.subscriptions.positions) continue;
        tws::Position position;
        position.account = account;
        position.contract = contract_of(instrument);
        position.position = holding.quantity;
        position.average_cost = holding.average_cost_before_commission();
        send(connection, position);
    }
}

void Simulator::push_portfolio(std::string const& account, ConId con_id, Now now) {
    now_ = now.wall;
    for (auto& [unused, connection] : connections_) {
        auto const& updates = connection.subscriptions.account_updates;
        if (updates && updates->account == account) send_portfolio(connection, account, con_id);
    }
}

void Simulator::notice(std::int64_t code, std::string const& text, Now now) {
    now_ = now.wall;
    for (auto& [unused, connection] : connections_) {
        if (connection.started) send_error(connection, -1, code, text, now);
        // Official documentation, error 1300: the socket port was changed, the connection drops; the text names the new port.
        if (code == 1300) connection.closing = true;
    }
}

void Simulator::close_all() {
    for (auto& [unused, connection] : connections_)
        connection.closing = true;
}

base::LocalTime Simulator::local(base::Timestamp time) const {
    if (options.zones != nullptr) {
        if (auto const there = options.zones->to_local(options.zone, time)) return *there;
    }
    return base::utc_local(time);
}

base::Timestamp Simulator::midnight(Now now) const {
    auto day = local(now.wall);
    day.microseconds_of_day = 0;
    if (options.zones != nullptr) {
        if (auto const begins = options.zones->to_utc(options.zone, day)) return *begins;
    }
    return base::from_utc_local(day);
}

}  // namespace possync::gateway
