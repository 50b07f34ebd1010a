#include "store/postgres/connection.hpp"

#include <poll.h>

#include <charconv>
#include <chrono>
#include <cstring>
#include <future>
#include <limits>
#include <thread>

#include <fmt/format.h>

#include "base/check.hpp"

namespace possync::store::postgres {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

std::int64_t steady_now() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The first line of what libpq says, without its end and its beginning in capitals.
std::string one_line(char const* message) {
    std::string text = message != nullptr ? message : "";
    // "connection to server at "127.0.0.1", port 5432 failed: FATAL:  password authentication failed ..."
    for (std::string_view const word : {"FATAL:  ", "ERROR:  ", "PANIC:  "}) {
        if (auto const at = text.rfind(word); at != std::string::npos) text = text.substr(at + word.size());
    }
    if (auto const end = text.find('\n'); end != std::string::npos) text.resize(end);
    return text;
}

bool contains(std::string_view text, std::string_view word) { return text.find(word) != std::string_view::npos; }

/// libpq gives no SQLSTATE while it connects: the words must do.
Error connect_error(std::string const& shown, char const* message) {
    std::string const whole = message != nullptr ? message : "";
    std::string const said = one_line(message);
    if (contains(whole, "password authentication failed") || contains(whole, "no password supplied") ||
        contains(whole, "authentication failed")) {
        return {ErrorCode::refused,
                fmt::format("{} does not let this user in ({}): check user and password (database.password_file, PGPASSWORD or "
                            "~/.pgpass)",
                            shown, said)};
    }
    if (contains(whole, "pg_hba.conf")) {
        return {ErrorCode::refused,
                fmt::format("{} does not let this user in from here ({}): see pg_hba.conf on the server", shown, said)};
    }
    if (contains(whole, "database \"") && contains(whole, "does not exist")) {
        return {ErrorCode::not_found, fmt::format("{}: {}; make it with `createdb`", shown, said)};
    }
    if (contains(whole, "role \"") && contains(whole, "does not exist")) {
        return {ErrorCode::refused, fmt::format("{}: {}; make it with `createuser`", shown, said)};
    }
    if (contains(whole, "certificate") || contains(whole, "SSL")) {
        return {ErrorCode::refused,
                fmt::format("{}: no secure connection ({}): see sslmode and sslrootcert in the URL", shown, said)};
    }
    if (contains(whole, "permission denied")) return {ErrorCode::refused, fmt::format("{}: {}", shown, said)};
    return {ErrorCode::unavailable, fmt::format("{} cannot be reached: {}", shown, said)};
}

}  // namespace

// --- rows

std::int64_t Row::integer() {
    std::string_view const text = text_at(column_++);
    std::int64_t value = 0;
    if (text.empty()) return 0;  // NULL
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        note({ErrorCode::invalid_input, fmt::format("'{}' is not a whole number", text.substr(0, 40))});
    }
    return value;
}

base::Decimal Row::decimal() {
    base::Decimal value;
    std::string_view const text = text_at(column_);
    if (base::Decimal::parse_plain(text, value)) {
        ++column_;
        return value;
    }
    return parsed(base::Decimal::parse);
}

base::Timestamp Row::time() {
    if (is_null(column_)) {
        ++column_;
        return {};
    }
    return parsed(parse_server_time);
}

void Row::note(Error const& error) {
    if (!error_) error_ = error;
}

