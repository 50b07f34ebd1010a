#include "http/description.hpp"

#include <initializer_list>

#include <boost/json.hpp>

#include "http/routes.hpp"
#include "query/pnl.hpp"

namespace possync::http {

namespace json = boost::json;

namespace {

json::string text(std::string_view value) { return json::string(value); }

json::value reference(std::string_view schema) {
    return json::object{{"$ref", text("#/components/schemas/" + std::string(schema))}};
}

json::value type_of(std::string_view type, bool nullable) {
    if (!nullable) return text(type);
    return json::array{text(type), "null"};
}

json::object column_schema(query::ColumnType type, bool nullable) {
    using query::ColumnType;
    json::object schema;
    switch (type) {
    case ColumnType::text: schema["type"] = type_of("string", nullable); break;
    case ColumnType::decimal:
        schema["type"] = type_of("string", nullable);
        schema["pattern"] = "^-?[0-9]+([.][0-9]+)?$";
        break;
    case ColumnType::integer: schema["type"] = type_of("integer", nullable); break;
    case ColumnType::boolean: schema["type"] = type_of("boolean", nullable); break;
    case ColumnType::timestamp:
        schema["type"] = type_of("string", nullable);
        schema["format"] = "date-time";
        break;
    case ColumnType::date:
        schema["type"] = type_of("string", nullable);
        schema["format"] = "date";
        break;
    }
    return schema;
}

json::object row_schema(query::ViewInfo const& view) {
    json::object properties;
    json::array required;
    for (auto const& column : view.columns) {
        auto schema = column_schema(column.type, column.nullable);
        schema["description"] = text(column.description);
        properties[text(column.name)] = std::move(schema);
        required.push_back(text(column.name));
    }
    return {{"type", "object"},
            {"description", text(view.description)},
            {"required", std::move(required)},
            {"properties", std::move(properties)}};
}

/// A member of an object that is no view's row: name, type ("string", "integer?", "[why_row]" ...) and what it is.
struct Member {
    std::string_view name;
    std::string_view type;
    std::string_view description = {};
};

/// "?" at the end: may be null. "time", "date", "decimal" are strings of that form; "[x]" is a list of x; "@x" another schema.
json::value member_schema(std::string_view type) {
    bool const nullable = type.ends_with('?');
    if (nullable) type.remove_suffix(1);
    if (type.starts_with('[')) return json::object{{"type", "array"}, {"items", member_schema(type.substr(1, type.size() - 2))}};
    if (type.starts_with('@')) {
        auto schema = reference(type.substr(1));
        if (!nullable) return schema;
        return json::object{{"anyOf", json::array{schema, json::object{{"type", "null"}}}}};
    }
    if (type == "time") return column_schema(query::ColumnType::timestamp, nullable);
    if (type == "date") return column_schema(query::ColumnType::date, nullable);
    if (type == "decimal") return column_schema(query::ColumnType::decimal, nullable);
    return json::object{{"type", type_of(type, nullable)}};
}

json::object object_schema(std::initializer_list<Member> members) {
    json::object properties;
    json::array required;
    for (auto const& member : members) {
        auto schema = member_schema(member.type);
        if (!member.description.empty()) schema.as_object()["description"] = text(member.description);
        properties[text(member.name)] = std::move(schema);
        required.push_back(text(member.name));
    }
    return {{"type", "object"}, {"required", std::move(required)}, {"properties", std::move(properties)}};
}

void add_objects(json::object& schemas) {
    schemas["problem"] = object_schema(
        {{"type", "string"}, {"title", "string"}, {"status", "integer"}, {"detail", "string", "What is wrong, and what to do."}});
    schemas["account_state"] = object_schema(
        {{"account", "string"}, {"revision", "integer", "Of the last committed change set."}, {"last_synced_at", "time?"}});
    schemas["gateway"] = object_schema({{"gateway", "string"},
                                        {"is_paper", "boolean?"},
                                        {"connected", "boolean?", "Null: served by another process, if by any."},
                                        {"stale", "boolean?"},
                                        {"stale_since", "time?", "Last proof of life."},
                                        {"server_version", "integer?"},
                                        {"state", "string?", "stopped, claiming, standby, connecting, registering, loading or ready."},
                                        {"down_expected", "boolean?", "No session is near, or it restarts: that it is away is no wonder."},
                                        {"last_error", "string?"},
                                        {"owner", "string?", "The process that may write: host:pid:start."},
                                        {"lease_until", "time?"},
                                        {"host", "string?"},
                                        {"port", "integer?"}});
    auto account = object_schema({{"account", "string"},
                                  {"gateway", "string"},
                                  {"last_synced_at", "time?"},
                                  {"age_seconds", "integer?"},
                                  {"revision", "integer"},
                                  {"open_positions", "integer"},
                                  {"open_breaks", "integer"},
                                  {"settling_breaks", "integer"},
                                  {"coverage", "string?"},
                                  {"coverage_gaps", "integer"},
                                  {"covered_from", "time?"},
                                  {"covered_to", "time?"},
                                  {"last_outcome", "string?"},
                                  {"last_error", "string?"},
                                  {"certified_through", "date?"},
                                  {"gate", "string", "OK, STALE or BROKEN."},
                                  {"gate_reason", "string"}});
    account["properties"].as_object()["gate"].as_object()["enum"] = json::array{"OK", "STALE", "BROKEN"};
    schemas["account_status"] = std::move(account);
    schemas["statistics"] = object_schema({{"total_syncs", "integer"},
                                           {"successful_syncs", "integer"},
                                           {"failed_syncs", "integer"},
                                           {"positions_created", "integer"},
                                           {"positions_updated", "integer"},
                                           {"positions_closed", "integer"},
                                           {"callback_triggers", "integer"},
                                           {"last_error", "string?"},
                                           {"last_sync_time", "time?"}});
    schemas["status"] = object_schema({{"now", "time"},
                                       {"gateways", "[@gateway]"},
                                       {"accounts", "[@account_status]"},
                                       {"statistics", "@statistics"},
                                       {"version", "string"},
                                       {"sync_running", "boolean"},
                                       {"sync_interval_seconds", "integer"},
                                       {"report_zone", "string"}});
    schemas["sync_result"] = object_schema({{"success", "boolean"},
                                            {"account", "string"},
                                            {"trigger", "string"},
                                            {"positions_created", "integer"},
                                            {"positions_updated", "integer"},
                                            {"positions_closed", "integer"},
                                            {"broker_positions", "integer?"},
                                            {"book_positions", "integer?"},
                                            {"duration_seconds", "number"},
                                            {"error", "string?"},
                                            {"warnings", "[string]"},
                                            {"pending", "integer"},
                                            {"revision", "integer?"}});
    schemas["sync_results"] = object_schema({{"success", "boolean"}, {"results", "[@sync_result]"}});
    schemas["done"] = object_schema({{"success", "boolean"}});
    auto gate = object_schema({{"state", "string", "OK, STALE or BROKEN; whatever is not known is not OK."},
                               {"reason", "string", "One line for a person."},
                               {"account", "string"},
                               {"con_id", "integer"},
                               {"quantity", "decimal?"},
                               {"as_of", "time"},
                               {"last_synced_at", "time?"},
                               {"open_breaks", "integer"}});
    gate["properties"].as_object()["state"].as_object()["enum"] = json::array{"OK", "STALE", "BROKEN"};
    schemas["gate"] = std::move(gate);
    schemas["why"] = object_schema({{"position", "@positions"},
                                    {"executions", "[@executions]"},
                                    {"adjustments", "[@adjustments]"},
                                    {"closes", "[@position_closes]"},
                                    {"lots", "[@lots]"},
                                    {"events", "[@position_events]"},
                                    {"history", "[@position_history]"},
                                    {"breaks", "[@breaks]"},
                                    {"certified_through", "date?"},
                                    {"explanation", "[string]"},
                                    {"as_of", "time"}});
    schemas["change"] = object_schema({{"account", "string"},
                                       {"revision", "integer"},
                                       {"recorded_at", "time"},
                                       {"positions", "[@positions]"},
                                       {"events", "[@position_events]"},
                                       {"closes", "[@position_closes]"},
                                       {"removed", "[integer]", "Ids of positions that left the views."}});
    schemas["mark"] = object_schema({{"account", "string"}, {"positions", "[@marked_position]"}});
    schemas["marked_position"] = object_schema({{"position_id", "integer"},
                                                {"current_price", "decimal?"},
                                                {"market_value", "decimal?"},
                                                {"unrealized_pnl", "decimal?"},
                                                {"unrealized_pnl_pct", "decimal?"},
                                                {"marked_at", "time?"},
                                                {"mark_source", "string?"}});
    schemas["gap"] = object_schema({{"reason", "string"}});
    schemas["login"] = object_schema({{"token", "string"}});
}

json::object list_schema(json::value items) {
    return {{"type", "object"},
            {"required", json::array{"items", "next", "as_of", "accounts"}},
            {"properties", json::object{{"items", json::object{{"type", "array"}, {"items", std::move(items)}}},
                                        {"next", json::object{{"type", json::array{"string", "null"}},
                                                              {"description", "Cursor of the next page; null: there is none."}}},
                                        {"as_of", json::object{{"type", "string"},
                                                               {"format", "date-time"},
                                                               {"description", "When the committed state was read."}}},
                                        {"accounts", json::object{{"type", "array"}, {"items", reference("account_state")}}}}}};
}

json::object content(std::string_view type, json::value schema) {
    return {{text(type), json::object{{"schema", std::move(schema)}}}};
}

json::object response(std::string_view description, json::object body = {}) {
    json::object out{{"description", text(description)}};
    if (!body.empty()) out["content"] = std::move(body);
    return out;
}

json::object responses_of(Route const& route) {
    json::object out;
    auto const as_json = [](json::value schema) { return content("application/json", std::move(schema)); };
    auto const as_problem = [] { return content("application/problem+json", reference("problem")); };
    switch (route.kind) {
    case Kind::list: out["200"] = response("A page.", as_json(list_schema(reference(route.view().name)))); break;
    case Kind::pnl:
        out["200"] = response("The report.",
                              as_json(list_schema(json::object{{"anyOf", json::array{reference("pnl"), reference("totals")}}})));
        break;
    case Kind::status: out["200"] = response("As of now.", as_json(reference("status"))); break;
    case Kind::sync:
        out["200"] = response("Results, one for each account.", as_json(reference("sync_results")));
        out["503"] = response("No gateway could answer; the results are in it too.", as_problem());
        break;
    case Kind::reset: out["200"] = response("Done.", as_json(reference("done"))); break;
    case Kind::gate: out["200"] = response("Also for an account that nobody knows: BROKEN.", as_json(reference("gate"))); break;
    case Kind::why: out["200"] = response("Facts and sentences.", as_json(reference("why"))); break;
    case Kind::stream:
        out["200"] = response("Events change, mark, status and gap, their data as the schemas of these names say. The id of an "
                              "event is where to go on "
                              "from. A comment every 15 s.",
                              content("text/event-stream", json::object{{"type", "string"}}));
        break;
    case Kind::log_in:
    case Kind::log_out: out["204"] = response("Done."); break;
    case Kind::description: out["200"] = response("OpenAPI 3.1.", as_json(json::object{{"type", "object"}})); break;
    case Kind::livez:
    case Kind::readyz:
        out["200"] = response("Fine; a line for each condition.", content("text/plain", json::object{{"type", "string"}}));
        out["503"] = response("Not; the lines say why.", content("text/plain", json::object{{"type", "string"}}));
        break;
    case Kind::metrics:
        out["200"] = response("Prometheus's text format.", content("text/plain", json::object{{"type", "string"}}));
        break;
    case Kind::page: out["200"] = response("The page.", content("text/html", json::object{{"type", "string"}})); break;
    }
    bool const asks_database = route.kind == Kind::list || route.kind == Kind::pnl || route.kind == Kind::why ||
                               route.kind == Kind::gate || route.kind == Kind::status;
    if (asks_database) {
        out["304"] = response("As If-None-Match says.");
        out["503"] = response("The database cannot be read now.", as_problem());
    }
    if (route.door != Door::open) out["401"] = response("A token is configured, and was not sent.", as_problem());
    if (route.door == Door::write || route.door == Door::stream)
        out["403"] = response("From a page of another origin.", as_problem());
    if (asks_database || route.kind == Kind::sync) {
        out["400"] = response("A parameter that is none, or says nothing that can be done.", as_problem());
        out["404"] = response("An account or position that is not there.", as_problem());
    }
    return out;
}

std::string_view method_key(Method method) {
    return method == Method::post ? "post" : method == Method::delete_ ? "delete" : "get";
}

}  // namespace

std::string api_description(std::string const& version) {
    json::object schemas;
    for (auto const& route : routes()) {
        if (route.kind == Kind::list) schemas[text(route.view().name)] = row_schema(route.view());
    }
    schemas["pnl"] = row_schema(query::view_info<query::PnlRow>());
    schemas["totals"] = row_schema(query::view_info<query::TotalRow>());
    add_objects(schemas);

    json::object paths;
    for (auto const& route : routes()) {
        json::array parameters;
        for (std::string_view rest = route.path; rest.find('{') != std::string_view::npos;) {
            rest = rest.substr(rest.find('{') + 1);
            auto const name = rest.substr(0, rest.find('}'));
            parameters.push_back(json::object{{"name", text(name)},
                                              {"in", "path"},
                                              {"required", true},
                                              {"schema", json::object{{"type", name == "account" ? "string" : "integer"}}}});
        }
        for (auto const& parameter : parameters_of(route)) {
            json::object schema{{"type", text(parameter.type)}};
            if (!parameter.words.empty()) {
                json::array words;
                for (auto const word : parameter.words)
                    words.push_back(text(word));
                schema["enum"] = std::move(words);
            }
            parameters.push_back(json::object{{"name", text(parameter.name)},
                                              {"in", "query"},
                                              {"required", false},
                                              {"description", text(parameter.description)},
                                              {"schema", std::move(schema)}});
        }
        json::object operation{{"summary", text(route.summary)}, {"responses", responses_of(route)}};
        if (!parameters.empty()) operation["parameters"] = std::move(parameters);
        if (route.door == Door::open) operation["security"] = json::array{json::object{}};
        if (route.kind == Kind::log_in) {
            operation["requestBody"] =
                json::object{{"required", true}, {"content", content("application/json", reference("login"))}};
        }
        auto& path = paths[text(route.path)];
        if (!path.is_object()) path = json::object{};
        path.as_object()[text(method_key(route.method))] = std::move(operation);
    }

    json::object document{
        {"openapi", "3.1.0"},
        {"info", json::object{{"title", "possync"},
                              {"version", text(version)},
                              {"description", "The committed book, and what the service knows live. Decimals are strings, times "
                                              "RFC 3339 in UTC, unknown is null. "
                                              "Rows may gain members, and never lose one."}}},
        {"servers", json::array{json::object{{"url", "/"}}}},
        {"security",
         json::array{json::object{{"token", json::array{}}}, json::object{{"session", json::array{}}}, json::object{}}},
        {"paths", std::move(paths)},
        {"components",
         json::object{
             {"schemas", std::move(schemas)},
             {"securitySchemes",
              json::object{{"token", json::object{{"type", "http"}, {"scheme", "bearer"}}},
                           {"session", json::object{{"type", "apiKey"}, {"in", "cookie"}, {"name", text(session_cookie)}}}}}}}};
    return json::serialize(document);
}

}  // namespace possync::http
