#include "store/sqlite/database.hpp"

#include <fmt/format.h>

#include "base/planted_bug.hpp"
#include "base/point.hpp"

namespace possync::store::sqlite {

using base::ErrorCode;
using base::Result;

namespace {

base::Error describe(int status, std::string_view path, std::string_view detail) {
    switch (status & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return {ErrorCode::unavailable,
                    fmt::format("database {} is locked by another process: end its transaction, or try again",
                                path)};
        case SQLITE_READONLY:
            return {
                ErrorCode::io,
                fmt::format("database {} is read-only: give this user write permission for the file and its "
                            "folder, and check that the disk is not mounted read-only",
                            path)};
        case SQLITE_PERM:
        case SQLITE_AUTH:
        case SQLITE_CANTOPEN:
            return {ErrorCode::io,
                    fmt::format(
                        "database {} cannot be opened: check that its folder exists and that this user may "
                        "read and write the file and the folder, and that the disk has room",
                        path)};
        case SQLITE_FULL:
            return {ErrorCode::io,
                    fmt::format("the disk that holds database {} is full: make room; nothing was "
                                "written",
                                path)};
        case SQLITE_CORRUPT:
            return {ErrorCode::io,
                    fmt::format("database {} is damaged ({}): stop the service, keep a copy of the "
                                "file and restore a backup",
                                path, detail)};
        case SQLITE_NOTADB:
            return {
                ErrorCode::invalid_input,
                fmt::format("{} is not a SQLite database: name another file, or move this one away", path)};
        case SQLITE_IOERR:
            return {ErrorCode::io,
                    fmt::format("database {}: the disk failed ({}, code {}): check disk and file system",
                                path, detail, status)};
        case SQLITE_TOOBIG:
            return {ErrorCode::invalid_input, fmt::format("database {}: a text is too long", path)};
        default: return {ErrorCode::internal, fmt::format("database {}: {} (code {})", path, detail, status)};
    }
}

bool is_memory(std::string const& path) { return path == ":memory:"; }

/// A commit moves the log into the database itself when it has so many pages (64 MiB); when nothing waits, far fewer are moved.
constexpr int log_pages_max = 16384;
constexpr int log_pages_worth_moving = 128;

FileSystem::Use use_of(Database::Mode mode) {
    switch (mode) {
        case Database::Mode::read_only: return FileSystem::Use::read;
        case Database::Mode::read_write: return FileSystem::Use::write;
        case Database::Mode::create: return FileSystem::Use::create;
    }
    return FileSystem::Use::read;
}

}  // namespace

// --- Row
// ---------------------------------------------------------------------------------------------------------

std::string_view Row::text_at(int index) const {
    auto const* const text = reinterpret_cast<char const*>(sqlite3_column_text(statement_, index));
    if (text == nullptr) return {};
    return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, index))};
}

base::Decimal Row::decimal() {
    auto parsed = base::Decimal::parse(text_at(column_));
    if (!parsed) note(parsed.error());
    ++column_;
    return parsed ? *parsed : base::Decimal();
}

void Row::note(base::Error const& error) {
    if (error_) return;
    error_ = base::Error{ErrorCode::io, fmt::format("column {}: {}", name(column_), error.message)};
}

// --- Statement
// ---------------------------------------------------------------------------------------------------

Statement::Statement(Database const& database, sqlite3_stmt* statement)
    : database_(&database), statement_(statement) {
    text_.resize(static_cast<std::size_t>(sqlite3_bind_parameter_count(statement)));
}

Result<bool> Statement::step() {
    if (bind_status_ != SQLITE_OK) {
        base::Error error = database_->error(bind_status_);
        reset();
        return std::unexpected(std::move(error));
    }
    int const status = sqlite3_step(get());
    if (status == SQLITE_ROW) return true;
    if (status == SQLITE_DONE) {
        reset();
        return false;
    }
    base::Error error = database_->error(status);
    reset();
    return std::unexpected(std::move(error));
}

Result<void> Statement::finish() {
    for (;;) {
        POSSYNC_TRY(bool const more, step());
        if (!more) return {};
    }
}

void Statement::reset() {
    bind_status_ = SQLITE_OK;
    sqlite3_reset(get());
}

// --- Database
// ----------------------------------------------------------------------------------------------------

Result<std::unique_ptr<Database>> Database::open(std::string const& path, Options const& options) {
    if (path.empty())
        return base::fail(ErrorCode::invalid_input, "the database has an empty path: name a file");
    if (!is_memory(path)) POSSYNC_TRY_VOID(options.files->make_ready(path, use_of(options.mode)));

    int const flags = options.mode == Mode::read_only ? SQLITE_OPEN_READONLY
                      : is_memory(path)               ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                                      : SQLITE_OPEN_READWRITE;
    sqlite3* connection = nullptr;
    int const status =
        sqlite3_open_v2(path.c_str(), &connection, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                        options.files->vfs().c_str());
    std::unique_ptr<Database> database(new Database(connection, path, *options.files));
    if (status != SQLITE_OK) {
        return std::unexpected(describe(
            status, path, connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(status)));
    }
    sqlite3_busy_timeout(connection, static_cast<int>(options.busy_timeout.count() / 1000));
    // 16 MB of cache: the first sync of a large account stays in memory until its commit.
    POSSYNC_TRY_VOID(
        database->execute("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA synchronous = FULL; "
                          "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384"));
    if (POSSYNC_PLANTED_BUG(synchronous_normal)) POSSYNC_TRY_VOID(database->execute("PRAGMA synchronous = NORMAL"));
    if (POSSYNC_PLANTED_BUG(synchronous_off)) POSSYNC_TRY_VOID(database->execute("PRAGMA synchronous = OFF"));
    if (options.mode == Mode::read_only) POSSYNC_TRY_VOID(database->execute("PRAGMA query_only = ON"));
    // The first look at the file itself: says "not a database" and "damaged" here rather than somewhere
    // later.
    POSSYNC_TRY_VOID(database->execute("SELECT count(*) FROM sqlite_schema"));
    return database;
}

