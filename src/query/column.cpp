#include "query/column.hpp"

#include <charconv>

namespace possync::query {

using base::ErrorCode;
using base::Result;

std::string_view to_string(ColumnType type) {
    switch (type) {
    case ColumnType::text: return "text";
    case ColumnType::decimal: return "decimal";
    case ColumnType::integer: return "integer";
    case ColumnType::boolean: return "boolean";
    case ColumnType::timestamp: return "timestamp";
    case ColumnType::date: return "date";
    }
    return "text";
}

ColumnInfo const* ViewInfo::find(std::string_view column) const {
    for (auto const& candidate : columns) {
        if (candidate.name == column) return &candidate;
    }
    return nullptr;
}

std::string text_of(base::Decimal const& value) { return value.to_string(); }
std::string text_of(std::int64_t value) { return std::to_string(value); }
std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(base::Timestamp value) { return base::to_rfc3339(value); }
std::string text_of(base::Date value) { return base::to_string(value); }

template <>
Result<std::string> value_of(std::string_view text) {
    return std::string(text);
}

template <>
Result<base::Decimal> value_of(std::string_view text) {
    return base::Decimal::parse(text);
}

template <>
Result<std::int64_t> value_of(std::string_view text) {
    std::int64_t value = 0;
    auto const [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && stop == text.data() + text.size()) return value;
    return base::fail(error == std::errc::result_out_of_range ? ErrorCode::out_of_range
                                                              : ErrorCode::invalid_input,
                      "'" + std::string(text.substr(0, 40)) + "' is not a whole number of 64 bits");
}

template <>
Result<bool> value_of(std::string_view text) {
    if (text == "true") return true;
    if (text == "false") return false;
    return base::fail(ErrorCode::invalid_input,
                      "'" + std::string(text.substr(0, 40)) + "' is not true or false");
}

template <>
Result<base::Timestamp> value_of(std::string_view text) {
    return base::parse_rfc3339(text);
}

template <>
Result<base::Date> value_of(std::string_view text) {
    return base::parse_date(text);
}

}  // namespace possync::query