Result<base::Timestamp> parse_server_time(std::string_view text) {
    if (text == "infinity") return base::Timestamp{std::numeric_limits<std::int64_t>::max()};
    if (text == "-infinity") return base::Timestamp{std::numeric_limits<std::int64_t>::min()};
    // 2026-11-23 12:00:00[.000001]+00
    auto const digits = [&](std::size_t from, std::size_t count, std::int64_t& out) {
        out = 0;
        for (std::size_t i = from; i < from + count; ++i) {
            if (i >= text.size() || text[i] < '0' || text[i] > '9') return false;
            out = out * 10 + (text[i] - '0');
        }
        return true;
    };
    std::int64_t year = 0;
    std::int64_t month = 0;
    std::int64_t day = 0;
    std::int64_t hour = 0;
    std::int64_t minute = 0;
    std::int64_t second = 0;
    bool good = text.size() >= 22 && text.ends_with("+00") && digits(0, 4, year) && text[4] == '-' && digits(5, 2, month) &&
                text[7] == '-' && digits(8, 2, day) && text[10] == ' ' && digits(11, 2, hour) && text[13] == ':' &&
                digits(14, 2, minute) && text[16] == ':' && digits(17, 2, second);
    std::int64_t micros = 0;
    if (good && text.size() > 22) {
        std::size_t const count = text.size() - 23;
        good = text[19] == '.' && count >= 1 && count <= 6 && digits(20, count, micros);
        for (std::size_t i = count; i < 6; ++i)
            micros *= 10;
    }
    if (!good)
        return base::fail(ErrorCode::invalid_input,
                          fmt::format("'{}' is not a time as this session asked for", text.substr(0, 40)));
    std::int64_t const days =
        base::days_since_epoch({static_cast<int>(year), static_cast<unsigned>(month), static_cast<unsigned>(day)});
    return base::Timestamp{(((days * 24 + hour) * 60 + minute) * 60 + second) * 1'000'000 + micros};
}

std::int64_t Answer::affected() const {
    std::string_view const text = PQcmdTuples(result_.get());
    std::int64_t count = 0;
    std::from_chars(text.data(), text.data() + text.size(), count);
    return count;
}

// --- connecting

/// Where the URL names several hosts, each of them alone: waiting for one that does not answer must not use up the time of the
/// others, and libpq knows that only where it may block.
Result<std::vector<Connection::Host>> Connection::hosts(Address const& address) {
    POSSYNC_TRY_VOID(libpq.load());
    std::unique_ptr<PQconninfoOption, shared_library::Free<PQconninfoFree>> const options(PQconninfoParse(address.url.c_str(), nullptr));
    if (!options) return base::fail(ErrorCode::invalid_input, address.shown + " is not a PostgreSQL URL");
    auto const list = [&](std::string_view keyword) {
        std::vector<std::string> found;
        for (PQconninfoOption const* option = options.get(); option->keyword != nullptr; ++option) {
            if (option->keyword != keyword || option->val == nullptr) continue;
            std::string_view rest = option->val;
            for (std::size_t comma = 0; comma != std::string_view::npos; rest.remove_prefix(std::min(comma + 1, rest.size()))) {
                comma = rest.find(',');
                found.emplace_back(rest.substr(0, comma));
                if (comma == std::string_view::npos) break;
            }
        }
        return found;
    };
    auto const names = list("host");
    auto const addresses = list("hostaddr");
    auto const ports = list("port");
    std::size_t const count = std::max(names.size(), addresses.size());
    std::vector<Host> hosts(std::max<std::size_t>(count, 1));
    if (count < 2) return hosts;  // as libpq reads the URL
    for (std::size_t i = 0; i < count; ++i) {
        if (i < names.size()) hosts[i].name = names[i];
        if (i < addresses.size()) hosts[i].address = addresses[i];
        if (!ports.empty()) hosts[i].port = ports.size() == 1 ? ports[0] : (i < ports.size() ? ports[i] : "");
    }
    return hosts;
}

Result<std::unique_ptr<Connection>> Connection::open(Address const& address, ConnectionOptions const& options) {
    POSSYNC_TRY(auto const all, hosts(address));
    base::Duration const each = options.connect_deadline / static_cast<std::int64_t>(all.size());
    std::optional<Error> error;
    for (auto const& host : all) {
        auto opened = open(address, options, host, each);
        if (opened) return opened;
        // A host that answers and refuses says more than one that is away.
        if (!error || error->code == ErrorCode::unavailable) error = opened.error();
    }
    return std::unexpected(*error);
}

