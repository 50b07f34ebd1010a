#include "query/filter.hpp"

#include "query/query_testing.hpp"

namespace possync::query {
namespace {

using testing::moment;
using testing::number;

constexpr base::Timestamp now{1'795'435'200'000'000};  // 2026-11-23T12:00:00Z

TEST(ParseMoment, TakesDatesTimesAndAges) {
    struct {
        char const* text;
        char const* expected;
    } const cases[] = {
        {"2026-11-20", "2026-11-20T00:00:00.000000Z"}, {"2026-11-20T09:30:00-05:00", "2026-11-20T14:30:00.000000Z"},
        {"now", "2026-11-23T12:00:00.000000Z"},        {"24h", "2026-11-22T12:00:00.000000Z"},
        {"7d", "2026-11-16T12:00:00.000000Z"},         {"90s", "2026-11-23T11:58:30.000000Z"},
    };
    for (auto const& c : cases) {
        auto const time = parse_moment(c.text, now);
        ASSERT_TRUE(time.has_value()) << c.text;
        EXPECT_EQ(base::to_rfc3339(*time), c.expected) << c.text;
    }
    for (char const* text : {"", "yesterday", "2026-13-01", "7", "7 d", "-1d", "2026-11-20T25:00:00Z"}) {
        auto const time = parse_moment(text, now);
        ASSERT_FALSE(time.has_value()) << text;
        EXPECT_EQ(time.error().code, base::ErrorCode::invalid_input);
        EXPECT_NE(time.error().message.find("is not a time"), std::string::npos) << time.error().message;
    }
}

TEST(ParseFilter, ReadsEveryOption) {
    FilterText text;
    text.account = "DU1";
    text.symbol = "aapl";
    text.con_id = "265598";
    text.status = "open";
    text.since = "7d";
    text.until = "now";
    text.limit = "20";
    text.sort = "-market_value";
    auto const filter = parse_filter(view_info<PositionRow>(), text, now);
    ASSERT_TRUE(filter.has_value()) << filter.error().message;
    Filter expected;
    expected.account = "DU1";
    expected.symbol = "aapl";
    expected.con_id = 265598;
    expected.status = "OPEN";  // in the view's spelling
    expected.since = moment("2026-11-16T12:00:00Z");
    expected.until = now;
    expected.limit = 20;
    expected.sort = "-market_value";
    EXPECT_EQ(*filter, expected);
}

TEST(ParseFilter, RefusesWhatDoesNotFit) {
    auto const message = [](ViewInfo const& view, auto set) {
        FilterText text;
        set(text);
        auto const filter = parse_filter(view, text, now);
        if (filter) return std::string("accepted");
        EXPECT_EQ(filter.error().code, base::ErrorCode::invalid_input);
        return filter.error().message;
    };
    auto const& positions = view_info<PositionRow>();
    auto const& closes = view_info<CloseRow>();
    auto const& accounts = view_info<AccountRow>();
    auto const& runs = view_info<RunRow>();
    EXPECT_EQ(message(positions, [](FilterText& t) { t.status = "half"; }), "--status 'half' is not one of OPEN CLOSED");
    EXPECT_EQ(message(closes, [](FilterText& t) { t.status = "OPEN"; }),
              "--status does not apply to position_closes; leave it out");
    EXPECT_EQ(message(accounts, [](FilterText& t) { t.symbol = "AAPL"; }), "--symbol does not apply to accounts; leave it out");
    EXPECT_EQ(message(accounts, [](FilterText& t) { t.since = "1d"; }), "--since does not apply to accounts; leave it out");
    EXPECT_EQ(message(accounts, [](FilterText& t) { t.until = "1d"; }), "--until does not apply to accounts; leave it out");
    EXPECT_EQ(message(runs, [](FilterText& t) { t.con_id = "1"; }), "--con-id does not apply to sync_runs; leave it out");
    EXPECT_EQ(message(view_info<InstrumentRow>(), [](FilterText& t) { t.account = "DU1"; }),
              "--account does not apply to instruments; leave it out");
    EXPECT_EQ(message(closes, [](FilterText& t) { t.at = "2026-01-01"; }),
              "--at does not apply to position_closes; leave it out");
    EXPECT_EQ(message(closes, [](FilterText& t) { t.as_recorded = "2026-01-01"; }),
              "--as-recorded does not apply to position_closes; leave it out");
    EXPECT_EQ(message(positions, [](FilterText& t) { t.at = "1d", t.since = "2d"; }),
              "--at shows one moment; leave out --since and --until");
    EXPECT_EQ(message(positions, [](FilterText& t) { t.since = "1d", t.until = "2d"; }),
              "--since 2026-11-22T12:00:00.000000Z is not before --until 2026-11-21T12:00:00.000000Z");
    EXPECT_EQ(message(positions, [](FilterText& t) { t.since = "1d", t.until = "1d"; }).substr(0, 7), "--since");
    EXPECT_EQ(message(positions, [](FilterText& t) { t.account = ""; }), "--account is empty; give it a value");
    EXPECT_EQ(message(positions, [](FilterText& t) { t.symbol = std::string("A\0B", 3); }), "--symbol is not a plain word");
    EXPECT_EQ(message(positions, [](FilterText& t) { t.con_id = "0"; }),
              "--con-id '0' is not a whole number from 1 to 9223372036854775807");
    for (char const* limit : {"0", "-1", "ten", "1.5", "", "10000001", "99999999999999999999"}) {
        EXPECT_EQ(message(positions, [&](FilterText& t) { t.limit = limit; }),
                  "--limit '" + std::string(limit) + "' is not a whole number from 1 to 10000000");
    }
    EXPECT_EQ(message(view_info<CoverageRow>(), [](FilterText& t) { t.sort = "-size"; }),
              "--sort '-size' is not a column of coverage: account stream from_time to_time state source");
    EXPECT_EQ(message(positions, [](FilterText& t) { t.sort = ""; }), "--sort is empty; name a column");
    EXPECT_EQ(message(positions, [](FilterText& t) { t.since = "soon"; }).substr(0, 26), "--since: 'soon' is not a t");
}

TEST(ParseFilter, EachOptionThatCannotBeReadIsToldByItsName) {
    struct Bad {
        char const* option;
        std::optional<std::string> FilterText::* field;
        std::string value;
    };
    for (auto const& [option, field, value] :
         {Bad{"--position-id", &FilterText::position_id, "0"}, Bad{"--position-id", &FilterText::position_id, "5x"},
          Bad{"--con-id", &FilterText::con_id, "AAPL"}, Bad{"--since", &FilterText::since, "soon"},
          Bad{"--until", &FilterText::until, "soon"}, Bad{"--at", &FilterText::at, "soon"},
          Bad{"--as-recorded", &FilterText::as_recorded, "soon"}, Bad{"--status", &FilterText::status, ""},
          Bad{"--account", &FilterText::account, std::string(201, 'A')}, Bad{"--symbol", &FilterText::symbol, ""}}) {
        FilterText text;
        text.*field = value;
        auto const filter = parse_filter(view_info<PositionRow>(), text, now);
        ASSERT_FALSE(filter.has_value()) << option << " " << value;
        EXPECT_EQ(filter.error().code, base::ErrorCode::invalid_input);
        EXPECT_EQ(filter.error().message.find(option), 0U) << filter.error().message;
    }
}

/// Whatever a view does not have is refused by name and never left out of account.
TEST(Checked, AFilterThatAViewCannotApplyIsRefused) {
    struct Option {
        char const* name;
        std::string_view FilterColumns::* column;
        void (*set)(Filter&);
    };
    Option const options[] = {
        {"account", &FilterColumns::account, [](Filter& filter) { filter.account = "DU1"; }},
        {"symbol", &FilterColumns::symbol, [](Filter& filter) { filter.symbol = "AAPL"; }},
        {"con-id", &FilterColumns::con_id, [](Filter& filter) { filter.con_id = 1; }},
        {"since", &FilterColumns::from, [](Filter& filter) { filter.since = now; }},
        {"until", &FilterColumns::from, [](Filter& filter) { filter.until = now; }},
        {"position-id", &FilterColumns::position, [](Filter& filter) { filter.position_id = 1; }},
        {"after-revision", &FilterColumns::revision, [](Filter& filter) { filter.after_revision = 1; }},
        {"after-id", &FilterColumns::id, [](Filter& filter) { filter.after_id = 1; }},
        {"after-id", &FilterColumns::id, [](Filter& filter) { filter.before_id = 1; }},
        {"marked-after", &FilterColumns::marked, [](Filter& filter) { filter.marked_after = now; }},
    };
    int refused = 0;
    int taken = 0;
    for (auto const* view : all_views()) {
        for (auto const& option : options) {
            Filter filter;
            option.set(filter);
            auto const result = checked(*view, filter);
            if ((view->filter.*option.column).empty()) {
                ++refused;
                ASSERT_FALSE(result.has_value()) << view->name << " --" << option.name;
                EXPECT_EQ(result.error().message,
                          "--" + std::string(option.name) + " does not apply to " + std::string(view->name) + "; leave it out");
            } else {
                ++taken;
                ASSERT_TRUE(result.has_value()) << view->name << " --" << option.name << result.error().message;
                // ... and is in the question to the database.
                EXPECT_NE(make_select(*view, *result).sql.find(" WHERE "), std::string::npos)
                    << view->name << " --" << option.name;
            }
        }
        Filter filter;
        filter.status = "no such word";
        EXPECT_EQ(checked(*view, filter).has_value(), !view->filter.status.empty() && view->filter.status_words.empty())
            << view->name;
    }
    EXPECT_GT(refused, 50);
    EXPECT_GT(taken, 50);
}

TEST(Checked, WhatChoosesAmongPositionsAndAMomentOfAllExcludeEachOther) {
    auto const message = [](auto set) {
        Filter filter;
        filter.at = now;
        set(filter);
        auto const result = checked(view_info<PositionRow>(), filter);
        return result ? std::string("accepted") : result.error().message;
    };
    EXPECT_EQ(message([](Filter&) {}), "accepted");
    std::string const chooses = "--at shows one moment of all positions; leave out what chooses among them";
    EXPECT_EQ(message([](Filter& filter) { filter.position_id = 5; }), chooses);
    EXPECT_EQ(message([](Filter& filter) { filter.after_revision = 5; }), chooses);
    EXPECT_EQ(message([](Filter& filter) { filter.marked_after = now; }), chooses);
    EXPECT_EQ(message([](Filter& filter) { filter.beyond = {{"DU1", "AAPL", "265598", "42"}}; }), chooses);
    EXPECT_EQ(message([](Filter& filter) { filter.until = now; }), "--at shows one moment; leave out --since and --until");
    EXPECT_EQ(message([](Filter& filter) { filter.limit = 0; }), "--limit is not from 1 to 10000000");
    EXPECT_EQ(message([](Filter& filter) { filter.limit = limit_max + 1; }), "--limit is not from 1 to 10000000");
}

/// A place is text of somebody else: each column's value is read as what the column holds.
TEST(Checked, EachValueOfAPlaceIsOneOfItsColumn) {
    int tried = 0;
    for (auto const* view : all_views()) {
        auto const order = words_of(view->filter.order);
        for (std::size_t i = 0; i < order.size(); ++i) {
            if (view->find(order[i])->type == ColumnType::text) continue;
            ++tried;
            Filter filter;
            filter.beyond.emplace(order.size(), std::nullopt);
            (*filter.beyond)[i] = "no value; DROP TABLE position";
            auto const result = checked(*view, filter);
            ASSERT_FALSE(result.has_value()) << view->name << "." << order[i];
            EXPECT_EQ(result.error().message, "the place to go on from is not one of " + std::string(view->name));
            (*filter.beyond)[i] = std::string(201, '1');
            EXPECT_FALSE(checked(*view, filter).has_value()) << view->name << "." << order[i];
        }
    }
    EXPECT_GT(tried, 20);
}

TEST(ParseFilter, AsRecordedAloneIsAlsoTheMoment) {
    FilterText text;
    text.as_recorded = "2026-11-20";
    auto const filter = parse_filter(view_info<PositionRow>(), text, now);
    ASSERT_TRUE(filter.has_value());
    EXPECT_EQ(filter->at, moment("2026-11-20T00:00:00Z"));
    text.at = "2026-11-19";
    EXPECT_EQ(parse_filter(view_info<PositionRow>(), text, now)->at, moment("2026-11-19T00:00:00Z"));
}

TEST(MakeSelect, NamesEveryColumnAndNothingElse) {
    auto const select = make_select(view_info<CoverageRow>(), {});
    EXPECT_EQ(select.sql, "SELECT v.\"account\", v.\"stream\", v.\"from_time\", v.\"to_time\", v.\"state\", v.\"source\" FROM "
                          "coverage v ORDER BY v.\"account\" ASC NULLS FIRST, v.\"stream\" ASC NULLS FIRST, v.\"from_time\" "
                          "ASC "
                          "NULLS FIRST");
    EXPECT_TRUE(select.parameters.empty());
    EXPECT_FALSE(select.reversed);
}

TEST(MakeSelect, KeepsValuesOutOfTheText) {
    Filter filter;
    filter.account = "DU1'; DROP TABLE position; --";
    filter.symbol = "brk b";
    filter.con_id = 7;
    filter.status = "CLOSED";
    auto const select = make_select(view_info<PositionRow>(), filter);
    EXPECT_NE(select.sql.find(" WHERE v.\"account\" = $1 AND upper(v.\"symbol\") = $2 AND v.\"con_id\" = $3 AND "
                              "v.\"status\" = $4 ORDER BY "),
              std::string::npos)
        << select.sql;
    EXPECT_EQ(select.parameters, (std::vector<SelectParameter>{
                                     {"DU1'; DROP TABLE position; --", 0}, {"BRK B", 0}, {std::nullopt, 7}, {"CLOSED", 0}}));
}

TEST(MakeSelect, FindsARowAboutTwoInstrumentsByEither) {
    Filter filter;
    filter.symbol = "new";
    filter.con_id = 7;
    auto const select = make_select(view_info<SuccessionRow>(), filter);
    EXPECT_NE(
        select.sql.find(" WHERE (upper(v.\"old_symbol\") = $1 OR upper(v.\"new_symbol\") = $1) AND (v.\"old_con_id\" = $2 OR "
                        "v.\"new_con_id\" = $2) ORDER BY "),
        std::string::npos)
        << select.sql;
    EXPECT_EQ(select.parameters, (std::vector<SelectParameter>{{"NEW", 0}, {std::nullopt, 7}}));
}

TEST(MakeSelect, ComparesDatesAsDays) {
    Filter filter;
    filter.since = moment("2026-11-20T23:59:59Z");
    filter.until = moment("2026-11-21T00:00:01Z");
    auto const within = make_select(view_info<CertificationRow>(), filter);
    EXPECT_NE(within.sql.find(" WHERE v.\"trade_date\" >= $1 AND v.\"trade_date\" <= $2 "), std::string::npos) << within.sql;
    EXPECT_EQ(within.parameters, (std::vector<SelectParameter>{{"2026-11-20", 0}, {"2026-11-21", 0}}));
    filter.until = moment("2026-11-21T00:00:00Z");
    auto const until_midnight = make_select(view_info<CertificationRow>(), filter);
    EXPECT_NE(until_midnight.sql.find("v.\"trade_date\" < $2 "), std::string::npos) << until_midnight.sql;
    EXPECT_EQ(until_midnight.parameters, within.parameters);
}

TEST(MakeSelect, TakesTheEndOfViewsInOrderOfTime) {
    Filter filter;
    filter.limit = 3;
    auto const events = make_select(view_info<EventRow>(), filter);
    EXPECT_TRUE(events.reversed);
    EXPECT_TRUE(events.sql.ends_with(" ORDER BY v.\"recorded_at\" DESC NULLS LAST, v.\"event_id\" DESC NULLS LAST LIMIT $1"))
        << events.sql;
    auto const positions = make_select(view_info<PositionRow>(), filter);
    EXPECT_FALSE(positions.reversed);
    EXPECT_TRUE(positions.sql.ends_with(" LIMIT $1")) << positions.sql;
    filter.sort = "quantity";  // sorted afterwards, so all rows are needed
    EXPECT_EQ(make_select(view_info<EventRow>(), filter).sql.find("LIMIT"), std::string::npos);
}

TEST(MakeSelect, GoesOnBeyondAPlaceInTheNaturalOrder) {
    Filter filter;
    filter.beyond = {{"DU1", "AAPL", "265598", "42"}};
    filter.limit = 2;
    auto const checked_positions = checked(view_info<PositionRow>(), filter);
    ASSERT_TRUE(checked_positions.has_value()) << checked_positions.error().message;
    auto const onwards = make_select(view_info<PositionRow>(), *checked_positions);
    EXPECT_NE(
        onwards.sql.find(" WHERE (v.\"account\" > $1 OR (v.\"account\" = $1 AND (v.\"symbol\" > $2 OR (v.\"symbol\" = $2 AND "
                         "(v.\"con_id\" > $3 OR (v.\"con_id\" = $3 AND (v.\"position_id\" > $4))))))) ORDER BY "),
        std::string::npos)
        << onwards.sql;
    EXPECT_EQ(onwards.parameters, (std::vector<SelectParameter>{
                                      {"DU1", 0}, {"AAPL", 0}, {std::nullopt, 265598}, {std::nullopt, 42}, {std::nullopt, 2}}));

    // Newest first, NULL last of all there: behind a time come older ones and those without one; behind NULL only NULLs.
    filter.beyond = {{"2026-11-20T00:00:00.000000Z", "7"}};
    auto const backwards = make_select(view_info<EventRow>(), filter);
    EXPECT_NE(backwards.sql.find(" WHERE (v.\"recorded_at\" < $1 OR v.\"recorded_at\" IS NULL OR (v.\"recorded_at\" = $1 AND "
                                 "(v.\"event_id\" < $2 OR v.\"event_id\" IS NULL))) ORDER BY "),
              std::string::npos)
        << backwards.sql;
    filter.beyond = {{std::nullopt, "7"}};
    EXPECT_NE(
        make_select(view_info<EventRow>(), filter).sql.find(" WHERE (v.\"recorded_at\" IS NULL AND (v.\"event_id\" < $1 OR "),
        std::string::npos);
}

TEST(Checked, APlaceToGoOnFromIsOneOfTheView) {
    auto const refused = [](ViewInfo const& view, std::vector<std::optional<std::string>> place, std::string sort = "") {
        Filter filter;
        filter.beyond = std::move(place);
        filter.sort = std::move(sort);
        return !checked(view, filter).has_value();
    };
    EXPECT_FALSE(refused(view_info<EventRow>(), {"2026-11-20T00:00:00.000000Z", "7"}));
    EXPECT_TRUE(refused(view_info<EventRow>(), {"2026-11-20T00:00:00.000000Z"}));
    EXPECT_TRUE(refused(view_info<EventRow>(), {"yesterday", "7"}));
    EXPECT_TRUE(refused(view_info<EventRow>(), {"2026-11-20T00:00:00.000000Z", "7; DROP TABLE position"}));
    EXPECT_TRUE(refused(view_info<EventRow>(), {"2026-11-20T00:00:00.000000Z", "7"}, "event_id"));
    Filter of_position;
    of_position.position_id = 7;
    EXPECT_TRUE(checked(view_info<CloseRow>(), of_position).has_value());
    EXPECT_FALSE(checked(view_info<AccountRow>(), of_position).has_value());
}

TEST(PlaceOf, SaysWhereARowStandsInTheNaturalOrder) {
    EventRow event;
    event.event_id = 7;
    EXPECT_EQ(place_of(event), (std::vector<std::optional<std::string>>{std::nullopt, "7"}));
    event.recorded_at = moment("2026-11-20T00:00:00Z");
    EXPECT_EQ(place_of(event), (std::vector<std::optional<std::string>>{"2026-11-20T00:00:00.000000Z", "7"}));
}

std::vector<std::string> symbols(std::vector<PositionRow> const& rows) {
    std::vector<std::string> out;
    for (auto const& row : rows)
        out.push_back(row.symbol);
    return out;
}

TEST(SortRows, ComparesNumbersAsNumbersAndPutsUnknownLast) {
    std::vector<PositionRow> rows(5);
    char const* const values[] = {"950.5", "1000", "", "-3", "1000.000000000000000001"};
    for (std::size_t i = 0; i < rows.size(); ++i) {
        rows[i].symbol = std::string(1, static_cast<char>('A' + i));
        if (*values[i] != '\0') rows[i].market_value = number(values[i]);
    }
    Filter filter;
    filter.sort = "market_value";
    auto sorted = rows;
    sort_rows(sorted, filter);
    EXPECT_EQ(symbols(sorted), (std::vector<std::string>{"D", "A", "B", "E", "C"}));
    filter.sort = "-market_value";
    filter.limit = 4;
    sorted = rows;
    sort_rows(sorted, filter);
    EXPECT_EQ(symbols(sorted), (std::vector<std::string>{"E", "B", "A", "D"}));
    filter = {};
    filter.limit = 1;  // limited by the select already
    sorted = rows;
    sort_rows(sorted, filter);
    EXPECT_EQ(sorted, rows);
}

TEST(SortRows, KeepsTheNaturalOrderOfEqualRows) {
    std::vector<PositionRow> rows(100);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        rows[i].position_id = static_cast<std::int64_t>(i);
        rows[i].currency = i % 2 == 0 ? "USD" : "EUR";
    }
    Filter filter;
    filter.sort = "currency";
    sort_rows(rows, filter);
    for (std::size_t i = 1; i < rows.size(); ++i) {
        EXPECT_TRUE(rows[i - 1].currency != rows[i].currency || rows[i - 1].position_id < rows[i].position_id);
    }
    EXPECT_EQ(rows.front().currency, "EUR");
}

}  // namespace
}  // namespace possync::query
