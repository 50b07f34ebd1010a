#include "shared_library/shared_library.hpp"

#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

namespace possync::shared_library {
namespace {

constexpr char const* functions[] = {"crc32", "gzprintf", "gzopen", "gzclose"};
constinit SharedLibrary libz{"libz.so.1", "zlib1g", "This test", functions};
constinit SharedFunction<decltype(::crc32)> const crc32{libz, "crc32"};
constinit SharedFunction<decltype(::gzprintf)> const gzprintf{libz, "gzprintf"};
constinit SharedFunction<decltype(::gzopen)> const gzopen{libz, "gzopen"};
constinit SharedFunction<decltype(::gzclose)> const gzclose{libz, "gzclose"};

// Of zlib only the header is known to this program; nothing else could answer.
TEST(SharedLibrary, functions_are_called_as_if_they_were_linked) {
    ASSERT_TRUE(libz.load());
    EXPECT_EQ(crc32(0, reinterpret_cast<Bytef const*>("123456789"), 9), 0xCBF43926UL);
    auto* const file = gzopen("/dev/null", "w");
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(gzprintf(file, "%s of %d", "one", 12), 9) << "variable arguments";
    EXPECT_EQ(gzclose(file), 0);
}

TEST(SharedLibrary, any_number_of_threads_may_be_the_first) {
    std::vector<std::thread> threads;
    std::atomic<int> right = 0;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            if (libz.load() && crc32(0, reinterpret_cast<Bytef const*>("a"), 1) == 0xE8B7BE43UL) ++right;
        });
    }
    for (auto& thread : threads)
        thread.join();
    EXPECT_EQ(right, 8);
}

TEST(SharedLibrary, what_is_not_there_is_said_with_what_to_do) {
    SharedLibrary none("libnone.so.9", "libnone9", "a database on nothing", {});
    auto const loaded = none.load();
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, base::ErrorCode::unavailable);
    EXPECT_THAT(loaded.error().message, testing::HasSubstr("a database on nothing needs libnone.so.9"));
    EXPECT_THAT(loaded.error().message, testing::HasSubstr("apt install libnone9"));
    EXPECT_FALSE(none.load()) << "and again";
}

TEST(SharedLibrary, one_that_lacks_a_function_is_too_old) {
    constexpr char const* more[] = {"crc32", "crc33"};
    SharedLibrary old("libz.so.1", "zlib1g", "This test", more);
    auto const loaded = old.load();
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().message, "This test needs a newer libz.so.1: this one has no crc33");
}

TEST(SharedLibraryDeath, nothing_is_called_in_what_was_not_loaded) {
    SharedLibrary forgotten("libz.so.1", "zlib1g", "This test", functions);
    EXPECT_DEATH((void)forgotten.symbol("crc32"), "handle != nullptr");
}

}  // namespace
}  // namespace possync::shared_library
