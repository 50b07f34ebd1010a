// One SQLite connection as a value: open, prepare, bind, step, read, with errors as base::Error that say what
// to do. The writing store owns one in read_write mode, every reader owns its own in read_only mode.
//
// A connection and its statements belong to one thread at a time. Statements are prepared once per connection
// and found again by their SQL text. A query holds its read snapshot from begin to end of `each` and not
// longer.
#pragma once

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/decimal.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "store/sqlite/file_system.hpp"

namespace possync::store::sqlite {

/// Bound as NULL when empty, else as text. The view must live until the statement has run.
struct TextOrNull {
    std::string_view text;
};

/// Reads the columns of the current row, left to right (`text()`, `decimal()`, ...) or by index. A value that
/// cannot be what it should be (a damaged or hand-edited row) is remembered as the row's error; `each`
/// returns it.
class Row {
public:
    explicit Row(sqlite3_stmt* statement) : statement_(statement) {}

    [[nodiscard]] int count() const { return sqlite3_column_count(statement_); }
    [[nodiscard]] std::string_view name(int index) const { return sqlite3_column_name(statement_, index); }
    [[nodiscard]] bool is_null(int index) const {
        return sqlite3_column_type(statement_, index) == SQLITE_NULL;
    }
    /// SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_TEXT, SQLITE_BLOB or SQLITE_NULL.
    [[nodiscard]] int type(int index) const { return sqlite3_column_type(statement_, index); }
    /// Text of any type; NULL gives "". Valid until the next row.
    [[nodiscard]] std::string_view text_at(int index) const;
    [[nodiscard]] std::int64_t integer_at(int index) const { return sqlite3_column_int64(statement_, index); }

    std::string text() { return std::string(text_at(column_++)); }
    std::int64_t integer() { return integer_at(column_++); }
    int small_integer() { return static_cast<int>(integer()); }
    bool boolean() { return integer() != 0; }
    base::Decimal decimal();
    std::optional<base::Decimal> optional_decimal() {
        return optional([this] { return decimal(); });
    }
    base::Timestamp time() { return {integer()}; }
    std::optional<base::Timestamp> optional_time() {
        return optional([this] { return time(); });
    }
    std::optional<std::int64_t> optional_integer() {
        return optional([this] { return integer(); });
    }
    /// A column read by a parse function: `row.parsed(model::parse_side)`.
    template <typename Parse>
    auto parsed(Parse parse) {
        using Value = typename std::invoke_result_t<Parse, std::string_view>::value_type;
        auto result = parse(text_at(column_));
        if (!result) note(result.error());
        ++column_;
        return result ? std::move(*result) : Value{};
    }
    template <typename Parse>
    auto optional_parsed(Parse parse) {
        return optional([&] { return parsed(parse); });
    }
    void skip() { ++column_; }

    [[nodiscard]] std::optional<base::Error> const& error() const { return error_; }

private:
    template <typename Read>
    auto optional(Read read) -> std::optional<std::invoke_result_t<Read>> {
        if (is_null(column_)) {
            ++column_;
            return std::nullopt;
        }
        return read();
    }
    void note(base::Error const& error);

    sqlite3_stmt* statement_;
    int column_ = 0;
    std::optional<base::Error> error_;
};

class Database;

/// A prepared statement. Parameters are numbered from 1.
class Statement {
public:
    Statement(Statement&&) noexcept = default;
    Statement& operator=(Statement&&) noexcept = default;

    /// Binds all parameters in order and runs to the end, ignoring rows. The values are only borrowed.
    template <typename... Values>
    base::Result<void> run(Values const&... values) {
        bind_all(values...);
        return finish();
    }

    /// Binds all parameters in order and calls `read(Row&)` for every row.
    template <typename Read, typename... Values>
    base::Result<void> each(Read&& read, Values const&... values) {
        bind_all(values...);
        return each_bound(std::forward<Read>(read));
    }

    /// For a statement of several rows with as many parameters each: binds those of one, which are borrowed until run_bound().
    template <typename... Values>
    void bind_row(std::size_t row, Values const&... values) {
        CHECK((row + 1) * sizeof...(Values) <= text_.size());
        CHECK(!busy());
        auto index = static_cast<int>(row * sizeof...(Values));
        (bind(++index, values), ...);
    }
    base::Result<void> run_bound() { return finish(); }

