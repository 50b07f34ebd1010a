// SQL for rows that may be new or changed, made from the list of their columns. An insert that falls back to an update costs no
// more than an insert when the row is new, which is what large change sets are made of.
#pragma once

#include <string>
#include <string_view>

namespace possync::store::sqlite {

/// `columns` are separated by ", ", their parameters are numbered in that order. `key` and account_id are not updated. `more` goes
/// to the end: a condition, or a further assignment.
[[nodiscard]] std::string upsert(std::string_view table, std::string_view key, std::string_view columns, std::string_view more = {});

/// The same, but a row that is there already and equal in everything except `not_compared` is not written.
[[nodiscard]] std::string upsert_changed(std::string_view table, std::string_view key, std::string_view columns,
                                         std::string_view not_compared = {});

}  // namespace possync::store::sqlite
