#include "base/planted_bug.hpp"

#include <set>

#include <gtest/gtest.h>

namespace possync::base {
namespace {

TEST(PlantedBug, NamesAreUniqueAndSaidInAFewWords) {
    std::set<std::string_view> names;
    for (auto const& bug : planted_bugs) {
        EXPECT_TRUE(names.insert(bug.name).second) << bug.name;
        EXPECT_GT(bug.what.size(), 10u) << bug.name;
    }
}

TEST(PlantedBug, NoneIsThereUntilItIsPlanted) {
    EXPECT_FALSE(POSSYNC_PLANTED_BUG(bust_ignored));
#ifdef POSSYNC_PLANTED_BUGS
    plant(PlantedBug::bust_ignored);
    EXPECT_TRUE(POSSYNC_PLANTED_BUG(bust_ignored));
    EXPECT_FALSE(POSSYNC_PLANTED_BUG(epoch_not_checked));
    plant(std::nullopt);
    EXPECT_FALSE(POSSYNC_PLANTED_BUG(bust_ignored));
#else
    static_assert(!POSSYNC_PLANTED_BUG(bust_ignored));
#endif
}

}  // namespace
}  // namespace possync::base