Result<std::unique_ptr<Connection>> Connection::open(Address const& address, ConnectionOptions const& options, Host const& host,
                                                     base::Duration patience) {
    std::vector<char const*> keywords{"dbname", "application_name", "client_encoding"};
    std::vector<char const*> values{address.url.c_str(), "possync", "UTF8"};
    auto const add = [&](char const* keyword, std::string const& value) {
        if (value.empty()) return;
        keywords.push_back(keyword);
        values.push_back(value.c_str());
    };
    add("password", address.password.reveal());
    add("host", host.name);
    add("hostaddr", host.address);
    add("port", host.port);
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    std::unique_ptr<Connection> made(
        new Connection(PQconnectStartParams(keywords.data(), values.data(), 1), address.shown, options));
    PGconn* const raw = made->connection_.get();
    if (raw == nullptr) return base::fail(ErrorCode::unavailable, "no memory for a connection to " + address.shown);
    Deadline const deadline = steady_now() + patience.count();
    for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;) {
        if (PQstatus(raw) == CONNECTION_BAD || state == PGRES_POLLING_FAILED) {
            return std::unexpected(connect_error(address.shown, PQerrorMessage(raw)));
        }
        if (auto const ready = made->wait(state == PGRES_POLLING_WRITING, deadline); !ready) {
            return base::fail(ErrorCode::unavailable,
                              fmt::format("{} did not answer within {}", address.shown, base::to_string(patience)));
        }
        state = PQconnectPoll(raw);
    }
    PQsetnonblocking(raw, 1);
    PQsetNoticeProcessor(raw, [](void*, char const*) {}, nullptr);
    CHECK(PQenterPipelineMode(raw) == 1);
    // A pooler tells another number than the server. What is set there for longer than a transaction would be somebody else's.
    std::string const pooled = fmt::format("pg_backend_pid() <> {}", PQbackendPID(raw));
    std::string const first =
        fmt::format("SELECT pg_backend_pid(), clock_timestamp(), {}, {}", pooled, made->settings(address, pooled));
    POSSYNC_TRY_VOID(made->execute(first, [&](Answer const& answer) {
        return answer.each([&](Row& row) {
            made->process_.number = row.integer();
            made->process_.seen_at = row.time();
            made->pooled_ = row.boolean();
        });
    }));
    if (made->pooled_) made->settings_ = "SELECT " + made->settings(address, "true");
    return made;
}

/// Texts and times as this program reads them, whatever the server's own settings are; columns of a SELECT.
std::string Connection::settings(Address const& address, std::string_view is_local) const {
    std::string out;
    auto const set = [&](std::string_view name, std::string_view value) {
        out += fmt::format("{}set_config('{}', '{}', {})", out.empty() ? "" : ", ", name, value, is_local);
    };
    set("search_path", address.schema);
    set("TimeZone", "UTC");
    set("DateStyle", "ISO");
    set("standard_conforming_strings", "on");
    set("default_transaction_isolation", "read committed");
    set("default_transaction_read_only", options_.read_only ? "on" : "off");
    if (pooled_ && options_.read_only) set("transaction_read_only", "on");
    // A client that is gone without a word must not hold its locks for hours.
    set("tcp_keepalives_idle", "20");
    set("tcp_keepalives_interval", "5");
    set("tcp_keepalives_count", "4");
    set("idle_in_transaction_session_timeout", "60s");
    // Compiling a statement takes a second where running it takes a millisecond.
    out += fmt::format(", CASE WHEN current_setting('jit', true) IS NOT NULL THEN set_config('jit', 'off', {}) END", is_local);
    return out;
}

// --- talking

bool Connection::in_transaction() const {
    auto const status = PQtransactionStatus(connection_.get());
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || !sent_.empty();
}

