#include "query/result.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <utility>

#include "query/csv.hpp"
#include "query/json.hpp"

namespace possync::query {

namespace json = boost::json;
using base::ErrorCode;
using base::Result;

namespace {

// The members of each struct, said once: writing and reading go through the same list.

template <typename Value, typename Function>
void each_member_of_sync_result(Value& value, Function function) {
    function("success", value.success);
    function("account", value.account);
    function("trigger", value.trigger);
    function("positions_created", value.positions_created);
    function("positions_updated", value.positions_updated);
    function("positions_closed", value.positions_closed);
    function("broker_positions", value.broker_positions);
    function("book_positions", value.book_positions);
    function("duration_seconds", value.duration_seconds);
    function("error", value.error);
    function("warnings", value.warnings);
    function("pending", value.pending);
    function("revision", value.revision);
}

template <typename Value, typename Function>
void each_member_of_statistics(Value& value, Function function) {
    function("total_syncs", value.total_syncs);
    function("successful_syncs", value.successful_syncs);
    function("failed_syncs", value.failed_syncs);
    function("positions_created", value.positions_created);
    function("positions_updated", value.positions_updated);
    function("positions_closed", value.positions_closed);
    function("callback_triggers", value.callback_triggers);
    function("last_error", value.last_error);
    function("last_sync_time", value.last_sync_time);
}

template <typename Function>
void each_member_of_gateway(GatewayStatus const& value, Function function) {
    function("gateway", value.gateway);
    function("address", value.address);
    function("connected", value.connected);
    function("stale", value.stale);
    function("stale_since", value.stale_since);
    function("server_version", value.server_version);
    function("last_error", value.last_error);
    function("is_paper", value.is_paper);
    function("owner", value.owner);
    function("lease_until", value.lease_until);
    function("state", value.state);
    function("down_expected", value.down_expected);
}

template <typename Function>
void each_member_of_account(AccountStatus const& value, Function function) {
    function("account", value.account);
    function("gateway", value.gateway);
    function("last_synced_at", value.last_synced_at);
    function("age_seconds", value.age_seconds);
    function("revision", value.revision);
    function("open_positions", value.open_positions);
    function("open_breaks", value.open_breaks);
    function("settling_breaks", value.settling_breaks);
    function("coverage", value.coverage);
    function("coverage_gaps", value.coverage_gaps);
    function("covered_from", value.covered_from);
    function("covered_to", value.covered_to);
    function("last_outcome", value.last_outcome);
    function("last_error", value.last_error);
    function("certified_through", value.certified_through);
}

void write(std::string& out, std::string const& value) {
    out += json::serialize(json::string_view(repaired_utf8(value)));
}
void write(std::string& out, std::int64_t value) { out += std::to_string(value); }
void write(std::string& out, bool value) { out += value ? "true" : "false"; }
void write(std::string& out, base::Timestamp value) { out += '"' + base::to_rfc3339(value) + '"'; }
void write(std::string& out, base::Date value) { out += '"' + base::to_string(value) + '"'; }
void write(std::string& out, double value) {
    // Microseconds, without the exponent that the JSON library writes.
    char buffer[64];
    auto const [end, error] =
        std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed, 6);
    out.append(buffer, error == std::errc{} ? end : buffer);
    if (error != std::errc{}) out += '0';
}
void write(std::string& out, std::vector<std::string> const& values) {
    out += '[';
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i != 0) out += ", ";
        write(out, values[i]);
    }
    out += ']';
}
template <typename Value>
void write(std::string& out, std::optional<Value> const& value) {
    if (value) {
        write(out, *value);
    } else {
        out += "null";
    }
}

/// Writes {"name": value, ...}; used as the function of an each_member_of_...
class ObjectWriter {
public:
    explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }
    template <typename Value>
    void member(char const* name, Value const& value) {
        out_ += first_ ? "\"" : ", \"";
        first_ = false;
        out_ += name;
        out_ += "\": ";
        write(out_, value);
    }
    void close() { out_ += '}'; }

private:
    std::string& out_;
    bool first_ = true;
};

template <typename Each>
std::string object_of(Each each) {
    std::string out;
    ObjectWriter writer(out);
    each([&](char const* name, auto const& value) { writer.member(name, value); });
    writer.close();
    return out;
}

