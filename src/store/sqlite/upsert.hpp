// SQL for rows that are new, or may be new or changed, made from the list of their columns. An insert that falls back to an update
// costs no more than an insert when the row is new, which is what large change sets are made of.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace possync::store::sqlite {

/// A statement that writes one row, and one that writes several; what RowWriter takes.
struct RowSql {
    static constexpr std::size_t several_rows = 16;
    std::string one;
    std::string several;
};

/// `columns` are separated by ", "; the parameters are theirs in that order, row by row.
[[nodiscard]] RowSql insert(std::string_view table, std::string_view columns);
/// The same for rows that may be there. `key` and account_id are not updated. `more` goes to the end: a condition, or a further assignment.
[[nodiscard]] RowSql upsert(std::string_view table, std::string_view key, std::string_view columns, std::string_view more = {});

/// The same, but a row that is there already and equal in everything except `not_compared` is not written.
[[nodiscard]] std::string upsert_changed(std::string_view table, std::string_view key, std::string_view columns,
                                         std::string_view not_compared = {});

}  // namespace possync::store::sqlite
