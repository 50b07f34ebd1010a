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

void Array::raw(void const* bytes, std::size_t count) {
    auto const length = big_endian(static_cast<std::int32_t>(count));
    elements_.append(length.data(), length.size());
    elements_.append(static_cast<char const*>(bytes), count);
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
    std::array<char, 48> text;
    char const* const end = value.write(text.data());
    if (size_++ > 0) elements_ += ',';
    elements_.append(text.data(), static_cast<std::size_t>(end - text.data()));
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
    if (type_ == Type::numeric) {
        elements_ += size_++ > 0 ? ",NULL" : "NULL";
        return;
    }
    auto const length = big_endian(static_cast<std::int32_t>(-1));
    elements_.append(length.data(), length.size());
    ++size_;
}

std::string Array::take() {
    std::string out;
    if (!binary()) {
        out = "{" + elements_ + "}";
    } else {
        auto const put = [&](std::int32_t value) {
            auto const bytes = big_endian(value);
            out.append(bytes.data(), bytes.size());
        };
        out.reserve(elements_.size() + 20);
        put(size_ == 0 ? 0 : 1);
        put(has_null_ ? 1 : 0);
        put(static_cast<std::int32_t>(ids_of(type_).one));
        if (size_ > 0) {
            put(static_cast<std::int32_t>(size_));
            put(1);
            out += elements_;
        }
    }
    elements_.clear();
    size_ = 0;
    has_null_ = false;
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
    values_.push_back({ids_of(Type::numeric).one, false, false, value.to_string()});
}
void Parameters::add(base::Timestamp time) {
    values_.push_back({ids_of(Type::timestamptz).one, false, true, bytes_of(server_time(time))});
}
void Parameters::add(base::Date date) { values_.push_back({ids_of(Type::date).one, false, true, bytes_of(server_date(date))}); }
void Parameters::add(Array array) {
    auto const type = ids_of(array.type()).array;
    bool const binary = array.binary();
    values_.push_back({type, false, binary, array.take()});
}
void Parameters::add_null(Type type) { values_.push_back({ids_of(type).one, true, false, {}}); }

Batch::Batch(std::string_view columns) {
    for_each_column(columns, [&](std::string_view, std::string_view type) { columns_.emplace_back(type_named(type)); });
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
    for_each_column(columns, [&](std::string_view, std::string_view type) {
        ++number;
        arrays += fmt::format("{}${}::{}[]", number == 1 ? "" : ", ", number, type);
    });
    return fmt::format("unnest({}) AS r({})", arrays, names(columns));
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
