#include "store/references.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace possync::store {
namespace {

using model::ChangeSet;
using Ids = std::vector<std::int64_t>;

/// Of a request with one row, which names 7 (an instrument or a position) in account 1, or the account 9.
struct Case {
    std::string row;
    std::function<void(CommitRequest&, ChangeSet&)> add;
    Ids account_ids;
    Ids con_ids;
    Ids position_ids;
};

template <typename Rows>
auto& added(Rows& rows) {
    return rows.emplace_back();
}

std::vector<Case> const cases{
    {"nothing", [](auto&, auto&) {}, {}, {}, {}},
    {"execution", [](auto&, auto& c) { added(c.executions).con_id = 7; }, {}, {7}, {}},
    {"adjustment", [](auto&, auto& c) { added(c.adjustments).con_id = 7; }, {}, {7}, {}},
    {"position", [](auto&, auto& c) { added(c.positions).con_id = 7; }, {}, {7}, {}},
    {"break", [](auto&, auto& c) { added(c.breaks).con_id = 7; }, {}, {7}, {}},
    {"break of the whole account", [](auto&, auto& c) { added(c.breaks).con_id = 0; }, {}, {}, {}},
    {"execution of no instrument", [](auto&, auto& c) { added(c.executions).con_id = 0; }, {}, {0}, {}},
    {"close", [](auto&, auto& c) { added(c.closes).position_id = 7; }, {}, {}, {7}},
    {"lot", [](auto&, auto& c) { added(c.lots).position_id = 7; }, {}, {}, {7}},
    {"history", [](auto&, auto& c) { added(c.history).position_id = 7; }, {}, {}, {7}},
    {"event", [](auto&, auto& c) { added(c.events).position_id = 7; }, {}, {}, {7}},
    {"mark of the account", [](auto& r, auto&) { r.marks.push_back({}), r.marks[0].account_id = 1, r.marks[0].con_id = 7; }, {}, {7}, {}},
    {"mark of another", [](auto& r, auto&) { r.marks.push_back({}), r.marks[0].account_id = 9, r.marks[0].con_id = 7; }, {9}, {7}, {}},
    {"account value", [](auto& r, auto&) { added(r.values).account_id = 9; }, {9}, {}, {}},
    {"coverage", [](auto& r, auto&) { added(r.coverage).account_id = 9; }, {9}, {}, {}},
    {"run", [](auto& r, auto&) { added(r.runs).account_id = 9; }, {9}, {}, {}},
    {"run before the account was known", [](auto& r, auto&) { added(r.runs).account_id = 0; }, {}, {}, {}},
};

TEST(References, AreWhatTheRowsNameAndTheCommitDoesNotWrite) {
    for (auto const& each : cases) {
        SCOPED_TRACE(each.row);
        CommitRequest request;
        ChangeSet change_set;
        change_set.account_id = 1;
        each.add(request, change_set);
        for (auto& position : change_set.positions) position.position_id = 100;
        request.change_sets = {model::share(change_set)};
        auto const found = references_of(request);
        EXPECT_EQ(found.account_ids, each.account_ids);
        EXPECT_EQ(found.con_ids, each.con_ids);
        EXPECT_EQ(found.position_ids, each.position_ids);

        // The same with what is named written beside it, by whichever change set.
        ChangeSet writes;
        writes.account_id = 9;
        for (auto const id : each.con_ids) {
            model::Instrument instrument;
            instrument.con_id = id;
            writes.instruments.push_back(instrument);
        }
        for (auto const id : each.position_ids) {
            added(writes.positions).position_id = id;
            writes.positions.back().con_id = 0;
            model::Instrument none;
            writes.instruments.push_back(none);
        }
        request.change_sets.push_back(model::share(writes));
        auto const left = references_of(request);
        EXPECT_TRUE(left.account_ids.empty());
        EXPECT_TRUE(left.con_ids.empty());
        EXPECT_TRUE(left.position_ids.empty());
    }
}

TEST(References, AreInOrderAndEachOnce) {
    CommitRequest request;
    ChangeSet change_set;
    change_set.account_id = 1;
    for (std::int64_t const id : {8, 3, 8, 5, 3}) {
        added(change_set.executions).con_id = id;
        added(change_set.lots).position_id = id;
    }
    request.change_sets = {model::share(change_set)};
    auto const found = references_of(request);
    EXPECT_EQ(found.con_ids, (Ids{3, 5, 8}));
    EXPECT_EQ(found.position_ids, (Ids{3, 5, 8}));
}

}  // namespace
}  // namespace possync::store
