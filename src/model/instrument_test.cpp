#include "model/instrument.hpp"

#include <gtest/gtest.h>

namespace possync::model {
namespace {

TEST(SharedInstrument, IsEqualByValueAndNeverChanges) {
    Instrument apple;
    apple.con_id = 265598;
    apple.symbol = "AAPL";
    SharedInstrument const shared = apple;
    SharedInstrument const copy = shared;
    EXPECT_EQ(&*shared, &*copy) << "one description for both";
    EXPECT_EQ(shared, SharedInstrument(apple)) << "described twice, in the same words";

    auto const described = shared.with([](Instrument& instrument) { instrument.details_known = true; });
    EXPECT_TRUE(described->details_known);
    EXPECT_FALSE(shared->details_known);
    EXPECT_NE(described, shared);
    EXPECT_EQ(described.con_id(), 265598);
    EXPECT_EQ(shared.with([](Instrument& instrument) { instrument.con_id = 1; }).con_id(), 1);
}

TEST(SharedInstrument, OfNothingIsTheOneThatNobodyDescribed) {
    EXPECT_EQ(SharedInstrument().con_id(), 0);
    EXPECT_EQ(SharedInstrument(), SharedInstrument(Instrument{}));
}

}  // namespace
}  // namespace possync::model
