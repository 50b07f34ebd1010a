#include "raw_rows.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>

namespace possync::bench {

namespace {

void check(int status, sqlite3* database) {
    if (status == SQLITE_OK || status == SQLITE_DONE || status == SQLITE_ROW) return;
    std::fprintf(stderr, "raw rows: %s\n", sqlite3_errmsg(database));
    std::exit(1);
}

sqlite3* open(std::string const& path, bool writing) {
    sqlite3* database = nullptr;
    check(sqlite3_open_v2(path.c_str(), &database, writing ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY, nullptr), database);
    return database;
}

void execute(sqlite3* database, std::string const& sql) { check(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), database); }

sqlite3_stmt* prepare(sqlite3* database, std::string const& sql) {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr), database);
    return statement;
}

char const* text(sqlite3_stmt* statement, int column) { return reinterpret_cast<char const*>(sqlite3_column_text(statement, column)); }

std::string bytes_of(sqlite3_stmt* statement, int column) {
    std::string result = std::to_string(sqlite3_column_type(statement, column)) + ":";
    if (char const* const value = text(statement, column)) result.append(value, static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
    return result + '\0';
}

struct Shape {
    std::vector<std::string> columns;
    std::vector<int> key;  ///< columns, by number
};

Shape shape_of(sqlite3* database, std::string const& table) {
    Shape shape;
    std::map<int, int> key;
    sqlite3_stmt* const info = prepare(database, "SELECT name, pk FROM pragma_table_info('" + table + "')");
    while (sqlite3_step(info) == SQLITE_ROW) {
        if (int const place = sqlite3_column_int(info, 1); place > 0) key[place] = static_cast<int>(shape.columns.size());
        shape.columns.emplace_back(text(info, 0));
    }
    sqlite3_finalize(info);
    for (auto const& [unused, column] : key) shape.key.push_back(column);
    return shape;
}

/// Rows by key, each as its bytes.
std::map<std::string, std::string> read_all(sqlite3* database, std::string const& table, Shape const& shape) {
    std::map<std::string, std::string> rows;
    sqlite3_stmt* const select = prepare(database, "SELECT * FROM " + table);
    while (sqlite3_step(select) == SQLITE_ROW) {
        std::string key;
        std::string all;
        for (int const column : shape.key) key += bytes_of(select, column);
        for (int i = 0; i < static_cast<int>(shape.columns.size()); ++i) all += bytes_of(select, i);
        rows.emplace(std::move(key), std::move(all));
    }
    sqlite3_finalize(select);
    return rows;
}

std::string quoted(std::string const& name) { return '"' + name + '"'; }

}  // namespace

RawRows::RawRows(std::string const& after, std::string const& before) : before_(before) {
    sqlite3* const source = open(after, false);
    sqlite3* const old = before.empty() ? nullptr : open(before, false);
    sqlite3_stmt* const tables = prepare(source, "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('table', 'index') "
                                                 "AND name NOT LIKE 'sqlite_%' ORDER BY type DESC, rowid");
    while (sqlite3_step(tables) == SQLITE_ROW) {
        schema_.emplace_back(text(tables, 2));
        if (std::strcmp(text(tables, 0), "table") != 0) continue;
        std::string const name = text(tables, 1);
        Shape const shape = shape_of(source, name);
        auto known = old != nullptr ? read_all(old, name, shape) : std::map<std::string, std::string>{};
        Statement insert{"INSERT INTO " + quoted(name) + " VALUES (", {}};
        Statement update{"UPDATE " + quoted(name) + " SET ", {}};
        std::string where;
        for (std::size_t i = 0; i < shape.columns.size(); ++i) {
            insert.sql += i == 0 ? "?" : ",?";
            update.sql += (i == 0 ? "" : ", ") + quoted(shape.columns[i]) + " = ?" + std::to_string(i + 1);
        }
        for (std::size_t i = 0; i < shape.key.size(); ++i) {
            where += (i == 0 ? " WHERE " : " AND ") + quoted(shape.columns[static_cast<std::size_t>(shape.key[i])]) + " = ?" +
                     std::to_string(shape.columns.size() + i + 1);
        }
        insert.sql += ")";
        update.sql += where;
        sqlite3_stmt* const select = prepare(source, "SELECT * FROM " + quoted(name));
        while (sqlite3_step(select) == SQLITE_ROW) {
            std::string key;
            std::string all;
            for (int const column : shape.key) key += bytes_of(select, column);
            for (int i = 0; i < static_cast<int>(shape.columns.size()); ++i) all += bytes_of(select, i);
            auto const was = known.find(key);
            bool const changed = was != known.end() && was->second != all;
            if (was != known.end() && !changed) continue;
            Row row;
            for (int i = 0; i < static_cast<int>(shape.columns.size()); ++i) row.values.push_back(sqlite3_value_dup(sqlite3_column_value(select, i)));
            if (changed) {
                for (int const column : shape.key) row.key.push_back(sqlite3_value_dup(sqlite3_column_value(select, column)));
            }
            (changed ? update : insert).rows.push_back(std::move(row));
            ++rows_;
        }
        sqlite3_finalize(select);
        for (auto* const statement : {&insert, &update}) {
            if (!statement->rows.empty()) statements_.push_back(std::move(*statement));
        }
    }
    sqlite3_finalize(tables);
    sqlite3_close(old);
    sqlite3_close(source);
}

RawRows::~RawRows() {
    for (auto const& statement : statements_) {
        for (auto const& row : statement.rows) {
            for (auto* const value : row.values) sqlite3_value_free(value);
            for (auto* const value : row.key) sqlite3_value_free(value);
        }
    }
}

double RawRows::write(std::string const& target, Way way, long most) const {
    for (char const* const part : {"", "-wal", "-shm"}) std::filesystem::remove(target + part);
    if (!before_.empty()) std::filesystem::copy_file(before_, target);
    sqlite3* const database = open(target, true);
    execute(database, "PRAGMA journal_mode=WAL");
    execute(database, "PRAGMA synchronous=FULL");
    execute(database, "PRAGMA foreign_keys=OFF");
    execute(database, "PRAGMA cache_size=-16384");
    if (before_.empty()) {
        for (auto const& sql : schema_) execute(database, sql);
    }
    auto const begun = std::chrono::steady_clock::now();
    if (way != Way::row_by_row) execute(database, "BEGIN IMMEDIATE");
    long done = 0;
    for (auto const& statement : statements_) {
        if (done >= most) break;
        sqlite3_stmt* write = prepare(database, statement.sql);
        for (auto const& row : statement.rows) {
            if (done++ >= most) break;
            int index = 0;
            for (auto* const value : row.values) check(sqlite3_bind_value(write, ++index, value), database);
            for (auto* const value : row.key) check(sqlite3_bind_value(write, ++index, value), database);
            check(sqlite3_step(write), database);
            sqlite3_reset(write);
            if (way == Way::preparing) {
                sqlite3_finalize(write);
                write = prepare(database, statement.sql);
            }
        }
        sqlite3_finalize(write);
    }
    if (way != Way::row_by_row) execute(database, "COMMIT");
    double const milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
    sqlite3_close(database);
    return milliseconds;
}

double RawRows::write(std::string const& target) const { return write(target, Way::bare, rows_); }
double RawRows::write_preparing(std::string const& target) const { return write(target, Way::preparing, rows_); }
double RawRows::write_row_by_row(std::string const& target, long rows) const { return write(target, Way::row_by_row, rows); }

}  // namespace possync::bench
