// Writes the rows of one table: several with each run of a statement where there are many, because to begin and to end a run costs as
// much as a row.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>

#include "base/check.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/upsert.hpp"

namespace possync::store::sqlite {

class RowWriter {
public:
    /// The values of one row in the order of the columns. Text is borrowed until the last row is added: it is that of the rows, or of what
    /// outlives them all.
    template <typename... Values>
    base::Result<void> add(Values&&... values) {
        static_assert(!(dies_at_once<Values&&> || ...), "the text is gone when the row is written");
        CHECK(left_ > 0);
        bool const alone = bound_ == 0 && left_ < RowSql::several_rows;
        --left_;
        if (alone) return one_->run(values...);
        CHECK(several_->parameter_count() == static_cast<int>(RowSql::several_rows * sizeof...(Values)));
        several_->bind_row(bound_, values...);
        if (++bound_ < RowSql::several_rows) return {};
        bound_ = 0;
        return several_->run_bound();
    }

private:
    template <typename Row, typename Add>
    friend base::Result<void> write_rows(Database& database, RowSql const& sql, std::vector<Row> const& rows, Add add);

    template <typename Value>
    static constexpr bool dies_at_once =
        !std::is_lvalue_reference_v<Value> && (std::is_same_v<std::remove_cvref_t<Value>, std::string> ||
                                               std::is_same_v<std::remove_cvref_t<Value>, std::optional<std::string>>);

    std::size_t left_ = 0;   ///< rows that are not added yet
    std::size_t bound_ = 0;  ///< rows that wait in `several_`
    Statement* one_ = nullptr;
    Statement* several_ = nullptr;
};

/// `add(writer, row)` adds one row for each of `rows`, in their order.
template <typename Row, typename Add>
base::Result<void> write_rows(Database& database, RowSql const& sql, std::vector<Row> const& rows, Add add) {
    RowWriter writer;
    writer.left_ = rows.size();
    if (rows.size() >= RowSql::several_rows) {
        POSSYNC_TRY(writer.several_, database.statement(sql.several));
    }
    if (rows.size() % RowSql::several_rows != 0) {
        POSSYNC_TRY(writer.one_, database.statement(sql.one));
    }
    for (auto const& row : rows) POSSYNC_TRY_VOID(add(writer, row));
    CHECK(writer.left_ == 0);
    return {};
}

}  // namespace possync::store::sqlite
