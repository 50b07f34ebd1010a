// The floor of a first sync on PostgreSQL: the very rows that it wrote, inserted again in one transaction, each table by one
// `unnest` of arrays that are ready in the protocol's binary form, all statements in one pipeline, into empty tables with the
// same indexes. Prints rows and milliseconds from the first byte sent to the answer of COMMIT. usage: raw_unnest URL SCHEMA reads
// SCHEMA, writes and drops SCHEMA_raw
#include <libpq-fe.h>
#include <poll.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace {

struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
    void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, Finish>;

[[noreturn]] void die(char const* message) {
    std::fprintf(stderr, "raw_unnest: %s\n", message);
    std::exit(1);
}

Result query(PGconn* connection, std::string const& sql, int format = 0) {
    Result result(PQexecParams(connection, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, format));
    auto const status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) die(PQerrorMessage(connection));
    return result;
}

struct Table {
    std::string insert;
    long rows = 0;
    Result arrays;  ///< one row: a column's values as one array each
};

std::vector<Table> read_tables(PGconn* connection, std::string const& schema, std::string const& copy) {
    std::vector<Table> tables;
    auto const names =
        query(connection, fmt::format("SELECT relname, reloptions FROM pg_class WHERE relnamespace = '{}'::regnamespace AND "
                                      "relkind = 'r' ORDER BY oid",
                                      schema));
    for (int i = 0; i < PQntuples(names.get()); ++i) {
        std::string const name = PQgetvalue(names.get(), i, 0);
        query(connection, fmt::format("CREATE TABLE {}.\"{}\" (LIKE {}.\"{}\" INCLUDING ALL)", copy, name, schema, name));
        std::string options = PQgetvalue(names.get(), i, 1);  // {fillfactor=50}
        if (options.size() > 2)
            query(connection, fmt::format("ALTER TABLE {}.\"{}\" SET ({})", copy, name, options.substr(1, options.size() - 2)));
        auto const columns =
            query(connection, fmt::format("SELECT quote_ident(attname), atttypid::regtype::text FROM pg_attribute WHERE "
                                          "attrelid = '{}.\"{}\"'::regclass AND attnum > 0 ORDER BY attnum",
                                          schema, name));
        std::string aggregates;
        std::string arrays;
        for (int column = 0; column < PQntuples(columns.get()); ++column) {
            char const* const comma = column == 0 ? "" : ", ";
            aggregates += fmt::format("{}array_agg({} ORDER BY ctid)", comma, PQgetvalue(columns.get(), column, 0));
            arrays += fmt::format("{}${}::{}[]", comma, column + 1, PQgetvalue(columns.get(), column, 1));
        }
        Table table;
        table.rows =
            std::atol(PQgetvalue(query(connection, fmt::format("SELECT count(*) FROM {}.\"{}\"", schema, name)).get(), 0, 0));
        if (table.rows == 0) continue;
        table.arrays = query(connection, fmt::format("SELECT {} FROM {}.\"{}\"", aggregates, schema, name), 1);
        table.insert = fmt::format("INSERT INTO {}.\"{}\" SELECT * FROM unnest({})", copy, name, arrays);
        tables.push_back(std::move(table));
    }
    return tables;
}

/// Everything that is queued, while the server answers; dies at the first error.
void run_pipeline(PGconn* connection, int statements) {
    if (PQpipelineSync(connection) != 1) die(PQerrorMessage(connection));
    for (bool flushed = false; !flushed;) {
        flushed = PQflush(connection) == 0;
        pollfd waiting{PQsocket(connection), static_cast<short>(POLLIN | (flushed ? 0 : POLLOUT)), 0};
        if (flushed) break;
        ::poll(&waiting, 1, -1);
        if ((waiting.revents & POLLIN) != 0 && PQconsumeInput(connection) != 1) die(PQerrorMessage(connection));
    }
    for (int left = statements; left > 0;) {
        Result const result(PQgetResult(connection));
        if (result == nullptr) {
            --left;
            continue;
        }
        if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) die(PQresultErrorMessage(result.get()));
    }
}

}  // namespace

int main(int count, char** words) {
    if (count != 3) die("usage: raw_unnest URL SCHEMA");
    std::string const schema = words[2];
    std::string const copy = schema + "_raw";
    std::unique_ptr<PGconn, Finish> const owner(PQconnectdb(words[1]));
    PGconn* const connection = owner.get();
    if (PQstatus(connection) != CONNECTION_OK) die(PQerrorMessage(connection));
    PQsetNoticeProcessor(connection, [](void*, char const*) {}, nullptr);
    query(connection, "SET jit = off");
    query(connection, fmt::format("DROP SCHEMA IF EXISTS {} CASCADE", copy));
    query(connection, fmt::format("CREATE SCHEMA {}", copy));
    auto const tables = read_tables(connection, schema, copy);
    query(connection, "CHECKPOINT");

    long rows = 0;
    PQsetnonblocking(connection, 1);
    PQenterPipelineMode(connection);
    auto const begun = std::chrono::steady_clock::now();
    PQsendQueryParams(connection, "BEGIN", 0, nullptr, nullptr, nullptr, nullptr, 0);
    for (auto const& table : tables) {
        int const columns = PQnfields(table.arrays.get());
        std::vector<char const*> values;
        std::vector<int> lengths;
        std::vector<Oid> types;
        for (int i = 0; i < columns; ++i) {
            values.push_back(PQgetvalue(table.arrays.get(), 0, i));
            lengths.push_back(PQgetlength(table.arrays.get(), 0, i));
            types.push_back(PQftype(table.arrays.get(), i));
        }
        std::vector<int> const formats(values.size(), 1);
        if (PQsendQueryParams(connection, table.insert.c_str(), columns, types.data(), values.data(), lengths.data(),
                              formats.data(), 0) != 1)
            die(PQerrorMessage(connection));
        rows += table.rows;
    }
    PQsendQueryParams(connection, "COMMIT", 0, nullptr, nullptr, nullptr, nullptr, 0);
    run_pipeline(connection, static_cast<int>(tables.size()) + 2);
    double const milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
    // Only what is there has been measured.
    PQgetResult(connection);
    PQexitPipelineMode(connection);
    PQsetnonblocking(connection, 0);
    long there = 0;
    auto const names = query(
        connection, fmt::format("SELECT relname FROM pg_class WHERE relnamespace = '{}'::regnamespace AND relkind = 'r'", copy));
    for (int i = 0; i < PQntuples(names.get()); ++i) {
        there += std::atol(PQgetvalue(
            query(connection, fmt::format("SELECT count(*) FROM {}.\"{}\"", copy, PQgetvalue(names.get(), i, 0))).get(), 0, 0));
    }
    if (there != rows) die("other rows are there than were read");
    query(connection, fmt::format("DROP SCHEMA {} CASCADE", copy));
    std::printf("%ld %.3f\n", rows, milliseconds);
    return 0;
}
