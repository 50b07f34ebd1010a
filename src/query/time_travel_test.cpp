#include "query/time_travel.hpp"

#include "query/query_testing.hpp"

namespace possync::query {
namespace {

using testing::moment;
using testing::number;

OptionalTime day(int number_of_day) {
    if (number_of_day == 0) return std::nullopt;
    return base::Timestamp{moment("2026-11-01T00:00:00Z").microseconds +
                           (number_of_day - 1) * 86'400'000'000LL};
}

HistoryRow version(std::int64_t position_id, char const* quantity, int valid_from, int valid_to,
                   int recorded_from, int recorded_to) {
    HistoryRow row;
    row.position_id = position_id;
    row.account = "DU1";
    row.con_id = 265598;
    row.symbol = "AAPL";
    row.quantity = number(quantity);
    row.average_price = number("150");
    row.realized_pnl = 0;
    row.commissions = number("1");
    row.valid_from = day(valid_from);
    row.valid_to = day(valid_to);
    row.recorded_from = day(recorded_from);
    row.recorded_to = day(recorded_to);
    return row;
}

/// Bought 100 on the 2nd (known at once), sold 60 on the 4th; on the 6th a correction says that it were 50.
TimeTravelInput example() {
    TimeTravelInput input;
    input.history = {version(1, "100", 2, 0, 2, 4), version(1, "100", 2, 4, 4, 0),
                     version(1, "40", 4, 0, 4, 6), version(1, "50", 4, 0, 6, 0)};
    input.history[3].realized_pnl = number("500");
    AccountRow account;
    account.account_id = 7;
    account.account = "DU1";
    input.accounts = {account};
    InstrumentRow instrument;
    instrument.con_id = 265598;
    instrument.symbol = instrument.local_symbol.emplace("AAPL");
    instrument.sec_type = "STK";
    instrument.currency = "USD";
    instrument.multiplier = 1;
    input.instruments = {instrument};
    PositionRow now;
    now.position_id = 1;
    now.opened_at = day(2);
    now.current_price = number("1");  // a mark of today must not show in the past
    input.positions = {now};
    CloseRow close;
    close.position_id = 1;
    close.closed_at = day(4);
    close.realized_pnl = number("500");
    close.net_realized_pnl = number("499");
    CloseRow unproven = close;
    unproven.closed_at = day(8);
    unproven.realized_pnl = unproven.net_realized_pnl = std::nullopt;
    unproven.estimated_realized_pnl = number("3");
    input.closes = {close, unproven};
    return input;
}

Filter at(int day_of_month, int as_recorded = 0) {
    Filter filter;
    filter.at = day(day_of_month);
    filter.as_recorded = day(as_recorded);
    return filter;
}

std::string quantities(TimeTravelInput const& input, Filter const& filter) {
    std::string out;
    auto const rows = positions_at(input, filter);
    for (auto const& row : *rows) out += row.quantity->to_string() + " " + row.status + ";";
    return out;
}

TEST(PositionsAt, FollowsValidTime) {
    auto const input = example();
    EXPECT_EQ(quantities(input, at(1)), "");
    EXPECT_EQ(quantities(input, at(2)), "100 OPEN;");  // the beginning belongs to the stretch
    EXPECT_EQ(quantities(input, at(3)), "100 OPEN;");
    EXPECT_EQ(quantities(input, at(4)), "50 OPEN;");  // the end does not
    EXPECT_EQ(quantities(input, at(9)), "50 OPEN;");
}

TEST(PositionsAt, AsRecordedShowsWhatWasBelieved) {
    auto const input = example();
    EXPECT_EQ(quantities(input, at(5, 5)), "40 OPEN;");  // before the correction
    EXPECT_EQ(quantities(input, at(5, 6)), "50 OPEN;");
    EXPECT_EQ(quantities(input, at(5, 3)), "100 OPEN;");  // the sale was not known yet
    EXPECT_EQ(quantities(input, at(3, 5)), "100 OPEN;");
    EXPECT_EQ(quantities(input, at(3, 1)), "");  // nothing was
}

TEST(PositionsAt, FillsTheRowAndLeavesOutWhatHasNoHistory) {
    auto const rows = *positions_at(example(), at(5));
    ASSERT_EQ(rows.size(), 1U);
    PositionRow expected;
    expected.position_id = 1;
    expected.account_id = 7;
    expected.account = "DU1";
    expected.con_id = 265598;
    expected.symbol = "AAPL";
    expected.local_symbol = "AAPL";
    expected.sec_type = "STK";
    expected.currency = "USD";
    expected.multiplier = 1;
    expected.status = "OPEN";
    expected.quantity = 50;
    expected.average_price = number("150");
    expected.realized_pnl = number("500");
    expected.commissions = 1;
    expected.net_realized_pnl = number("499");
    expected.unknown_closes = 0;
    expected.opened_at = day(2);
    EXPECT_EQ(rows[0], expected);
}

TEST(PositionsAt, CountsTheClosesUpToThen) {
    auto const input = example();
    EXPECT_EQ(positions_at(input, at(3))->front().net_realized_pnl, number("0"));
    PositionRow const later = positions_at(input, at(8))->front();
    EXPECT_EQ(later.unknown_closes, 1);
    EXPECT_EQ(later.net_realized_pnl, std::nullopt);
    EXPECT_EQ(later.estimated_realized_pnl, number("3"));
    PositionRow const believed = positions_at(input, at(8, 8))->front();
    EXPECT_EQ(believed.unknown_closes, std::nullopt);  // not kept as it was known then
    EXPECT_EQ(believed.net_realized_pnl, std::nullopt);
}

TEST(PositionsAt, ShowsWhatWasClosedAsClosed) {
    auto input = example();
    input.history = {version(1, "100", 2, 4, 2, 0), version(1, "0", 4, 0, 4, 0)};
    input.positions[0].closed_at = day(4);
    auto const rows = *positions_at(input, at(5));
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].status, "CLOSED");
    EXPECT_EQ(rows[0].closed_at, day(4));
    EXPECT_EQ(positions_at(input, at(3))->front().closed_at, std::nullopt);
    Filter open = at(5);
    open.status = "OPEN";
    EXPECT_EQ(quantities(input, open), "");
}

TEST(PositionsAt, SortsAndLimits) {
    auto input = example();
    input.history = {version(3, "3", 2, 0, 2, 0), version(1, "10", 2, 0, 2, 0),
                     version(2, "9.5", 2, 0, 2, 0)};
    Filter filter = at(5);
    EXPECT_EQ(quantities(input, filter), "10 OPEN;9.5 OPEN;3 OPEN;");
    filter.limit = 2;
    EXPECT_EQ(quantities(input, filter), "10 OPEN;9.5 OPEN;");
    filter.sort = "quantity";
    EXPECT_EQ(quantities(input, filter), "3 OPEN;9.5 OPEN;");
}

TEST(PositionsAt, AFlipLeavesBothEpisodes) {
    auto input = example();
    input.history = {version(1, "100", 2, 4, 2, 0), version(1, "0", 4, 0, 4, 0),
                     version(2, "-50", 4, 0, 4, 0)};
    EXPECT_EQ(quantities(input, at(3)), "100 OPEN;");
    EXPECT_EQ(quantities(input, at(4)), "0 CLOSED;-50 OPEN;");
}

TEST(HistoryFilter, ReachesEveryVersionThatMayAnswer) {
    Filter filter = at(5);
    filter.account = "DU1";
    filter.status = "OPEN";
    filter.limit = 1;
    Filter const history = history_filter(filter);
    EXPECT_EQ(history.account, "DU1");
    EXPECT_EQ(history.since, day(5));
    EXPECT_EQ(history.until, *day(5) + base::Duration(1));
    EXPECT_FALSE(history.status || history.limit || history.at);
}

}  // namespace
}  // namespace possync::query
