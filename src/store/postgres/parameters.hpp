// Parameters of one statement for libpq: single values, and whole columns as arrays for unnest(). All travel in PostgreSQL's
// binary form, numbers as the decimal digits they are, so that nothing is rounded or guessed on the way.
//
// Text that PostgreSQL cannot hold (a NUL, bytes that are no UTF-8) is made fit: a broker's stray byte must not keep a commit out
// of the database for ever.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/decimal.hpp"
#include "base/time.hpp"

namespace possync::store::postgres {

enum class Type { bigint, text, numeric, timestamptz, boolean, date };

/// Bound as NULL when empty, else as text.
struct TextOrNull {
    std::string_view text;
};

/// Microseconds since 2000-01-01, as the server counts; the ends of time are its infinities.
[[nodiscard]] std::int64_t server_time(base::Timestamp time);
[[nodiscard]] std::int32_t server_date(base::Date date);

/// As the server receives a numeric: four decimal digits a word.
void append_numeric(std::string& out, base::Decimal const& value);

/// A column of many rows, of one type, in one piece of memory from the first element to the socket.
class Array {
public:
    /// `rows`: about how many there will be.
    explicit Array(Type type, std::size_t rows = 0);
    [[nodiscard]] Type type() const { return type_; }
    [[nodiscard]] std::size_t size() const { return size_; }

    template <std::integral Integer>
    void add(Integer value) {
        type_ == Type::boolean ? add_boolean(value != 0) : add_integer(static_cast<std::int64_t>(value));
    }
    void add(std::string_view text);
    void add(std::string const& text) { add(std::string_view(text)); }
    void add(char const* text) { add(std::string_view(text)); }
    void add(TextOrNull value) { value.text.empty() ? add(nullptr) : add(value.text); }
    void add(base::Decimal const& value);
    void add(base::Timestamp time);
    void add(base::Date date);
    void add(std::nullptr_t);
    template <typename Value>
    void add(std::optional<Value> const& value) {
        value ? add(*value) : add(nullptr);
    }

    /// What libpq sends; the array is empty afterwards.
    [[nodiscard]] std::string take();

private:
    void add_integer(std::int64_t value);
    void add_boolean(bool value);
    void raw(void const* bytes, std::size_t count);

    Type type_;
    std::size_t size_ = 0;
    bool has_null_ = false;
    std::string bytes_;  ///< room for the head, then the elements
};

class Parameters {
public:
    Parameters() = default;
    template <typename... Values>
    static Parameters of(Values const&... values) {
        Parameters parameters;
        (parameters.add(values), ...);
        return parameters;
    }

    template <std::integral Integer>
    void add(Integer value) {
        if constexpr (std::is_same_v<Integer, bool>) {
            add_boolean(value);
        } else {
            add_integer(static_cast<std::int64_t>(value));
        }
    }
    void add(std::string_view text);
    void add(std::string const& text) { add(std::string_view(text)); }
    void add(char const* text) { add(std::string_view(text)); }
    void add(TextOrNull value) { value.text.empty() ? add_null(Type::text) : add(value.text); }
    void add(base::Decimal const& value);
    void add(base::Timestamp time);
    void add(base::Date date);
    template <typename Value>
    void add(std::optional<Value> const& value) {
        value ? add(*value) : add_null(type_of<Value>());
    }
    void add(Array array);
    /// Text whose type the server infers from where it stands: for statements composed of a filter's words.
    void add_untyped(std::string_view text);

    [[nodiscard]] std::size_t size() const { return values_.size(); }
    [[nodiscard]] std::size_t bytes() const;

private:
    friend class Connection;
    template <typename Value>
    static consteval Type type_of() {
        if constexpr (std::is_same_v<Value, bool>)
            return Type::boolean;
        else if constexpr (std::integral<Value>)
            return Type::bigint;
        else if constexpr (std::is_same_v<Value, base::Decimal>)
            return Type::numeric;
        else if constexpr (std::is_same_v<Value, base::Timestamp>)
            return Type::timestamptz;
        else if constexpr (std::is_same_v<Value, base::Date>)
            return Type::date;
        else
            return Type::text;
    }
    void add_integer(std::int64_t value);
    void add_boolean(bool value);
    void add_null(Type type);

    struct Value {
        std::uint32_t type = 0;  ///< 0: the server infers it
        bool null = false;
        bool binary = false;
        std::string bytes;
    };
    std::vector<Value> values_;
};

/// Rows column by column, for one `unnest`. `columns` is "account_id bigint, exec_id text, ...".
class Batch {
public:
    /// `rows`: about how many there will be.
    explicit Batch(std::string_view columns, std::size_t rows = 0);

    template <typename... Values>
    void add(Values const&... values) {
        std::size_t column = 0;
        (columns_[column++].add(values), ...);
    }
    [[nodiscard]] bool empty() const { return columns_.empty() || columns_.front().size() == 0; }
    [[nodiscard]] std::size_t size() const { return columns_.empty() ? 0 : columns_.front().size(); }
    [[nodiscard]] Parameters take();

private:
    std::vector<Array> columns_;
};

/// "(SELECT unnest($1::bigint[]) AS account_id, unnest($2::text[]) AS exec_id) AS r" for "account_id bigint, exec_id text". The server
/// walks these arrays side by side; those of `unnest(a, b)` in FROM it first writes down one after the other, which costs a third more.
[[nodiscard]] std::string unnest(std::string_view columns);
/// "account_id, exec_id" of the same.
[[nodiscard]] std::string names(std::string_view columns);
/// INSERT of such rows into `table`, where none of them is there.
[[nodiscard]] std::string insert(std::string_view table, std::string_view columns);
/// INSERT of such rows into `table`, or an update of those that are there by `key`: of every column but the key and account_id.
/// `more` goes to the end: a condition, or a further assignment.
[[nodiscard]] std::string upsert(std::string_view table, std::string_view key, std::string_view columns,
                                 std::string_view more = {});
/// The same, but a row that is there already and equal in everything except `not_compared` is not written.
[[nodiscard]] std::string upsert_changed(std::string_view table, std::string_view key, std::string_view columns,
                                         std::string_view not_compared = {});

}  // namespace possync::store::postgres
