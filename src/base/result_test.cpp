#include "base/result.hpp"

#include <set>
#include <string>
#include <type_traits>

#include <gtest/gtest.h>

#include "base/check.hpp"
#include "base/secret.hpp"

namespace possync::base {
namespace {

Result<int> half(int value) {
    if (value % 2 != 0) return fail(ErrorCode::invalid_input, std::to_string(value) + " is odd");
    return value / 2;
}

Result<void> must_halve(int value) {
    POSSYNC_TRY([[maybe_unused]] int const once, half(value));
    return {};
}

Result<int> quarter(int value) {
    POSSYNC_TRY_VOID(must_halve(value));
    POSSYNC_TRY(int const once, half(value));
    POSSYNC_TRY(int const twice, half(once));
    return twice;
}

TEST(Result, TryPassesTheValueOnOrTheErrorOut) {
    EXPECT_EQ(quarter(12), 3);
    EXPECT_EQ(quarter(5).error(), (Error{ErrorCode::invalid_input, "5 is odd"}));
    EXPECT_EQ(quarter(6).error(), (Error{ErrorCode::invalid_input, "3 is odd"}));
}

TEST(Result, BecauseKeepsTheCodeAndChainsTheWords) {
    Result<int> const outer = because("account DU1", Error{ErrorCode::conflict, "revision 7 is taken"});
    EXPECT_EQ(outer.error(), (Error{ErrorCode::conflict, "account DU1: revision 7 is taken"}));
}

TEST(Result, EveryCodeHasItsOwnName) {
    std::set<std::string_view> names;
    for (auto const code : {ErrorCode::invalid_input, ErrorCode::out_of_range, ErrorCode::not_found,
                            ErrorCode::refused, ErrorCode::conflict, ErrorCode::unavailable,
                            ErrorCode::timeout, ErrorCode::io, ErrorCode::internal}) {
        names.insert(to_string(code));
        EXPECT_EQ(parse_error_code(to_string(code)), code);
    }
    EXPECT_EQ(names.size(), 9U);
    EXPECT_EQ(parse_error_code("lost"), std::nullopt);
    EXPECT_EQ(to_string(ErrorCode::unavailable), "unavailable");
}

TEST(CheckDeathTest, AFailedCheckNamesTheConditionAndTheFile) {
    int const held = 1;
    CHECK(held == 1);
    EXPECT_DEATH(CHECK(held == 2), "held == 2 does not hold \\(.*result_test\\.cpp:[0-9]+\\)");
}

TEST(Secret, IsRevealedOnlyByName) {
    static_assert(!std::is_convertible_v<Secret, std::string>);
    static_assert(!std::is_convertible_v<std::string, Secret>);
    static_assert(!std::is_invocable_v<std::equal_to<>, Secret, Secret>);
    EXPECT_TRUE(Secret().empty());
    EXPECT_EQ(Secret("token").reveal(), "token");
}

}  // namespace
}  // namespace possync::base
