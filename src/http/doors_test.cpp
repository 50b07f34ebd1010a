#include "http/doors.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

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
    for (char const* bad : {"",
                            "8321",
                            ":8321",
                            "127.0.0.1",
                            "127.0.0.1:",
                            "127.0.0.1:x",
                            "127.0.0.1:65536",
                            "127.0.0.1:-1",
                            "::1:80",
                            "[::1]",
                            "[::1]80",
                            "http://a:80",
                            "a b:80",
                            ".:80",
                            "a~:80",
                            "{:80",
                            "a/:80",
                            "[127.0.0.1]:80",
                            "[fe80::1%eth0]:80",
                            "a:80:80"}) {
        EXPECT_FALSE(parse_listen(bad)) << bad;
    }
    EXPECT_FALSE(parse_listen(std::string(254, 'a') + ":80"));
    EXPECT_EQ(parse_listen("My-Host_1.Example.:80")->host, "my-host_1.example");
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

struct Knock {
    char const* name;
    std::vector<std::pair<std::string, std::string>> headers;
    int status;  ///< 0: let in
};

TEST(Doors, OnlyWhoSpeaksToThisServerComesIn) {
    DoorOptions options;
    options.listen_host = "0.0.0.0";
    options.loopback = false;
    options.hosts = {"Book.example", "no host at all"};
    Doors const doors(options);
    Knock const table[] = {
        {"no browser", {}, 0},
        {"loopback", {{"host", "127.0.0.1:8321"}}, 0},
        {"loopback by name", {{"host", "localhost"}}, 0},
        {"loopback, version 6", {{"host", "[::1]:8321"}}, 0},
        {"a configured name", {{"host", "book.EXAMPLE."}}, 0},
        {"the address that it came in by", {{"host", "[::ffff:192.168.1.7]"}}, 0},
        {"another address", {{"host", "192.168.1.8"}}, 421},
        {"a name that points here", {{"host", "rebound.example"}}, 421},
        {"no name", {{"host", "a b"}}, 400},
        {"from another site", {{"host", "localhost"}, {"sec-fetch-site", "cross-site"}}, 403},
        {"from a subdomain's page", {{"host", "localhost"}, {"sec-fetch-site", "same-site"}}, 403},
        {"from its own page", {{"host", "localhost:80"}, {"sec-fetch-site", "same-origin"}, {"origin", "http://LOCALHOST"}}, 0},
        {"typed by the user", {{"host", "localhost"}, {"sec-fetch-site", "none"}}, 0},
        {"from its own page over TLS", {{"host", "localhost"}, {"origin", "https://localhost:443"}}, 0},
        {"from another port", {{"host", "localhost:8321"}, {"origin", "http://localhost:8322"}}, 403},
        {"from another host", {{"host", "localhost:8321"}, {"origin", "http://127.0.0.1:8321"}}, 403},
        {"from a file", {{"host", "localhost"}, {"origin", "null"}}, 403},
        {"from a page, to nobody", {{"origin", "http://localhost"}}, 403},
    };
    for (auto const& each : table) {
        auto const refusal = doors.admit(request_with(each.headers), Door::write, "192.168.1.7");
        EXPECT_EQ(refusal ? refusal->status : 0, each.status) << each.name << (refusal ? ": " + refusal->detail : "");
    }
    // What only reads does no harm to whom another page makes ask: the page cannot see the answer.
    EXPECT_FALSE(doors.admit(request_with({{"host", "localhost"}, {"origin", "http://other.example"}}), Door::read, "127.0.0.1"));
    EXPECT_TRUE(
        doors.admit(request_with({{"host", "localhost"}, {"origin", "http://other.example"}}), Door::stream, "127.0.0.1"));
    options.listen_host = "10.0.0.1";
    options.loopback = false;
    auto const refusal = Doors(options).admit(request_with({{"host", "localhost"}}), Door::read, "10.0.0.1");
    ASSERT_TRUE(refusal) << "loopback is not what it listens on";
    EXPECT_EQ(refusal->status, 421);
}

TEST(Doors, ATokenIsBorneOrInTheCookieAmongOthers) {
    DoorOptions options;
    options.listen_host = "127.0.0.1";
    options.token = base::Secret("0123456789abcdef");
    Doors const doors(options);
    std::string const session = "possync_session=" + doors.session();
    for (std::string const& cookie :
         {session, "a=b; " + session, session + "; a=b", "; ;" + session, "possync_sessions=1; " + session})
        EXPECT_TRUE(doors.knows(request_with({{"cookie", cookie}}))) << cookie;
    for (std::string const& cookie :
         {std::string("possync_session"), std::string("a=b; c"), "possync_sessionX" + doors.session()})
        EXPECT_FALSE(doors.knows(request_with({{"cookie", cookie}}))) << cookie;
    for (char const* right : {"Bearer 0123456789abcdef", "BEARER 0123456789abcdef"})
        EXPECT_TRUE(doors.knows(request_with({{"authorization", right}}))) << right;
    for (char const* wrong :
         {"Basic 0123456789abcdef", "Bearer", "0123456789abcdef", "Bearer 0123456789abcde", "Bearer  0123456789abcdef"})
        EXPECT_FALSE(doors.knows(request_with({{"authorization", wrong}}))) << wrong;
    EXPECT_EQ(doors.admit(request_with({}), Door::read, "127.0.0.1")->status, 401);
    EXPECT_FALSE(doors.admit(request_with({}), Door::open, "127.0.0.1"));
}

TEST(Doors, ATokenFileIsOneWordThatOnlyItsOwnerReads) {
    std::string const path = testing::TempDir() + "possync-token-" + std::to_string(::getpid());
    auto const with = [&](std::string const& text, mode_t mode = 0600) {
        std::ofstream(path, std::ios::binary) << text;
        ::chmod(path.c_str(), mode);
        return read_token_file(path);
    };
    EXPECT_EQ(with("0123456789abcdef").value().reveal(), "0123456789abcdef");
    EXPECT_EQ(with("0123456789abcdef \r\n\n").value().reveal(), "0123456789abcdef");
    struct Bad {
        std::string text;
        char const* says;
    };
    for (auto const& [text, says] :
         {Bad{"", "holds 0 characters"}, Bad{"short", "holds 5 characters"}, Bad{"\n \r\n", "holds 0 characters"},
          Bad{std::string(5000, 'a'), "holds 5000 characters"}, Bad{"0123456789 abcdef", "more than one word"},
          Bad{"0123456789\nabcdef", "more than one word"}, Bad{"0123456789abcd\xc3\xa4", "more than one word"}}) {
        auto const read = with(text);
        ASSERT_FALSE(read) << text;
        EXPECT_NE(read.error().message.find(says), std::string::npos) << read.error().message;
        EXPECT_NE(read.error().message.find(path), std::string::npos) << read.error().message;
    }
    EXPECT_NE(with("0123456789abcdef", 0640).error().message.find("chmod 600"), std::string::npos);
    std::remove(path.c_str());
    EXPECT_NE(read_token_file(path).error().message.find("No such file"), std::string::npos);
}

}  // namespace
}  // namespace possync::http
