// The codec against frames written down from the protocol's documentation, against itself, and against bad input.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tws/decode.hpp"
#include "tws/encode.hpp"
#include "tws/generation.hpp"
#include "tws/frame.hpp"
#include "tws/outgoing.hpp"
#include "tws/protobuf.hpp"

namespace possync::tws {
namespace {

std::string from_hex(std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    return bytes;
}

std::string fields(std::vector<std::string> const& list) {
    std::string payload;
    for (auto const& field : list) payload += field + '\0';
    return payload;
}

base::Decimal dec(std::string_view text) { return *base::Decimal::parse(text); }

/// The one frame in `bytes`.
std::string payload_of(std::string const& bytes) {
    FrameReader reader;
    reader.append(bytes);
    auto const frame = reader.next();
    EXPECT_TRUE(frame && *frame);
    EXPECT_EQ(reader.buffered(), 0u);
    return std::string(**frame);
}

TEST(Golden, RequestsAreTheBytesTheGatewayExpects) {
    std::string hello;
    encode_client_hello(hello, 100, 226);
    EXPECT_EQ(hello, from_hex("4150490000000009763130302e2e323236"));
    struct Row {
        OutgoingMessage message;
        int version;
        char const* hex;
    };
    for (auto const& row : {Row{StartApi{7}, 200, "000000083731003200370000"}, Row{RequestPositions{}, 200, "000000053631003100"},
                            Row{RequestExecutions{1001, 0, "", ""}, 200,
                                "0000001e370033003130303100300000000000000032313437343833363437003000"}}) {
        std::string bytes;
        encode(bytes, row.message, row.version);
        EXPECT_EQ(bytes, from_hex(row.hex));
    }
}

TEST(Golden, AnswersAreRead) {
    std::string const greeting = payload_of(from_hex(
        "000000273232360032303236313132332030393a33303a303020416d65726963612f4e65775f596f726b00"));
    auto const hello = decode_hello(greeting);
    ASSERT_TRUE(hello);
    EXPECT_EQ(hello->server_version, 226);
    EXPECT_EQ(hello->connection_time, "20261123 09:30:00 America/New_York");

    std::string const accounts = payload_of(from_hex("0000001931350031004455303030303030312c44553030303030303200"));
    EXPECT_EQ(std::get<ManagedAccounts>(*decode(accounts, 200)).accounts, "DU0000001,DU0000002");

    std::string const error = payload_of(from_hex(
        "0000004234002d310032313034004d61726b6574206461746120"
        "6661726d20636f6e6e656374696f6e206973204f4b3a75736661726d00003137393530303030303030303000"));
    auto const message = std::get<ErrorMessage>(*decode(error, 200));
    EXPECT_EQ(message.request_id, -1);
    EXPECT_EQ(message.code, 2104);
    EXPECT_EQ(message.text, "Market data farm connection is OK:usfarm");
    EXPECT_EQ(message.time_milliseconds, 1795000000000);

    std::string const bytes = from_hex(
        "0000004c363100330044553030303030303100323635353938004141504c0053544b0000302e300000004e415344415100555344004141504c004e4d53002d"
        "31322e35003230312e3838323937303900");
    auto const frame = payload_of(bytes);
    auto const position = std::get<Position>(*decode(frame, 200));
    EXPECT_EQ(position.account, "DU0000001");
    EXPECT_EQ(position.contract.con_id, 265598);
    EXPECT_EQ(position.contract.exchange, "NASDAQ");
    EXPECT_EQ(position.contract.trading_class, "NMS");
    EXPECT_EQ(position.position, dec("-12.5"));
    EXPECT_EQ(position.average_cost, dec("201.8829709"));
    // Written again it is the same but for the strike, which stocks may carry as 0 or 0.0.
    std::string again;
    encode(again, position, 200);
    EXPECT_EQ(std::get<Position>(*decode(payload_of(again), 200)), position);
}

TEST(Golden, BinaryFramesBothWays) {
    Contract stock;
    stock.con_id = 265598;
    stock.symbol = "AAPL";
    stock.sec_type = "STK";
    stock.strike = dec("0");
    stock.exchange = "NASDAQ";
    stock.currency = "USD";
    stock.local_symbol = "AAPL";
    stock.trading_class = "NMS";
    Contract put;
    put.con_id = 700000001;
    put.symbol = "SPY";
    put.sec_type = "OPT";
    put.last_trade_date = "20270115";
    put.strike = dec("650");
    put.right = "P";
    put.multiplier = dec("100");
    put.currency = "USD";
    put.local_symbol = "SPY   270115P00650000";
    put.trading_class = "SPY";
    ExecutionDetails execution;
    execution.request_id = 1001;
    execution.contract = stock;
    execution.exec_id = "0000e0d5.6a000001.01.01";
    execution.time = "20261123 09:31:05 US/Eastern";
    execution.account = "DU0000001";
    execution.exchange = "NASDAQ";
    execution.side = "SLD";
    execution.shares = dec("12.5");
    execution.price = dec("201.9");
    execution.perm_id = 1800718721;
    execution.cum_qty = dec("12.5");
    execution.average_price = dec("201.9");
    execution.last_liquidity = 2;
    execution.exercise_type = -1;
    struct Answer {
        IncomingMessage message;
        char const* hex;
    };
    for (auto const& row :
         {Answer{ManagedAccounts{"DU0000001"}, "0000000f000000d70a09445530303030303031"}, Answer{NextValidId{1}, "00000006000000d10801"},
          Answer{ErrorMessage{-1, 2104, "Market data farm connection is OK:usfarm", "", 1795000000000},
                 "00000043000000cc08ffffffffffffffffff011080bcd9f29e3418b81022284d61726b65742064617461206661726d20636f6e6e656374696f6e2069"
                 "73204f4b3a75736661726d"},
          Answer{Position{"DU0000001", stock, dec("-12.5"), dec("201.8829709")},
                 "00000051000001050a09445530303030303031123008fe9a1012044141504c1a0353544b29000000000000000042064e4153444151520355"
                 "53445a044141504c62034e4d531a052d31322e35213b5a304c413c6940"},
          Answer{Position{"DU0000001", put, dec("-3"), std::nullopt}, nullptr},
          Answer{PositionEnd{}, "0000000400000106"}, Answer{ExecutionDetailsEnd{1001}, "00000007000000ff08e907"},
          Answer{AccountValue{"NetLiquidation", "100000.00", "USD", "DU0000001"}, nullptr},
          Answer{AccountUpdateTime{"09:31"}, "0000000b000000d00a0530393a3331"},
          Answer{AccountDownloadEnd{"DU0000001"}, "0000000f000000fe0a09445530303030303031"},
          Answer{CurrentTime{1795000000}, nullptr}}) {
        for (int const version : {213, 226}) {
            std::string bytes;
            encode(bytes, row.message, version);
            if (row.hex != nullptr) {
                EXPECT_EQ(bytes, from_hex(row.hex)) << row.message.index();
            }
            EXPECT_TRUE(*decode(payload_of(bytes), version) == row.message) << row.message.index();
        }
    }
    // As captured numbers go: what a real gateway wrote is read to the digit.
    auto const frame = payload_of(from_hex(
        "0000006e000001050a0944553030303030303112500881cee4cd0212035350591a034f50542208323032373031313529000000000050844032015039000000"
        "000000594052035553445a1553505920202032373031313550303036353030303062035350591a022d33219a779ca24369a040"));
    auto const position = std::get<Position>(*decode(frame, 226));
    EXPECT_EQ(position.contract, put);
    EXPECT_EQ(position.position, dec("-3"));
    EXPECT_EQ(position.average_cost, dec("2100.6321"));

    auto const fill = payload_of(from_hex(
        "000000c2000000d308e907123008fe9a1012044141504c1a0353544b29000000000000000042064e415344415152035553445a044141504c62034e4d531a8601"
        "0800121730303030653064352e36613030303030312e30312e30311a1c32303236313132332030393a33313a30352055532f4561737465726e22094455303030"
        "303030312a064e41534441513203534c443a0431322e3541cdcccccccc3c69404881d293ad035000620431322e3569cdcccccccc3c6940900102a801ffffffff"
        "ffffffffff01"));
    auto read = std::get<ExecutionDetails>(*decode(fill, 226));
    EXPECT_EQ(read.perm_id, 900000001);
    read.perm_id = execution.perm_id;
    EXPECT_EQ(read, execution);
    execution.perm_id = 900000001;
    std::string again;
    encode(again, execution, 226);
    EXPECT_EQ(payload_of(again), fill);

    auto const commission = payload_of(
        from_hex("00000034000001030a1730303030653064352e36613030303030312e30312e3031115dbf60376c1bf03f1a035553442100000000000002c0"));
    auto const report = std::get<CommissionReport>(*decode(commission, 226));
    EXPECT_EQ(report.commission, dec("1.0066950000000000"));
    EXPECT_EQ(report.realized_pnl, dec("-2.25"));
    again.clear();
    encode(again, report, 226);
    EXPECT_EQ(payload_of(again), commission);

    auto const portfolio = payload_of(from_hex(
        "00000075000000cf0a3008fe9a1012044141504c1a0353544b29000000000000000042064e415344415152035553445a044141504c62034e4d5312052d31322e"
        "35190000000000406940210000000000baa3c0293b5a304c413c6940310e10ccd1e367f7bf3900000000000000004209445530303030303031"));
    auto const value = std::get<PortfolioValue>(*decode(portfolio, 226));
    EXPECT_EQ(value.contract, stock);
    EXPECT_EQ(value.market_price, dec("202"));
    EXPECT_EQ(value.market_value, dec("-2525"));
    EXPECT_EQ(value.realized_pnl, dec("0"));
    EXPECT_EQ(value.account, "DU0000001");

    struct Row {
        OutgoingMessage message;
        int version;
        char const* hex;
    };
    for (auto const& row :
         {Row{StartApi{7}, 201, "00000009000000473200370000"}, Row{StartApi{7}, 212, "00000009000000473200370000"},
          Row{StartApi{7}, 213, "000000060000010f0807"}, Row{RequestPositions{}, 207, "0000000400000105"},
          Row{RequestExecutions{1001, 0, "", ""}, 201, "00000009000000cf08e9071200"},
          Row{RequestExecutions{1002, 0, "DU0000001", "20261123-00:00:00", 3}, 226,
              "00000029000000cf08ea07122012094455303030303030311a1132303236313132332d30303a30303a30304003"},
          Row{RequestAccountUpdates{true, "DU0000001"}, 207, "00000011000000ce08011209445530303030303031"},
          Row{RequestAccountUpdates{false, "DU0000001"}, 207, "0000000f000000ce1209445530303030303031"},
          Row{RequestCurrentTime{}, 213, "00000004000000f9"}, Row{RequestSettings{9}, 219, "00000006000001340809"}}) {
        std::string bytes;
        encode(bytes, row.message, row.version);
        EXPECT_EQ(bytes, from_hex(row.hex)) << row.message.index();
        EXPECT_TRUE(may_be_sent(bytes));
    }
    auto const mixed = payload_of(from_hex("000000100000000f310044553030303030303100"));
    EXPECT_EQ(std::get<ManagedAccounts>(*decode(mixed, 203)).accounts, "DU0000001");
}

TEST(Binary, DoublesAreTheDecimalsTheyStandFor) {
    for (char const* text : {"0", "1", "-1", "0.1", "201.8829709", "1581.09", "-0.00000001", "99999999999.99", "123456789012345.6",
                             "0.30000000000000004", "1234567890123456", "0.000000000000000001", "4433.3", "1E+20"}) {
        auto const value = dec(text);
        CommissionReport report;
        report.commission = value;
        std::string bytes;
        encode(bytes, report, 226);
        EXPECT_EQ(std::get<CommissionReport>(*decode(payload_of(bytes), 226)).commission, value) << text;
    }
    for (double const unset : {std::numeric_limits<double>::max(), std::numeric_limits<double>::infinity(), std::nan("")}) {
        OptionalDecimal value = dec("1");
        read_double(unset, value);
        EXPECT_EQ(value, std::nullopt);
    }
    OptionalDecimal value;
    read_double(-0.0, value);
    EXPECT_EQ(value, dec("0"));
}

TEST(Binary, WhatIsNotKnownIsPassedOver) {
    std::string bytes;
    encode(bytes, NextValidId{42}, 226);
    auto with = [&](std::string const& extra) { return decode(payload_of(bytes) + extra, 226); };
    // A varint, eight bytes, a text, four bytes, a group with a varint inside; then the known field again: the last wins.
    for (char const* hex : {"9001ff01", "91010000000000000000", "9201036162 63", "95010000 0000", "930108059401"}) {
        std::string compact(hex);
        std::erase(compact, ' ');
        EXPECT_EQ(std::get<NextValidId>(*with(from_hex(compact))).order_id, 42) << hex;
    }
    EXPECT_EQ(std::get<NextValidId>(*with(from_hex("0807"))).order_id, 7);
    EXPECT_EQ(std::get<NextValidId>(*with(from_hex("0a0137"))).order_id, 42);  // the same number, another wire type
    for (char const* hex : {"08", "088080", "12ff", "1100", "15000000", "93010805", "0f", "00", "94", "08ffffffffffffffffffff01"}) {
        auto const decoded = with(from_hex(hex));
        ASSERT_FALSE(decoded.has_value()) << hex;
        EXPECT_EQ(decoded.error().message_id, 9);
    }
    EXPECT_EQ(std::get<UnknownMessage>(*decode(from_hex("0000ffff0801"), 226)).id, 65335);
    EXPECT_FALSE(decode(from_hex("ffffffff"), 226).has_value());
    EXPECT_FALSE(decode(from_hex("0000"), 226).has_value());
}

TEST(Binary, ASubmessageThatComesTwiceIsMerged) {
    // A position whose contract comes in two parts: the conId, then symbol and kind.
    auto const payload = from_hex("00000105120408fe9a10120b12044141504c1a0353544b");
    auto const position = std::get<Position>(*decode(payload, 226));
    EXPECT_EQ(position.contract.con_id, 265598);
    EXPECT_EQ(position.contract.symbol, "AAPL");
    EXPECT_EQ(position.contract.sec_type, "STK");
}

TEST(Decode, SentinelsAreUnknown) {
    for (char const* unset : {"", "1.7976931348623157E308", "2147483647", "2147483647.0", "9223372036854775807", "9223372036854775807.00",
                              "-9223372036854775808", "Infinity"}) {
        auto const payload = fields({"59", "1", "e.01", unset, "USD", unset, "", ""});
        auto const report = std::get<CommissionReport>(*decode(payload, 200));
        EXPECT_EQ(report.commission, std::nullopt) << unset;
        EXPECT_EQ(report.realized_pnl, std::nullopt) << unset;
    }
}

TEST(Decode, BadFramesAreValues) {
    struct Row {
        std::string payload;
        int id;
        int field;
    };
    std::vector<std::string> const position = {"61", "3", "DU1", "1", "A", "STK", "", "0", "", "", "X", "USD", "A", "A", "5", "1.5"};
    auto with = [&](std::size_t index, std::string text) {
        auto changed = position;
        changed[index] = std::move(text);
        return fields(changed);
    };
    auto shortened = position;
    shortened.resize(9);
    for (auto const& row :
         {Row{with(3, "abc"), 61, 2}, Row{with(14, "1,5"), 61, 13}, Row{with(15, "x"), 61, 14}, Row{fields(shortened), 61, 8},
          Row{"61", 0, 0}, Row{"", 0, 0}, Row{std::string("x\0", 2), 0, 0}, Row{fields({"-4", "1"}), 0, 0}, Row{fields({"15"}), 15, 0}}) {
        auto const decoded = decode(row.payload, 200);
        ASSERT_FALSE(decoded.has_value());
        EXPECT_EQ(decoded.error().message_id, row.id);
        if (row.id == 61) {
            EXPECT_EQ(decoded.error().field, row.field);
        }
    }
}

TEST(Decode, UnknownIdsAndFurtherFieldsAreNoErrors) {
    EXPECT_EQ(std::get<UnknownMessage>(*decode(fields({"8888", "1", "2"}), 200)).id, 8888);
    auto const payload = fields({"9", "1", "77", "later", "versions", "add", "fields"});
    EXPECT_EQ(std::get<NextValidId>(*decode(payload, 200)).order_id, 77);
}

TEST(Decode, TextEscapesBecomeUtf8) {
    EXPECT_EQ(unescape("plain"), "plain");
    EXPECT_EQ(unescape("caf\\u00e9 \\u4e2d"), "café 中");
    EXPECT_EQ(unescape("\\u12 \\uZZZZ \\ud800"), "\\u12 \\uZZZZ \\ud800");
}

Contract sample_contract() {
    Contract contract;
    contract.con_id = 700000001;
    contract.symbol = "SPY";
    contract.sec_type = "OPT";
    contract.last_trade_date = "20270115";
    contract.strike = dec("650.5");
    contract.right = "P";
    contract.multiplier = dec("100");
    contract.exchange = "CBOE";
    contract.currency = "USD";
    contract.local_symbol = "SPY   270115P00650500";
    contract.trading_class = "SPY";
    return contract;
}

TEST(Codec, EveryMessageComesBackInEveryVersion) {
    Contract contract = sample_contract();
    Contract portfolio = contract;
    portfolio.exchange = {};
    portfolio.primary_exchange = "ARCA";
    Contract details = contract;
    details.primary_exchange = "ARCA";
    for (int const version : {100, 109, 110, 135, 136, 151, 163, 164, 176, 178, 181, 182, 186, 193, 194, 198, 200, 201, 202, 204, 205, 206, 207, 209, 210, 211, 212, 213, 219, 226}) {
        ExecutionDetails execution{1001, 5, contract, "0000e0d5.69dd7411.01.01", "20261123 09:31:05 US/Eastern", "DU1", "CBOE", "SLD",
                                   dec("12.5"), dec("225.9"), 2147483648, 7, 1, dec("12.5"), dec("225.9"), "mine", "", std::nullopt,
                                   version >= 103 ? "model" : "", version >= 136 ? 2 : 0, version >= 178,
                                   version >= 198 ? "me" : "", std::nullopt};
        ContractData data;
        data.request_id = 9;
        data.contract = details;
        data.market_name = "SPY";
        data.min_tick = dec("0.01");
        data.price_magnifier = 100;
        data.under_con_id = 756733;
        data.long_name = "SPDR";
        data.time_zone = "US/Eastern";
        if (version >= 122) data.under_symbol = "SPY", data.under_sec_type = "STK";
        if (version >= 134) data.real_expiration_date = "20270115";
        ContractData bond;
        bond.request_id = 9;
        bond.is_bond = true;
        bond.contract.con_id = 5;
        bond.contract.symbol = "T";
        bond.contract.sec_type = "BOND";
        bond.contract.last_trade_date = "20300101";
        bond.contract.exchange = "SMART";
        bond.contract.currency = "USD";
        bond.contract.trading_class = "T";
        bond.min_tick = dec("0.001");
        bond.long_name = "Treasury";
        bond.time_zone = "US/Eastern";
        PnlSingle pnl{3, dec("5"), dec("1.5"), std::nullopt, std::nullopt, dec("1000")};
        if (version >= 129) pnl.unrealized_pnl = dec("-2");
        if (version >= 135) pnl.realized_pnl = dec("7");
        std::vector<IncomingMessage> const messages{
            ManagedAccounts{"DU1,DU2"}, NextValidId{42}, Position{"DU1", contract, dec("-3"), dec("2100.6321")}, PositionEnd{},
            AccountValue{"NetLiquidation", "100000.00", "USD", "DU1"},
            PortfolioValue{portfolio, dec("-3"), dec("4.1"), dec("-1230"), dec("410.7"), std::nullopt, dec("0"), "DU1"},
            AccountUpdateTime{"09:31"}, AccountDownloadEnd{"DU1"}, execution, ExecutionDetailsEnd{1001},
            CommissionReport{"0000e0d5.69dd7411.01.01", dec("1.0457"), "USD", std::nullopt}, data, bond, ContractDataEnd{9},
            CurrentTime{1795000000},
            ErrorMessage{9, 200, "No security definition", version >= 166 ? "{}" : "", version >= 194 ? 1795000000000 : 0}, pnl,
            PositionMulti{7, "DU1", contract, dec("2.5"), dec("225.9"), "growth"}, PositionMultiEnd{7},
            AccountSummary{8, "DU1", "NetLiquidation", "1000.5", "EUR"}, AccountSummaryEnd{8},
            AccountUpdateMulti{9, "DU1", "growth", "CashBalance", "12", "USD"}, AccountUpdateMultiEnd{9},
            FamilyCodes{{{"DU1", "F445566A"}, {"DU2", ""}}}, CurrentTimeInMillis{1795000000123},
            Pnl{4, dec("-1.5"), version >= 129 ? OptionalDecimal(dec("3")) : std::nullopt, std::nullopt}};
        for (auto const& message : messages) {
            std::string bytes;
            encode(bytes, message, version);
            std::string const payload = payload_of(bytes);
            auto const decoded = decode(payload, version);
            ASSERT_TRUE(decoded.has_value()) << version << " " << message.index() << " " << decoded.error().what << decoded.error().field;
            EXPECT_TRUE(*decoded == message) << "version " << version << ", message " << message.index();
        }
        std::vector<OutgoingMessage> const requests{
            StartApi{7}, RequestManagedAccounts{}, RequestCurrentTime{}, RequestPositions{}, CancelPositions{},
            RequestAccountUpdates{true, "DU1"}, RequestExecutions{1001, 3, "DU1", "20261123-00:00:00"}, RequestContractData{9, 265598},
            RequestExecutions{1002, 0, "", "", version >= 200 ? 3 : 0, "AAPL", "STK", "ISLAND", "BUY",
                              version >= 200 ? std::vector<std::int64_t>{20261120, 20261123} : std::vector<std::int64_t>{}},
            RequestContractData{9, 0, "SPY", "OPT", "20270115", dec("650"), "C", "SMART", "USD", "SPY   270115C00650000", true},
            RequestPnlSingle{4, "DU1", 265598}, CancelPnlSingle{4}, RequestPositionsMulti{5, "DU1", "growth"}, CancelPositionsMulti{5},
            RequestAccountSummary{6, "All", "NetLiquidation,TotalCashValue"}, CancelAccountSummary{6},
            RequestAccountUpdatesMulti{7, "DU1", "", true}, CancelAccountUpdatesMulti{7}, RequestFamilyCodes{},
            RequestPnl{8, "DU1", "growth"}, CancelPnl{8}, RequestCurrentTimeInMillis{}};
        for (auto const& request : requests) {
            std::string bytes;
            encode(bytes, request, version);
            EXPECT_TRUE(may_be_sent(bytes));
            std::string const payload = payload_of(bytes);
            auto const decoded = decode_request(payload, version);
            ASSERT_TRUE(decoded.has_value()) << version << " " << request.index();
            std::visit([&](auto const& sent) { EXPECT_EQ(std::get<std::decay_t<decltype(sent)>>(*decoded), sent); }, request);
        }
    }
}

TEST(Codec, TheGatewaysSettingsComeBack) {
    ApiSettings settings{true, true, false, true, true, false, 71, 30, true, false, "operator"};
    GatewaySettings const message{9, {"23:45", "PM", "restart"}, {settings}};
    std::string bytes;
    encode(bytes, message, 219);
    std::string const payload = payload_of(bytes);
    EXPECT_EQ(std::get<GatewaySettings>(*decode(payload, 219)), message);
}

TEST(Outgoing, NothingThatTradesMayLeave) {
    for (int const id : {3, 4, 5, 8, 14, 15, 16, 21, 58, 99, 109}) {
        EXPECT_FALSE(is_allowed(id));
        std::string text;
        append_frame(text, fields({std::to_string(id), "1"}));
        EXPECT_FALSE(may_be_sent(text)) << id;
        for (int const offset : {0, 200}) {  // as four bytes with text, and as binary
            std::string raw(3, '\0');
            raw += static_cast<char>(0);
            raw[2] = static_cast<char>((id + offset) >> 8);
            raw[3] = static_cast<char>((id + offset) & 0xFF);
            std::string bytes;
            append_frame(bytes, raw + std::string("1\0", 2));
            EXPECT_FALSE(may_be_sent(bytes)) << id;
        }
    }
    std::string good;
    encode(good, RequestPositions{}, 200);
    std::string mixed = good;
    append_frame(mixed, fields({"3", "1"}));
    EXPECT_TRUE(may_be_sent(good + good));
    EXPECT_FALSE(may_be_sent(mixed));
    EXPECT_FALSE(may_be_sent(good.substr(0, good.size() - 1)));
    EXPECT_FALSE(may_be_sent(std::string("API\0", 4)));
}

TEST(Frame, CutsWhateverTheChunks) {
    std::string stream;
    for (int i = 0; i < 50; ++i) append_frame(stream, std::string(static_cast<std::size_t>(i + 1), static_cast<char>('a' + i % 26)));
    for (std::size_t chunk = 1; chunk < 40; ++chunk) {
        FrameReader reader;
        int frames = 0;
        for (std::size_t at = 0; at < stream.size(); at += chunk) {
            reader.append(std::string_view(stream).substr(at, chunk));
            for (;;) {
                auto const frame = reader.next();
                ASSERT_TRUE(frame.has_value());
                if (!*frame) break;
                EXPECT_EQ((*frame)->size(), static_cast<std::size_t>(++frames));
            }
        }
        EXPECT_EQ(frames, 50);
    }
}

TEST(Binary, NumbersWrittenAsTextThatNoDecimalHoldsAreUnknownOrErrors) {
    // A position of 207 and later: account, contract {conId}, position as text.
    auto const payload = [](std::string const& digits) {
        std::string bytes = from_hex("00000105") + "\x0a\x03" "DU1" "\x12\x02\x08\x05\x1a";
        bytes += static_cast<char>(digits.size());
        return bytes + digits;
    };
    EXPECT_EQ(std::get<Position>(*decode(payload("12.5"), 226)).position, base::Decimal::from_parts(125, 1));
    EXPECT_EQ(std::get<Position>(*decode(payload("1E3"), 226)).position, base::Decimal(1000));
    for (char const* unset : {"", "1.7976931348623157E308", "Infinity", "-Infinity", "9223372036854775807", "2147483647"}) {
        auto const decoded = decode(payload(unset), 226);
        ASSERT_TRUE(decoded.has_value()) << unset;
        EXPECT_EQ(std::get<Position>(*decoded).position, std::nullopt) << unset;
    }
    for (char const* wrong : {"x", "1.2.3", "1E400", "NaN"}) EXPECT_FALSE(decode(payload(wrong), 226).has_value()) << wrong;
}

TEST(Binary, GroupsWithinGroupsEndSomewhere) {
    std::string const group = "\x9b\x06";  // field 99 begins
    std::string const end = "\x9c\x06";
    for (int depth : {1, 31, 40, 1000}) {
        std::string bytes = from_hex("00000105");
        for (int i = 0; i < depth; ++i) bytes += group;
        for (int i = 0; i < depth; ++i) bytes += end;
        EXPECT_EQ(decode(bytes, 226).has_value(), depth < 32) << depth;
    }
    EXPECT_FALSE(decode(from_hex("00000105") + group, 226).has_value());                // breaks off
    EXPECT_FALSE(decode(from_hex("00000105") + group + "\xa4\x06", 226).has_value());  // another one ends
}

TEST(Decode, MoreFieldsThanAnyMessageHasAreAnError) {
    for (std::size_t count = 380; count < 420; ++count) {  // beyond the identifier
        auto const decoded = decode("999" + std::string(count, '\0'), 200);
        EXPECT_EQ(decoded.has_value(), count <= 400) << count;
    }
}

TEST(Outgoing, NothingRidesOnTheHandshake) {
    std::string hello;
    encode_client_hello(hello, 100, 226);
    EXPECT_TRUE(may_be_sent(hello));
    EXPECT_FALSE(may_be_sent(hello + "x"));
    EXPECT_FALSE(may_be_sent(hello + std::string("\0\0\0\3" "3\0x", 7)));
    EXPECT_FALSE(may_be_sent(hello.substr(0, hello.size() - 1)));
}

TEST(Generation, MessagesNobodyKnowsAreNeverBinary) {
    EXPECT_GT(answers_binary_since(999), 10'000);
    EXPECT_GT(requests_binary_since(999), 10'000);
    EXPECT_EQ(answers_binary_since(61), 207);
    EXPECT_EQ(requests_binary_since(7), 201);
}

TEST(Frame, ImpossibleLengthsEndTheStream) {
    for (char const* hex : {"00000000", "ffffffff", "01000000", "80000001"}) {
        FrameReader reader;
        reader.append(from_hex(hex));
        EXPECT_FALSE(reader.next().has_value()) << hex;
    }
    FrameReader reader;
    reader.append(from_hex("00ffffff"));
    auto const frame = reader.next();
    ASSERT_TRUE(frame.has_value());
    EXPECT_FALSE(frame->has_value());
}

RC_GTEST_PROP(DecodeProperty, AnyBytesGiveAValue, (std::string const& bytes)) {
    for (int const version : {100, 176, 200, 201, 226}) {
        (void)decode(bytes, version);
        (void)decode_request(bytes, version);
        // The same bytes as the body of every binary message.
        for (unsigned char id = 201; version > 200 && id != 0; ++id) {
            std::string const payload = std::string("\0\0\0", 3) + static_cast<char>(id) + bytes;
            (void)decode(payload, version);
            (void)decode_request(payload, version);
        }
    }
    (void)decode_hello(bytes);
    (void)decode_client_hello(bytes);
    (void)unescape(bytes);
}

RC_GTEST_PROP(DecodeProperty, AnyFieldsGiveAValue, ()) {
    auto const id = *rc::gen::element(4, 6, 7, 9, 10, 11, 15, 18, 55, 59, 61, 95);
    std::vector<std::string> list{std::to_string(id)};
    auto const count = *rc::gen::inRange(0, 60);
    for (int i = 0; i < count; ++i) {
        list.push_back(*rc::gen::element<std::string>("", "1", "-1", "3.5", "1E9", "USD", "2147483647", "1.7976931348623157E308", "x", "99999999999999999999"));
    }
    std::string const payload = fields(list);
    auto const decoded = decode(payload, *rc::gen::inRange(100, 201));
    RC_ASSERT(decoded.has_value() || decoded.error().message_id == id);
}

}  // namespace
}  // namespace possync::tws