template <typename Value>
bool read(json::value const& in, Value& out) {
    if constexpr (IsOptional<Value>::value) {
        if (in.is_null()) {
            out.reset();
            return true;
        }
        typename IsOptional<Value>::Value inner{};
        if (!read(in, inner)) return false;
        out = std::move(inner);
        return true;
    } else if constexpr (std::is_same_v<Value, bool>) {
        if (in.is_bool()) out = in.get_bool();
        return in.is_bool();
    } else if constexpr (std::is_same_v<Value, std::int64_t>) {
        if (in.is_int64()) out = in.get_int64();
        return in.is_int64();
    } else if constexpr (std::is_same_v<Value, double>) {
        if (!in.is_number()) return false;
        out = in.to_number<double>();
        return true;
    } else if constexpr (std::is_same_v<Value, std::string>) {
        if (!in.is_string()) return false;
        out = std::string(in.get_string().data(), in.get_string().size());
        return true;
    } else if constexpr (std::is_same_v<Value, base::Timestamp>) {
        std::string text;
        if (!read(in, text)) return false;
        auto const time = base::parse_rfc3339(text);
        if (time) out = *time;
        return time.has_value();
    } else {
        if (!in.is_array()) return false;
        out.clear();
        for (auto const& element : in.get_array()) {
            if (!read(element, out.emplace_back())) return false;
        }
        return true;
    }
}

/// `each` is called with the function that takes every member; the first that cannot be read is the error.
template <typename Each>
Result<void> read_object(std::string_view text, Each each) {
    json::error_code code;
    json::value const document = json::parse(json::string_view(text.data(), text.size()), code);
    if (code) return base::fail(ErrorCode::invalid_input, "not JSON: " + code.message());
    if (!document.is_object()) return base::fail(ErrorCode::invalid_input, "not a JSON object");
    std::string wrong;
    each([&](char const* name, auto& member) {
        if (!wrong.empty()) return;
        json::value const* const value = document.get_object().if_contains(name);
        if (value == nullptr) {
            wrong = std::string(name) + " is missing";
        } else if (!read(*value, member)) {
            wrong = std::string(name) + " is not what it should be";
        }
    });
    if (!wrong.empty()) return base::fail(ErrorCode::invalid_input, wrong);
    return {};
}

template <typename Value, typename ToJson>
std::string array_of(std::vector<Value> const& values, ToJson to_text) {
    std::string out = "[";
    for (Value const& value : values) {
        out += out.size() > 1 ? ",\n" : "";
        out += to_text(value);
    }
    return out + "]";
}

std::optional<std::string> csv_text(std::string const& value) { return value; }
std::optional<std::string> csv_text(std::vector<std::string> const& values) {
    std::string joined;
    for (auto const& value : values) joined += (joined.empty() ? "" : "; ") + value;
    return joined;
}
template <typename Value>
std::optional<std::string> csv_text(Value const& value) {
    if constexpr (IsOptional<Value>::value) {
        return value ? csv_text(*value) : std::nullopt;
    } else {
        std::string text;
        write(text, value);
        return text;
    }
}

GridCell text_cell(std::string const& text) { return {printable(text), text.empty(), 0}; }
GridCell text_cell(OptionalText const& text) { return text_cell(text.value_or("")); }
GridCell number_cell(std::int64_t number) { return {std::to_string(number), number == 0, 0}; }
GridCell number_cell(OptionalInteger number) { return number ? number_cell(*number) : GridCell{"-", false, 0}; }

std::string seconds_text(double seconds) {
    char buffer[64];
    auto const [end, error] =
        std::to_chars(buffer, buffer + sizeof buffer, seconds, std::chars_format::fixed, 3);
    return error == std::errc{} ? std::string(buffer, end) + "s" : "?";
}

}  // namespace

Statistics statistics_of(std::vector<RunRow> const& runs) {
    Statistics statistics;
    RunRow const* last_failure = nullptr;
    for (RunRow const& run : runs) {
        std::int64_t const times = std::max<std::int64_t>(run.repeats, 1);
        statistics.total_syncs += times;
        if (run.outcome == "failed") {
            statistics.failed_syncs += times;
            if (last_failure == nullptr || last_failure->finished_at <= run.finished_at) last_failure = &run;
        } else {
            statistics.successful_syncs += times;
        }
        statistics.positions_created += run.positions_created;
        statistics.positions_updated += run.positions_updated;
        statistics.positions_closed += run.positions_closed;
        if (run.trigger == "position_update" || run.trigger == "trade") statistics.callback_triggers += times;
        if (run.finished_at &&
            (!statistics.last_sync_time || *statistics.last_sync_time < *run.finished_at)) {
            statistics.last_sync_time = run.finished_at;
        }
    }
    if (last_failure != nullptr) statistics.last_error = last_failure->error;
    return statistics;
}

