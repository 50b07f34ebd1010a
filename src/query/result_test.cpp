#include "query/result.hpp"

#include <boost/json.hpp>

#include "query/query_testing.hpp"

namespace possync::query {
namespace {

using testing::moment;

SyncResult success() {
    SyncResult result;
    result.success = true;
    result.account = "DU1";
    result.trigger = "manual";
    result.positions_created = 1;
    result.positions_updated = 2;
    result.positions_closed = 3;
    result.broker_positions = 10;
    result.book_positions = 11;
    result.duration_seconds = 0.0421;
    result.warnings = {"client id 71 was taken", "say \"hi\""};
    result.pending = 4;
    result.revision = 7;
    return result;
}

SyncResult failure() {
    SyncResult result;
    result.account = "DU2";
    result.trigger = "scheduled";
    result.error = "not connected";
    return result;
}

TEST(SyncResultJson, HasTheContractsNames) {
    EXPECT_EQ(to_json(success()),
              R"({"success": true, "account": "DU1", "trigger": "manual", "positions_created": 1, )"
              R"("positions_updated": 2, "positions_closed": 3, "broker_positions": 10, "book_positions": 11, )"
              R"("duration_seconds": 0.042100, "error": null, )"
              R"("warnings": ["client id 71 was taken", "say \"hi\""], "pending": 4, "revision": 7})");
    EXPECT_EQ(to_json(failure()), R"({"success": false, "account": "DU2", "trigger": "scheduled", "positions_created": 0, )"
                                  R"("positions_updated": 0, "positions_closed": 0, "broker_positions": null, "book_positions": null, )"
                                  R"("duration_seconds": 0.000000, "error": "not connected", "warnings": [], "pending": 0, )"
                                  R"("revision": null})");
}

TEST(SyncResultJson, OfSeveralSucceedsOnlyTogether) {
    EXPECT_TRUE(to_json(std::vector{success()}).starts_with(R"({"success": true, "results": [{"success": true,)"));
    EXPECT_TRUE(to_json(std::vector{success(), failure()}).starts_with(R"({"success": false, "results": [)"));
    EXPECT_EQ(to_json(std::vector<SyncResult>{}), R"({"success": false, "results": []})");
}

TEST(SyncResultJson, ReadsBackWhatItWrote) {
    EXPECT_EQ(parse_sync_result(to_json(success())), success());
    EXPECT_EQ(parse_sync_result(to_json(failure())), failure());
    auto const wrong = parse_sync_result(R"({"success": 1})");
    ASSERT_FALSE(wrong.has_value());
    EXPECT_EQ(wrong.error().message, "sync result: success is not what it should be");
    EXPECT_EQ(parse_sync_result(R"({"success": true})").error().message, "sync result: account is missing");
    EXPECT_EQ(parse_sync_result("[]").error().message, "sync result: not a JSON object");
    EXPECT_EQ(parse_sync_result("{").error().message.find("sync result: not JSON: "), 0U);
    // Each member, missing and of another kind.
    auto const whole = boost::json::parse(to_json(failure())).as_object();
    for (auto const& member : whole) {
        std::string const name(member.key());
        auto other = whole;
        other.erase(name);
        EXPECT_EQ(parse_sync_result(boost::json::serialize(other)).error().message, "sync result: " + name + " is missing");
        other = whole;
        other[name] = boost::json::array{boost::json::object{}};
        EXPECT_EQ(parse_sync_result(boost::json::serialize(other)).error().message,
                  "sync result: " + name + " is not what it should be");
    }
}

RunRow run(std::string trigger, std::string outcome, char const* finished, std::int64_t repeats = 1) {
    RunRow row;
    row.trigger = std::move(trigger);
    row.outcome = std::move(outcome);
    row.finished_at = moment(finished);
    row.repeats = repeats;
    row.positions_created = 1;
    row.positions_updated = 20;
    row.positions_closed = 300;
    return row;
}

TEST(Statistics, AreCountedFromRuns) {
    std::vector<RunRow> runs{
        run("startup", "committed", "2026-11-23T10:00:00Z"), run("scheduled", "unchanged", "2026-11-23T12:00:00Z", 24),
        run("position_update", "failed", "2026-11-23T11:00:00Z"), run("trade", "committed", "2026-11-23T11:30:00Z"),
        run("reconnect", "failed", "2026-11-23T09:00:00Z")};
    runs[2].error = "later";
    runs[4].error = "earlier";
    Statistics expected;
    expected.total_syncs = 28;
    expected.successful_syncs = 26;
    expected.failed_syncs = 2;
    expected.positions_created = 5;
    expected.positions_updated = 100;
    expected.positions_closed = 1500;
    expected.callback_triggers = 2;
    expected.last_error = "later";
    expected.last_sync_time = moment("2026-11-23T12:00:00Z");
    EXPECT_EQ(statistics_of(runs), expected);
    EXPECT_EQ(statistics_of({}), Statistics{});
    EXPECT_EQ(to_json(expected),
              R"({"total_syncs": 28, "successful_syncs": 26, "failed_syncs": 2, "positions_created": 5, )"
              R"("positions_updated": 100, "positions_closed": 1500, "callback_triggers": 2, "last_error": "later", )"
              R"("last_sync_time": "2026-11-23T12:00:00.000000Z"})");
    EXPECT_EQ(parse_statistics(to_json(expected)), expected);
    EXPECT_EQ("\n" + to_table(expected, {}), R"(
total_syncs         28
successful_syncs    26
failed_syncs        2
positions_created   5
positions_updated   100
positions_closed    1500
callback_triggers   2
last_error          later
last_sync_time      2026-11-23 12:00:00Z
)");
}

