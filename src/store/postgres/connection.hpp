// One connection to a PostgreSQL server over libpq: always in pipeline mode, never blocking, every wait with a deadline.
// Statements are queued and go to the server together; their answers come back together, in one round trip.
//
// Nothing that was queued behind a failed statement of the same flush() has run. A connection that broke, or whose answer did not
// come in time, is broken(): close it and open another. Whether a COMMIT that was under way happened is not known here; who sent
// it finds out (see Session). Threading: one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/decimal.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "store/postgres/libpq.hpp"
#include "store/postgres/parameters.hpp"
#include "store/postgres/url.hpp"

namespace possync::store::postgres {

/// One row of an answer, read left to right or by index, as text. A value that cannot be what it should be is the row's error.
class Row {
public:
    Row(PGresult const* result, int row) : result_(result), row_(row) {}

    [[nodiscard]] bool is_null(int index) const { return PQgetisnull(result_, row_, index) == 1; }
    [[nodiscard]] std::string_view text_at(int index) const {
        return {PQgetvalue(result_, row_, index), static_cast<std::size_t>(PQgetlength(result_, row_, index))};
    }

    std::string text() { return std::string(text_at(column_++)); }
    std::int64_t integer();
    int small_integer() { return static_cast<int>(integer()); }
    bool boolean() { return text_at(column_++) == "t"; }
    base::Decimal decimal();
    base::Timestamp time();
    std::optional<base::Decimal> optional_decimal() {
        return optional([this] { return decimal(); });
    }
    std::optional<base::Timestamp> optional_time() {
        return optional([this] { return time(); });
    }
    std::optional<std::int64_t> optional_integer() {
        return optional([this] { return integer(); });
    }
    std::optional<bool> optional_boolean() {
        return optional([this] { return boolean(); });
    }
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

    PGresult const* result_;
    int row_;
    int column_ = 0;
    std::optional<base::Error> error_;
};

/// "2026-11-23 12:00:00.000001+00" as the server writes it under the session's settings.
[[nodiscard]] base::Result<base::Timestamp> parse_server_time(std::string_view text);

/// The answer to one statement.
class Answer {
public:
    explicit Answer(PGresult* result) : result_(result) {}
    [[nodiscard]] int rows() const { return PQntuples(result_.get()); }
    [[nodiscard]] int columns() const { return PQnfields(result_.get()); }
    [[nodiscard]] char const* column_name(int index) const { return PQfname(result_.get(), index); }
    [[nodiscard]] Row row(int index) const { return {result_.get(), index}; }
    /// Rows that an INSERT, UPDATE or DELETE touched.
    [[nodiscard]] std::int64_t affected() const;
    template <typename Read>
    [[nodiscard]] base::Result<void> each(Read&& read) const {
        for (int i = 0; i < rows(); ++i) {
            Row next = row(i);
            read(next);
            if (next.error()) return base::because("a row cannot be read; run `possync verify`", *next.error());
        }
        return {};
    }

private:
    std::unique_ptr<PGresult, shared_library::Free<PQclear>> result_;
};

struct ConnectionOptions {
    base::Duration connect_deadline{10'000'000};
    base::Duration deadline{60'000'000};  ///< of one flush: sending, waiting and receiving
    bool read_only = false;
    /// Whether a session ends what the server still does for a connection that broke; false: as on a server that does not know
    /// how.
    bool end_lost_processes = true;
};

/// What the server runs for a connection. Its number may be given to another process later, which then began after `seen_at`.
struct ServerProcess {
    std::int64_t number = 0;
    base::Timestamp seen_at;  ///< by the server's clock
};

class Connection {
public:
    /// Where the URL names several hosts, the first that answers as it shall (`target_session_attrs`); each gets its part of the
    /// deadline. Errors: unavailable (away, too many connections), refused (password, permission), not_found (no such database).
    [[nodiscard]] static base::Result<std::unique_ptr<Connection>> open(Address const& address, ConnectionOptions const& options);
    Connection(Connection const&) = delete;
    Connection& operator=(Connection const&) = delete;
    ~Connection() = default;

