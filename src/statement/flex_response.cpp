#include "statement/flex_response.hpp"

#include <expat.h>

#include <map>
#include <memory>

#include <fmt/format.h>

namespace possync::statement {

namespace {

struct Gathered {
    XML_Parser parser = nullptr;
    int depth = 0;
    bool right_root = false;
    std::string text;
    std::map<std::string, std::string> values;
};

std::string trimmed(std::string text) {
    auto const first = text.find_first_not_of(" \t\r\n");
    if (first == std::string::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace

base::Result<FlexResponse> parse_flex_response(std::string_view bytes) {
    auto const not_one = [] {
        return base::fail(base::ErrorCode::invalid_input, "the answer is not one of the Flex Web Service; check [flex] base_url");
    };
    if (bytes.size() > 65536) return not_one();
    std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> const parser(XML_ParserCreate(nullptr), XML_ParserFree);
    Gathered gathered;
    gathered.parser = parser.get();
    XML_SetUserData(parser.get(), &gathered);
    XML_SetElementHandler(
        parser.get(),
        [](void* data, char const* name, char const**) {
            auto& to = *static_cast<Gathered*>(data);
            if (++to.depth == 1) to.right_root = std::string_view(name) == "FlexStatementResponse";
            to.text.clear();
        },
        [](void* data, char const* name) {
            auto& to = *static_cast<Gathered*>(data);
            if (to.depth-- == 2) to.values[name] = trimmed(std::move(to.text));
        });
    XML_SetCharacterDataHandler(parser.get(), [](void* data, char const* text, int size) {
        static_cast<Gathered*>(data)->text.append(text, static_cast<std::size_t>(size));
    });
    XML_SetStartDoctypeDeclHandler(parser.get(), [](void* data, char const*, char const*, char const*, int) {
        XML_StopParser(static_cast<Gathered*>(data)->parser, XML_FALSE);
    });
    if (XML_Parse(parser.get(), bytes.data(), static_cast<int>(bytes.size()), 1) != XML_STATUS_OK || !gathered.right_root)
        return not_one();
    auto& values = gathered.values;
    // Version 2 of the service wrote code and Code; version 3 is asked for, and writes these.
    return FlexResponse{values["Status"], values["ReferenceCode"], values["Url"], values["ErrorCode"], values["ErrorMessage"]};
}

FlexRetry flex_retry(std::string_view code) {
    if (code == "1019") return FlexRetry::soon;
    if (code == "1018") return FlexRetry::much_later;
    for (std::string_view const never : {"1003", "1010", "1011", "1012", "1013", "1014", "1015", "1016", "1017", "1020"}) {
        if (code == never) return FlexRetry::never;
    }
    return FlexRetry::later;
}

std::string_view flex_advice(std::string_view code) {
    if (code == "1010") return "make the query anew as an Activity Flex Query in the Client Portal";
    if (code == "1011")
        return "activate the Flex Web Service in the Client Portal (Flex Queries, Flex Web Service Configuration)";
    if (code == "1012")
        return "make a new token in the Client Portal (Flex Queries, Flex Web Service Configuration) and put it into "
               "flex.token_file";
    if (code == "1013") return "the token is bound to another IP address; change that in the Client Portal";
    if (code == "1014") return "check the id in [[flex.query]]";
    if (code == "1015") return "check the token in flex.token_file; a new token ends the old one";
    if (code == "1016") return "the query does not belong to the account of the token";
    return {};
}

}  // namespace possync::statement
