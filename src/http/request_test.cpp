#include "http/request.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace possync::http {
namespace {

std::string const good =
    "GET /api/positions?limit=2&symbol=BRK%20B HTTP/1.1\r\nHost: localhost:8321\r\nIf-None-Match: W/\"x\"\r\n\r\n";

TEST(Request, IsTakenApart) {
    auto const parsed = parse_request(good + "GET /next");
    ASSERT_TRUE(parsed && *parsed);
    auto const& request = (*parsed)->request;
    EXPECT_EQ((*parsed)->consumed, good.size());
    EXPECT_EQ(request.method, Method::get);
    EXPECT_EQ(request.path, "/api/positions");
    EXPECT_EQ(request.query, "limit=2&symbol=BRK%20B");
    EXPECT_EQ(request.header("if-none-match"), "W/\"x\"");
    EXPECT_TRUE(request.keep_alive);
}

TEST(Request, IsWaitedForWhileNotWhole) {
    for (std::size_t size = 0; size < good.size(); ++size) {
        auto const parsed = parse_request(std::string_view(good).substr(0, size));
        ASSERT_TRUE(parsed.has_value()) << size << ": " << parsed.error().detail;
        EXPECT_FALSE(parsed->has_value()) << size;
    }
    std::string const post = "POST /api/session HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
    EXPECT_FALSE(parse_request(post + "abc").value().has_value());
    EXPECT_EQ(parse_request(post + "abcdX").value()->request.body, "abcd");
}

struct Refused {
    char const* name;
    std::string bytes;
    int status;
};

TEST(Request, WhatTwoReadersCouldTakeDifferentlyIsRefused) {
    std::string const begin = "POST /a HTTP/1.1\r\nHost: a\r\n";
    Refused const table[] = {
        {"both lengths", begin + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"both lengths, reversed", begin + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400},
        {"chunked", begin + "Transfer-Encoding: chunked\r\n\r\n", 411},
        {"two lengths", begin + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
        {"equal lengths", begin + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400},
        {"signed length", begin + "Content-Length: +1\r\n\r\nx", 400},
        {"folded", begin + "X: 1\r\n 2\r\n\r\n", 400},
        {"bare line feed", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
        {"bare carriage return", begin + "X: 1\r2\r\n\r\n", 400},
        {"NUL", begin + std::string("X: a\0b\r\n\r\n", 10), 400},
        {"blank before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
        {"absolute target", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"long head", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x'), 431},
        {"long body", begin + "Content-Length: 70000\r\n\r\n", 413},
        {"long head, all there", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n", 431},
        {"line feed first", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"bare line feed before the end is there", "GET / HTTP/1.1\nHost: a\r\n", 400},
        {"folded with a tab", begin + "X: 1\r\n\t2\r\n\r\n", 400},
        {"another protocol", begin + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 400},
        {"another version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"no version", "GET /\r\nHost: a\r\n\r\n", 400},
        {"a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"a target in another alphabet", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"two cookies", "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n", 400},
        {"a length that is no number", begin + "Content-Length: 1x\r\n\r\nx", 400},
    };
    for (auto const& each : table) {
        auto const parsed = parse_request(each.bytes);
        ASSERT_FALSE(parsed.has_value()) << each.name;
        EXPECT_EQ(parsed.error().status, each.status) << each.name << ": " << parsed.error().detail;
    }
}

TEST(Request, AMethodIsOneOfFourOrNotDoneHere) {
    struct Asked {
        char const* word;
        Method method;
    };
    for (auto const& [word, method] :
         {Asked{"GET", Method::get}, Asked{"HEAD", Method::head}, Asked{"POST", Method::post}, Asked{"DELETE", Method::delete_},
          Asked{"PUT", Method::other}, Asked{"BREW", Method::other}}) {
        auto const parsed = parse_request(std::string(word) + " /a HTTP/1.1\r\nHost: a\r\n\r\n");
        ASSERT_TRUE(parsed && *parsed) << word;
        EXPECT_EQ((*parsed)->request.method, method) << word;
        EXPECT_EQ((*parsed)->request.method_text, word);
    }
    // An offer of another protocol alone asks for nothing.
    EXPECT_TRUE(parse_request("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n").has_value());
}

TEST(Request, AnOldOneNeedsNoHost) {
    auto const parsed = parse_request("GET / HTTP/1.0\r\n\r\n");
    ASSERT_TRUE(parsed && *parsed);
    EXPECT_TRUE((*parsed)->request.http_1_0);
    EXPECT_FALSE((*parsed)->request.keep_alive);
}

RC_GTEST_PROP(Request, NoBytesAreMoreThanRefused, (std::string const& bytes)) {
    auto const parsed = parse_request(bytes + "\r\n\r\n");
    RC_ASSERT(!parsed || !*parsed || (*parsed)->consumed <= bytes.size() + 4);
}

TEST(Query, IsDecodedOrRefused) {
    auto const pairs = parse_query("a=1&b=x%20y+z&c=&d");
    ASSERT_TRUE(pairs);
    EXPECT_EQ(*pairs, (std::vector<std::pair<std::string, std::string>>{{"a", "1"}, {"b", "x y z"}, {"c", ""}, {"d", ""}}));
    EXPECT_TRUE(parse_query("").has_value());
    EXPECT_EQ(percent_decoded("%4A%4a+", false), "JJ+");
    for (char const* bad : {"%=1", "a=%2x", "a=%x2", "a=%G0", "a=%g0", "a=%/0", "a=%:0", "a=%@0", "a=%`0", "a=%", "a=%2", "a=%zz",
                            "a=%00", "=1", "a=1&", "a=%ff", "a=%c3%28"}) {
        EXPECT_EQ(parse_query(bad).has_value(), std::string_view(bad) == "a=1&") << bad;
    }
}

}  // namespace
}  // namespace possync::http
