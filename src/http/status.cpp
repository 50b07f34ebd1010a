// The answers that join what the database holds with what the service knows live: status and gate.
#include <algorithm>
#include <charconv>
#include <map>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "http/answers.hpp"
#include "http/gate.hpp"
#include "http/response.hpp"
#include "query/json.hpp"

namespace possync::http {

namespace json = boost::json;
using base::Result;
using base::Timestamp;

namespace {

LiveGateway const* live_of(std::vector<LiveGateway> const& live, std::string const& gateway) {
    auto const found = std::find_if(live.begin(), live.end(), [&](auto const& each) { return each.gateway == gateway; });
    return found == live.end() ? nullptr : &*found;
}

json::value text_or_null(std::string const& text) {
    return text.empty() ? json::value(nullptr) : json::value(json::string(query::repaired_utf8(text)));
}

json::value time_or_null(std::optional<Timestamp> time) {
    return time ? json::value(json::string(base::to_rfc3339(*time))) : json::value(nullptr);
}

json::object gateway_object(query::GatewayStatus const* known, LiveGateway const* live) {
    json::object out;
    out["gateway"] = known != nullptr ? known->gateway : live->gateway;
    out["is_paper"] = known != nullptr && known->is_paper ? json::value(*known->is_paper) : json::value(nullptr);
    out["connected"] = live != nullptr ? json::value(live->connected) : json::value(nullptr);
    out["stale"] = live != nullptr ? json::value(live->stale) : json::value(nullptr);
    out["stale_since"] = live != nullptr ? time_or_null(live->stale_since) : json::value(nullptr);
    out["server_version"] =
        live != nullptr && live->server_version > 0 ? json::value(live->server_version) : json::value(nullptr);
    out["state"] = live != nullptr ? json::value(live->state) : json::value(nullptr);
    out["last_error"] = live != nullptr ? text_or_null(live->last_error) : json::value(nullptr);
    out["owner"] = known != nullptr && known->owner ? text_or_null(*known->owner) : json::value(nullptr);
    out["lease_until"] = known != nullptr ? time_or_null(known->lease_until) : json::value(nullptr);
    out["down_expected"] = live != nullptr ? json::value(live->down_expected) : json::value(nullptr);
    out["host"] = live != nullptr ? text_or_null(live->host) : json::value(nullptr);
    out["port"] = live != nullptr ? json::value(live->port) : json::value(nullptr);
    return out;
}

query::Statistics sum_of(std::vector<LiveGateway> const& gateways) {
    query::Statistics sum;
    for (auto const& gateway : gateways) {
        auto const& one = gateway.statistics;
        sum.total_syncs += one.total_syncs;
        sum.successful_syncs += one.successful_syncs;
        sum.failed_syncs += one.failed_syncs;
        sum.positions_created += one.positions_created;
        sum.positions_updated += one.positions_updated;
        sum.positions_closed += one.positions_closed;
        sum.callback_triggers += one.callback_triggers;
        bool const newer = one.last_sync_time && (!sum.last_sync_time || *sum.last_sync_time < *one.last_sync_time);
        if (newer) sum.last_sync_time = one.last_sync_time;
        if (one.last_error && (!sum.last_error || newer)) sum.last_error = one.last_error;
    }
    return sum;
}

/// Open breaks of class alert, by account.
Result<std::map<std::string, std::vector<query::BreakRow>>> open_alerts(query::Reader& reader,
                                                                        std::optional<std::string> const& account) {
    query::Filter filter;
    filter.account = account;
    filter.status = "open";
    POSSYNC_TRY(auto breaks, reader.breaks(filter));
    std::map<std::string, std::vector<query::BreakRow>> by_account;
    for (auto& row : breaks) {
        if (row.break_class == "alert") by_account[row.account].push_back(std::move(row));
    }
    return by_account;
}

GateInput gate_input(query::AccountStatus const& account, query::Status const& status, std::vector<LiveGateway> const& live,
                     std::map<std::string, std::vector<query::BreakRow>> const& breaks, bool is_paper,
                     AnswerContext const& context, Timestamp now) {
    GateInput input;
    input.account = account.account;
    input.status = account;
    input.is_paper = is_paper;
    for (auto const& gateway : status.gateways) {
        if (gateway.gateway == account.gateway) input.gateway = gateway;
    }
    if (auto const* own = live_of(live, account.gateway)) {
        // Configured here, but held by another service: that one knows.
        bool const elsewhere = !own->connected && input.gateway && input.gateway->owner && input.gateway->lease_until &&
                               *input.gateway->lease_until > now && own->state == "standby";
        if (!elsewhere) input.live = *own;
    }
    if (auto const found = breaks.find(account.account); found != breaks.end()) input.open_breaks = found->second;
    input.interval = context.interval;
    input.now = now;
    return input;
}

}  // namespace

Result<GatedStatus> read_gated_status(query::Reader& reader, AnswerContext const& context, Timestamp now) {
    GatedStatus out;
    out.live = context.commands->gateways();
    POSSYNC_TRY(auto const snapshot, query::ReadSnapshot::begin(reader));
    POSSYNC_TRY(out.status, query::read_live_status(reader, now, sum_of(out.live)));
    POSSYNC_TRY(auto const rows, reader.accounts());
    POSSYNC_TRY(auto const breaks, open_alerts(reader, std::nullopt));
    std::map<std::string_view, bool> paper;
    for (auto const& row : rows)
        paper[row.account] = row.is_paper;
    for (auto const& account : out.status.accounts) {
        out.accounts.push_back(
            {account, judge(gate_input(account, out.status, out.live, breaks, paper[account.account], context, now))});
    }
    return out;
}

Result<Answer> answer_status(query::Reader& reader, AnswerContext const& context, Timestamp now) {
    POSSYNC_TRY(GatedStatus const gated, read_gated_status(reader, context, now));
    query::Status const& status = gated.status;
    auto const& live = gated.live;
    json::object out;
    json::array gateways;
    for (auto const& known : status.gateways)
        gateways.push_back(gateway_object(&known, live_of(live, known.gateway)));
    for (auto const& each : live) {
        bool const there = std::any_of(status.gateways.begin(), status.gateways.end(),
                                       [&](auto const& known) { return known.gateway == each.gateway; });
        if (!there) gateways.push_back(gateway_object(nullptr, &each));
    }
    // One writer of the members' names: the status that the command prints, read back.
    auto const printed = json::parse(query::to_json(status));
    json::array accounts = printed.at("accounts").as_array();
    for (std::size_t i = 0; i < gated.accounts.size(); ++i) {
        accounts[i].as_object()["gate"] = json::string(to_string(gated.accounts[i].gate.state));
        accounts[i].as_object()["gate_reason"] = json::string(query::repaired_utf8(gated.accounts[i].gate.reason));
    }
    bool const running = std::any_of(live.begin(), live.end(), [](auto const& gateway) { return gateway.sync_running; });
    out["now"] = base::to_rfc3339(now);
    out["gateways"] = std::move(gateways);
    out["accounts"] = std::move(accounts);
    out["statistics"] = printed.at("statistics");
    out["version"] = context.version;
    out["sync_running"] = running;
    out["sync_interval_seconds"] = context.interval.count() / 1'000'000;
    out["report_zone"] = context.report_zone;
    auto body = std::make_shared<std::string const>(json::serialize(out));
    // What only the clock changes is no change: a status that is otherwise the same keeps its tag.
    out["now"] = nullptr;
    for (auto& account : out["accounts"].as_array()) {
        account.as_object()["age_seconds"] = nullptr;
        if (account.at("gate") == "OK") account.as_object()["gate_reason"] = nullptr;
    }
    return Answer{std::move(body), etag_of(json::serialize(out))};
}

Result<Answer> answer_gate(query::Reader& reader, AnswerContext const& context, std::string const& account,
                           std::string const& con_id, Timestamp now) {
    std::int64_t number = 0;
    auto const [stop, error] = std::from_chars(con_id.data(), con_id.data() + con_id.size(), number);
    if (error != std::errc{} || stop != con_id.data() + con_id.size() || number <= 0) {
        return base::fail(base::ErrorCode::invalid_input, "con_id is not a whole number above 0");
    }
    POSSYNC_TRY(auto const snapshot, query::ReadSnapshot::begin(reader));
    POSSYNC_TRY(auto const rows, reader.accounts());
    auto const found = std::find_if(rows.begin(), rows.end(), [&](auto const& row) { return row.account == account; });
    Gate gate;
    json::object out{{"quantity", nullptr}, {"last_synced_at", nullptr}};
    if (found == rows.end()) {
        GateInput unknown;
        unknown.account = account;
        gate = judge(unknown);
    } else {
        auto const live = context.commands->gateways();
        POSSYNC_TRY(query::Status const status, query::read_live_status(reader, now, {}, account));
        POSSYNC_TRY(auto const breaks, open_alerts(reader, account));
        query::Filter filter;
        filter.account = account;
        filter.con_id = number;
        filter.status = "OPEN";
        POSSYNC_TRY(auto const positions, reader.positions(filter));
        if (status.accounts.empty()) return base::fail(base::ErrorCode::internal, "the account has no status");
        GateInput input = gate_input(status.accounts.front(), status, live, breaks, found->is_paper, context, now);
        input.con_id = number;
        gate = judge(input);
        out["last_synced_at"] = time_or_null(found->last_synced_at);
        // Known to hold none of it is 0; a book that was never synced knows nothing.
        if (!positions.empty() && positions.front().quantity) {
            out["quantity"] = query::text_of(*positions.front().quantity);
        } else if (positions.empty() && found->last_synced_at) {
            out["quantity"] = "0";
        }
    }
    out["state"] = json::string(to_string(gate.state));
    out["reason"] = json::string(query::repaired_utf8(gate.reason));
    out["account"] = json::string(query::repaired_utf8(account));
    out["con_id"] = number;
    out["open_breaks"] = gate.open_breaks;
    std::string const tag = etag_of(
        fmt::format("{}{}", out["quantity"] == nullptr ? "" : json::serialize(out["quantity"]), json::serialize(out["state"])));
    out["as_of"] = base::to_rfc3339(now);
    return Answer{std::make_shared<std::string const>(json::serialize(out)), tag};
}

}  // namespace possync::http
