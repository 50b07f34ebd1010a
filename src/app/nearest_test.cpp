#include "app/nearest.hpp"

#include <gtest/gtest.h>

namespace possync::app {
namespace {

TEST(Nearest, TypingErrorsAreCounted) {
    struct Row {
        char const* from;
        char const* to;
        std::size_t errors;
    };
    for (auto const& [from, to, errors] :
         {Row{"", "", 0}, Row{"port", "port", 0}, Row{"", "port", 4}, Row{"port", "", 4}, Row{"prt", "port", 1},
          Row{"portt", "port", 1}, Row{"part", "port", 1}, Row{"prot", "port", 1}, Row{"opt", "port", 2},
          Row{"postions", "positions", 1}, Row{"kitten", "sitting", 3}}) {
        EXPECT_EQ(typing_errors(from, to), errors) << from << " " << to;
        EXPECT_EQ(typing_errors(to, from), errors) << to << " " << from;
    }
}

TEST(Nearest, AGuessIsNearOrNoneAtAll) {
    std::vector<std::string> const known{"positions", "pnl", "runs", "run"};
    EXPECT_EQ(nearest("postions", known, 2), "positions");
    EXPECT_EQ(nearest("pos", known, 0), "positions") << "its beginning";
    EXPECT_EQ(nearest("po", known, 0), "");
    EXPECT_EQ(nearest("rus", known, 2), "runs");
    EXPECT_EQ(nearest("history", known, 2), "");
    EXPECT_EQ(nearest("history", {}, 9), "");
}

}  // namespace
}  // namespace possync::app
