#include "http/doors.hpp"

#include <gtest/gtest.h>

namespace possync::http {
namespace {

TEST(Doors, AddressesAreLoopbackOrNot) {
    for (char const* loopback : {"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:0:0:1"}) {
        EXPECT_TRUE(is_loopback_address(loopback)) << loopback;
    }
    for (char const* other :
         {"0.0.0.0", "::", "::ffff:0.0.0.0", "10.0.0.1", "192.168.1.1", "::ffff:10.0.0.1", "fe80::1", "2001:db8::1", "128.0.0.1",
          "localhost", "127.0.0.1.example", "127.1", "0x7f.0.0.1", "2130706433", "", "::127.0.0.1", "64:ff9b::7f00:1"}) {
        EXPECT_FALSE(is_loopback_address(other)) << other;
    }
    for (char const* any : {"0.0.0.0", "::", "::ffff:0.0.0.0"})
        EXPECT_TRUE(is_any_address(any)) << any;
}

TEST(Doors, ListenIsHostAndPort) {
    for (char const* good : {"127.0.0.1:8321", "[::1]:0", "localhost:80", "book.example:65535", "0.0.0.0:1"})
        EXPECT_TRUE(parse_listen(good)) << good;
    for (char const* bad :
         {"", "8321", ":8321", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80", "[::1]",
          "[::1]80", "http://a:80", "a b:80", "[127.0.0.1]:80", "[fe80::1%eth0]:80", "a:80:80"}) {
        EXPECT_FALSE(parse_listen(bad)) << bad;
    }
}

Request request_with(std::vector<std::pair<std::string, std::string>> headers) {
    Request request;
    request.headers = std::move(headers);
    return request;
}

TEST(Doors, TheCookieFollowsFromTheTokenAndIsNotIt) {
    DoorOptions options;
    options.listen_host = "127.0.0.1";
    options.token = base::Secret("0123456789abcdef");
    Doors const doors(options);
    EXPECT_EQ(doors.session().size(), 64u);
    EXPECT_EQ(doors.session().find("0123456789abcdef"), std::string::npos);
    EXPECT_TRUE(doors.knows(request_with({{"cookie", "possync_session=" + doors.session()}})));
    EXPECT_FALSE(doors.knows(request_with({{"cookie", "xpossync_session=" + doors.session()}})));
    EXPECT_FALSE(doors.knows(request_with({{"cookie", "possync_session="}})));
    // A wrong token is not made good by a cookie, and an empty one is none.
    EXPECT_FALSE(
        doors.knows(request_with({{"authorization", "Bearer wrong"}, {"cookie", "possync_session=" + doors.session()}})));
    EXPECT_FALSE(doors.knows(request_with({})));
    options.token = base::Secret("0123456789abcdeg");
    EXPECT_NE(Doors(options).session(), doors.session());
    options.token = {};
    EXPECT_FALSE(Doors(options).is_token(""));
    EXPECT_TRUE(Doors(options).knows(request_with({})));
}

}  // namespace
}  // namespace possync::http