    /// Queues a statement; it is prepared on the server when it is first sent. Its text must be of a limited number of kinds.
    void add(std::string_view sql, Parameters parameters = {});
    /// Sends what is queued without waiting for answers, so that the server works while more is being made. What goes wrong is
    /// told by the next flush(), which gives all answers.
    void push();
    /// Sends what is queued and gives the answers in order. The first error is the result; see last_state() and failed().
    [[nodiscard]] base::Result<std::vector<Answer>> flush();

    template <typename... Values>
    base::Result<std::int64_t> run(std::string_view sql, Values const&... values) {
        add(sql, Parameters::of(values...));
        POSSYNC_TRY(auto const answers, flush());
        return answers.back().affected();
    }
    template <typename Read, typename... Values>
    base::Result<void> each(std::string_view sql, Read&& read, Values const&... values) {
        add(sql, Parameters::of(values...));
        POSSYNC_TRY(auto const answers, flush());
        return answers.back().each(std::forward<Read>(read));
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
    /// Any number of statements without parameters, by the simple protocol: for schemas. Outside a transaction they are one.
    /// `read` gets each answer that has columns.
    [[nodiscard]] base::Result<void> execute(std::string const& script,
                                             std::function<base::Result<void>(Answer const&)> const& read = {});

    /// SQLSTATE of the last error; empty when the server did not say one.
    [[nodiscard]] std::string const& last_state() const { return last_state_; }
    /// Which statement of the last flush failed, from 0; -1: none did, or the connection did.
    [[nodiscard]] int failed() const { return failed_; }
    [[nodiscard]] bool broken() const { return broken_; }
    /// Whether the server has not hung up since it was last spoken to.
    [[nodiscard]] bool alive();
    /// What was queued and not sent is not wanted any more.
    void forget_queue() { queue_.clear(); }
    [[nodiscard]] bool in_transaction() const;
    /// Whether something between us and the server (pgbouncer) lends its sessions to several clients: then nothing is kept in a
    /// session, neither settings nor prepared statements, and its processes are not ours to end.
    [[nodiscard]] bool pooled() const { return pooled_; }
    /// The server's process for this connection, known also after the connection broke.
    [[nodiscard]] ServerProcess const& process() const { return process_; }
    [[nodiscard]] int server_version() const { return PQserverVersion(connection_.get()); }

private:
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };
    struct Prepared {
        std::string name;
        bool sent = false;  ///< the server has acknowledged it
    };
    struct Queued {
        std::string const* sql = nullptr;
        Prepared* prepared = nullptr;  ///< of prepared_; unset: our settings
        Parameters parameters;
    };
    struct Sent {
        Prepared* prepared = nullptr;
        bool preparing = false;
    };
    struct Host {  ///< empty: as the URL says
        std::string name;
        std::string address;
        std::string port;
    };
    static base::Result<std::vector<Host>> hosts(Address const& address);
    static base::Result<std::unique_ptr<Connection>> open(Address const& address, ConnectionOptions const& options,
                                                          Host const& host, base::Duration patience);
    using Deadline = std::int64_t;  ///< of the steady clock, in microseconds

    Connection(PGconn* connection, std::string shown, ConnectionOptions options)
        : connection_(connection), shown_(std::move(shown)), options_(options) {}

    [[nodiscard]] std::string settings(Address const& address, std::string_view is_local) const;
    base::Result<void> send(Queued const& queued);
    base::Result<void> wait(bool writing, Deadline deadline);
    base::Result<PGresult*> next(Deadline deadline, bool& flushed);
    base::Error server_error(PGresult const* result);
    base::Error lost(std::string const& why);
    void cancel();

    std::unique_ptr<PGconn, shared_library::Free<PQfinish>> connection_;
    std::string shown_;
    ConnectionOptions options_;
    ServerProcess process_;
    bool pooled_ = false;
    std::string settings_;  ///< as a statement, where they are of each transaction
    std::unordered_map<std::string, Prepared, TextHash, std::equal_to<>> prepared_;
    std::vector<Queued> queue_;
    std::vector<Sent> sent_;                  ///< their answers are not read yet
    std::optional<std::size_t> settings_at_;  ///< which of them is our settings
    std::optional<base::Error> push_error_;
    std::string last_state_;
    int failed_ = -1;
    bool broken_ = false;
};

}  // namespace possync::store::postgres
