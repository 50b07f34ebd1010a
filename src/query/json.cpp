#include "query/json.hpp"

#include <boost/json.hpp>

namespace possync::query {

namespace json = boost::json;
using base::ErrorCode;
using base::Result;

namespace {

/// Length of the UTF-8 character at the beginning of `text`; 0 when there is none (overlong, surrogate, cut
/// off).
std::size_t utf8_length(std::string_view text) {
    auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    auto const follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
        return i < text.size() && byte(i) >= low && byte(i) <= high;
    };
    unsigned const first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        unsigned const low = first == 0xE0 ? 0xA0 : 0x80;
        unsigned const high = first == 0xED ? 0x9F : 0xBF;
        return follows(1, low, high) && follows(2) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        unsigned const low = first == 0xF0 ? 0x90 : 0x80;
        unsigned const high = first == 0xF4 ? 0x8F : 0xBF;
        return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
    }
    return 0;
}

json::string json_text(std::string_view text, json::storage_ptr const& storage) {
    bool plain = true;
    for (char const c : text) plain = plain && static_cast<unsigned char>(c) < 0x80;
    if (plain) return json::string(text, storage);
    return json::string(repaired_utf8(text), storage);
}

json::value json_value(std::string const& value, json::storage_ptr const& storage) {
    return json_text(value, storage);
}
json::value json_value(base::Decimal const& value, json::storage_ptr const& storage) {
    char buffer[48];
    char const* const end = value.write(buffer);
    return json::string(std::string_view(buffer, static_cast<std::size_t>(end - buffer)), storage);
}
json::value json_value(std::int64_t value, json::storage_ptr const&) { return value; }
json::value json_value(bool value, json::storage_ptr const&) { return value; }
json::value json_value(base::Timestamp value, json::storage_ptr const& storage) {
    return json::string(base::to_rfc3339(value), storage);
}
json::value json_value(base::Date value, json::storage_ptr const& storage) {
    return json::string(base::to_string(value), storage);
}
template <typename Value>
json::value json_value(std::optional<Value> const& value, json::storage_ptr const& storage) {
    if (!value) return nullptr;
    return json_value(*value, storage);
}

template <typename Row>
void append_row(std::string& out, json::serializer& serializer, Row const& row) {
    alignas(std::max_align_t) unsigned char buffer[8192];
    json::monotonic_resource resource(buffer, sizeof buffer);
    json::storage_ptr const storage(&resource);
    json::object object(storage);
    object.reserve(view_info<Row>().columns.size());
    for_each_column<Row>(
        [&](auto const& column) { object.emplace(column.name, json_value(row.*column.member, storage)); });
    serializer.reset(&object);
    char chunk[4096];
    while (!serializer.done()) {
        auto const part = serializer.read(chunk);
        out.append(part.data(), part.size());
    }
}

template <typename Value>
Result<Value> read_value(json::value const& value) {
    if constexpr (std::is_same_v<Value, bool>) {
        if (value.is_bool()) return value.get_bool();
        return base::fail(ErrorCode::invalid_input, "is not true or false");
    } else if constexpr (std::is_same_v<Value, std::int64_t>) {
        if (value.is_int64()) return value.get_int64();
        return base::fail(ErrorCode::invalid_input, "is not a whole number");
    } else {
        if (!value.is_string()) return base::fail(ErrorCode::invalid_input, "is not a string");
        json::string const& text = value.get_string();
        return value_of<Value>(std::string_view(text.data(), text.size()));
    }
}

template <typename Row>
Result<Row> read_row(json::object const& object) {
    Row row;
    std::optional<base::Error> error;
    for_each_column<Row>([&](auto const& column) {
        using ColumnHere = std::remove_cvref_t<decltype(column)>;
        if (error) return;
        auto const fail = [&](std::string_view what) {
            error = base::Error{ErrorCode::invalid_input, std::string(column.name) + " " + std::string(what)};
        };
        json::value const* const value = object.if_contains(column.name);
        if (value == nullptr) return fail("is missing");
        if (value->is_null()) {
            if (!ColumnHere::nullable) fail("is null");
            return;
        }
        auto result = read_value<typename ColumnHere::Value>(*value);
        if (!result) return fail(result.error().message);
        row.*column.member = std::move(*result);
    });
    if (error) return std::unexpected(*error);
    return row;
}

}  // namespace

std::string repaired_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        std::size_t const length = utf8_length(text);
        if (length == 0) {
            out += "\xEF\xBF\xBD";
            text.remove_prefix(1);
        } else {
            out.append(text.substr(0, length));
            text.remove_prefix(length);
        }
    }
    return out;
}

template <typename Row>
std::string to_json(std::vector<Row> const& rows) {
    std::string out = "[";
    json::serializer serializer;
    for (Row const& row : rows) {
        if (out.size() > 1) out += ",\n";
        append_row(out, serializer, row);
    }
    out += "]";
    return out;
}

template <typename Row>
std::string to_json(Row const& row) {
    std::string out;
    json::serializer serializer;
    append_row(out, serializer, row);
    return out;
}

template <typename Row>
Result<std::vector<Row>> parse_json(std::string_view text) {
    json::error_code code;
    json::value const document = json::parse(json::string_view(text.data(), text.size()), code);
    if (code) return base::fail(ErrorCode::invalid_input, "not JSON: " + code.message());
    if (!document.is_array()) return base::fail(ErrorCode::invalid_input, "not a JSON array of rows");
    std::vector<Row> rows;
    rows.reserve(document.get_array().size());
    for (json::value const& value : document.get_array()) {
        std::string const place = "row " + std::to_string(rows.size() + 1);
        if (!value.is_object()) return base::fail(ErrorCode::invalid_input, place + " is not an object");
        auto row = read_row<Row>(value.get_object());
        if (!row) return base::because(place, row.error());
        rows.push_back(std::move(*row));
    }
    return rows;
}

#define POSSYNC_JSON_ROWS(Row)                                       \
    template std::string to_json<Row>(std::vector<Row> const& rows); \
    template std::string to_json<Row>(Row const& row);               \
    template Result<std::vector<Row>> parse_json<Row>(std::string_view text);
POSSYNC_FOR_EACH_ROW(POSSYNC_JSON_ROWS)
#undef POSSYNC_JSON_ROWS

}  // namespace possync::query
