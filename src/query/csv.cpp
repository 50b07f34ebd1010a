#include "query/csv.hpp"

namespace possync::query {

using base::ErrorCode;
using base::Result;

namespace {

std::unexpected<base::Error> at_line(std::size_t line, std::string const& what) {
    return base::fail(ErrorCode::invalid_input, "line " + std::to_string(line) + ": " + what);
}

template <typename Value>
void append_value(std::string& out, Value const& value) {
    append_csv_field(out, std::string_view(text_of(value)));
}
void append_value(std::string& out, std::string const& value) {
    append_csv_field(out, std::string_view(value));
}
template <typename Value>
void append_value(std::string& out, std::optional<Value> const& value) {
    if (value) append_value(out, *value);
}

}  // namespace

void append_csv_field(std::string& out, std::optional<std::string_view> field) {
    if (!field) return;
    if (!field->empty() && field->find_first_of(",\"\r\n") == std::string_view::npos) {
        out += *field;
        return;
    }
    out += '"';
    for (char const c : *field) {
        if (c == '"') out += '"';
        out += c;
    }
    out += '"';
}

Result<std::vector<CsvRecord>> split_csv(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    std::vector<CsvRecord> records;
    std::size_t line = 1;
    std::size_t i = 0;
    auto const at_record_end = [&] {
        return i == text.size() || text[i] == '\n' || text.substr(i, 2) == "\r\n";
    };
    while (i < text.size()) {
        if (at_record_end()) {  // a blank line
            i += text[i] == '\r' ? 2 : 1;
            ++line;
            continue;
        }
        CsvRecord record;
        record.line = line;
        while (true) {
            if (i < text.size() && text[i] == '"') {
                std::string field;
                std::size_t const begin_line = line;
                ++i;
                while (true) {
                    if (i == text.size()) return at_line(begin_line, "a quoted field is not closed");
                    if (text[i] == '"') {
                        if (i + 1 < text.size() && text[i + 1] == '"') {
                            field += '"';
                            i += 2;
                            continue;
                        }
                        ++i;
                        break;
                    }
                    if (text[i] == '\n') ++line;
                    field += text[i++];
                }
                if (!at_record_end() && text[i] != ',') {
                    return at_line(line, "text follows the closing quote of a field");
                }
                record.fields.emplace_back(std::move(field));
            } else {
                std::size_t const begin = i;
                while (!at_record_end() && text[i] != ',') {
                    if (text[i] == '"')
                        return at_line(line, "a quote stands inside a field that is not quoted");
                    ++i;
                }
                if (i == begin) {
                    record.fields.emplace_back(std::nullopt);
                } else {
                    record.fields.emplace_back(std::string(text.substr(begin, i - begin)));
                }
            }
            if (i < text.size() && text[i] == ',') {
                ++i;
                continue;
            }
            break;
        }
        records.push_back(std::move(record));
        if (i < text.size()) {
            i += text[i] == '\r' ? 2 : 1;
            ++line;
        }
    }
    return records;
}

template <typename Row>
std::string to_csv(std::vector<Row> const& rows) {
    std::string out;
    char const* separator = "";
    for (auto const& column : view_info<Row>().columns) {
        out += separator;
        append_csv_field(out, column.name);
        separator = ",";
    }
    out += "\r\n";
    for (Row const& row : rows) {
        bool first = true;
        for_each_column<Row>([&](auto const& column) {
            if (!first) out += ',';
            first = false;
            append_value(out, row.*column.member);
        });
        out += "\r\n";
    }
    return out;
}

template <typename Row>
Result<std::vector<Row>> parse_csv(std::string_view text) {
    POSSYNC_TRY(auto const records, split_csv(text));
    if (records.empty()) return at_line(1, "the header with the names of the columns is missing");
    CsvRecord const& header = records.front();
    std::vector<std::size_t> places;  // of each column of the view
    for (auto const& column : view_info<Row>().columns) {
        std::size_t place = 0;
        while (place < header.fields.size() && header.fields[place] != column.name) ++place;
        if (place == header.fields.size()) {
            return at_line(header.line, "the column " + std::string(column.name) + " is missing");
        }
        places.push_back(place);
    }
    std::vector<Row> rows;
    rows.reserve(records.size() - 1);
    for (std::size_t r = 1; r < records.size(); ++r) {
        CsvRecord const& record = records[r];
        if (record.fields.size() != header.fields.size()) {
            return at_line(record.line, std::to_string(record.fields.size()) + " fields, the header has " +
                                            std::to_string(header.fields.size()));
        }
        Row row;
        std::optional<base::Error> error;
        std::size_t index = 0;
        for_each_column<Row>([&](auto const& column) {
            using ColumnHere = std::remove_cvref_t<decltype(column)>;
            std::optional<std::string> const& field = record.fields[places[index++]];
            if (error) return;
            if (!field) {
                if (!ColumnHere::nullable) {
                    error = base::Error{ErrorCode::invalid_input, std::string(column.name) + " is empty"};
                }
                return;
            }
            auto value = value_of<typename ColumnHere::Value>(*field);
            if (value) {
                row.*column.member = std::move(*value);
            } else {
                error =
                    base::Error{value.error().code, std::string(column.name) + ": " + value.error().message};
            }
        });
        if (error) return base::because("line " + std::to_string(record.line), *error);
        rows.push_back(std::move(row));
    }
    return rows;
}

#define POSSYNC_CSV_ROWS(Row)                                       \
    template std::string to_csv<Row>(std::vector<Row> const& rows); \
    template Result<std::vector<Row>> parse_csv<Row>(std::string_view text);
POSSYNC_FOR_EACH_ROW(POSSYNC_CSV_ROWS)
#undef POSSYNC_CSV_ROWS

}  // namespace possync::query
