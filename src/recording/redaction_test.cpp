#include "recording/redaction.hpp"

#include <gtest/gtest.h>

#include "tws/decode.hpp"
#include "tws/encode.hpp"

namespace possync::recording {
namespace {

using namespace std::string_literals;

std::vector<std::string> const canaries{"DU7654321", "U1122334", "F9988776",  "momentum-secret",
                                        "alice1984", "model-x",  "DUP445566", "oak tree 77"};

bool holds_canary(std::string_view bytes) {
    for (auto const& canary : canaries) {
        if (bytes.find(canary) != std::string_view::npos) return true;
    }
    return false;
}

template <typename Message>
std::string payload_of(Message const& message, int version) {
    std::string bytes;
    tws::encode(bytes, message, version);
    return bytes.substr(4);
}

std::vector<tws::IncomingMessage> answers() {
    tws::Contract contract;
    contract.con_id = 265598;
    contract.symbol = "AAPL";
    contract.sec_type = "STK";
    contract.currency = "USD";
    auto const ten = *base::Decimal::parse("10");
    tws::ExecutionDetails fill;
    fill.contract = contract;
    fill.exec_id = "0000e0d5.69dd7411.01.01";
    fill.time = "20261123 14:30:00 UTC";
    fill.account = "DU7654321";
    fill.side = "BOT";
    fill.shares = ten;
    fill.price = ten;
    fill.order_ref = "momentum-secret";
    fill.model_code = "model-x";
    fill.submitter = "alice1984";
    tws::PortfolioValue portfolio;
    portfolio.contract = contract;
    portfolio.position = ten;
    portfolio.account = "U1122334";
    tws::FamilyCodes family;
    family.codes = {{"DU7654321", "F9988776"}};
    tws::ErrorMessage error{3, 321, "account DUP445566 is not yours", "{\"ref\": \"oak tree 77\"}", 0};
    return {tws::ManagedAccounts{"DU7654321,U1122334"},
            tws::Position{"DU7654321", contract, ten, ten},
            tws::AccountValue{"AccountCode", "U1122334", "", "U1122334"},
            tws::AccountValue{"NetLiquidation", "100", "USD", "DU7654321"},
            portfolio,
            tws::AccountDownloadEnd{"DU7654321"},
            fill,
            tws::PositionMulti{4, "U1122334", contract, ten, ten, "model-x"},
            tws::AccountSummary{5, "DU7654321", "NetLiquidation", "100", "USD"},
            tws::AccountUpdateMulti{6, "DU7654321", "model-x", "Cash", "1", "USD"},
            family,
            error};
}

std::vector<tws::OutgoingMessage> requests() {
    return {tws::RequestAccountUpdates{true, "DU7654321"},
            tws::RequestExecutions{1, 0, "U1122334", "", 0},
            tws::RequestPnlSingle{2, "DU7654321", 265598},
            tws::RequestPositionsMulti{3, "U1122334", "model-x"},
            tws::RequestAccountSummary{4, "oak tree 77", "Cash"},
            tws::RequestAccountUpdatesMulti{5, "DU7654321", "model-x", true},
            tws::RequestPnl{6, "U1122334", "model-x"}};
}

/// Every message with an account in it, of both sides, in both forms.
TEST(Redaction, no_canary_is_left_and_nothing_moves) {
    for (int const version : {100, 176, 200, 201, 207, 213, 226}) {
        Redactor redactor;
        auto check = [&](Side side, std::string const& payload) {
            auto const redacted = redactor.frame(side, payload, version);
            EXPECT_EQ(redacted.kind, EventKind::frame) << version;
            EXPECT_FALSE(holds_canary(redacted.payload)) << version << ": " << redacted.payload;
            EXPECT_EQ(redacted.payload.size(), payload.size());
        };
        for (auto const& each : answers()) {
            if (version < 201 && holds_canary(payload_of(each, version))) check(Side::gateway, payload_of(each, version));
            if (version >= 201) check(Side::gateway, payload_of(each, version));
        }
        for (auto const& each : requests())
            check(Side::client, payload_of(each, version));
        EXPECT_EQ(redactor.accounts().size(), 4U) << version;
        EXPECT_EQ(redactor.accounts().at("DU7654321"), "DU0000001");
        EXPECT_EQ(redactor.accounts().at("U1122334"), "U0000002");
    }
}

TEST(Redaction, the_rest_is_kept_byte_for_byte) {
    for (int const version : {200, 226}) {
        Redactor redactor;
        auto const payload = payload_of(tws::IncomingMessage(answers()[6]), version);
        auto const redacted = redactor.frame(Side::gateway, payload, version).payload;
        auto const before = tws::decode(payload, version);
        auto const after = tws::decode(redacted, version);
        ASSERT_TRUE(before && after);
        auto fill = std::get<tws::ExecutionDetails>(*after);
        EXPECT_EQ(fill.account, "DU0000001");
        EXPECT_EQ(fill.order_ref.size(), std::string_view("momentum-secret").size());
        EXPECT_TRUE(fill.order_ref.starts_with("xxxxxxxxxxxxxx"));
        auto const& original = std::get<tws::ExecutionDetails>(*before);
        fill.account = original.account;
        fill.order_ref = original.order_ref;
        fill.model_code = original.model_code;
        fill.submitter = original.submitter;
        EXPECT_EQ(fill, original);
    }
}

TEST(Redaction, the_same_name_is_the_same_replacement_and_others_are_others) {
    Redactor redactor;
    auto reference = [&](std::string_view text) {
        tws::ExecutionDetails fill;
        fill.order_ref = text;
        auto const redacted = redactor.frame(Side::gateway, payload_of(tws::IncomingMessage(fill), 200), 200).payload;
        return std::string(std::get<tws::ExecutionDetails>(*tws::decode(redacted, 200)).order_ref);
    };
    EXPECT_EQ(reference("alpha"), reference("alpha"));
    EXPECT_NE(reference("alpha"), reference("gamma"));
    EXPECT_EQ(reference(""), "");
    std::set<std::string> accounts;
    for (int i = 0; i < 500; ++i)
        redactor.learn_account("U" + std::to_string(5'000'000 + i));
    for (auto const& [code, replacement] : redactor.accounts()) {
        EXPECT_TRUE(accounts.insert(replacement).second) << replacement;
        EXPECT_EQ(code.size(), replacement.size());
        EXPECT_NE(code, replacement);
    }
}

TEST(Redaction, short_codes_of_a_simulation_have_others_too) {
    Redactor redactor;
    std::set<std::string> given;
    for (int i = 0; i < 10; ++i)
        redactor.learn_account("DU" + std::to_string(i));
    for (auto const& [code, replacement] : redactor.accounts())
        given.insert(replacement);
    EXPECT_EQ(given.size(), 10U);
    Redactor crowded;
    for (char c = 'A'; c <= 'Z'; ++c)
        crowded.learn_account(std::string{c, '1'});
    for (int i = 0; i < 10; ++i)
        crowded.learn_account("D" + std::to_string(i));
    EXPECT_EQ(crowded.accounts().size(), 35U);  // and it ended
}

TEST(Redaction, messages_that_are_not_read_lose_all_but_their_id) {
    Redactor redactor;
    std::string const order = "5\0"s + "34\0"s + "265598\0AAPL\0DU7654321\0momentum-secret\0"s;
    auto const text = redactor.frame(Side::gateway, order, 200);
    EXPECT_EQ(text.kind, EventKind::cut);
    EXPECT_EQ(text.payload, std::string("5\0", 2));
    auto const binary = redactor.frame(Side::client,
                                       std::string("\0\0\0\xcb", 4) + "\x0a\x09"
                                                                      "DU7654321",
                                       213);
    EXPECT_EQ(binary.kind, EventKind::cut);
    EXPECT_EQ(binary.payload, std::string("\0\0\0\xcb", 4));
}

TEST(Redaction, the_settings_of_a_gateway_keep_what_is_read_of_them) {
    tws::GatewaySettings settings;
    settings.request_id = 3;
    settings.api.settings.instrument_time_zone = "instrument";
    std::string payload = payload_of(tws::IncomingMessage(settings), 226);
    payload += "\x7a\x0b"
               "10.20.30.40";  // a field this program does not know
    Redactor redactor;
    auto const redacted = redactor.frame(Side::gateway, payload, 226);
    EXPECT_EQ(redacted.payload.find("10.20"), std::string::npos);
    EXPECT_EQ(std::get<tws::GatewaySettings>(*tws::decode(redacted.payload, 226)), settings);
}

TEST(Redaction, what_cannot_be_decoded_is_scanned) {
    Redactor redactor;
    std::string broken("61\0"
                       "3\0DU7654321\0many\0",
                       19);
    auto const frame = redactor.frame(Side::gateway, broken, 200);
    EXPECT_EQ(frame.kind, EventKind::unread);
    EXPECT_EQ(frame.payload, std::string("61\0"
                                         "3\0DU0000001\0many\0",
                                         19));
    // In binary the next field's number may look like another digit.
    EXPECT_EQ(redactor.scan("\x0a\x09"
                            "DU7654321"
                            "2\x01"),
              "\x0a\x09"
              "DU0000001"
              "2\x01");
    EXPECT_EQ(redactor.scan("no account: 0000F123.F1234567.01.01 XDU7654321"), "no account: 0000F123.F1234567.01.01 XDU0000001");
    EXPECT_EQ(redactor.scan("U7777777 and (DF1234567)"), "U0000002 and (DF0000003)");
}

TEST(Redaction, finds_what_was_written_before_a_code_was_known) {
    Redactor redactor;
    std::string const text = "12 1 <raw \\x01Z55555\\x02\n";
    EXPECT_EQ(redactor.scan(text), text);
    EXPECT_TRUE(redactor.leaks(text).empty());
    redactor.learn_account("Z55555");
    auto const leaks = redactor.leaks(text);
    ASSERT_EQ(leaks.size(), 1U);
    EXPECT_EQ(leaks[0].at, text.find("Z55555"));
    EXPECT_EQ(leaks[0].replacement, "Z00001");
}

}  // namespace
}  // namespace possync::recording