TEST(SyncResultTable, HasALineEachAndTheNotesBeneath) {
    EXPECT_EQ("\n" + to_table(std::vector{success(), failure()}, TableOptions{}), R"(
account  result   created  updated  closed  at broker  in book  pending  revision    took
DU1      changed        1        2       3         10       11        4         7  0.042s
DU2      failed         0        0       0          -        -        0         -  0.000s
DU1: warning: client id 71 was taken
DU1: warning: say "hi"
DU2: error: not connected
)");
    EXPECT_EQ(to_table(std::vector<SyncResult>{}, TableOptions{}), "(no account was synced)\n");
}

Status example_status() {
    Status status;
    GatewayStatus gateway;
    gateway.gateway = "paper";
    gateway.address = "127.0.0.1:4002";
    gateway.connected = true;
    gateway.stale = true;
    gateway.stale_since = moment("2026-11-23T11:59:00Z");
    gateway.server_version = 226;
    gateway.is_paper = true;
    gateway.owner = "host:1:1";
    gateway.lease_until = moment("2026-11-23T12:00:30Z");
    gateway.state = "ready";
    gateway.down_expected = false;
    status.gateways = {gateway};
    AccountStatus account;
    account.account = "DU1";
    account.gateway = "paper";
    account.last_synced_at = moment("2026-11-23T11:58:57Z");
    account.age_seconds = 63;
    account.revision = 12;
    account.open_positions = 5;
    account.open_breaks = 1;
    account.coverage = "complete";
    account.coverage_gaps = 1;
    account.covered_from = moment("2026-11-23T05:00:00Z");
    account.covered_to = moment("2026-11-23T11:58:57Z");
    account.last_outcome = "failed";
    account.last_error = "timeout";
    account.certified_through = base::Date{2026, 11, 20};
    AccountStatus fresh;
    fresh.account = "DU2";
    fresh.gateway = "paper";
    status.accounts = {account, fresh};
    status.statistics.total_syncs = 2;
    return status;
}

TEST(StatusJson, HasGatewaysAccountsAndStatistics) {
    EXPECT_EQ(
        to_json(example_status()),
        R"({"gateways": [{"gateway": "paper", "address": "127.0.0.1:4002", "connected": true, )"
        R"("stale": true, "stale_since": "2026-11-23T11:59:00.000000Z", "server_version": 226, "last_error": null, )"
        R"("is_paper": true, "owner": "host:1:1", "lease_until": "2026-11-23T12:00:30.000000Z", )"
        R"("state": "ready", "down_expected": false}],)"
        "\n"
        R"("accounts": [{"account": "DU1", "gateway": "paper", )"
        R"("last_synced_at": "2026-11-23T11:58:57.000000Z", "age_seconds": 63, "revision": 12, )"
        R"("open_positions": 5, "open_breaks": 1, "settling_breaks": 0, "coverage": "complete", "coverage_gaps": 1, )"
        R"("covered_from": "2026-11-23T05:00:00.000000Z", "covered_to": "2026-11-23T11:58:57.000000Z", )"
        R"("last_outcome": "failed", "last_error": "timeout", "certified_through": "2026-11-20"},)"
        "\n"
        R"({"account": "DU2", "gateway": "paper", "last_synced_at": null, "age_seconds": null, )"
        R"("revision": 0, "open_positions": 0, "open_breaks": 0, "settling_breaks": 0, "coverage": null, "coverage_gaps": 0, )"
        R"("covered_from": null, "covered_to": null, "last_outcome": null, "last_error": null, )"
        R"("certified_through": null}],)"
        "\n"
        R"("statistics": {"total_syncs": 2, "successful_syncs": 0, "failed_syncs": 0, )"
        R"("positions_created": 0, "positions_updated": 0, "positions_closed": 0, "callback_triggers": 0, )"
        R"("last_error": null, "last_sync_time": null}})");
    EXPECT_EQ(to_json(Status{}).substr(0, 33), "{\"gateways\": [],\n\"accounts\": [],\n");
}

TEST(StatusTable, ShowsAllThree) {
    Status status = example_status();
    EXPECT_EQ("\n" + to_table(status, TableOptions{}), R"(
gateway  address         connected  stale                       state  kind   service   lease until
paper    127.0.0.1:4002  yes        since 2026-11-23 11:59:00Z  ready  paper  host:1:1  2026-11-23 12:00:30Z

account  gateway  last synced             age  revision  open  breaks  coverage         covered to            certified through  last run  error
DU1      paper    2026-11-23 11:58:57Z  1m 3s        12     5       1  complete, 1 gap  2026-11-23 11:58:57Z  2026-11-20         failed    timeout
DU2      paper    never                     -         0     0       0  none

total_syncs         2
successful_syncs    0
failed_syncs        0
positions_created   0
positions_updated   0
positions_closed    0
callback_triggers   0
last_error          none
last_sync_time      never
)");
    status.gateways[0].connected.reset();  // only a running service could say
    EXPECT_NE(to_table(status, TableOptions{}).find("unknown"), std::string::npos);
    EXPECT_EQ(to_table(Status{}, TableOptions{}).substr(0, 65),
              "(no gateway has written to this database yet)\n\n(no accounts yet)\n");
}

}  // namespace
}  // namespace possync::query
