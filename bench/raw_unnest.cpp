// The floor of a first sync on PostgreSQL: the very rows that it wrote, inserted again in one transaction, each table by one
// `unnest` of arrays that are ready in the protocol's binary form, all statements in one pipeline, into empty tables with the
// same indexes. Prints rows; milliseconds, from the first byte sent to the answer of COMMIT, as everybody writes it (`SELECT *
// FROM unnest($1, $2)`); and milliseconds of what the server does faster (`SELECT unnest($1), unnest($2)`). usage: raw_unnest URL
// SCHEMA     reads SCHEMA, writes and drops SCHEMA_raw
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
std::vector<std::string> column_of(Result const& result, int column) {
    std::vector<std::string> values;
    for (int row = 0; row < PQntuples(result.get()); ++row)
        values.emplace_back(PQgetvalue(result.get(), row, column));
    return values;
}
long count_rows(PGconn* connection, std::string const& schema, std::string const& table) {
    return std::atol(PQgetvalue(query(connection, fmt::format("SELECT count(*) FROM {}.\"{}\"", schema, table)).get(), 0, 0));
}

enum class Form { in_from, side_by_side };

struct Table {
    std::string name;
    std::string options;  ///< "{fillfactor=50}"
    std::vector<std::string> types;
    long rows = 0;
    Result arrays;  ///< one row: a column's values as one array each

    [[nodiscard]] std::string insert(std::string const& schema, Form form) const {
        std::string arrays_sql;
        for (std::size_t i = 0; i < types.size(); ++i) {
            std::string const array = fmt::format("${}::{}[]", i + 1, types[i]);
            arrays_sql +=
                fmt::format("{}{}", i == 0 ? "" : ", ", form == Form::in_from ? array : fmt::format("unnest({})", array));
        }
        return fmt::format(fmt::runtime(form == Form::in_from ? "INSERT INTO {}.\"{}\" SELECT * FROM unnest({})"
                                                              : "INSERT INTO {}.\"{}\" SELECT {}"),
                           schema, name, arrays_sql);
    }
};

std::vector<Table> read_tables(PGconn* connection, std::string const& schema) {
    std::vector<Table> tables;
    auto const listed = query(
        connection,
        fmt::format(
            "SELECT relname, reloptions FROM pg_class WHERE relnamespace = '{}'::regnamespace AND relkind = 'r' ORDER BY oid",
            schema));
    for (int i = 0; i < PQntuples(listed.get()); ++i) {
        Table table;
        table.name = PQgetvalue(listed.get(), i, 0);
        table.options = PQgetvalue(listed.get(), i, 1);
        auto const columns =
            query(connection, fmt::format("SELECT quote_ident(attname), atttypid::regtype::text FROM pg_attribute WHERE "
                                          "attrelid = '{}.\"{}\"'::regclass AND attnum > 0 ORDER BY attnum",
                                          schema, table.name));
        table.types = column_of(columns, 1);
        std::string aggregates;
        for (auto const& column : column_of(columns, 0))
            aggregates += fmt::format("{}array_agg({} ORDER BY ctid)", aggregates.empty() ? "" : ", ", column);
        table.rows = count_rows(connection, schema, table.name);
        if (table.rows > 0)
            table.arrays = query(connection, fmt::format("SELECT {} FROM {}.\"{}\"", aggregates, schema, table.name), 1);
        tables.push_back(std::move(table));
    }
    return tables;
}

/// Sends what is queued, then takes the answers; dies at the first error.
void run_pipeline(PGconn* connection, int statements) {
    if (PQpipelineSync(connection) != 1) die(PQerrorMessage(connection));
    while (PQflush(connection) == 1) {
        pollfd waiting{PQsocket(connection), POLLIN | POLLOUT, 0};
        ::poll(&waiting, 1, -1);
        if ((waiting.revents & POLLIN) != 0 && PQconsumeInput(connection) != 1) die(PQerrorMessage(connection));
    }
    for (int left = statements; left > 0;) {
        Result const result(PQgetResult(connection));
        if (result == nullptr)
            --left;
        else if (PQresultStatus(result.get()) != PGRES_COMMAND_OK)
            die(PQresultErrorMessage(result.get()));
    }
    PQgetResult(connection);  // the sync point
}

double write(PGconn* connection, std::vector<Table> const& tables, std::string const& source, std::string const& copy,
             Form form) {
    query(connection, fmt::format("DROP SCHEMA IF EXISTS {} CASCADE", copy));
    query(connection, fmt::format("CREATE SCHEMA {}", copy));
    for (auto const& table : tables) {
        query(connection,
              fmt::format("CREATE TABLE {}.\"{}\" (LIKE {}.\"{}\" INCLUDING ALL)", copy, table.name, source, table.name));
        if (table.options.size() > 2) {
            query(connection, fmt::format("ALTER TABLE {}.\"{}\" SET ({})", copy, table.name,
                                          table.options.substr(1, table.options.size() - 2)));
        }
    }
    query(connection, "CHECKPOINT");
    PQsetnonblocking(connection, 1);
    PQenterPipelineMode(connection);
    int statements = 2;
    auto const begun = std::chrono::steady_clock::now();
    PQsendQueryParams(connection, "BEGIN", 0, nullptr, nullptr, nullptr, nullptr, 0);
    for (auto const& table : tables) {
        if (table.rows == 0) continue;
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
        if (PQsendQueryParams(connection, table.insert(copy, form).c_str(), columns, types.data(), values.data(), lengths.data(),
                              formats.data(), 0) != 1)
            die(PQerrorMessage(connection));
        ++statements;
    }
    PQsendQueryParams(connection, "COMMIT", 0, nullptr, nullptr, nullptr, nullptr, 0);
    run_pipeline(connection, statements);
    double const milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
    PQexitPipelineMode(connection);
    PQsetnonblocking(connection, 0);
    // Only what is there was measured.
    for (auto const& table : tables) {
        if (count_rows(connection, copy, table.name) != table.rows) die("other rows are there than were read");
    }
    query(connection, fmt::format("DROP SCHEMA {} CASCADE", copy));
    return milliseconds;
}

}  // namespace

int main(int count, char** words) {
    if (count != 3) die("usage: raw_unnest URL SCHEMA");
    std::string const schema = words[2];
    std::unique_ptr<PGconn, Finish> const connection(PQconnectdb(words[1]));
    if (PQstatus(connection.get()) != CONNECTION_OK) die(PQerrorMessage(connection.get()));
    PQsetNoticeProcessor(connection.get(), [](void*, char const*) {}, nullptr);
    query(connection.get(), "SET jit = off");
    auto const tables = read_tables(connection.get(), schema);
    long rows = 0;
    for (auto const& table : tables)
        rows += table.rows;
    double const in_from = write(connection.get(), tables, schema, schema + "_raw", Form::in_from);
    double const side_by_side = write(connection.get(), tables, schema, schema + "_raw", Form::side_by_side);
    std::printf("%ld %.3f %.3f\n", rows, in_from, side_by_side);
    return 0;
}
