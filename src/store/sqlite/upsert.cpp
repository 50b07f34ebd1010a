#include "store/sqlite/upsert.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace possync::store::sqlite {

namespace {

template <typename Function>
void for_each_column(std::string_view columns, Function function) {
    for (std::size_t from = 0; from < columns.size();) {
        std::size_t const to = std::min(columns.find(", ", from), columns.size());
        function(columns.substr(from, to - from));
        from = to + 2;
    }
}

bool is_in(std::string_view column, std::string_view columns) {
    return fmt::format(", {}, ", columns).find(fmt::format(", {}, ", column)) != std::string::npos;
}

RowSql rows_of(std::string_view table, std::string_view columns, std::string const& end) {
    std::string row;
    for_each_column(columns, [&](std::string_view) { row += row.empty() ? "(?" : ", ?"; });
    row += ')';
    std::string const one = fmt::format("INSERT INTO {} ({}) VALUES {}", table, columns, row);
    RowSql sql{one, one};
    for (std::size_t i = 1; i < RowSql::several_rows; ++i) sql.several += ", " + row;
    sql.one += end;
    sql.several += end;
    return sql;
}

}  // namespace

RowSql insert(std::string_view table, std::string_view columns) { return rows_of(table, columns, ""); }

RowSql upsert(std::string_view table, std::string_view key, std::string_view columns, std::string_view more) {
    std::string updates;
    for_each_column(columns, [&](std::string_view column) {
        if (column == "account_id" || is_in(column, key)) return;
        updates += fmt::format("{}{} = excluded.{}", updates.empty() ? "" : ", ", column, column);
    });
    return rows_of(table, columns, fmt::format(" ON CONFLICT ({}) DO UPDATE SET {} {}", key, updates, more));
}

std::string upsert_changed(std::string_view table, std::string_view key, std::string_view columns, std::string_view not_compared) {
    std::string differs;
    for_each_column(columns, [&](std::string_view column) {
        if (is_in(column, key) || is_in(column, not_compared)) return;
        differs += fmt::format("{}{}.{} IS NOT excluded.{}", differs.empty() ? "WHERE " : " OR ", table, column, column);
    });
    return upsert(table, key, columns, differs).one;
}

}  // namespace possync::store::sqlite
