#include "query/json.hpp"

#include "query/query_testing.hpp"

namespace possync::query {
namespace {

using testing::moment;
using testing::number;

TEST(Json, IsExactlyTheColumnsInTheirOrder) {
    CloseRow close;
    close.close_id = 4294967297;
    close.position_id = 4294967298;
    close.account = "DU1234567";
    close.con_id = 265598;
    close.symbol = "AAPL";
    close.quantity_closed = number("60");
    close.side = "SLD";
    close.entry_price = number("99.4137931034");
    close.exit_price = number("0.000000000000000001");
    close.realized_pnl = number("-12345678901234567890.12");
    close.currency = "USD";
    close.closed_at = moment("2026-11-23T14:31:05.000001Z");
    close.trade_date = base::Date{2026, 11, 23};
    close.is_full_close = true;
    close.cause = "execution";
    close.basis = "executions";
    close.exec_id = "a\"b\\c\n";
    close.order_ref = "";
    EXPECT_EQ(to_json(close),
              R"({"close_id":4294967297,"position_id":4294967298,"account":"DU1234567","con_id":265598,)"
              R"("symbol":"AAPL","quantity_closed":"60","side":"SLD","entry_price":"99.4137931034",)"
              R"("exit_price":"0.000000000000000001","realized_pnl":"-12345678901234567890.12",)"
              R"("realized_pnl_pct":null,"commissions":null,"net_realized_pnl":null,)"
              R"("estimated_realized_pnl":null,"broker_realized_pnl":null,"currency":"USD",)"
              R"("closed_at":"2026-11-23T14:31:05.000001Z","trade_date":"2026-11-23","is_full_close":true,)"
              R"("cause":"execution","basis":"executions","exec_id":"a\"b\\c\n","order_ref":"","revision":null})");
}

TEST(Json, OfNoRowsIsAnEmptyArray) {
    EXPECT_EQ(to_json(std::vector<PositionRow>{}), "[]");
    EXPECT_EQ(parse_json<PositionRow>("[]"), std::vector<PositionRow>{});
}

TEST(Json, HasOneRowALine) {
    std::vector<AccountValueRow> const rows(2,
                                            AccountValueRow{"DU1", "NetLiquidation", "USD", "1000.00", {}});
    EXPECT_EQ(to_json(rows),
              "[{\"account\":\"DU1\",\"key\":\"NetLiquidation\",\"currency\":\"USD\",\"value\":\"1000.00\","
              "\"updated_at\":null},\n"
              "{\"account\":\"DU1\",\"key\":\"NetLiquidation\",\"currency\":\"USD\",\"value\":\"1000.00\","
              "\"updated_at\":null}]");
}

TEST(Json, RepairsTextThatIsNotUtf8) {
    constexpr char const* bad = "\xEF\xBF\xBD";
    struct {
        std::string text;
        std::string expected;
    } const cases[] = {
        {"plain", "plain"},
        {"\u00e9 \u20ac \U0001F600", "\u00e9 \u20ac \U0001F600"},
        {"caf\xe9", std::string("caf") + bad},                     // Latin-1
        {"\xc0\xaf", std::string(bad) + bad},                      // overlong
        {"\xed\xa0\x80", std::string(bad) + bad + bad},            // surrogate
        {"\xf4\x90\x80\x80", std::string(bad) + bad + bad + bad},  // beyond U+10FFFF
        {"\xe2\x82", std::string(bad) + bad},                      // cut off
        {"\xe2\x82(", std::string(bad) + bad + "("},
    };
    for (auto const& c : cases) EXPECT_EQ(repaired_utf8(c.text), c.expected);
    AccountValueRow row;
    row.value = "caf\xe9";
    EXPECT_NE(to_json(row).find(std::string("\"value\":\"caf") + bad + "\""), std::string::npos);
}

TEST(Json, ReadingNamesWhatIsWrong) {
    auto const message = [](std::string const& text) {
        auto const rows = parse_json<AccountValueRow>(text);
        return rows ? std::string("accepted") : rows.error().message;
    };
    EXPECT_EQ(message("{}"), "not a JSON array of rows");
    EXPECT_EQ(message("[").substr(0, 9), "not JSON:");
    EXPECT_EQ(message("[1]"), "row 1 is not an object");
    EXPECT_EQ(message("[{}]"), "row 1: account is missing");
    EXPECT_EQ(message(R"([{"account":null,"key":"k","currency":null,"value":"v","updated_at":null}])"),
              "row 1: account is null");
    EXPECT_EQ(message(R"([{"account":1,"key":"k","currency":null,"value":"v","updated_at":null}])"),
              "row 1: account is not a string");
    EXPECT_EQ(
        message(R"([{"account":"a","key":"k","currency":null,"value":"v","updated_at":"x"}])").substr(0, 17),
        "row 1: updated_at");
    EXPECT_EQ(message(R"([{"new":1,"account":"a","key":"k","currency":null,"value":"v","updated_at":null}])"),
              "accepted");
}

template <typename Row>
void expect_json_round_trip() {
    auto const rows = testing::draw_rows<Row>();
    auto const back = parse_json<Row>(to_json(rows));
    RC_ASSERT(back.has_value());
    RC_ASSERT(*back == rows);
}

RC_GTEST_PROP(JsonProperty, ReadsBackWhatItWrote, ()) {
#define POSSYNC_ROUND_TRIP(Row) expect_json_round_trip<Row>();
    POSSYNC_FOR_EACH_ROW(POSSYNC_ROUND_TRIP)
#undef POSSYNC_ROUND_TRIP
}

}  // namespace
}  // namespace possync::query