    // For statements composed at run time: bind one by one (text is copied), then each_bound.
    void bind_copy(int index, std::string_view text) {
        note(sqlite3_bind_text(get(), index, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT));
    }
    void bind_copy(int index, std::int64_t value) { note(sqlite3_bind_int64(get(), index, value)); }
    template <typename Read>
    base::Result<void> each_bound(Read&& read) {
        for (;;) {
            auto const more = step();
            if (!more) return std::unexpected(more.error());
            if (!*more) return {};
            Row row(get());
            read(row);
            if (row.error()) {
                base::Error const error = *row.error();
                reset();
                return base::because("a row cannot be read; run `possync verify`", error);
            }
        }
    }

    [[nodiscard]] int parameter_count() const { return sqlite3_bind_parameter_count(get()); }
    [[nodiscard]] int column_count() const { return sqlite3_column_count(get()); }
    [[nodiscard]] std::string_view column_name(int index) const { return sqlite3_column_name(get(), index); }
    [[nodiscard]] bool busy() const { return sqlite3_stmt_busy(get()) != 0; }

private:
    friend class Database;
    Statement(Database const& database, sqlite3_stmt* statement);

    [[nodiscard]] sqlite3_stmt* get() const { return statement_.get(); }
    void note(int status) {
        if (status != SQLITE_OK && bind_status_ == SQLITE_OK) bind_status_ = status;
    }

    template <typename... Values>
    void bind_all(Values const&... values) {
        CHECK(sizeof...(Values) == text_.size());
        bind_row(0, values...);
    }
    template <std::integral Integer>
    void bind(int index, Integer value) {
        note(sqlite3_bind_int64(get(), index, static_cast<std::int64_t>(value)));
    }
    void bind(int index, std::string_view text) {
        // A view without data is still the empty text, not NULL.
        char const* const data = text.data() != nullptr ? text.data() : "";
        note(sqlite3_bind_text(get(), index, data, static_cast<int>(text.size()), SQLITE_STATIC));
    }
    void bind(int index, std::string const& text) { bind(index, std::string_view(text)); }
    void bind(int index, char const* text) { bind(index, std::string_view(text)); }
    void bind(int index, TextOrNull value) {
        value.text.empty() ? bind(index, nullptr) : bind(index, value.text);
    }
    void bind(int index, std::nullptr_t) { note(sqlite3_bind_null(get(), index)); }
    void bind(int index, base::Timestamp time) { bind(index, time.microseconds); }
    void bind(int index, base::Decimal const& value) {
        auto& text = text_[static_cast<std::size_t>(index - 1)];
        char const* const end = value.write(text.data());
        bind(index, std::string_view(text.data(), static_cast<std::size_t>(end - text.data())));
    }
    void bind(int index, base::Date date) {
        std::string const day = base::to_string(date);
        auto& text = text_[static_cast<std::size_t>(index - 1)];
        CHECK(day.size() <= text.size());
        std::copy(day.begin(), day.end(), text.begin());
        bind(index, std::string_view(text.data(), day.size()));
    }
    template <typename Value>
    void bind(int index, std::optional<Value> const& value) {
        value ? bind(index, *value) : bind(index, nullptr);
    }

    base::Result<bool> step();
    base::Result<void> finish();
    void reset();

    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    Database const* database_;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    /// Decimals and dates as text, one place per parameter, alive until the statement ran.
    std::vector<std::array<char, 48>> text_;
    int bind_status_ = SQLITE_OK;
};

class Database {
public:
    enum class Mode {
        read_only,   ///< never writes, never creates
        read_write,  ///< the file must exist
        create,      ///< makes the file, with mode 0600, where there is none
    };
    struct Options {
        Mode mode = Mode::read_only;
        base::Duration busy_timeout{5'000'000};  ///< how long to wait for another process's transaction
        FileSystem const* files = &system_files();  ///< where the file lives; outlives the connection
    };

    /// Errors: not_found (no such file), invalid_input (a directory, not a database), io (not permitted,
    /// damaged), unavailable (locked). Sets the connection's pragmas, but not the journal mode: see
    /// use_write_ahead_log.
    [[nodiscard]] static base::Result<std::unique_ptr<Database>> open(std::string const& path,
                                                                      Options const& options);

    Database(Database const&) = delete;
    Database& operator=(Database const&) = delete;
    ~Database();

