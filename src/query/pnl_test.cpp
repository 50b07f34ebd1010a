#include "query/pnl.hpp"

#include "query/query_testing.hpp"

namespace possync::query {
namespace {

using testing::number;

CloseRow close_of(std::string account, std::string symbol, std::string currency, unsigned day,
                  char const* gross, char const* commissions, char const* net) {
    CloseRow close;
    close.account = std::move(account);
    close.symbol = std::move(symbol);
    close.currency = std::move(currency);
    if (day != 0) close.trade_date = base::Date{2026, 11, day};
    if (gross != nullptr) close.realized_pnl = number(gross);
    if (commissions != nullptr) close.commissions = number(commissions);
    if (net != nullptr) close.net_realized_pnl = number(net);
    return close;
}

std::vector<CloseRow> example() {
    auto closes = std::vector{
        close_of("DU1", "AAPL", "USD", 20, "600", "1.5", "598.5"),
        close_of("DU1", "AAPL", "USD", 23, "-200.0000000001", nullptr, nullptr),
        close_of("DU2", "AAPL", "USD", 23, "14.2758620690", "0.5", "13.775862069"),
        close_of("DU1", "SAP", "EUR", 23, "7", "-0.25", "7.25"),
        close_of("DU1", "SPX", "USD", 0, nullptr, nullptr, nullptr),
    };
    closes.back().estimated_realized_pnl = number("40");
    closes.front().estimated_realized_pnl = number("999");  // proven: the guess does not count
    return closes;
}

std::string text_of_rows(std::vector<PnlRow> const& rows) {
    auto const text = [](OptionalDecimal const& value) { return value ? value->to_string() : "-"; };
    std::string out;
    for (auto const& row : rows) {
        out += (row.day ? base::to_string(*row.day) : "-") + " " + row.account.value_or("-") + " " +
               row.symbol.value_or("-") + " " + row.currency + " " + std::to_string(row.closes) + ": " +
               text(row.realized_pnl) + "+" + std::to_string(row.unknown_closes) + " " +
               text(row.commissions) + "+" + std::to_string(row.unknown_commissions) + " " +
               text(row.net_realized_pnl) + "+" + std::to_string(row.unknown_net) + " " +
               text(row.estimated_realized_pnl) + "\n";
    }
    return out;
}

TEST(RealizedPnl, AddsUpPerCurrencyAndCountsTheUnknown) {
    auto const rows = realized_pnl(example(), {});
    ASSERT_TRUE(rows.has_value());
    EXPECT_EQ(text_of_rows(*rows), "- - - EUR 1: 7+0 -0.25+0 7.25+0 -\n"
                                   "- - - USD 4: 414.2758620689+1 2+2 612.275862069+2 40\n");
}

TEST(RealizedPnl, GroupsByDaySymbolAndAccount) {
    EXPECT_EQ(text_of_rows(*realized_pnl(example(), {.day = true, .symbol = false, .account = false})),
              "- - - USD 1: -+1 -+1 -+1 40\n"
              "2026-11-20 - - USD 1: 600+0 1.5+0 598.5+0 -\n"
              "2026-11-23 - - EUR 1: 7+0 -0.25+0 7.25+0 -\n"
              "2026-11-23 - - USD 2: -185.7241379311+0 0.5+1 13.775862069+1 -\n");
    EXPECT_EQ(text_of_rows(*realized_pnl(example(), {.day = false, .symbol = true, .account = true})),
              "- DU1 AAPL USD 2: 399.9999999999+0 1.5+1 598.5+1 -\n"
              "- DU1 SAP EUR 1: 7+0 -0.25+0 7.25+0 -\n"
              "- DU1 SPX USD 1: -+1 -+1 -+1 40\n"
              "- DU2 AAPL USD 1: 14.275862069+0 0.5+0 13.775862069+0 -\n");
}

TEST(RealizedPnl, OfNothingIsNothing) { EXPECT_EQ(realized_pnl({}, {}), std::vector<PnlRow>{}); }

TEST(RealizedPnl, SaysWhenASumDoesNotFit) {
    char const* const largest = "99999999999999999999999999999999999999";
    std::vector<CloseRow> const closes(3, close_of("DU1", "X", "USD", 20, largest, "0", "0"));
    auto const rows = realized_pnl(closes, {});
    ASSERT_FALSE(rows.has_value());
    EXPECT_EQ(rows.error().code, base::ErrorCode::out_of_range);
}

TEST(PnlGrouping, IsWrittenAsWords) {
    EXPECT_EQ(parse_pnl_grouping("day"), (PnlGrouping{.day = true}));
    EXPECT_EQ(parse_pnl_grouping("account,day,symbol"),
              (PnlGrouping{.day = true, .symbol = true, .account = true}));
    EXPECT_EQ(parse_pnl_grouping("total"), PnlGrouping{});
    EXPECT_EQ(parse_pnl_grouping(""), PnlGrouping{});
    EXPECT_EQ(parse_pnl_grouping("day,"), (PnlGrouping{.day = true}));
    for (char const* text : {"days", ",day", "day symbol", "total,day"}) {
        auto const grouping = parse_pnl_grouping(text);
        ASSERT_FALSE(grouping.has_value()) << text;
        EXPECT_EQ(grouping.error().code, base::ErrorCode::invalid_input);
    }
}

/// However rows are grouped, their sums add up to the total.
RC_GTEST_PROP(PnlProperty, GroupsAddUpToTheTotal, ()) {
    std::vector<CloseRow> closes;
    for (std::int64_t n = testing::draw(0, 20); n > 0; --n) {
        CloseRow close = close_of("DU" + std::to_string(testing::draw(1, 3)),
                                  std::string(1, static_cast<char>('A' + testing::draw(0, 3))),
                                  testing::draw(0, 1) == 0 ? "USD" : "EUR",
                                  static_cast<unsigned>(testing::draw(0, 5)), nullptr, nullptr, nullptr);
        if (testing::draw(0, 3) != 0) {
            close.realized_pnl = base::Decimal::from_parts(testing::draw(-1'000'000'000, 1'000'000'000),
                                                           static_cast<int>(testing::draw(0, 10)));
        }
        closes.push_back(std::move(close));
    }
    auto const total = *realized_pnl(closes, {});
    PnlGrouping const grouping{testing::draw(0, 1) == 1, testing::draw(0, 1) == 1, testing::draw(0, 1) == 1};
    auto const rows = *realized_pnl(closes, grouping);
    for (auto const& sum : total) {
        base::Decimal gross;
        std::int64_t unknown = 0;
        std::int64_t count = 0;
        for (auto const& row : rows) {
            if (row.currency != sum.currency) continue;
            gross += row.realized_pnl.value_or(0);
            unknown += row.unknown_closes;
            count += row.closes;
        }
        RC_ASSERT(gross == sum.realized_pnl.value_or(0));
        RC_ASSERT(unknown == sum.unknown_closes);
        RC_ASSERT(count == sum.closes);
    }
}

}  // namespace
}  // namespace possync::query