bool Connection::alive() {
    if (broken_) return false;
    pollfd heard{PQsocket(connection_.get()), POLLIN, 0};
    if (::poll(&heard, 1, 0) <= 0) return true;
    broken_ = PQconsumeInput(connection_.get()) != 1 || PQstatus(connection_.get()) != CONNECTION_OK;
    return !broken_;
}

Result<void> Connection::wait(bool writing, Deadline deadline) {
    for (;;) {
        std::int64_t const left = deadline - steady_now();
        if (left <= 0) return base::fail(ErrorCode::timeout, "no answer in time");
        pollfd waiting{PQsocket(connection_.get()), static_cast<short>(writing ? POLLIN | POLLOUT : POLLIN), 0};
        if (PQstatus(connection_.get()) != CONNECTION_OK) waiting.events = writing ? POLLOUT : POLLIN;
        int const ready = ::poll(&waiting, 1, static_cast<int>(std::min<std::int64_t>(left / 1000 + 1, 60'000)));
        if (ready > 0) return {};
        if (ready < 0 && errno != EINTR) return base::fail(ErrorCode::io, fmt::format("poll: {}", std::strerror(errno)));
    }
}

Error Connection::lost(std::string const& why) {
    broken_ = true;
    failed_ = -1;
    last_state_.clear();
    return {ErrorCode::unavailable, fmt::format("the connection to {} was lost: {}", shown_, why)};
}

/// Asks the server to stop what it does, and waits no longer than a second for that: the way there may be what is broken.
void Connection::cancel() {
    std::shared_ptr<PGcancel> const request(PQgetCancel(connection_.get()), [](PGcancel* each) { PQfreeCancel(each); });
    if (!request) return;
    auto const done = std::make_shared<std::promise<void>>();
    auto ended = done->get_future();
    std::thread([request, done] {
        char words[256];
        (void)PQcancel(request.get(), words, sizeof words);
        done->set_value();
    }).detach();
    (void)ended.wait_for(std::chrono::seconds(1));
}

Error Connection::server_error(PGresult const* result) {
    char const* const state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    char const* const message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    last_state_ = state != nullptr ? state : "";
    std::string const said = message != nullptr ? message : one_line(PQresultErrorMessage(result));
    std::string_view const kind = std::string_view(last_state_).substr(0, 2);
    if (last_state_ == "57014") return {ErrorCode::timeout, fmt::format("{} took too long: {}", shown_, said)};
    if (kind == "57" || kind == "08") {
        broken_ = true;
        return {ErrorCode::unavailable, fmt::format("{} goes away: {}", shown_, said)};
    }
    if (last_state_ == "53100") return {ErrorCode::io, fmt::format("{}: {}; make room on the server", shown_, said)};
    if (kind == "53") return {ErrorCode::unavailable, fmt::format("{}: {}", shown_, said)};
    if (last_state_ == "25006") {
        broken_ = !options_.read_only;  // the next connection may find the host that writes
        return {ErrorCode::io, fmt::format("{} can only be read ({}): is it a standby?", shown_, said)};
    }
    if (last_state_ == "42501") {
        return {ErrorCode::refused, fmt::format("{}: {}; see \"Grants\" in docs/postgresql.md", shown_, said)};
    }
    if (last_state_ == "40001" || last_state_ == "40P01" || last_state_ == "55P03") {
        return {ErrorCode::unavailable, fmt::format("{} is busy: {}", shown_, said)};
    }
    return {ErrorCode::internal, fmt::format("{}: {} ({})", shown_, said, last_state_)};
}

void Connection::add(std::string_view sql, Parameters parameters) {
    auto found = prepared_.find(sql);
    if (found == prepared_.end()) {
        found = prepared_.emplace(std::string(sql), Prepared{fmt::format("p{}", prepared_.size() + 1), false}).first;
    }
    queue_.push_back({&found->first, &found->second, std::move(parameters)});
}

Result<void> Connection::send(Queued const& queued) {
    std::vector<Oid> types;
    std::vector<char const*> values;
    std::vector<int> lengths;
    std::vector<int> formats;
    for (auto const& value : queued.parameters.values_) {
        types.push_back(value.type);
        values.push_back(value.null ? nullptr : value.bytes.c_str());
        lengths.push_back(static_cast<int>(value.bytes.size()));
        formats.push_back(value.binary ? 1 : 0);
    }
    int const count = static_cast<int>(values.size());
    PGconn* const raw = connection_.get();
    if (pooled_) {
        if (PQsendQueryParams(raw, queued.sql->c_str(), count, types.data(), values.data(), lengths.data(), formats.data(), 0) ==
            1)
            return {};
        return std::unexpected(lost(one_line(PQerrorMessage(raw))));
    }
    Prepared const& prepared = *queued.prepared;
    if (!prepared.sent && PQsendPrepare(raw, prepared.name.c_str(), queued.sql->c_str(), count, types.data()) != 1) {
        return std::unexpected(lost(one_line(PQerrorMessage(raw))));
    }
    if (PQsendQueryPrepared(raw, prepared.name.c_str(), count, values.data(), lengths.data(), formats.data(), 0) != 1) {
        return std::unexpected(lost(one_line(PQerrorMessage(raw))));
    }
    return {};
}

/// The next result, nullptr where libpq ends the results of one statement.
Result<PGresult*> Connection::next(Deadline deadline, bool& flushed) {
    PGconn* const raw = connection_.get();
    for (;;) {
        if (!flushed) {
            int const left = PQflush(raw);
            if (left < 0) return std::unexpected(lost(one_line(PQerrorMessage(raw))));
            flushed = left == 0;
        }
        if (PQisBusy(raw) == 0) return PQgetResult(raw);
        if (auto const ready = wait(!flushed, deadline); !ready) {
            cancel();
            Error error = lost("no answer within " + base::to_string(options_.deadline));
            error.code = ErrorCode::timeout;
            return std::unexpected(error);
        }
        if (PQconsumeInput(raw) != 1) return std::unexpected(lost(one_line(PQerrorMessage(raw))));
    }
}

void Connection::push() {
    if (push_error_) return;
    if (sent_.empty()) settings_at_.reset();
    // Where sessions are not ours, settings are of each transaction: behind its BEGIN, or before what is a transaction without
    // one.
    if (pooled_ && sent_.empty() && !queue_.empty() && PQtransactionStatus(connection_.get()) == PQTRANS_IDLE) {
        settings_at_ = queue_.front().sql->starts_with("BEGIN") ? 1 : 0;
        queue_.insert(queue_.begin() + static_cast<std::ptrdiff_t>(*settings_at_), {&settings_, nullptr, {}});
    }
    std::size_t bytes = 0;
    for (auto const& each : queue_) {
        bool const preparing = !pooled_ && !each.prepared->sent;
        if (auto const done = send(each); !done) {
            push_error_ = done.error();
            return;
        }
        if (preparing) each.prepared->sent = true;  // taken back where the server did not get that far
        sent_.push_back({each.prepared, preparing});
        bytes += each.parameters.bytes();
    }
    queue_.clear();
    // libpq sends in large pieces; the end of what is worth working on shall not wait for what comes next.
    if (bytes > 16'384 && PQflush(connection_.get()) < 0) push_error_ = lost(one_line(PQerrorMessage(connection_.get())));
}

Result<std::vector<Answer>> Connection::flush() {
    CHECK(!broken_ || push_error_);
    last_state_.clear();
    failed_ = -1;
    std::vector<Answer> answers;
    Deadline const deadline = steady_now() + options_.deadline.count();
    push();
    std::vector<Sent> const sent = std::exchange(sent_, {});
    queue_.clear();
    if (push_error_) return std::unexpected(*std::exchange(push_error_, std::nullopt));
    if (sent.empty()) return answers;
    PGconn* const raw = connection_.get();
    if (PQpipelineSync(raw) != 1) return std::unexpected(lost(one_line(PQerrorMessage(raw))));

    std::optional<Error> error;
    bool flushed = false;
    // Of each statement: the results of its preparation and of itself, each ended by a null pointer; then the sync point.
    for (std::size_t i = 0; i < sent.size(); ++i) {
        for (int part = sent[i].preparing ? 0 : 1; part < 2; ++part) {
            for (;;) {
                POSSYNC_TRY(PGresult* const result, next(deadline, flushed));
                if (result == nullptr) break;
                Answer answer(result);
                switch (PQresultStatus(result)) {
                case PGRES_COMMAND_OK:
                case PGRES_TUPLES_OK:
                    if (part == 1) answers.push_back(std::move(answer));
                    break;
                case PGRES_PIPELINE_ABORTED:
                    if (part == 0) sent[i].prepared->sent = false;
                    break;
                default:
                    if (part == 0) sent[i].prepared->sent = false;
                    if (!error) {
                        error = server_error(result);
                        failed_ = static_cast<int>(i);
                    }
                    // The server says why it goes and is gone: no more results come.
                    if (broken_ || PQstatus(raw) != CONNECTION_OK) {
                        broken_ = true;
                        if (last_state_.empty()) return std::unexpected(lost(error->message));
                        return std::unexpected(*error);
                    }
                }
            }
        }
    }
    for (bool synced = false; !synced;) {
        POSSYNC_TRY(PGresult* const result, next(deadline, flushed));
        if (result == nullptr) {
            if (PQstatus(raw) != CONNECTION_OK) return std::unexpected(lost(one_line(PQerrorMessage(raw))));
            continue;
        }
        Answer const answer(result);
        auto const status = PQresultStatus(result);
        synced = status == PGRES_PIPELINE_SYNC;
        if (status == PGRES_FATAL_ERROR) {
            if (!error) error = server_error(result);
            if (PQstatus(raw) != CONNECTION_OK) {
                broken_ = true;
                return std::unexpected(*error);
            }
        }
    }
    if (settings_at_ && failed_ >= static_cast<int>(*settings_at_)) --failed_;
    if (error) return std::unexpected(*error);
    if (settings_at_) answers.erase(answers.begin() + static_cast<std::ptrdiff_t>(*settings_at_));
    return answers;
}

Result<void> Connection::execute(std::string const& script, std::function<Result<void>(Answer const&)> const& read) {
    CHECK(!broken_ && queue_.empty() && sent_.empty());
    PGconn* const raw = connection_.get();
    last_state_.clear();
    failed_ = -1;
    bool const with_settings = pooled_ && PQtransactionStatus(raw) == PQTRANS_IDLE;
    if (PQexitPipelineMode(raw) != 1 ||
        PQsendQuery(raw, with_settings ? (settings_ + ";" + script).c_str() : script.c_str()) != 1)
        return std::unexpected(lost(one_line(PQerrorMessage(raw))));
    Deadline const deadline = steady_now() + options_.deadline.count();
    std::optional<Error> error;
    for (bool flushed = false;;) {
        POSSYNC_TRY(PGresult* const result, next(deadline, flushed));
        if (result == nullptr) break;
        Answer const answer(result);
        if (PQresultStatus(result) == PGRES_FATAL_ERROR && !error) error = server_error(result);
        if (PQresultStatus(result) == PGRES_TUPLES_OK && read && !error) {
            if (auto const done = read(answer); !done) error = done.error();
        }
    }
    if (PQstatus(raw) != CONNECTION_OK) {
        broken_ = true;
        return std::unexpected(error ? *error : lost(one_line(PQerrorMessage(raw))));
    }
    CHECK(PQenterPipelineMode(raw) == 1);
    if (error) return std::unexpected(*error);
    return {};
}

}  // namespace possync::store::postgres
