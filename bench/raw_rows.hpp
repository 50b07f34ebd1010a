// The floor of a commit in SQLite: the very rows that it wrote, written again by bare prepared statements in one transaction,
// into the same tables and indexes, WAL and synchronous FULL. Rows are taken from a database after the commit; where there is
// one from before it, from the difference: new rows are inserted, changed ones updated by their key, gone ones deleted.
#pragma once

#include <sqlite3.h>

#include <string>
#include <vector>

namespace possync::bench {

class RawRows {
public:
    /// `before`: a copy of the database before the commit; empty: there was nothing.
    RawRows(std::string const& after, std::string const& before = {});
    ~RawRows();
    RawRows(RawRows const&) = delete;
    RawRows& operator=(RawRows const&) = delete;

    [[nodiscard]] long rows() const { return rows_; }
    /// Makes `target` (tables only, or what was there before) and writes the rows; milliseconds of the transaction.
    [[nodiscard]] double write(std::string const& target) const;
    /// The same with a statement prepared for every row, and with a transaction for each of the first `rows`.
    [[nodiscard]] double write_preparing(std::string const& target) const;
    [[nodiscard]] double write_row_by_row(std::string const& target, long rows) const;

private:
    struct Row {
        std::vector<sqlite3_value*> values;
        std::vector<sqlite3_value*> key;  ///< of an update or a deletion
    };
    struct Statement {
        std::string sql;
        std::vector<Row> rows;
    };
    enum class Way { bare, preparing, row_by_row };
    double write(std::string const& target, Way way, long most) const;

    std::string before_;
    std::vector<std::string> schema_;
    std::vector<Statement> statements_;
    long rows_ = 0;
};

}  // namespace possync::bench
