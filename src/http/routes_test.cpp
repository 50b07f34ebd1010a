#include "http/routes.hpp"

#include <gtest/gtest.h>

#include "http/response.hpp"

namespace possync::http {
namespace {

TEST(Routes, APathIsFoundWithItsPartsDecoded) {
    auto const match = match_route(Method::get, "/api/gate/DU%201/265598");
    ASSERT_NE(match.route, nullptr);
    EXPECT_EQ(match.route->kind, Kind::gate);
    EXPECT_EQ(match.parts, (std::vector<std::string>{"DU 1", "265598"}));
    EXPECT_EQ(match_route(Method::head, "/api/positions").route, match_route(Method::get, "/api/positions").route);
    EXPECT_EQ(match_route(Method::get, "/").route->kind, Kind::page);
}

TEST(Routes, WhatIsNoPathIsNotFound) {
    for (std::string const& path :
         {std::string(""), std::string("/api"), std::string("/api/position"), std::string("/api/positions/"),
          std::string("/api/gate/DU1"), std::string("/api/gate//1"), std::string("/api/gate/DU1/"),
          std::string("/api/gate/DU1/1/"), std::string("/api/gate/%/1"), std::string("/api/gate/%00/1"),
          "/api/gate/" + std::string(201, 'a') + "/1", std::string("//"), std::string("/API/positions")}) {
        auto const match = match_route(Method::get, path);
        EXPECT_EQ(match.route, nullptr) << path;
        EXPECT_FALSE(match.other_method) << path;
    }
}

TEST(Routes, AnotherMethodIsToldWhichThereAre) {
    struct Other {
        Method method;
        char const* path;
        char const* allow;
    };
    for (auto const& [method, path, allow] :
         {Other{Method::post, "/api/positions", "GET, HEAD"}, Other{Method::get, "/api/sync/positions", "POST"},
          Other{Method::other, "/api/session", "POST, DELETE"}, Other{Method::delete_, "/", "GET, HEAD"}}) {
        auto const match = match_route(method, path);
        EXPECT_EQ(match.route, nullptr) << path;
        EXPECT_TRUE(match.other_method) << path;
        EXPECT_EQ(match.allow, allow) << path;
    }
}

TEST(Response, AnErrorHasItsStatusAndTheWordsOfTheApi) {
    using base::ErrorCode;
    struct Status {
        ErrorCode code;
        int status;
    };
    for (auto const& [code, status] :
         {Status{ErrorCode::invalid_input, 400}, Status{ErrorCode::out_of_range, 400}, Status{ErrorCode::not_found, 404},
          Status{ErrorCode::refused, 409}, Status{ErrorCode::conflict, 409}, Status{ErrorCode::timeout, 504},
          Status{ErrorCode::unavailable, 503}, Status{ErrorCode::io, 503}, Status{ErrorCode::internal, 500}}) {
        auto const response = problem(base::Error{code, "--at and --since exclude each other, --con-id does not"});
        EXPECT_EQ(response.status, status);
        EXPECT_NE(response.body->find("\"as_of and since exclude each other, con_id does not\""), std::string::npos)
            << *response.body;
        EXPECT_EQ(response.headers.find("Retry-After") != std::string::npos, status == 503);
    }
}

}  // namespace
}  // namespace possync::http