    /// Runs SQL text of any number of statements without parameters.
    [[nodiscard]] base::Result<void> execute(std::string const& script);
    /// A statement of the caller's own.
    [[nodiscard]] base::Result<Statement> prepare(std::string_view sql) const;
    /// The connection's statement for this text, prepared at first use. It stays valid as long as the
    /// connection.
    [[nodiscard]] base::Result<Statement*> statement(std::string_view sql);

    template <typename... Values>
    base::Result<void> run(std::string_view sql, Values const&... values) {
        POSSYNC_TRY(Statement* const prepared, statement(sql));
        return prepared->run(values...);
    }
    template <typename Read, typename... Values>
    base::Result<void> each(std::string_view sql, Read&& read, Values const&... values) {
        POSSYNC_TRY(Statement* const prepared, statement(sql));
        return prepared->each(std::forward<Read>(read), values...);
    }
    /// First column of the first row; nothing when there is no row or it is NULL.
    template <typename... Values>
    base::Result<std::optional<std::int64_t>> integer(std::string_view sql, Values const&... values) {
        std::optional<std::int64_t> found;
        bool first = true;
        POSSYNC_TRY_VOID(each(
            sql,
            [&](Row& row) {
                if (std::exchange(first, false)) found = row.optional_integer();
            },
            values...));
        return found;
    }

    /// Rows changed by the last INSERT, UPDATE or DELETE.
    [[nodiscard]] std::int64_t changes() const { return sqlite3_changes64(connection_); }
    [[nodiscard]] std::int64_t last_insert_id() const { return sqlite3_last_insert_rowid(connection_); }
    [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(connection_) == 0; }
    [[nodiscard]] std::string const& path() const { return path_; }
    [[nodiscard]] FileSystem const& files() const { return *files_; }

    /// Journal in WAL mode, each commit flushed to the disk before it is reported (synchronous=FULL).
    [[nodiscard]] base::Result<void> use_write_ahead_log();

    /// Moves what was added to the log into the database, once it is enough to be worth it; readers only defer it. A commit does so
    /// itself only when the log has become long, because that takes many times as long as the commit.
    void shorten_log();

    /// Moves everything that the log holds into the database and begins a new log, so that nothing committed from now on rests on
    /// what an earlier connection wrote: when a sync fails, Linux keeps the data readable and never writes it, and every later
    /// sync of the file succeeds. A log found at opening looks whole and may be gone at the next power cut, and with it every
    /// commit behind it. False: readers hold the log, it goes on as it is.
    [[nodiscard]] base::Result<bool> renew_write_ahead_log();

    /// Whether the file is still the one that its path names; what is written to one that was removed or replaced is lost with it.
    [[nodiscard]] base::Result<void> check_in_place() const;

    /// After an I/O error nothing that this connection believes can be trusted: close it and open another.
    [[nodiscard]] bool unusable() const { return unusable_; }

    /// The error of the last call on this connection, in words that say what to do.
    [[nodiscard]] base::Error error(int status) const;

private:
    Database(sqlite3* connection, std::string path, FileSystem const& files)
        : connection_(connection), path_(std::move(path)), files_(&files) {}

    /// Beginning and length tell statements apart; of two kilobytes of columns the rest is only compared.
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text.substr(0, 48)) ^ text.size(); }
    };

    sqlite3* connection_;
    std::string path_;
    FileSystem const* files_;
    std::unordered_map<std::string, Statement, TextHash, std::equal_to<>> statements_;
    int log_pages_ = 0;    ///< after the last commit of this connection
    int moved_pages_ = 0;  ///< of them, already in the database
    mutable bool unusable_ = false;
};

/// BEGIN ... COMMIT; anything but a successful commit() rolls back.
class Transaction {
public:
    /// Errors: unavailable when another process holds the write lock longer than the busy timeout; io
    /// (read-only).
    [[nodiscard]] static base::Result<Transaction> begin(Database& database);
    /// One snapshot for several reads; ended by the destructor.
    [[nodiscard]] static base::Result<Transaction> begin_reading(Database& database);
    Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();

    /// Errors leave nothing written. After io the connection is unusable().
    [[nodiscard]] base::Result<void> commit();

private:
    explicit Transaction(Database& database) : database_(&database) {}
    Database* database_;
};

}  // namespace possync::store::sqlite
