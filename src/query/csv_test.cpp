#include "query/csv.hpp"

#include "query/query_testing.hpp"

namespace possync::query {
namespace {

using testing::number;

TEST(Csv, QuotesWhatNeedsIt) {
    AccountValueRow plain{"DU1", "Key", std::nullopt, "1,000.5", testing::moment("2026-11-23T14:31:05Z")};
    AccountValueRow odd{"say \"hi\"", "two\r\nlines", "", " blank ", {}};
    EXPECT_EQ(to_csv(std::vector{plain, odd}), "account,key,currency,value,updated_at\r\n"
                                               "DU1,Key,,\"1,000.5\",2026-11-23T14:31:05.000000Z\r\n"
                                               "\"say \"\"hi\"\"\",\"two\r\nlines\",\"\", blank ,\r\n");
}

TEST(Csv, OfNoRowsIsTheHeader) {
    EXPECT_EQ(to_csv(std::vector<CoverageRow>{}), "account,stream,from_time,to_time,state,source\r\n");
    EXPECT_EQ(parse_csv<CoverageRow>("account,stream,from_time,to_time,state,source\r\n"),
              std::vector<CoverageRow>{});
}

TEST(Csv, KeepsDecimalsAndBooleans) {
    CloseRow close;
    close.realized_pnl = number("-0.000000000000000001");
    close.is_full_close = true;
    std::string const text = to_csv(std::vector{close});
    EXPECT_NE(text.find(",-0.000000000000000001,"), std::string::npos) << text;
    EXPECT_NE(text.find(",true,"), std::string::npos) << text;
}

TEST(SplitCsv, TakesWhatOthersWrite) {
    auto const fields = [](std::string_view text) {
        std::string out;
        auto const records = split_csv(text);
        if (!records) return records.error().message;
        for (auto const& record : *records) {
            out += std::to_string(record.line) + ":";
            for (auto const& field : record.fields) out += "[" + field.value_or("NULL") + "]";
            out += " ";
        }
        return out;
    };
    EXPECT_EQ(fields(""), "");
    EXPECT_EQ(fields("a,b\nc,d"), "1:[a][b] 2:[c][d] ");
    EXPECT_EQ(fields("a,b\r\nc,d\r\n"), "1:[a][b] 2:[c][d] ");
    EXPECT_EQ(fields("\xEF\xBB\xBF"
                     "a\n"),
              "1:[a] ");
    EXPECT_EQ(fields("a\n\n\r\nb\n"), "1:[a] 4:[b] ");
    EXPECT_EQ(fields(",\n"), "1:[NULL][NULL] ");
    EXPECT_EQ(fields("a,\n"), "1:[a][NULL] ");
    EXPECT_EQ(fields("\"\",\"a,\"\"b\"\"\n\",c\nd,e,f"), "1:[][a,\"b\"\n][c] 3:[d][e][f] ");
    EXPECT_EQ(fields("a\rb\n"), "1:[a\rb] ");
    EXPECT_EQ(fields("a\n\"b"), "line 2: a quoted field is not closed");
    EXPECT_EQ(fields("a\"b"), "line 1: a quote stands inside a field that is not quoted");
    EXPECT_EQ(fields("x\n\"a\"b"), "line 2: text follows the closing quote of a field");
}

TEST(ParseCsv, FindsColumnsByNameAndNamesWhatIsWrong) {
    auto const message = [](std::string const& text) {
        auto const rows = parse_csv<AccountValueRow>(text);
        return rows ? std::string("accepted") : rows.error().message;
    };
    EXPECT_EQ(message(""), "line 1: the header with the names of the columns is missing");
    EXPECT_EQ(message("account,key,currency,value\n"), "line 1: the column updated_at is missing");
    std::string const header = "extra,value,key,account,updated_at,currency\n";
    EXPECT_EQ(message(header + "1,2,3\n"), "line 2: 3 fields, the header has 6");
    EXPECT_EQ(message(header + "x,v,k,,2026-11-23,USD\n"), "line 2: account is empty");
    EXPECT_EQ(message(header + "x,v,k,a,2026-99-23,USD\n").substr(0, 19), "line 2: updated_at:");
    auto const rows = parse_csv<AccountValueRow>(header + "x,v,k,a,,USD\n");
    ASSERT_TRUE(rows.has_value());
    EXPECT_EQ(*rows, (std::vector{AccountValueRow{"a", "k", "USD", "v", {}}}));
}

template <typename Row>
void expect_csv_round_trip() {
    auto const rows = testing::draw_rows<Row>();
    auto const back = parse_csv<Row>(to_csv(rows));
    if (!back) RC_FAIL(back.error().message);
    RC_ASSERT(*back == rows);
}

RC_GTEST_PROP(CsvProperty, ReadsBackWhatItWrote, ()) {
#define POSSYNC_ROUND_TRIP(Row) expect_csv_round_trip<Row>();
    POSSYNC_FOR_EACH_ROW(POSSYNC_ROUND_TRIP)
#undef POSSYNC_ROUND_TRIP
}

}  // namespace
}  // namespace possync::query
