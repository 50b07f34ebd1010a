// For tests: random rows of any view, and short ways to write values.
#pragma once

#include <gtest/gtest.h>
// RapidCheck's GoogleTest glue needs gtest first.
#include <rapidcheck/gtest.h>

#include <string>
#include <string_view>

#include "query/pnl.hpp"
#include "query/views.hpp"

namespace possync::query::testing {

inline base::Decimal number(std::string_view text) { return base::Decimal::parse(text).value(); }
inline base::Timestamp moment(std::string_view text) { return base::parse_rfc3339(text).value(); }

inline std::int64_t draw(std::int64_t low, std::int64_t high) {
    return *rc::gen::inRange<std::int64_t>(low, high + 1);
}

/// Text that is likely to break a format: separators, quotes, line ends, controls, characters of 1 to 4
/// bytes.
inline std::string draw_text() {
    static constexpr std::string_view pieces[] = {
        "a",  "Z", "0",    " ",    ",",    "\"",     "\r\n",   "\n",         "\r", "\t",
        "\\", "/", "\x01", "\x7f", "null", "\u00e9", "\u2026", "\U0001F600", "''"};
    std::string text;
    for (std::int64_t n = draw(0, 8); n > 0; --n) {
        text += pieces[static_cast<std::size_t>(draw(0, static_cast<std::int64_t>(std::size(pieces)) - 1))];
    }
    return text;
}

template <typename Value>
Value draw_value() {
    if constexpr (IsOptional<Value>::value) {
        if (draw(0, 3) == 0) return std::nullopt;
        return draw_value<typename IsOptional<Value>::Value>();
    } else if constexpr (std::is_same_v<Value, std::string>) {
        return draw_text();
    } else if constexpr (std::is_same_v<Value, bool>) {
        return draw(0, 1) == 1;
    } else if constexpr (std::is_same_v<Value, std::int64_t>) {
        return *rc::gen::arbitrary<std::int64_t>();
    } else if constexpr (std::is_same_v<Value, base::Decimal>) {
        base::Int128 const high = *rc::gen::arbitrary<std::int64_t>();
        return base::Decimal::from_parts(high * 1'000'000'007 + draw(0, 1'000'000'006),
                                         static_cast<int>(draw(0, 18)));
    } else if constexpr (std::is_same_v<Value, base::Timestamp>) {
        return {draw(-2'000'000'000'000'000, 7'000'000'000'000'000)};
    } else {
        return base::date_of_days(draw(-30'000, 60'000));
    }
}

template <typename Row>
Row draw_row() {
    Row row;
    for_each_column<Row>([&](auto const& column) {
        using Member = typename std::remove_cvref_t<decltype(column)>::Member;
        row.*column.member = draw_value<Member>();
    });
    return row;
}

template <typename Row>
std::vector<Row> draw_rows() {
    std::vector<Row> rows;
    for (std::int64_t n = draw(0, 5); n > 0; --n) rows.push_back(draw_row<Row>());
    return rows;
}

}  // namespace possync::query::testing