Database::~Database() {
    statements_.clear();
    sqlite3_close_v2(connection_);
}

Result<void> Database::execute(std::string const& script) {
    char const* rest = script.c_str();
    while (*rest != '\0') {
        sqlite3_stmt* raw = nullptr;
        int const status = sqlite3_prepare_v2(connection_, rest, -1, &raw, &rest);
        if (status != SQLITE_OK) return std::unexpected(error(status));
        if (raw == nullptr) continue;  // a comment
        POSSYNC_TRY_VOID(Statement(*this, raw).finish());
    }
    return {};
}

Result<Statement> Database::prepare(std::string_view sql) const {
    sqlite3_stmt* raw = nullptr;
    int const status = sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()),
                                          SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    if (status != SQLITE_OK) return std::unexpected(error(status));
    CHECK(raw != nullptr);
    return Statement(*this, raw);
}

Result<Statement*> Database::statement(std::string_view sql) {
    auto const found = statements_.find(sql);
    if (found != statements_.end()) return &found->second;
    POSSYNC_TRY(Statement prepared, prepare(sql));
    return &statements_.emplace(std::string(sql), std::move(prepared)).first->second;
}

Result<void> Database::use_write_ahead_log() {
    std::string mode;
    POSSYNC_TRY(Statement pragma, prepare("PRAGMA journal_mode = WAL"));
    POSSYNC_TRY_VOID(pragma.each([&](Row& row) { mode = row.text(); }));
    if (mode != "wal" && !is_memory(path_)) {
        return base::fail(ErrorCode::io,
                          fmt::format("database {} cannot use a write-ahead log (it stays in mode {}): "
                                      "put it on a local disk",
                                      path_, mode));
    }
    sqlite3_wal_hook(
        connection_,
        [](void* context, sqlite3* connection, char const* schema, int pages) {
            auto& database = *static_cast<Database*>(context);
            if (pages < database.log_pages_) database.moved_pages_ = 0;  // it began anew
            database.log_pages_ = pages;
            // As SQLite does by itself after a thousand pages: an error is met again by whatever needs the log next.
            if (pages >= log_pages_max) sqlite3_wal_checkpoint_v2(connection, schema, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
            return SQLITE_OK;
        },
        this);
    // The log shrinks back to this after a large first sync. Not below what a busy stream writes again and again: a file that grows is
    // slower to sync.
    return execute("PRAGMA journal_size_limit = 67108864");
}

void Database::shorten_log() {
    if (log_pages_ - moved_pages_ < log_pages_worth_moving) return;
    int moved = 0;
    auto const done = each("PRAGMA wal_checkpoint(PASSIVE)", [&](Row& row) { moved = static_cast<int>(row.integer_at(2)); });
    if (done) moved_pages_ = std::max(moved, 0);
}

Result<bool> Database::renew_write_ahead_log() {
    std::int64_t frames = 0;
    POSSYNC_TRY_VOID(each("PRAGMA wal_checkpoint(PASSIVE)", [&](Row& row) { frames = row.integer_at(1); }));
    if (frames <= 0) return true;
    bool busy = false;
    POSSYNC_TRY_VOID(each("PRAGMA wal_checkpoint(TRUNCATE)", [&](Row& row) { busy = row.integer_at(0) != 0; }));
    if (busy) return false;
    POSSYNC_POINT("store.log.emptied");
    // The first commit writes the new log's header, after which no frame of the old one counts.
    POSSYNC_TRY(auto const version, integer("PRAGMA user_version"));
    POSSYNC_TRY_VOID(execute(fmt::format("PRAGMA user_version = {}", version.value_or(0))));
    return true;
}

Result<void> Database::check_in_place() const {
    int moved = 0;
    static_cast<void>(sqlite3_file_control(connection_, "main", SQLITE_FCNTL_HAS_MOVED, &moved));
    if (moved == 0) return {};
    unusable_ = true;
    return base::fail(ErrorCode::io,
                      fmt::format("database {} was removed or replaced while it was open: stop the service before its file is touched", path_));
}

base::Error Database::error(int status) const {
    int const primary = status & 0xff;
    if (primary == SQLITE_IOERR || primary == SQLITE_CORRUPT) unusable_ = true;
    return describe(status, path_, sqlite3_errmsg(connection_));
}

// --- Transaction
// -------------------------------------------------------------------------------------------------

Result<Transaction> Transaction::begin(Database& database) {
    POSSYNC_TRY_VOID(database.check_in_place());
    POSSYNC_TRY_VOID(database.run("BEGIN IMMEDIATE"));
    return Transaction(database);
}

Result<Transaction> Transaction::begin_reading(Database& database) {
    POSSYNC_TRY_VOID(database.check_in_place());
    POSSYNC_TRY_VOID(database.run("BEGIN DEFERRED"));
    return Transaction(database);
}

Result<void> Transaction::commit() {
    POSSYNC_TRY_VOID(database_->run("COMMIT"));  // on an error the destructor rolls back
    database_ = nullptr;
    return {};
}

Transaction::~Transaction() {
    // Some errors (disk full, I/O) have rolled back already. A rollback that fails leaves an unusable
    // connection.
    if (database_ == nullptr || !database_->in_transaction()) return;
    static_cast<void>(database_->run("ROLLBACK"));
}

}  // namespace possync::store::sqlite
