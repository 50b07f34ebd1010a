#include "base/prng.hpp"

#include <array>
#include <limits>

#include <gtest/gtest.h>

namespace possync::base {
namespace {

TEST(Prng, IsSplitmix64OnEveryCompiler) {
    // The first numbers of the published algorithm for seed 0.
    Prng random(0);
    EXPECT_EQ(random.next(), 0xE220A8397B1DCDAFULL);
    EXPECT_EQ(random.next(), 0x6E789E6AA1B965F4ULL);
    EXPECT_EQ(random.next(), 0x06C45D188009454FULL);
}

TEST(Prng, StaysBetweenAndReachesBothEnds) {
    Prng random(7);
    std::array<int, 4> seen{};
    for (int i = 0; i < 1000; ++i) {
        auto const value = random.between(-1, 2);
        ASSERT_GE(value, -1);
        ASSERT_LE(value, 2);
        ++seen[static_cast<std::size_t>(value + 1)];
    }
    for (int const count : seen)
        EXPECT_GT(count, 150);
    EXPECT_EQ(random.between(5, 5), 5);
}

TEST(Prng, TakesTheFullRange) {
    constexpr auto low = std::numeric_limits<std::int64_t>::min();
    constexpr auto high = std::numeric_limits<std::int64_t>::max();
    Prng random(3);
    int negative = 0;
    for (int i = 0; i < 1000; ++i)
        negative += random.between(low, high) < 0;
    EXPECT_GT(negative, 400);
    EXPECT_LT(negative, 600);
    EXPECT_GE(random.between(0, high), 0);
}

TEST(Prng, ChanceCountsInThousandths) {
    Prng random(11);
    int hits = 0;
    for (int i = 0; i < 10'000; ++i)
        hits += random.chance(250);
    EXPECT_GT(hits, 2300);
    EXPECT_LT(hits, 2700);
    for (int i = 0; i < 1000; ++i) {
        ASSERT_FALSE(random.chance(0));
        ASSERT_TRUE(random.chance(1000));
    }
}

}  // namespace
}  // namespace possync::base
