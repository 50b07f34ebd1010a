// The floor of a first sync: the very rows that it wrote, inserted again by bare prepared statements in one transaction
// into the same tables, WAL and synchronous FULL. Prints rows and milliseconds of the transaction.
// usage: raw_insert SOURCE.db TARGET.db
#include <sqlite3.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

void check(int status, sqlite3* database) {
    if (status == SQLITE_OK || status == SQLITE_DONE || status == SQLITE_ROW) return;
    std::fprintf(stderr, "raw_insert: %s\n", sqlite3_errmsg(database));
    std::exit(1);
}

struct Table {
    std::string insert;
    int columns = 0;
    std::vector<std::vector<sqlite3_value*>> rows;
};

}  // namespace

int main(int, char** words) {
    sqlite3* source = nullptr;
    sqlite3* target = nullptr;
    check(sqlite3_open_v2(words[1], &source, SQLITE_OPEN_READONLY, nullptr), source);
    check(sqlite3_open(words[2], &target), target);
    check(sqlite3_exec(target, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=OFF", nullptr, nullptr, nullptr), target);
    sqlite3_stmt* schema = nullptr;
    check(sqlite3_prepare_v2(source, "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('table', 'index') "
                                     "AND name NOT LIKE 'sqlite_%' ORDER BY type DESC, rowid", -1, &schema, nullptr), source);
    std::vector<Table> tables;
    long total = 0;
    while (sqlite3_step(schema) == SQLITE_ROW) {
        check(sqlite3_exec(target, reinterpret_cast<char const*>(sqlite3_column_text(schema, 2)), nullptr, nullptr, nullptr), target);
        if (std::strcmp(reinterpret_cast<char const*>(sqlite3_column_text(schema, 0)), "table") != 0) continue;
        std::string const name = reinterpret_cast<char const*>(sqlite3_column_text(schema, 1));
        Table table;
        sqlite3_stmt* select = nullptr;
        check(sqlite3_prepare_v2(source, ("SELECT * FROM " + name).c_str(), -1, &select, nullptr), source);
        table.columns = sqlite3_column_count(select);
        table.insert = "INSERT INTO " + name + " VALUES (";
        for (int i = 0; i < table.columns; ++i) table.insert += i == 0 ? "?" : ",?";
        table.insert += ")";
        while (sqlite3_step(select) == SQLITE_ROW) {
            std::vector<sqlite3_value*> row;
            for (int i = 0; i < table.columns; ++i) row.push_back(sqlite3_value_dup(sqlite3_column_value(select, i)));
            table.rows.push_back(std::move(row));
            ++total;
        }
        sqlite3_finalize(select);
        tables.push_back(std::move(table));
    }
    auto const begun = std::chrono::steady_clock::now();
    check(sqlite3_exec(target, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), target);
    for (auto const& table : tables) {
        sqlite3_stmt* insert = nullptr;
        check(sqlite3_prepare_v2(target, table.insert.c_str(), -1, &insert, nullptr), target);
        for (auto const& row : table.rows) {
            for (int i = 0; i < table.columns; ++i) check(sqlite3_bind_value(insert, i + 1, row[static_cast<std::size_t>(i)]), target);
            check(sqlite3_step(insert), target);
            sqlite3_reset(insert);
        }
        sqlite3_finalize(insert);
    }
    check(sqlite3_exec(target, "COMMIT", nullptr, nullptr, nullptr), target);
    double const milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
    std::printf("%ld %.3f\n", total, milliseconds);
    return 0;
}