std::string to_json(SyncResult const& result) {
    return object_of([&](auto function) { each_member_of_sync_result(result, function); });
}

std::string to_json(std::vector<SyncResult> const& results) {
    bool const success = !results.empty() &&
                         std::all_of(results.begin(), results.end(), [](auto const& r) { return r.success; });
    return std::string("{\"success\": ") + (success ? "true" : "false") +
           ", \"results\": " + array_of(results, [](SyncResult const& result) { return to_json(result); }) +
           "}";
}

std::string to_csv(std::vector<SyncResult> const& results) {
    std::string out;
    bool first = true;
    auto const field = [&](std::optional<std::string> const& text) {
        if (!std::exchange(first, false)) out += ',';
        append_csv_field(out, text);
    };
    SyncResult const names;
    each_member_of_sync_result(names, [&](char const* name, auto const&) { field(name); });
    out += "\r\n";
    for (SyncResult const& result : results) {
        first = true;
        each_member_of_sync_result(result, [&](char const*, auto const& value) { field(csv_text(value)); });
        out += "\r\n";
    }
    return out;
}

std::string to_json(Statistics const& statistics) {
    return object_of([&](auto function) { each_member_of_statistics(statistics, function); });
}

std::string to_json(Status const& status) {
    std::string out = "{\"gateways\": ";
    out += array_of(status.gateways, [](GatewayStatus const& gateway) {
        return object_of([&](auto function) { each_member_of_gateway(gateway, function); });
    });
    out += ",\n\"accounts\": ";
    out += array_of(status.accounts, [](AccountStatus const& account) {
        return object_of([&](auto function) { each_member_of_account(account, function); });
    });
    return out + ",\n\"statistics\": " + to_json(status.statistics) + "}";
}

Result<SyncResult> parse_sync_result(std::string_view text) {
    SyncResult result;
    auto const read = read_object(text, [&](auto function) { each_member_of_sync_result(result, function); });
    if (!read) return base::because("sync result", read.error());
    return result;
}

Result<Statistics> parse_statistics(std::string_view text) {
    Statistics statistics;
    auto const read =
        read_object(text, [&](auto function) { each_member_of_statistics(statistics, function); });
    if (!read) return base::because("statistics", read.error());
    return statistics;
}

std::string to_table(std::vector<SyncResult> const& results, TableOptions const& options) {
    if (results.empty()) return "(no account was synced)\n";
    Grid grid;
    grid.columns = {
        {"account", Alignment::left},      {"result", Alignment::left},
        {"created", Alignment::right},     {"updated", Alignment::right},
        {"closed", Alignment::right},      {"at broker", Alignment::right, 2},
        {"in book", Alignment::right, 2},  {"pending", Alignment::right, 0, true},
        {"revision", Alignment::right, 3}, {"took", Alignment::right, 4},
    };
    std::string notes;
    for (SyncResult const& result : results) {
        std::int64_t const changes =
            result.positions_created + result.positions_updated + result.positions_closed;
        std::string const word = !result.success ? "failed" : changes == 0 ? "unchanged" : "changed";
        grid.rows.push_back({text_cell(result.account.empty() ? "-" : result.account),
                             {word, false, result.success ? 0 : -1},
                             number_cell(result.positions_created),
                             number_cell(result.positions_updated),
                             number_cell(result.positions_closed),
                             number_cell(result.broker_positions),
                             number_cell(result.book_positions),
                             number_cell(result.pending),
                             {result.revision ? std::to_string(*result.revision) : "-", false, 0},
                             {seconds_text(result.duration_seconds), false, 0}});
        std::string const prefix = result.account.empty() ? "" : printable(result.account) + ": ";
        if (result.error) notes += prefix + "error: " + printable(*result.error) + "\n";
        for (auto const& warning : result.warnings) notes += prefix + "warning: " + printable(warning) + "\n";
    }
    return render(grid, options) + notes;
}

