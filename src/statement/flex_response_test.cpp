#include "statement/flex_response.hpp"

#include <gtest/gtest.h>

namespace possync::statement {
namespace {

TEST(FlexResponse, IsReadWithBlanksAround) {
    auto const success = parse_flex_response("<FlexStatementResponse timestamp='28 August, 2012 10:37 AM "
                                             "EDT'>\n<Status>Success</Status>\n<ReferenceCode>1234567890</ReferenceCode>\n"
                                             "<Url>\nhttps://gdcdyn.interactivebrokers.com/AccountManagement/FlexWebService/"
                                             "GetStatement\n</Url>\n</FlexStatementResponse>");
    ASSERT_TRUE(success);
    EXPECT_EQ(*success,
              (FlexResponse{"Success", "1234567890",
                            "https://gdcdyn.interactivebrokers.com/AccountManagement/FlexWebService/GetStatement", "", ""}));
    auto const failure =
        parse_flex_response("<FlexStatementResponse timestamp='x'><Status>Fail</Status><ErrorCode>1012</ErrorCode>"
                            "<ErrorMessage>Token has expired &amp; gone.</ErrorMessage></FlexStatementResponse>");
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->error_code, "1012");
    EXPECT_EQ(failure->error_message, "Token has expired & gone.");
}

TEST(FlexResponse, AnythingElseIsAnError) {
    for (std::string_view const text :
         {"", "<html/>", "<FlexQueryResponse/>", "<FlexStatementResponse>", "502 Bad Gateway",
          "<!DOCTYPE a [<!ENTITY b 'c'>]><FlexStatementResponse><Status>&b;</Status></FlexStatementResponse>"}) {
        EXPECT_FALSE(parse_flex_response(text)) << text;
    }
}

TEST(FlexResponse, EveryCodeHasItsClass) {
    for (auto const* code : {"1001", "1004", "1005", "1006", "1007", "1008", "1009", "1021", "1999", ""}) {
        EXPECT_EQ(flex_retry(code), FlexRetry::later) << code;
    }
    EXPECT_EQ(flex_retry("1019"), FlexRetry::soon);
    EXPECT_EQ(flex_retry("1018"), FlexRetry::much_later);
    for (auto const* code : {"1003", "1010", "1011", "1012", "1013", "1014", "1015", "1016", "1017", "1020"}) {
        EXPECT_EQ(flex_retry(code), FlexRetry::never) << code;
    }
}

}  // namespace
}  // namespace possync::statement
