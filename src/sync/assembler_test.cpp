#include "sync/assembler.hpp"

#include <gtest/gtest.h>

#include "sync/execution_time.hpp"

namespace possync::sync {
namespace {

model::BrokerRow row(model::ConId con_id, std::int64_t quantity) {
    model::Instrument instrument;
    instrument.con_id = con_id;
    model::BrokerPosition position;
    position.instrument = std::move(instrument);
    position.quantity = quantity;
    return std::make_shared<model::BrokerPosition>(std::move(position));
}

TEST(Assembler, GivesASnapshotOnlyForTheEndOfTheSameConnection) {
    SnapshotAssembler assembler;
    EXPECT_FALSE(assembler.complete(1, {"DU1"}));
    assembler.begin(1, 1);
    assembler.add("DU1", row(5, 100));
    EXPECT_FALSE(assembler.complete(2, {"DU1"}));
    auto const snapshots = assembler.complete(1, {"DU1", "DU2"});
    ASSERT_TRUE(snapshots);
    EXPECT_EQ(snapshots->at("DU1").find(5)->quantity, base::Decimal(100));
    EXPECT_TRUE(snapshots->at("DU2").rows().empty());
    EXPECT_FALSE(assembler.complete(1, {"DU1"}));  // a second End ends nothing
}

TEST(Assembler, AnAccountThatLostARowHasNoSnapshotAndTheOthersHave) {
    SnapshotAssembler assembler;
    assembler.spoil("DU2");  // of no list
    assembler.begin(1, 1);
    assembler.add("DU1", row(5, 100));
    assembler.spoil("DU1");
    assembler.add("DU1", row(6, 100));
    assembler.add("DU2", row(5, 10));
    auto const snapshots = assembler.complete(1, {"DU1", "DU2"});
    ASSERT_TRUE(snapshots);
    EXPECT_FALSE(snapshots->contains("DU1"));
    EXPECT_EQ(snapshots->at("DU2").rows().size(), 1u);
    assembler.begin(1, 2);
    EXPECT_TRUE(assembler.complete(1, {"DU1"})->contains("DU1"));  // the next list is whole again
}

TEST(Assembler, ADiscardedListIsGone) {
    SnapshotAssembler assembler;
    assembler.begin(1, 1);
    assembler.add("DU1", row(5, 100));
    assembler.begin(1, 2);
    assembler.add("DU1", row(6, 10));
    auto const snapshots = assembler.complete(1, {"DU1"});
    ASSERT_TRUE(snapshots);
    EXPECT_EQ(snapshots->at("DU1").find(5), nullptr);
    assembler.begin(1, 3);
    assembler.discard();
    EXPECT_FALSE(assembler.complete(1, {"DU1"}));
}

TEST(Assembler, TheLastOfRepeatedRowsCounts) {
    SnapshotAssembler assembler;
    assembler.begin(1, 1);
    assembler.add("DU1", row(5, 100));
    assembler.add("DU1", row(5, 60));
    assembler.add("ELSEWHERE", row(5, 7));
    auto const snapshots = assembler.complete(1, {"DU1"});
    EXPECT_EQ(snapshots->at("DU1").find(5)->quantity, base::Decimal(60));
    EXPECT_EQ(snapshots->size(), 1u);
}

TEST(Assembler, SortsByConIdAndCountsWhatIsHeld) {
    SnapshotAssembler assembler;
    assembler.begin(1, 1);
    for (model::ConId const con_id : {7, 3, 9, 3}) assembler.add("DU1", row(con_id, con_id == 9 ? 0 : con_id));
    auto const snapshots = assembler.complete(1, {"DU1"});
    auto const& snapshot = snapshots->at("DU1");
    std::vector<model::ConId> listed;
    for (auto const& each : snapshot.rows()) listed.push_back(each->instrument.con_id());
    EXPECT_EQ(listed, (std::vector<model::ConId>{3, 7, 9}));
    EXPECT_EQ(snapshot.held(), 2);
}

/// New York is five hours behind; nothing else is known.
class FixedZones final : public base::ZoneRules {
public:
    base::Result<base::Timestamp> to_utc(std::string_view zone, base::LocalTime const& local) const override {
        if (zone != "US/Eastern" && zone != "America/New_York") return base::fail(base::ErrorCode::not_found, "unknown zone");
        return base::from_utc_local(local) + std::chrono::hours(5);
    }
    base::Result<base::LocalTime> to_local(std::string_view zone, base::Timestamp time) const override {
        if (zone != "US/Eastern" && zone != "America/New_York") return base::fail(base::ErrorCode::not_found, "unknown zone");
        return base::utc_local(time - std::chrono::hours(5));
    }
};

TEST(ExecutionTime, EveryFormInUse) {
    FixedZones const zones;
    struct Row {
        char const* text;
        char const* gateway_zone;
        char const* utc;  // empty: an error
    };
    for (auto const& each : {Row{"20231214-20:57:37", "", "2023-12-14T20:57:37.000000Z"}, Row{"20231214-20:57:37Z", "", "2023-12-14T20:57:37.000000Z"},
                             Row{"20260413 15:27:04 US/Eastern", "", "2026-04-13T20:27:04.000000Z"},
                             Row{"20260413 15:27:04 Universal", "", "2026-04-13T15:27:04.000000Z"},
                             Row{"20230224  12:04:56", "America/New_York", "2023-02-24T17:04:56.000000Z"}, Row{"20230224  12:04:56", "UTC", "2023-02-24T12:04:56.000000Z"},
                             Row{"20230224  12:04:56", "", ""}, Row{"20260413 15:27:04 CST", "", ""}, Row{"20260413", "", ""}, Row{"20261301-10:00:00", "", ""},
                             Row{"20260413-25:00:00", "", ""}, Row{"20260413 15:27:04 Z", "", "2026-04-13T15:27:04.000000Z"},
                             Row{"20260413 15:27:04 UTC", "", "2026-04-13T15:27:04.000000Z"}, Row{"20260413 15:27:04 GMT", "", "2026-04-13T15:27:04.000000Z"},
                             Row{"20260413 15:27:04 Etc/UTC", "", "2026-04-13T15:27:04.000000Z"},
                             Row{"20260413 15:27:04 Coordinated Universal Time", "", "2026-04-13T15:27:04.000000Z"},
                             Row{"20260413 15:27:60 UTC", "", "2026-04-13T15:28:00.000000Z"},  // a leap second
                             Row{"20260413T15:27:04Z", "", ""}, Row{"20260413          ", "", ""}, Row{"20260413 15:27:0", "", ""}, Row{"20260413  15:27:0", "", ""},
                             Row{"20260413 x5:27:04", "", ""}, Row{"20260413 15:x7:04", "", ""}, Row{"20260413 15:27:x4", "", ""}, Row{"20260413 15:27:/4", "", ""},
                             Row{"20260413 15:60:04", "", ""}, Row{"20260413 15:27:61", "", ""}, Row{"20260413 15.27:04", "", ""}, Row{"20260413 15:27.04", "", ""},
                             Row{"", "", ""}, Row{"garbage in a time field", "", ""}}) {
        auto const time = parse_execution_time(each.text, each.gateway_zone, zones);
        if (*each.utc == '\0') {
            EXPECT_FALSE(time.has_value()) << each.text;
        } else {
            ASSERT_TRUE(time.has_value()) << each.text << ": " << time.error().message;
            EXPECT_EQ(base::to_rfc3339(*time), each.utc);
        }
    }
}

TEST(ExecutionTime, ZoneOfTheHandshakeOnlyWhereItIsCertain) {
    FixedZones const zones;
    EXPECT_EQ(zone_of_connection_time("20261123 09:30:00 America/New_York", zones), "America/New_York");
    EXPECT_EQ(zone_of_connection_time("20261123 09:30:00 Greenwich Mean Time", zones), "UTC");
    EXPECT_EQ(zone_of_connection_time("20261123 09:30:00 CET", zones), "");
    EXPECT_EQ(zone_of_connection_time("20261123 09:30:00 \xD6\xD0\xB9\xFA", zones), "");
    EXPECT_EQ(zone_of_connection_time("20261123", zones), "");
    EXPECT_EQ(zone_of_connection_time("20261123 09:30:00", zones), "");
    EXPECT_EQ(zone_of_connection_time("20261123 09:30:00 Mars/Olympus", zones), "");
}

}  // namespace
}  // namespace possync::sync
