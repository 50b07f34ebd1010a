#include "store/postgres/parameters.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include <fmt/format.h>

#include "base/check.hpp"

namespace possync::store::postgres {

namespace {

// Object ids of the server's own types: fixed since their introduction, part of the protocol.
struct Ids {
    std::uint32_t one;
    std::uint32_t array;
    std::string_view name;
};
constexpr Ids ids_of(Type type) {
    switch (type) {
    case Type::bigint: return {20, 1016, "bigint"};
    case Type::text: return {25, 1009, "text"};
    case Type::numeric: return {1700, 1231, "numeric"};
    case Type::timestamptz: return {1184, 1185, "timestamptz"};
    case Type::boolean: return {16, 1000, "boolean"};
    case Type::date: return {1082, 1182, "date"};
    }
    return {};
}

constexpr std::int64_t epoch_of_server = 946'684'800'000'000;  // 2000-01-01 in microseconds since 1970
constexpr std::int64_t days_to_2000 = 10'957;

template <typename Integer>
std::array<char, sizeof(Integer)> big_endian(Integer value) {
    if constexpr (std::endian::native == std::endian::little) {
        if constexpr (sizeof(Integer) == 8)
            value = static_cast<Integer>(__builtin_bswap64(static_cast<std::uint64_t>(value)));
        else
            value = static_cast<Integer>(__builtin_bswap32(static_cast<std::uint32_t>(value)));
    }
    return std::bit_cast<std::array<char, sizeof(Integer)>>(value);
}
template <typename Integer>
std::string bytes_of(Integer value) {
    auto const bytes = big_endian(value);
    return {bytes.data(), bytes.size()};
}

/// Bytes of one well-formed UTF-8 character at the beginning of `text`; 0 when there is none.
std::size_t character(std::string_view text) {
    auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    auto const follows = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xc0U) == 0x80U; };
    unsigned const first = byte(0);
    if (first == 0) return 0;
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first < 0xe0) return follows(1) ? 2 : 0;
    if (first >= 0xe0 && first < 0xf0) {
        if (!follows(1) || !follows(2)) return 0;
        if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) >= 0xa0)) return 0;
        return 3;
    }
    if (first >= 0xf0 && first < 0xf5) {
        if (!follows(1) || !follows(2) || !follows(3)) return 0;
        if ((first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) >= 0x90)) return 0;
        return 4;
    }
    return 0;
}

bool fits(std::string_view text) {
    bool const plain = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<signed char>(c) > 0; });
    if (plain) return true;
    while (!text.empty()) {
        std::size_t const count = character(text);
        if (count == 0) return false;
        text.remove_prefix(count);
    }
    return true;
}

std::string made_fit(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        std::size_t const count = character(text);
        if (count == 0) {
            out += "\xef\xbf\xbd";  // U+FFFD
            text.remove_prefix(1);
            continue;
        }
        out += text.substr(0, count);
        text.remove_prefix(count);
    }
    return out;
}

Type type_named(std::string_view name) {
    for (auto const type : {Type::bigint, Type::text, Type::numeric, Type::timestamptz, Type::boolean, Type::date}) {
        if (ids_of(type).name == name) return type;
    }
    CHECK(false);
    return Type::text;
}

template <typename Function>
void for_each_column(std::string_view columns, Function function) {
    for (std::size_t from = 0; from < columns.size();) {
        std::size_t const to = std::min(columns.find(", ", from), columns.size());
        std::string_view const column = columns.substr(from, to - from);
        std::size_t const blank = column.find(' ');
        function(column.substr(0, blank), blank == std::string_view::npos ? std::string_view{} : column.substr(blank + 1));
        from = to + 2;
    }
}

bool is_in(std::string_view column, std::string_view columns) {
    return fmt::format(", {}, ", columns).find(fmt::format(", {}, ", column)) != std::string::npos;
}

}  // namespace

std::int64_t server_time(base::Timestamp time) {
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    if (time.microseconds < least + epoch_of_server) return least;
    if (time.microseconds == most) return most;
    return time.microseconds - epoch_of_server;
}

std::int32_t server_date(base::Date date) { return static_cast<std::int32_t>(base::days_since_epoch(date) - days_to_2000); }

