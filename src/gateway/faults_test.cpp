#include "gateway/faults.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tws/frame.hpp"

namespace possync::gateway {
namespace {

using namespace std::chrono_literals;

/// A line of numbered frames through an injector, on virtual time.
struct Pipe {
    FaultInjector injector;
    base::Now now{{0}, 1000s};
    std::vector<std::string> reads;
    bool closed = false;

    explicit Pipe(std::uint64_t seed = 1) : injector(seed) {}
    void send(int from, int to) {
        std::string bytes;
        for (int i = from; i < to; ++i)
            tws::append_frame(bytes, "frame " + std::to_string(i));
        injector.send(1, bytes, false, now);
        take();
    }
    void take() {
        for (auto& each : injector.take(now)) {
            if (!each.bytes.empty()) reads.push_back(std::move(each.bytes));
            closed = closed || each.close;
        }
    }
    void pass(base::Duration time) {
        auto const until = now.steady + time;
        for (auto due = injector.next_deadline(); due && *due <= until; due = injector.next_deadline()) {
            now.steady = std::max(*due, now.steady);
            take();
        }
        now.steady = until;
    }
    [[nodiscard]] std::string all() const {
        std::string joined;
        for (auto const& each : reads)
            joined += each;
        return joined;
    }
    /// Numbers of the frames that arrived, -1 for one that nobody sent.
    [[nodiscard]] std::vector<int> numbers() const {
        tws::FrameReader reader;
        reader.append(all());
        std::vector<int> found;
        while (true) {
            auto const frame = reader.next();
            if (!frame || !*frame) return found;
            found.push_back((*frame)->starts_with("frame ") ? std::stoi(std::string((*frame)->substr(6))) : -1);
        }
    }
};

std::string plain(int from, int to) {
    std::string bytes;
    for (int i = from; i < to; ++i)
        tws::append_frame(bytes, "frame " + std::to_string(i));
    return bytes;
}

TEST(Faults, NoneLetsBytesThroughAtOnce) {
    Pipe pipe;
    pipe.send(0, 3);
    EXPECT_EQ(pipe.reads, std::vector<std::string>{plain(0, 3)});
    EXPECT_EQ(pipe.injector.next_deadline(), std::nullopt);
}

TEST(Faults, SplitAndMergeChangeReadsAndNoByte) {
    Pipe split;
    split.injector.next(Fault::split, 2, 0s);
    split.send(0, 3);
    split.pass(1s);
    EXPECT_GE(split.reads.size(), 3u);
    EXPECT_EQ(split.all(), plain(0, 3));
    Pipe merge;
    merge.injector.next(Fault::merge, 1, 0s);
    merge.send(0, 1);
    EXPECT_TRUE(merge.reads.empty());
    merge.pass(10ms);
    merge.send(1, 2);
    EXPECT_EQ(merge.reads, std::vector<std::string>{plain(0, 2)});
    merge.injector.next(Fault::merge, 1, 0s);
    merge.send(2, 3);
    merge.pass(1s);  // nobody came
    EXPECT_EQ(merge.all(), plain(0, 3));
}

TEST(Faults, DelayAndStallHoldEverythingBehind) {
    Pipe pipe;
    pipe.injector.next(Fault::stall, 1, 5s);
    pipe.send(0, 2);
    pipe.pass(4s);
    pipe.send(2, 3);
    EXPECT_TRUE(pipe.reads.empty());
    pipe.pass(2s);
    EXPECT_EQ(pipe.numbers(), (std::vector<int>{0, 1, 2}));
    pipe.injector.next(Fault::delay, 1, 100ms);
    pipe.send(3, 4);
    pipe.pass(100ms);
    EXPECT_EQ(pipe.numbers(), (std::vector<int>{0, 1, 2, 3}));
}

TEST(Faults, DropAndDuplicate) {
    Pipe pipe;
    pipe.injector.next(Fault::drop, 2, 0s);
    pipe.send(0, 3);
    pipe.injector.next(Fault::duplicate, 1, 0s);
    pipe.send(3, 5);
    EXPECT_EQ(pipe.numbers(), (std::vector<int>{2, 3, 3, 4}));
    EXPECT_EQ(pipe.injector.happened(Fault::drop), 2);
}

TEST(Faults, CloseEndsWithinAFrame) {
    Pipe pipe;
    pipe.injector.next(Fault::close, 1, 0s);
    pipe.send(0, 3);
    EXPECT_TRUE(pipe.closed);
    EXPECT_LT(pipe.all().size(), plain(0, 1).size());
    EXPECT_TRUE(pipe.numbers().empty());
}

TEST(Faults, RestartLosesWhatIsOnItsWayAndRefuses) {
    Pipe pipe;
    pipe.injector.next(Fault::stall, 1, 60s);
    pipe.send(0, 1);
    pipe.injector.restart(10s, pipe.now);
    EXPECT_TRUE(pipe.injector.take_restart());
    pipe.injector.send(1, "", true, pipe.now);
    pipe.take();
    EXPECT_TRUE(pipe.closed);
    EXPECT_TRUE(pipe.reads.empty());
    EXPECT_TRUE(pipe.injector.refuses(pipe.now));
    pipe.pass(10s);
    EXPECT_FALSE(pipe.injector.refuses(pipe.now));
}

RC_GTEST_PROP(Faults, GarbageIsNoMessageAndTheRestIsUntouched, ()) {
    Pipe pipe(*rc::gen::arbitrary<std::uint64_t>());
    pipe.injector.next(Fault::garbage, 1, 0s);
    pipe.send(0, 2);
    auto const numbers = pipe.numbers();
    // A frame of nonsense and all the others; or a length that cannot be, where every reader stops.
    RC_ASSERT(numbers == (std::vector<int>{-1, 0, 1}) || numbers.empty());
}

RC_GTEST_PROP(Faults, WhatLosesNothingLosesNothing, ()) {
    Pipe pipe(*rc::gen::arbitrary<std::uint64_t>());
    FaultPlan plan;
    plan[Fault::split] = {300'000, 0s};
    plan[Fault::merge] = {300'000, 0s};
    plan[Fault::delay] = {200'000, 2s};
    plan[Fault::stall] = {50'000, 20s};
    pipe.injector.plan(plan, pipe.now);
    int sent = 0;
    for (int i = 0; i < 20; ++i) {
        int const more = *rc::gen::inRange(0, 4);
        pipe.send(sent, sent + more);
        sent += more;
        pipe.pass(std::chrono::milliseconds(*rc::gen::inRange(0, 500)));
    }
    pipe.injector.stop();
    pipe.send(sent, sent + 1);
    pipe.pass(3600s);
    RC_ASSERT(pipe.all() == plain(0, sent + 1));
}

TEST(Faults, EndAtTheirTime) {
    Pipe pipe;
    auto plan = parse_faults("drop=1,until=60s");
    ASSERT_TRUE(plan.has_value());
    pipe.injector.plan(*plan, pipe.now);
    pipe.pass(59s);
    pipe.send(0, 1);
    EXPECT_TRUE(pipe.numbers().empty());
    pipe.pass(1s);
    pipe.send(1, 2);
    EXPECT_EQ(pipe.numbers(), std::vector<int>{1});
}

TEST(FaultText, IsReadOrRefusedInOneLine) {
    auto plan = parse_faults("split=0.3,delay=0.1:300ms,drop=0.01,stall=0.001,close=1");
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ((*plan)[Fault::split].per_million, 300'000);
    EXPECT_EQ((*plan)[Fault::delay].time, base::Duration(300ms));
    EXPECT_EQ((*plan)[Fault::stall].time, base::Duration(60s));
    EXPECT_EQ((*plan)[Fault::close].per_million, 1'000'000);
    EXPECT_FALSE(plan->until.has_value());
    for (auto const* wrong :
         {"", "lose=0.1", "drop", "drop=2", "drop=-1", "drop=a", "drop=0.1:5s", "delay=0.1:5", "until=soon", "drop=0.1,,"}) {
        auto const refused = parse_faults(wrong);
        ASSERT_FALSE(refused.has_value()) << wrong;
        EXPECT_EQ(refused.error().message.find('\n'), std::string::npos);
        EXPECT_NE(refused.error().message.find("split=0.3"), std::string::npos) << refused.error().message;
    }
}

}  // namespace
}  // namespace possync::gateway
