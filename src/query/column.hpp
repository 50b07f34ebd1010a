// Columns as data: one constexpr list per row struct says name, member, type and meaning of every column, and
// from that one list come the SQL select, JSON, CSV, the terminal table and the API's description. Whoever
// adds a column adds one line in views.hpp and nothing else.
//
// A column's type and nullability follow from the C++ member, so the list cannot contradict the struct.
// Everything is constant data without state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "base/decimal.hpp"
#include "base/time.hpp"

namespace possync::query {

/// What a column holds. Decimals are text everywhere but in C++; timestamps are UTC.
enum class ColumnType { text, decimal, integer, boolean, timestamp, date };
[[nodiscard]] std::string_view to_string(ColumnType type);

template <typename T>
struct IsOptional : std::false_type {
    using Value = T;
};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {
    using Value = T;
};

template <typename Value>
consteval ColumnType column_type() {
    if constexpr (std::is_same_v<Value, std::string>) {
        return ColumnType::text;
    } else if constexpr (std::is_same_v<Value, base::Decimal>) {
        return ColumnType::decimal;
    } else if constexpr (std::is_same_v<Value, bool>) {
        return ColumnType::boolean;
    } else if constexpr (std::is_same_v<Value, std::int64_t>) {
        return ColumnType::integer;
    } else if constexpr (std::is_same_v<Value, base::Timestamp>) {
        return ColumnType::timestamp;
    } else {
        static_assert(std::is_same_v<Value, base::Date>, "a column holds one of six types");
        return ColumnType::date;
    }
}

template <typename Row, typename MemberType>
struct Column {
    using Member = MemberType;
    using Value = typename IsOptional<Member>::Value;
    static constexpr ColumnType type = column_type<Value>();
    static constexpr bool nullable = IsOptional<Member>::value;

    std::string_view name;
    Member Row::* member;
    std::string_view description;  ///< one sentence for API and documentation

    constexpr Column(std::string_view column_name, Member Row::* column_member,
                     std::string_view column_description)
        : name(column_name), member(column_member), description(column_description) {}
};

/// A column without its C++ member, for code that is not a template.
struct ColumnInfo {
    std::string_view name;
    ColumnType type = ColumnType::text;
    bool nullable = false;
    std::string_view description;
};

/// Which columns the filters of commands and API look at; an empty name means that the filter does not apply.
/// A row lasts from `from` to `to`: NULL `from` is since ever, NULL `to` until further notice. Rows of one
/// moment have from == to, and `from_else` stands in where that moment is NULL. Dates last the whole day, by UTC.
struct FilterColumns {
    std::string_view account = {};
    std::string_view symbol = {};
    std::string_view other_symbol = {};  ///< of a row about two instruments: either will do
    std::string_view con_id = {};
    std::string_view other_con_id = {};
    std::string_view status = {};
    std::string_view status_words = {};  ///< what `status` may say, separated by blanks
    std::string_view from = {};
    std::string_view from_else = {};
    std::string_view to = {};
    std::string_view order =
        {};                    ///< columns of the natural order, separated by blanks; unique within the view
    bool newest_last = false;  ///< natural order is time: a limit keeps the end, not the beginning
    std::string_view position = {};  ///< id of the position that the row belongs to
    std::string_view revision = {};  ///< revision that wrote the row last
    std::string_view id = {};        ///< the row's own id, which grows within an account
    std::string_view marked = {};    ///< time of the mark
};

/// Everything about a view but its C++ members. Views are data with static storage: keep references freely.
struct ViewInfo {
    std::string_view name;
    std::string_view description;
    std::vector<ColumnInfo> columns;
    FilterColumns filter;

    [[nodiscard]] ColumnInfo const* find(std::string_view column) const;
};

/// Specialised in views.hpp and pnl.hpp: name, description, columns (a tuple of Column) and filter.
template <typename Row>
struct View;

/// Calls function(column) for each column of Row in the contract's order.
template <typename Row, typename Function>
constexpr void for_each_column(Function&& function) {
    std::apply([&](auto const&... column) { (function(column), ...); }, View<Row>::columns);
}

template <typename Row>
ViewInfo const& view_info() {
    static ViewInfo const info = [] {
        ViewInfo made{View<Row>::name, View<Row>::description, {}, View<Row>::filter};
        for_each_column<Row>([&](auto const& column) {
            made.columns.push_back({column.name, column.type, column.nullable, column.description});
        });
        return made;
    }();
    return info;
}

/// Canonical text of a value as JSON and CSV carry it: exact decimals, RFC 3339 times, true/false.
[[nodiscard]] inline std::string const& text_of(std::string const& value) { return value; }
[[nodiscard]] std::string text_of(base::Decimal const& value);
[[nodiscard]] std::string text_of(std::int64_t value);
[[nodiscard]] std::string text_of(bool value);
[[nodiscard]] std::string text_of(base::Timestamp value);
[[nodiscard]] std::string text_of(base::Date value);

/// The reverse of text_of; errors name the text and what was expected.
template <typename Value>
[[nodiscard]] base::Result<Value> value_of(std::string_view text);
template <>
base::Result<std::string> value_of(std::string_view text);
template <>
base::Result<base::Decimal> value_of(std::string_view text);
template <>
base::Result<std::int64_t> value_of(std::string_view text);
template <>
base::Result<bool> value_of(std::string_view text);
template <>
base::Result<base::Timestamp> value_of(std::string_view text);
template <>
base::Result<base::Date> value_of(std::string_view text);

}  // namespace possync::query