void append_numeric(std::string& out, base::Decimal const& value) {
    constexpr std::array<std::uint64_t, 19> power = [] {
        std::array<std::uint64_t, 19> powers{1};
        for (std::size_t i = 1; i < powers.size(); ++i)
            powers[i] = powers[i - 1] * 10;
        return powers;
    }();
    auto const scale = static_cast<std::size_t>(value.scale());
    base::Int128 const signed_coefficient = value.coefficient();
    auto const coefficient = static_cast<base::UInt128>(signed_coefficient < 0 ? -signed_coefficient : signed_coefficient);
    // Words of the fraction, then of the whole part, from the right: at most 5 and 10.
    std::array<std::uint16_t, 16> words;
    std::size_t count = 0;
    std::size_t const fraction_words = (scale + 3) / 4;
    auto const split = [&](auto fraction, auto whole) {
        for (std::size_t i = 0; i < fraction_words; ++i, fraction /= 10'000)
            words[count++] = static_cast<std::uint16_t>(fraction % 10'000);
        for (; whole != 0; whole /= 10'000)
            words[count++] = static_cast<std::uint16_t>(whole % 10'000);
    };
    std::uint64_t const pad = power[fraction_words * 4 - scale];
    if (coefficient <= std::numeric_limits<std::uint64_t>::max() && scale <= 16) {
        auto const small = static_cast<std::uint64_t>(coefficient);
        split(small % power[scale] * pad, small / power[scale]);
    } else {
        split(coefficient % power[scale] * pad, coefficient / power[scale]);
    }
    int weight = static_cast<int>(count) - static_cast<int>(fraction_words) - 1;
    for (; count > 0 && words[count - 1] == 0; --weight)
        --count;
    std::size_t from = 0;
    while (from < count && words[from] == 0)
        ++from;
    auto const put = [&](std::size_t word) {
        out += static_cast<char>(word >> 8U & 0xffU);
        out += static_cast<char>(word & 0xffU);
    };
    put(count - from);
    put(static_cast<std::size_t>(count == from ? 0 : weight));
    put(value.is_negative() ? 0x4000 : 0);
    put(scale);
    for (std::size_t i = count; i > from; --i)
        put(words[i - 1]);
}

namespace {
/// Dimensions, whether there are NULLs, the element's type, the length, the first index.
constexpr std::size_t head_bytes = 20;
}  // namespace

Array::Array(Type type, std::size_t rows) : type_(type) {
    bytes_.reserve(head_bytes + rows * (type == Type::boolean ? 5 : 16));
    bytes_.resize(head_bytes);
}

void Array::raw(void const* bytes, std::size_t count) {
    auto const length = big_endian(static_cast<std::int32_t>(count));
    bytes_.append(length.data(), length.size());
    bytes_.append(static_cast<char const*>(bytes), count);
    ++size_;
}
void Array::add_integer(std::int64_t value) {
    CHECK(type_ == Type::bigint);
    auto const bytes = big_endian(value);
    raw(bytes.data(), bytes.size());
}
void Array::add_boolean(bool value) {
    char const byte = value ? 1 : 0;
    raw(&byte, 1);
}
void Array::add(std::string_view text) {
    CHECK(type_ == Type::text);
    if (fits(text)) return raw(text.data(), text.size());
    std::string const fit = made_fit(text);
    raw(fit.data(), fit.size());
}
void Array::add(base::Decimal const& value) {
    CHECK(type_ == Type::numeric);
    std::size_t const at = bytes_.size();
    bytes_.resize(at + 4);
    append_numeric(bytes_, value);
    auto const length = big_endian(static_cast<std::int32_t>(bytes_.size() - at - 4));
    std::copy(length.begin(), length.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at));
    ++size_;
}
void Array::add(base::Timestamp time) {
    CHECK(type_ == Type::timestamptz);
    auto const bytes = big_endian(server_time(time));
    raw(bytes.data(), bytes.size());
}
void Array::add(base::Date date) {
    CHECK(type_ == Type::date);
    auto const bytes = big_endian(server_date(date));
    raw(bytes.data(), bytes.size());
}
void Array::add(std::nullptr_t) {
    has_null_ = true;
    auto const length = big_endian(static_cast<std::int32_t>(-1));
    bytes_.append(length.data(), length.size());
    ++size_;
}

std::string Array::take() {
    std::size_t at = 0;
    auto const put = [&](std::int32_t value) {
        auto const bytes = big_endian(value);
        std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at));
        at += bytes.size();
    };
    put(size_ == 0 ? 0 : 1);
    put(has_null_ ? 1 : 0);
    put(static_cast<std::int32_t>(ids_of(type_).one));
    put(static_cast<std::int32_t>(size_));
    put(1);
    if (size_ == 0) bytes_.resize(12);  // an empty array has no dimension
    std::string out = std::move(bytes_);
    *this = Array(type_);
    return out;
}

void Parameters::add_integer(std::int64_t value) { values_.push_back({ids_of(Type::bigint).one, false, true, bytes_of(value)}); }
void Parameters::add_boolean(bool value) {
    values_.push_back({ids_of(Type::boolean).one, false, true, std::string(1, value ? '\1' : '\0')});
}
void Parameters::add(std::string_view text) {
    values_.push_back({ids_of(Type::text).one, false, true, fits(text) ? std::string(text) : made_fit(text)});
}
void Parameters::add_untyped(std::string_view text) { values_.push_back({0, false, false, made_fit(text)}); }
void Parameters::add(base::Decimal const& value) {
    std::string bytes;
    append_numeric(bytes, value);
    values_.push_back({ids_of(Type::numeric).one, false, true, std::move(bytes)});
}
void Parameters::add(base::Timestamp time) {
    values_.push_back({ids_of(Type::timestamptz).one, false, true, bytes_of(server_time(time))});
}
void Parameters::add(base::Date date) { values_.push_back({ids_of(Type::date).one, false, true, bytes_of(server_date(date))}); }
void Parameters::add(Array array) {
    auto const type = ids_of(array.type()).array;
    values_.push_back({type, false, true, array.take()});
}
void Parameters::add_null(Type type) { values_.push_back({ids_of(type).one, true, false, {}}); }

std::size_t Parameters::bytes() const {
    std::size_t sum = 0;
    for (auto const& value : values_)
        sum += value.bytes.size();
    return sum;
}

Batch::Batch(std::string_view columns, std::size_t rows) {
    for_each_column(columns, [&](std::string_view, std::string_view type) { columns_.emplace_back(type_named(type), rows); });
}

Parameters Batch::take() {
    Parameters parameters;
    std::size_t const rows = size();
    for (auto& column : columns_) {
        CHECK(column.size() == rows);
        Type const type = column.type();
        parameters.add(std::move(column));
        column = Array(type);
    }
    return parameters;
}

std::string names(std::string_view columns) {
    std::string out;
    for_each_column(columns,
                    [&](std::string_view name, std::string_view) { out += fmt::format("{}{}", out.empty() ? "" : ", ", name); });
    return out;
}

std::string unnest(std::string_view columns) {
    std::string arrays;
    int number = 0;
    for_each_column(columns, [&](std::string_view name, std::string_view type) {
        ++number;
        arrays += fmt::format("{}unnest(${}::{}[]) AS {}", number == 1 ? "" : ", ", number, type, name);
    });
    return fmt::format("(SELECT {}) AS r", arrays);
}

std::string insert(std::string_view table, std::string_view columns) {
    return fmt::format("INSERT INTO {} ({}) SELECT * FROM {}", table, names(columns), unnest(columns));
}

std::string upsert(std::string_view table, std::string_view key, std::string_view columns, std::string_view more) {
    std::string updates;
    for_each_column(columns, [&](std::string_view name, std::string_view) {
        if (name == "account_id" || is_in(name, key)) return;
        updates += fmt::format("{}{} = excluded.{}", updates.empty() ? "" : ", ", name, name);
    });
    return fmt::format("INSERT INTO {} ({}) SELECT * FROM {} ON CONFLICT ({}) DO UPDATE SET {} {}", table, names(columns),
                       unnest(columns), key, updates, more);
}

std::string upsert_changed(std::string_view table, std::string_view key, std::string_view columns,
                           std::string_view not_compared) {
    std::string differs;
    for_each_column(columns, [&](std::string_view name, std::string_view) {
        if (name == "account_id" || is_in(name, key) || is_in(name, not_compared)) return;
        differs += fmt::format("{}{}.{} IS DISTINCT FROM excluded.{}", differs.empty() ? "WHERE " : " OR ", table, name, name);
    });
    return upsert(table, key, columns, differs);
}

}  // namespace possync::store::postgres