std::string to_table(Statistics const& statistics, TableOptions const&) {
    std::string out;
    each_member_of_statistics(statistics, [&](std::string_view name, auto const& value) {
        using Value = std::remove_cvref_t<decltype(value)>;
        std::string text;
        if constexpr (std::is_same_v<Value, std::int64_t>) {
            text = std::to_string(value);
        } else if constexpr (std::is_same_v<Value, OptionalTime>) {
            text = value ? time_text(*value) : "never";
        } else {
            text = value ? printable(*value) : "none";
        }
        out += name;
        out.append(20 - std::min<std::size_t>(name.size(), 19), ' ');
        out += text + "\n";
    });
    return out;
}

namespace {

std::string coverage_text(AccountStatus const& account) {
    std::string text = account.coverage ? printable(*account.coverage) : "none";
    if (account.coverage_gaps > 0) text += ", " + std::to_string(account.coverage_gaps) + (account.coverage_gaps == 1 ? " gap" : " gaps");
    return text;
}

}  // namespace

std::string to_table(Status const& status, TableOptions const& options) {
    auto const state_words = [](GatewayStatus const& gateway) {
        bool const away = gateway.stale == true && gateway.down_expected == true && gateway.state != "standby";
        return gateway.state.value_or("") + (away ? ", down expected" : "");
    };
    std::string out;
    if (status.gateways.empty()) {
        out += "(no gateway has written to this database yet)\n";
    } else {
        Grid grid;
        grid.columns = {{"gateway"},
                        {"address", Alignment::left, 2, true},
                        {"connected"},
                        {"stale"},
                        {"state", Alignment::left, 1},
                        {"kind", Alignment::left, 3},
                        {"service", Alignment::left, 4, true},
                        {"lease until", Alignment::left, 5, true}};
        for (GatewayStatus const& gateway : status.gateways) {
            GridCell connected{"unknown", false, 0};
            if (gateway.connected)
                connected = {*gateway.connected ? "yes" : "no", false, *gateway.connected ? 1 : -1};
            GridCell stale{"unknown", false, 0};
            if (gateway.stale) stale = {*gateway.stale ? "yes" : "no", false, *gateway.stale ? -1 : 1};
            if (gateway.stale_since) stale.text = "since " + time_text(*gateway.stale_since);
            grid.rows.push_back(
                {text_cell(gateway.gateway),
                 text_cell(gateway.address),
                 connected,
                 stale,
                 {state_words(gateway), !gateway.state, 0},
                 {!gateway.is_paper ? "" : *gateway.is_paper ? "paper" : "live", false, 0},
                 text_cell(gateway.owner),
                 {gateway.lease_until ? time_text(*gateway.lease_until) : "", !gateway.lease_until, 0}});
        }
        out += render(grid, options);
    }
    out += '\n';
    if (status.accounts.empty()) {
        out += "(no accounts yet)\n";
    } else {
        Grid grid;
        grid.columns = {{"account"},
                        {"gateway", Alignment::left, 5},
                        {"last synced", Alignment::left, 3},
                        {"age", Alignment::right},
                        {"revision", Alignment::right, 1},
                        {"open", Alignment::right, 1},
                        {"breaks", Alignment::right},
                        {"settling", Alignment::right, 0, true},
                        {"coverage", Alignment::left, 2},
                        {"covered to", Alignment::left, 6, true},
                        {"certified through", Alignment::left, 2, true},
                        {"last run", Alignment::left, 4, true},
                        {"error", Alignment::left, 7, true, true}};
        for (AccountStatus const& account : status.accounts) {
            grid.rows.push_back(
                {text_cell(account.account),
                 text_cell(account.gateway),
                 {account.last_synced_at ? time_text(*account.last_synced_at) : "never", false, 0},
                 {account.age_seconds ? age_text(*account.age_seconds) : "-", false, 0},
                 number_cell(account.revision),
                 number_cell(account.open_positions),
                 {std::to_string(account.open_breaks), account.open_breaks == 0,
                  account.open_breaks == 0 ? 0 : -1},
                 number_cell(account.settling_breaks),
                 {coverage_text(account), false, account.coverage_gaps == 0 ? 0 : -1},
                 {account.covered_to ? time_text(*account.covered_to) : "", !account.covered_to, 0},
                 {account.certified_through ? base::to_string(*account.certified_through) : "", !account.certified_through, 0},
                 text_cell(account.last_outcome),
                 text_cell(account.last_error)});
        }
        out += render(grid, options);
    }
    return out + "\n" + to_table(status.statistics, options);
}

}  // namespace possync::query
