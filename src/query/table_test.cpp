#include "query/table.hpp"

#include "query/query_testing.hpp"

namespace possync::query {
namespace {

using testing::moment;
using testing::number;

PositionRow position(std::string symbol, std::string type, char const* quantity, char const* average) {
    PositionRow row;
    row.account = "DU1234567";
    row.symbol = symbol;
    row.local_symbol = std::move(symbol);
    row.sec_type = std::move(type);
    row.currency = "USD";
    row.multiplier = 1;
    row.quantity = number(quantity);
    row.average_price = number(average);
    row.realized_pnl = 0;
    row.commissions = 0;
    row.unknown_closes = 0;
    row.status = row.quantity->is_zero() ? "CLOSED" : "OPEN";
    return row;
}

std::vector<PositionRow> example() {
    PositionRow stock = position("AAPL", "STK", "100", "150");
    stock.current_price = number("161.25");
    stock.market_value = number("16125");
    stock.unrealized_pnl = number("1125");
    stock.unrealized_pnl_pct = number("7.5");
    stock.commissions = number("1");
    PositionRow call = position("AAPL", "OPT", "-2", "3.1");
    call.local_symbol = "AAPL  261218C00200000";
    call.current_price = number("3.555");
    call.market_value = number("-711");
    call.unrealized_pnl = number("-91.005");
    call.unrealized_pnl_pct = number("-14.6774");
    PositionRow fraction = position("BRK B", "STK", "0.25", "203.3333333333");
    fraction.realized_pnl = number("50");
    fraction.opened_at = moment("2026-11-20T14:30:00Z");
    PositionRow closed = position("SPX", "OPT", "0", "0.05");
    closed.currency = "EUR";
    closed.unknown_closes = 2;
    closed.commissions = std::nullopt;
    closed.realized_pnl = number("-1234567.891");
    closed.closed_at = moment("2026-11-21T21:00:00.9Z");
    return {stock, call, fraction, closed};
}

TEST(ExecutionTable, WhatTheOperatorTookOutIsNotShownAsBooked) {
    ExecutionRow fill;
    fill.account = "DU1";
    fill.symbol = "AAPL";
    fill.booked = "booked";
    EXPECT_NE(to_table(std::vector{fill}, {}).find("  booked  "), std::string::npos);
    fill.excluded = true;
    auto const table = to_table(std::vector{fill}, {});
    EXPECT_NE(table.find("  excluded"), std::string::npos) << table;
}

TEST(PositionTable, ATotalSaysThatItCannotTellWhatIsUnknown) {
    PositionRow recorded = position("NVDA", "STK", "0", "400");
    recorded.realized_pnl = number("0");
    recorded.unknown_closes = std::nullopt;  // as of back then: not kept
    auto rows = example();
    rows.push_back(recorded);
    auto const table = to_table(rows, {});
    EXPECT_NE(table.find("USD: 3 open, unrealized 1,034.00 + 1 unknown, realized 50.00, unknown closes not recorded\n"), std::string::npos) << table;
    EXPECT_NE(table.find("EUR: 0 open, realized -1,234,567.89 + 2 unknown\n"), std::string::npos) << table;
}

TEST(PositionTable, ShowsEverythingOnAPipe) {
    EXPECT_EQ("\n" + to_table(example(), {}), R"(
account    symbol  contract               type  status  quantity   average    price      value  unrealized       %       realized  unknown  commissions  currency  opened                closed
DU1234567  AAPL                           STK   OPEN      100     150.00    161.25   16,125.00    1,125.00    7.50           0.00        0         1.00  USD       -                     -
DU1234567  AAPL    AAPL  261218C00200000  OPT   OPEN       -2       3.10      3.555    -711.00      -91.00  -14.68           0.00        0         0.00  USD       -                     -
DU1234567  BRK B                          STK   OPEN        0.25  203.3333        -          -           -       -          50.00        0         0.00  USD       2026-11-20 14:30:00Z  -
DU1234567  SPX                            OPT   CLOSED      0       0.05          -          -           -       -  -1,234,567.89        2            -  EUR       -                     2026-11-21 21:00:00Z
EUR: 0 open, realized -1,234,567.89 + 2 unknown
USD: 3 open, unrealized 1,034.00 + 1 unknown, realized 50.00
)");
}

TEST(PositionTable, LetsTheLeastImportantColumnsGoFirst) {
    EXPECT_EQ("\n" + to_table(example(), {.width = 100, .colour = false}), R"(
symbol  type  status  quantity   average    price  unrealized       realized  unknown  currency
AAPL    STK   OPEN      100     150.00    161.25     1,125.00           0.00        0  USD
AAPL    OPT   OPEN       -2       3.10      3.555      -91.00           0.00        0  USD
BRK B   STK   OPEN        0.25  203.3333        -           -          50.00        0  USD
SPX     OPT   CLOSED      0       0.05          -           -  -1,234,567.89        2  EUR
EUR: 0 open, realized -1,234,567.89 + 2 unknown
USD: 3 open, unrealized 1,034.00 + 1 unknown, realized 50.00
)");
    EXPECT_EQ("\n" + to_table(example(), {.width = 60, .colour = false}), R"(
symbol  type  quantity   average       realized  unknown
AAPL    STK     100     150.00             0.00        0
AAPL    OPT      -2       3.10             0.00        0
BRK B   STK       0.25  203.3333          50.00        0
SPX     OPT       0       0.05    -1,234,567.89        2
EUR: 0 open, realized -1,234,567.89 + 2 unknown
USD: 3 open, unrealized 1,034.00 + 1 unknown, realized 50.00
)");
    // Some columns never leave: the terminal wraps then.
    EXPECT_EQ(to_table(example(), {.width = 1, .colour = false}).substr(0, 52),
              "symbol  quantity   average       realized  unknown\nA");
}

TEST(PositionTable, KeepsTheAccountWhereThereAreSeveral) {
    auto rows = example();
    rows[1].account = "DU7654321";
    std::string const text = to_table(rows, {.width = 60, .colour = false});
    EXPECT_EQ(text.substr(0, text.find(' ')), "account") << text;
}

/// A narrower terminal shows no more columns, and no line is wider than it but for what never leaves.
TEST(PositionTable, FitsEveryWidth) {
    std::size_t const least = to_table(example(), {.width = 1, .colour = false}).find('\n');
    for (std::size_t width = least; width < 200; ++width) {
        std::string const text = to_table(example(), {.width = width, .colour = false});
        EXPECT_LE(text.find('\n'), width) << text;
    }
}

TEST(PositionTable, ColoursGainsAndLosses) {
    auto rows = example();
    rows.resize(2);
    std::string const text = to_table(rows, {.width = 80, .colour = true});
    EXPECT_NE(text.find("\x1b[32m1,125.00\x1b[0m"), std::string::npos) << text;
    EXPECT_NE(text.find("\x1b[31m-91.00\x1b[0m"), std::string::npos) << text;
    EXPECT_NE(text.find("\x1b[1msymbol\x1b[0m"), std::string::npos) << text;
}

TEST(Table, SaysThatThereAreNoRows) {
    EXPECT_EQ(to_table(std::vector<PositionRow>{}, {}), "(no rows)\n");
    EXPECT_EQ(to_table(std::vector<RunRow>{}, {.width = 10, .colour = true}), "(no rows)\n");
}

TEST(CloseTable, EndsWithTotalsThatCountTheUnknown) {
    CloseRow first;
    first.account = "DU1";
    first.symbol = "AAPL";
    first.side = "SLD";
    first.currency = "USD";
    first.quantity_closed = number("60");
    first.entry_price = number("150");
    first.exit_price = number("160");
    first.realized_pnl = number("600");
    first.realized_pnl_pct = number("6.6667");
    first.commissions = number("1.005");
    first.net_realized_pnl = number("598.995");
    first.closed_at = moment("2026-11-23T14:31:05.5Z");
    first.cause = "execution";
    CloseRow second = first;
    second.exit_price = second.realized_pnl = second.realized_pnl_pct = second.net_realized_pnl =
        std::nullopt;
    second.estimated_realized_pnl = number("-40");
    second.is_full_close = true;
    second.cause = "missing_at_broker";
    EXPECT_EQ("\n" + to_table(std::vector{first, second}, {}), R"(
closed                account  symbol  side  quantity   entry    exit  realized     %  commissions     net  estimated  currency  full  cause
2026-11-23 14:31:05Z  DU1      AAPL    SLD         60  150.00  160.00    600.00  6.67         1.00  599.00          -  USD       no    execution
2026-11-23 14:31:05Z  DU1      AAPL    SLD         60  150.00       -         -     -         1.00       -     -40.00  USD       yes   missing_at_broker
USD: 2 closes, realized 600.00 + 1 unknown, net 599.00 + 1 unknown
)");
}

TEST(PnlTable, ShowsTheGroupsThatWereAskedFor) {
    PnlRow day;
    day.day = base::Date{2026, 11, 23};
    day.currency = "USD";
    day.closes = 3;
    day.realized_pnl = number("414.2758620689");
    day.unknown_closes = 1;
    day.commissions = number("2");
    day.net_realized_pnl = number("412.2758620689");
    day.unknown_net = 2;
    EXPECT_EQ("\n" + to_table(std::vector{day}, {}), R"(
day         closes  realized  unknown  commissions     net  currency
2026-11-23       3    414.28        1         2.00  412.28  USD
USD: 3 closes, realized 414.28 + 1 unknown, net 412.28 + 2 unknown
)");
}

TEST(RunTable, CutsLongTextBeforeColumnsLeave) {
    RunRow run;
    run.gateway = "paper";
    run.account = "DU1";
    run.trigger = "scheduled";
    run.started_at = run.finished_at = moment("2026-11-23T14:31:05Z");
    run.outcome = "failed";
    run.error = "the gateway at 127.0.0.1:4002 does not answer: connection refused; is it running?";
    EXPECT_EQ("\n" + to_table(std::vector{run}, {.width = 120, .colour = false}), R"(
started               account  trigger    outcome  times  created  updated  closed  at broker  error
2026-11-23 14:31:05Z  DU1      scheduled  failed       1        0        0       0          -  the gateway at 127.0.0.1…
)");
    EXPECT_EQ("\n" + to_table(std::vector{run}, {.width = 70, .colour = false}), R"(
started               account  outcome  error
2026-11-23 14:31:05Z  DU1      failed   the gateway at 127.0.0.1:4002…
)");
}

TEST(Table, TextCannotSteerTheTerminal) {
    AccountValueRow row{"DU1\x1b[31m", "two\r\nlines\t", std::nullopt, "\u0085caf\xe9 \u20ac", {}};
    EXPECT_EQ("\n" + to_table(std::vector{row}, {}),
              "\naccount   key          value    updated\nDU1?[31m  two  lines   ?caf\uFFFD \u20ac  -\n");
}

TEST(NumberText, Money) {
    struct {
        char const* value;
        char const* expected;
    } const cases[] = {{"0", "0.00"},
                       {"1", "1.00"},
                       {"-0.004", "0.00"},
                       {"0.005", "0.00"},
                       {"0.015", "0.02"},
                       {"999.995", "1,000.00"},
                       {"1000", "1,000.00"},
                       {"-100", "-100.00"},
                       {"-1000", "-1,000.00"},
                       {"-123456.7", "-123,456.70"},
                       {"12345678901234567890.129", "12,345,678,901,234,567,890.13"}};
    for (auto const& c : cases) EXPECT_EQ(money_text(number(c.value)), c.expected) << c.value;
}

TEST(NumberText, Price) {
    struct {
        char const* value;
        char const* expected;
    } const cases[] = {{"150", "150.00"},       {"203.3333333333", "203.3333"},
                       {"1.08345", "1.0834"},   {"0.00001234", "0.00001234"},
                       {"0.000000001", "0.00"}, {"-0.5", "-0.50"},
                       {"99.99995", "100.00"},  {"2.5", "2.50"}};
    for (auto const& c : cases) EXPECT_EQ(price_text(number(c.value)), c.expected) << c.value;
}

TEST(AgeText, TakesTwoUnits) {
    struct {
        std::int64_t seconds;
        char const* expected;
    } const cases[] = {{0, "0s"},         {59, "59s"},   {60, "1m"},        {303, "5m 3s"},
                       {12000, "3h 20m"}, {86400, "1d"}, {187200, "2d 4h"}, {-5, "-5s"}};
    for (auto const& c : cases) EXPECT_EQ(age_text(c.seconds), c.expected);
}

TEST(Table, EveryViewHasOne) {
    auto const check = [](std::string const& text) {
        EXPECT_FALSE(text.empty());
        EXPECT_EQ(text.find(" \n"), std::string::npos) << "a line ends in a blank:\n" << text;
        EXPECT_EQ(text.back(), '\n');
    };
#define POSSYNC_CHECK_TABLE(Row) check(to_table(std::vector<Row>(2), {}));
    POSSYNC_FOR_EACH_ROW(POSSYNC_CHECK_TABLE)
#undef POSSYNC_CHECK_TABLE
}

}  // namespace
}  // namespace possync::query
