// What commands print: rows as a table for people, JSON or CSV for machines, on stdout or, for an export, in a file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/commands.hpp"
#include "query/csv.hpp"
#include "query/json.hpp"
#include "query/reader.hpp"
#include "query/table.hpp"

namespace possync::app {

void print(std::string const& text);
/// From now on print goes into this file, which appears under its name only with end_output. Errors: io.
[[nodiscard]] base::Result<void> begin_output(std::string const& path);
/// `keep` false: as if it had never begun; a file of that name from before stays.
[[nodiscard]] base::Result<void> end_output(bool keep);
/// Ends the line where the text does not.
void print_line(std::string text);

/// As wide as the terminal, coloured unless NO_COLOR is set; plain where stdout is no terminal.
[[nodiscard]] query::TableOptions table_options();

template <typename Row>
void show(std::vector<Row> const& rows, Format format) {
    switch (format) {
        case Format::table: print_line(query::to_table(rows, table_options())); break;
        case Format::json: print_line(query::to_json(rows)); break;
        case Format::csv: print(query::to_csv(rows)); break;
    }
}

[[nodiscard]] base::Result<std::unique_ptr<query::Reader>> open_reader(Configuration const& configuration);

}  // namespace possync::app
