#include "http/cursor.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "http/cache.hpp"
#include "http/feed.hpp"

namespace possync::http {
namespace {

RC_GTEST_PROP(Base64Url, ComesBack, (std::string const& bytes)) {
    auto const text = base64_url(bytes);
    RC_ASSERT(text.find_first_of("+/=") == std::string::npos);
    RC_ASSERT(from_base64_url(text) == bytes);
}

TEST(PageCursor, ComesBackAndIsCheckedAnew) {
    PageCursor const cursor{"positions", "-market_value", {"DU1", std::nullopt, "", "\"\\"}};
    EXPECT_EQ(parse_page_cursor(to_text(cursor)), cursor);
    for (std::string const& bad :
         {std::string(), std::string("x"), std::string("!!"), std::string("a+bc"), std::string("a/bc"), std::string("ab=="),
          std::string("a"), base64_url("1"), base64_url(R"([1,"b",[]])"), base64_url(R"(["a",2,[]])"), base64_url("[]"),
          base64_url(R"(["a","b",[1]])"), base64_url("{"), base64_url(R"(["a","b",{}])"), std::string(5000, 'A')}) {
        EXPECT_FALSE(parse_page_cursor(bad)) << bad.substr(0, 40);
    }
}

RC_GTEST_PROP(StreamCursor, ComesBack, ()) {
    Revisions revisions;
    for (auto const account : *rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 1 << 30))) {
        revisions[account] = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 50);
    }
    RC_ASSERT(parse_stream_cursor(stream_cursor(revisions)) == revisions);
}

TEST(StreamCursor, OfTooManyAccountsSaysNothing) {
    Revisions revisions;
    for (int account = 1; account <= 1500; ++account)
        revisions[account] = 1'000'000;
    EXPECT_LT(stream_cursor(revisions).size(), 15'000u) << "a header holds it";
    EXPECT_EQ(parse_stream_cursor(stream_cursor(revisions)), revisions);
    revisions[2000] = 1;
    EXPECT_FALSE(parse_stream_cursor(stream_cursor(revisions)));
    for (char const* bad : {"", "1", "1.!", "2.", "1.gA", "1.AQ", "1.AQEBAQ"})
        EXPECT_FALSE(parse_stream_cursor(bad)) << bad;
    EXPECT_EQ(parse_stream_cursor("1."), Revisions{});
}

Answer answer(std::size_t size) { return {std::make_shared<std::string const>(size, 'x'), "W/\"" + std::to_string(size) + "\""}; }

TEST(Cache, HoldsAnAnswerForOneState) {
    Cache cache;
    cache.put("/a", 1, answer(10));
    ASSERT_NE(cache.find("/a", 1), nullptr);
    EXPECT_EQ(cache.find("/a", 2), nullptr);
    EXPECT_EQ(cache.find("/b", 1), nullptr);
    cache.put("/a", 2, answer(20));
    EXPECT_EQ(cache.size(), 1u);
    EXPECT_EQ(cache.find("/a", 2)->body->size(), 20u);
}

TEST(Cache, IsBoundedAndForgetsWhatIsLongUnused) {
    Cache cache(3, 10'000);
    for (char const* target : {"/a", "/b", "/c"})
        cache.put(target, 1, answer(10));
    EXPECT_NE(cache.find("/a", 1), nullptr);
    cache.put("/d", 1, answer(10));
    EXPECT_EQ(cache.find("/b", 1), nullptr);
    EXPECT_NE(cache.find("/a", 1), nullptr);
    cache.put("/large", 1, answer(5'000));
    EXPECT_EQ(cache.find("/large", 1), nullptr) << "one answer does not push out all others";
    for (int i = 0; i < 100; ++i)
        cache.put("/" + std::to_string(i), 1, answer(2'000));
    EXPECT_LE(cache.bytes(), 10'000u);
    EXPECT_LE(cache.size(), 3u);
    Cache by_bytes(100, 10'000);
    for (int i = 0; i < 100; ++i)
        by_bytes.put("/" + std::to_string(i), 1, answer(2'000));
    EXPECT_LE(by_bytes.bytes(), 10'000u);
    EXPECT_EQ(by_bytes.size(), 4u);
    EXPECT_NE(by_bytes.find("/99", 1), nullptr);
}

}  // namespace
}  // namespace possync::http
