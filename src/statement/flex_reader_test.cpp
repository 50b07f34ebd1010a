#include "statement/flex_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace possync::statement {
namespace {

using base::Date;
using base::Decimal;
using base::Timestamp;
using model::Cause;
using model::Statement;
using testing::HasSubstr;

/// New York as it is in these tests: five hours behind, four from 9 March to 1 November 2025; 02:30 of 9 March does not exist.
struct NewYork final : base::ZoneRules {
    base::Result<Timestamp> to_utc(std::string_view, base::LocalTime const& local) const override {
        std::int64_t const two = 2LL * 3'600'000'000;
        base::LocalTime const spring{{2025, 3, 9}, two};
        base::LocalTime const autumn{{2025, 11, 2}, two};
        if (local >= spring && local < base::LocalTime{{2025, 3, 9}, two + two / 2}) {
            return base::fail(base::ErrorCode::invalid_input, "the local time does not exist in America/New_York");
        }
        int const hours = local >= spring && local < autumn ? 4 : 5;
        return base::from_utc_local(local) + std::chrono::hours(hours);
    }
    base::Result<base::LocalTime> to_local(std::string_view, Timestamp time) const override { return base::utc_local(time); }
};
NewYork const zones;

struct Read {
    std::vector<Statement> statements;
    base::Result<void> outcome;
};

Read read_in_pieces(std::string_view bytes, std::size_t size) {
    Read read;
    FlexReader reader({"flex.xml"}, zones, [&](Statement statement) -> base::Result<void> {
        read.statements.push_back(std::move(statement));
        return {};
    });
    for (std::size_t at = 0; at < bytes.size() && read.outcome; at += size)
        read.outcome = reader.feed(bytes.substr(at, size));
    if (read.outcome) read.outcome = reader.finish();
    return read;
}
Read read(std::string_view bytes) { return read_in_pieces(bytes, bytes.size() + 1); }

std::string file_of(std::string_view statements) {
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<FlexQueryResponse queryName=\"daily\" type=\"AF\">\n<FlexStatements "
           "count=\"1\">\n" +
           std::string(statements) + "</FlexStatements>\n</FlexQueryResponse>\n";
}
std::string statement_of(std::string_view sections) {
    return "<FlexStatement accountId=\"U1234567\" fromDate=\"20250910\" toDate=\"20250911\" period=\"\" "
           "whenGenerated=\"20250912;050533\">\n" +
           std::string(sections) + "</FlexStatement>\n";
}

Statement one(std::string_view sections) {
    auto result = read(file_of(statement_of(sections)));
    EXPECT_TRUE(result.outcome) << result.outcome.error().message;
    EXPECT_EQ(result.statements.size(), 1U);
    return result.statements.empty() ? Statement{} : std::move(result.statements[0]);
}
std::string error_of(std::string_view bytes) {
    auto const result = read(bytes);
    return result.outcome ? "" : result.outcome.error().message;
}
std::string row_error(std::string_view sections) { return error_of(file_of(statement_of(sections))); }

Decimal number(std::string_view text) { return *Decimal::parse(text); }
Timestamp utc(std::string_view text) { return *base::parse_rfc3339(text); }

TEST(FlexReader, StatementSaysWhatItCovers) {
    Statement const statement = one("<AccountInformation accountId=\"U1234567\" currency=\"EUR\" name=\"x\"/>\n");
    EXPECT_EQ(statement.account, "U1234567");
    EXPECT_EQ(statement.query_name, "daily");
    EXPECT_EQ(statement.source, "flex.xml");
    EXPECT_EQ(statement.from, (Date{2025, 9, 10}));
    EXPECT_EQ(statement.to, (Date{2025, 9, 11}));
    EXPECT_EQ(statement.generated_at, utc("2025-09-12T09:05:33Z"));
    EXPECT_EQ(statement.base_currency, "EUR");
    EXPECT_FALSE(statement.has_trades || statement.has_positions || statement.has_lots || statement.has_transfers ||
                 statement.has_corporate_actions || statement.has_option_events);
    EXPECT_THAT(statement.remainders, testing::IsEmpty());
}

TEST(FlexReader, TradeWithAllItsFields) {
    Statement const statement = one(
        R"(<Trades>
<Trade accountId="U1234567" currency="EUR" assetCategory="STK" symbol="SAP" conid="14204" listingExchange="IBIS" multiplier="1" strike="" expiry=""
 tradeID="77" transactionID="88" dateTime="20250911;100005" tradeDate="20250911" reportDate="20250911" transactionType="ExchTrade" exchange="IBIS2"
 quantity="-12.5" tradePrice="200.1" tradeMoney="-2501.25" proceeds="2501.25" taxes="-1.5" ibCommission="-3.25" ibCommissionCurrency="EUR"
 fifoPnlRealized="12.75" buySell="SELL" ibOrderID="401339261" ibExecID="0000e0d5.69dd7411.01.01" orderReference="mine" notes="P;C" origTradeID=""
 levelOfDetail="EXECUTION" />
</Trades>
)");
    ASSERT_EQ(statement.trades.size(), 1U);
    auto const& trade = statement.trades[0];
    EXPECT_TRUE(statement.has_trades);
    EXPECT_EQ(trade.con_id, 14204);
    EXPECT_EQ(trade.transaction_id, "88");
    EXPECT_EQ(trade.trade_id, "77");
    EXPECT_EQ(trade.exec_id, "0000e0d5.69dd7411.01.01");
    EXPECT_EQ(trade.time, utc("2025-09-11T14:00:05Z"));
    EXPECT_EQ(trade.trade_date, (Date{2025, 9, 11}));
    EXPECT_EQ(trade.quantity, number("-12.5"));
    EXPECT_EQ(trade.price, number("200.1"));
    EXPECT_EQ(trade.money, number("2501.25"));
    EXPECT_EQ(trade.commission, number("4.75"));
    EXPECT_EQ(trade.commission_currency, "EUR");
    EXPECT_EQ(trade.realized_pnl, number("12.75"));
    EXPECT_EQ(trade.cause, Cause::execution);
    EXPECT_EQ(trade.order_id, 401339261);
    EXPECT_EQ(trade.order_ref, "mine");
    EXPECT_EQ(trade.exchange, "IBIS2");
    EXPECT_EQ(trade.notes, "P;C");
    EXPECT_EQ(trade.line, 6);
    ASSERT_EQ(statement.instruments.size(), 1U);
    EXPECT_EQ(statement.instruments[0].symbol, "SAP");
    EXPECT_EQ(statement.instruments[0].primary_exchange, "IBIS");
    EXPECT_FALSE(statement.instruments[0].details_known);
}

TEST(FlexReader, WhatATradeLeavesEmptyIsUnset) {
    auto const trade =
        one("<Trades><Trade conid=\"1\" quantity=\"1\" tradePrice=\"2\" tradeDate=\"20250911\" ibExecID=\"--\" exchange=\"--\" "
            "fifoPnlRealized=\"\" proceeds=\"-2\"/></Trades>")
            .trades.at(0);
    EXPECT_FALSE(trade.time || trade.commission || trade.realized_pnl);
    EXPECT_EQ(trade.money, number("2"));
    EXPECT_EQ(trade.exec_id + trade.exchange + trade.transaction_id + trade.commission_currency, "");
}

TEST(FlexReader, TaxesOfAnotherCurrencyAreNotAddedToTheCommission) {
    auto const statement =
        one("<Trades><Trade conid=\"1\" quantity=\"1\" tradePrice=\"2\" tradeDate=\"20250911\" currency=\"GBP\" taxes=\"-5\" "
            "ibCommission=\"-1\" ibCommissionCurrency=\"USD\"/></Trades>");
    EXPECT_EQ(statement.trades.at(0).commission, number("1"));
    EXPECT_EQ(statement.trades.at(0).commission_currency, "USD");
    EXPECT_EQ(statement.remainders.at(0).section, "Trades/@taxes");
}

TEST(FlexReader, CancelledTradeComesAsItsReverse) {
    auto const trades = one(R"xml(<Trades>
<Trade conid="5" tradeID="464" transactionID="1" quantity="450" tradePrice="5.4" tradeDate="20250910" buySell="BUY" transactionType="ExchTrade"/>
<Trade conid="5" transactionID="2" quantity="-450" tradePrice="5.4" tradeDate="20250910" buySell="BUY (Ca.)" transactionType="TradeCancel" notes="Ca"
 origTradeID="464"/>
<Trade conid="5" tradeID="465" transactionID="3" quantity="-100" tradePrice="5.3" tradeDate="20250910" buySell="BUY" notes="Co" transactionType="TradeCorrect" origTradeID="464"/>
</Trades>)xml")
                            .trades;
    ASSERT_EQ(trades.size(), 3U);
    EXPECT_TRUE(!trades[0].cancels && !trades[0].corrects);
    EXPECT_TRUE(trades[1].cancels);
    EXPECT_EQ(trades[1].quantity, number("-450"));
    EXPECT_EQ(trades[1].original_trade_id, "464");
    EXPECT_TRUE(trades[2].corrects);
    EXPECT_EQ(trades[2].quantity, number("100"));  // buySell says which way
}

TEST(FlexReader, DerivativesAreNamedByTheirUnderlying) {
    auto const statement = one(R"(<Trades>
<Trade conid="9" assetCategory="OPT" symbol="SPY   250919C00620000" underlyingSymbol="SPY" underlyingConid="756733" underlyingCategory="STK" multiplier="100"
 strike="620" expiry="20250919" putCall="C" currency="USD" quantity="1" tradePrice="2.5" tradeDate="20250911"/>
<Trade conid="10" assetCategory="FUT" symbol="ESZ5" underlyingSymbol="ES" multiplier="50" strike="0" expiry="20251219" putCall="" currency="USD"
 listingExchange="CME" quantity="-1" tradePrice="6600.25" tradeDate="20250911"/>
</Trades>
<SecuritiesInfo><SecurityInfo conid="10" assetCategory="FUT" symbol="ESZ5" description="" multiplier="50" underlyingConid="11004968"/>
<SecurityInfo conid="11" assetCategory="FXCFD" symbol="EUR.USD" currency="USD" multiplier=""/></SecuritiesInfo>)");
    ASSERT_EQ(statement.instruments.size(), 3U);
    auto const& option = statement.instruments[0];
    EXPECT_EQ(option.symbol, "SPY");
    EXPECT_EQ(option.local_symbol, "SPY   250919C00620000");
    EXPECT_EQ(option.multiplier, number("100"));
    EXPECT_EQ(option.strike, number("620"));
    EXPECT_EQ(option.expiry, "20250919");
    EXPECT_EQ(option.right, "C");
    EXPECT_EQ(option.under_con_id, 756733);
    EXPECT_EQ(option.under_sec_type, "STK");
    auto const& future = statement.instruments[1];
    EXPECT_EQ(future.symbol, "ES");
    EXPECT_EQ(future.exchange, "CME");
    EXPECT_FALSE(future.strike);
    EXPECT_EQ(future.under_con_id, 11004968);  // said only in SecuritiesInfo
    EXPECT_EQ(statement.instruments[2].sec_type, "CFD");
    EXPECT_EQ(statement.instruments[2].multiplier, number("1"));
}

TEST(FlexReader, LotsOfAClosingTrade) {
    auto const statement = one(R"(<Trades>
<Trade conid="5" transactionID="31" quantity="-30" tradePrice="5" tradeDate="20250911" buySell="SELL" levelOfDetail="EXECUTION"/>
<Lot conid="5" quantity="10" tradePrice="4" tradeDate="20250911" openDateTime="20250102;093000" cost="-40.35" fifoPnlRealized="9.5" buySell="SELL"
 levelOfDetail="CLOSED_LOT"/>
<Trade conid="6" levelOfDetail="CLOSED_LOT" quantity="7" tradeDate="20250911" buySell="BUY" transactionID="99"/>
<Order conid="5" quantity="-30" levelOfDetail="ORDER"/><SymbolSummary levelOfDetail="SYMBOL_SUMMARY"/><AssetSummary/><WashSale levelOfDetail="WASH_SALE"/>
</Trades>)");
    EXPECT_EQ(statement.trades.size(), 1U);
    ASSERT_EQ(statement.closed_lots.size(), 2U);
    auto const& lot = statement.closed_lots[0];
    EXPECT_EQ(lot.quantity, number("10"));  // what was sold was long
    EXPECT_EQ(lot.cost, number("40.35"));
    EXPECT_EQ(lot.realized_pnl, number("9.5"));
    EXPECT_EQ(lot.opened_at, utc("2025-01-02T14:30:00Z"));
    EXPECT_EQ(lot.transaction_id, "31");
    EXPECT_EQ(statement.closed_lots[1].quantity, number("-7"));
    EXPECT_EQ(statement.closed_lots[1].transaction_id, "99");
    EXPECT_THAT(statement.remainders, testing::IsEmpty());
}

TEST(FlexReader, OptionEvents) {
    auto const events = one(R"(<OptionEAE>
<OptionEAE conid="9" assetCategory="OPT" symbol="SA C" underlyingConid="28" date="20250911" transactionType="Assignment" quantity="1" tradePrice="0"
 proceeds="0" commisionsAndTax="-0.5" realizedPnl="12" currency="USD" tradeID="4"/>
<OptionEAE conid="28" assetCategory="STK" symbol="SA" date="20250911" transactionType="Sell" quantity="-100" tradePrice="17"/>
<OptionEAE conid="28" assetCategory="STK" symbol="SA" date="20250910" transactionType="Sell" quantity="-100"/>
<OptionEAE conid="9" assetCategory="OPT" symbol="SA C" date="20250911" transactionType="Cash Settlement" quantity="0"/>
<OptionEAE conid="9" assetCategory="OPT" symbol="SA C" date="20250910" transactionType="Expiration" quantity="2"/>
</OptionEAE>)")
                            .option_events;
    ASSERT_EQ(events.size(), 5U);
    EXPECT_EQ(events[0].cause, Cause::assignment);
    EXPECT_EQ(events[0].commission, number("0.5"));
    EXPECT_EQ(events[0].realized_pnl, number("12"));
    EXPECT_EQ(events[0].trade_id, "4");
    EXPECT_EQ(events[1].cause, Cause::assignment);  // the delivery of that day
    EXPECT_EQ(events[1].price, number("17"));
    EXPECT_EQ(events[2].cause, Cause::execution);  // nothing was assigned the day before
    EXPECT_FALSE(events[2].price);
    EXPECT_EQ(events[3].cause, Cause::cash_settlement);
    EXPECT_EQ(events[4].cause, Cause::expiry);
}

TEST(FlexReader, CorporateActionsAndTransfers) {
    auto const statement = one(R"(<CorporateActions>
<CorporateAction conid="80" symbol="GCM.OLD" quantity="-24" reportDate="20250911" dateTime="20250910;202500" type="IC" actionID="157" proceeds="0" value="0"
 currency="USD" levelOfDetail="SUMMARY" description="GCM SPLIT 1 FOR 25"/>
<CorporateAction conid="80" symbol="GCM.OLD" quantity="-24" reportDate="20250911" dateTime="20250910;202500" type="IC" actionID="157" transactionID="345"
 proceeds="405.42" value="-407.37" fifoPnlRealized="3" currency="USD" levelOfDetail="DETAIL" description="GCM SPLIT 1 FOR 25"/>
</CorporateActions>
<Transfers>
<Transfer conid="86" symbol="FMTIF" date="2025-09-11" type="ACATS" direction="IN" quantity="226,702" transferPrice="0" positionAmount="11.51" cashTransfer="0"
 currency="USD" transactionID="12"/>
<Transfer symbol="--" date="2025-09-11" type="INTERNAL" direction="OUT" quantity="0" cashTransfer="-100" currency="USD"/>
</Transfers>)");
    ASSERT_EQ(statement.corporate_actions.size(), 1U);  // SUMMARY repeats DETAIL
    auto const& action = statement.corporate_actions[0];
    EXPECT_EQ(action.transaction_id, "345");
    EXPECT_EQ(action.action_id, "157");
    EXPECT_EQ(action.type, "IC");
    EXPECT_EQ(action.quantity, number("-24"));
    EXPECT_EQ(action.proceeds, number("405.42"));
    EXPECT_EQ(action.value, number("-407.37"));
    EXPECT_EQ(action.realized_pnl, number("3"));
    EXPECT_EQ(action.time, utc("2025-09-11T00:25:00Z"));
    EXPECT_EQ(action.report_date, (Date{2025, 9, 11}));
    EXPECT_EQ(action.description, "GCM SPLIT 1 FOR 25");
    ASSERT_EQ(statement.transfers.size(), 2U);
    EXPECT_EQ(statement.transfers[0].quantity, number("226702"));
    EXPECT_EQ(statement.transfers[0].position_amount, number("11.51"));
    EXPECT_EQ(statement.transfers[0].direction, "IN");
    EXPECT_EQ(statement.transfers[1].con_id, 0);
    EXPECT_EQ(statement.transfers[1].cash, number("-100"));
    EXPECT_TRUE(statement.has_corporate_actions && statement.has_transfers);
}

TEST(FlexReader, PositionsAndTheirLots) {
    auto const statement = one(R"(<OpenPositions>
<OpenPosition accountId="U1234567F" conid="7" symbol="X" position="-3" reportDate="20250911" markPrice="2" costBasisPrice="1.5" costBasisMoney="-450" fxRateToBase="0.92"
 openDateTime="" side="Short" levelOfDetail="SUMMARY"/>
<OpenPosition conid="7" symbol="X" position="-3" reportDate="20250911" costBasisMoney="-450" openDateTime="20250807;104523" levelOfDetail="LOT"
 originatingTransactionID="34300637871"/>
</OpenPositions>)");
    ASSERT_EQ(statement.positions.size(), 2U);
    EXPECT_TRUE(statement.has_positions && statement.has_lots);
    auto const& whole = statement.positions[0];
    EXPECT_EQ(whole.quantity, number("-3"));
    EXPECT_EQ(whole.cost_price, number("1.5"));
    EXPECT_EQ(whole.cost_money, number("-450"));
    EXPECT_EQ(whole.mark_price, number("2"));
    EXPECT_EQ(whole.fx_rate_to_base, number("0.92"));
    EXPECT_FALSE(whole.is_lot || whole.opened_at);
    EXPECT_TRUE(statement.positions[1].is_lot);
    EXPECT_EQ(statement.positions[1].opened_at, utc("2025-08-07T14:45:23Z"));
    EXPECT_EQ(statement.positions[1].originating_transaction_id, "34300637871");
}

TEST(FlexReader, AnEmptySectionSaysThereWasNothingAndOneOfOtherLevelsSaysNothing) {
    auto const empty = one("<Trades/><OpenPositions></OpenPositions><OptionEAE/><Transfers/><CorporateActions/>");
    EXPECT_TRUE(empty.has_trades && empty.has_positions && empty.has_lots && empty.has_option_events && empty.has_transfers &&
                empty.has_corporate_actions);
    auto const orders = one("<Trades><Order conid=\"1\" levelOfDetail=\"ORDER\"/></Trades>"
                            "<OpenPositions><OpenPosition conid=\"1\" position=\"1\" levelOfDetail=\"LOT\"/></OpenPositions>");
    EXPECT_FALSE(orders.has_trades || orders.has_positions);
    EXPECT_TRUE(orders.has_lots);
    ASSERT_EQ(orders.remainders.size(), 2U);
    EXPECT_THAT(orders.remainders[0].content, HasSubstr("tick Executions"));
    EXPECT_THAT(orders.remainders[1].content, HasSubstr("tick Summary"));
}

TEST(FlexReader, CashIsCountedOnce) {
    std::string const detail =
        "<CashTransaction type=\"Dividends\" symbol=\"KO\" conid=\"8894\" currency=\"USD\" amount=\"100\" fxRateToBase=\"0.9\" "
        "dateTime=\"20250911;202000\" settleDate=\"20250911\" reportDate=\"20250911\" exDate=\"20250815\" actionID=\"3\" "
        "transactionID=\"1\" description=\"KO DIVIDEND\" levelOfDetail=\"DETAIL\"/>";
    std::string const summary =
        "<CashTransaction type=\"Dividends\" currency=\"USD\" amount=\"100\" dateTime=\"20250911\" levelOfDetail=\"SUMMARY\"/>";
    auto const both = one("<CashTransactions>" + summary + detail + "</CashTransactions>");
    ASSERT_EQ(both.cash.size(), 1U);
    auto const& dividend = both.cash[0];
    EXPECT_EQ(dividend.transaction_id, "1");
    EXPECT_EQ(dividend.con_id, 8894);
    EXPECT_EQ(dividend.amount, number("100"));
    EXPECT_EQ(dividend.type, "Dividends");
    EXPECT_EQ(dividend.ex_date, (Date{2025, 8, 15}));
    EXPECT_EQ(dividend.time, utc("2025-09-12T00:20:00Z"));
    EXPECT_EQ(both.instruments.size(), 1U);
    EXPECT_EQ(one("<CashTransactions>" + summary + "</CashTransactions>").cash.size(), 1U);
}

TEST(FlexReader, RowsWithoutAnIdGetOneFromTheirContent) {
    std::string const fee =
        "<CashTransaction type=\"Other Fees\" currency=\"USD\" amount=\"-10\" dateTime=\"20250911\" description=\"a\"/>";
    std::string const other =
        "<CashTransaction type=\"Other Fees\" currency=\"USD\" amount=\"-11\" dateTime=\"20250911\" description=\"a\"/>";
    auto const first = one("<CashTransactions>" + fee + fee + other + "</CashTransactions>").cash;
    auto const second = one("<CashTransactions>" + other + fee + "</CashTransactions>").cash;
    EXPECT_NE(first[0].transaction_id, first[1].transaction_id);
    EXPECT_NE(first[0].transaction_id, first[2].transaction_id);
    EXPECT_EQ(first[0].transaction_id, second[1].transaction_id);
    EXPECT_EQ(first[2].transaction_id, second[0].transaction_id);
}

TEST(FlexReader, ForexProfitIsCash) {
    auto const statement = one(R"(<FxTransactions>
<FxTransaction accountId="U1234567" reportDate="20250911" functionalCurrency="EUR" fxCurrency="USD" activityDescription="conversion" dateTime="20250911;170000"
 quantity="-100" proceeds="91" cost="-90" realizedPL="1.25" code="C" levelOfDetail="TRANSACTION"/>
<FxTransaction reportDate="20250911" functionalCurrency="EUR" fxCurrency="USD" realizedPL="0" levelOfDetail="TRANSACTION"/>
<FxTransaction reportDate="20250911" functionalCurrency="EUR" fxCurrency="USD" realizedPL="1.25" levelOfDetail="SUMMARY"/>
</FxTransactions>
<ConversionRates><ConversionRate reportDate="20250911" fromCurrency="USD" toCurrency="EUR" rate="0.91999"/></ConversionRates>)");
    ASSERT_EQ(statement.cash.size(), 1U);
    EXPECT_EQ(statement.cash[0].type, "Forex P&L");
    EXPECT_EQ(statement.cash[0].currency, "EUR");
    EXPECT_EQ(statement.cash[0].amount, number("1.25"));
    ASSERT_EQ(statement.rates.size(), 1U);
    EXPECT_EQ(statement.rates[0], (model::CurrencyRate{{2025, 9, 11}, "USD", number("0.91999")}));
    EXPECT_EQ(statement.base_currency, "EUR");
}

TEST(FlexReader, UnknownThingsAreKeptOnceAndBounded) {
    std::string rows;
    for (int i = 0; i < 130; ++i)
        rows += "<NewRow a=\"" + std::to_string(i) + "\" b=\"x&quot;y\"/>";
    auto const statement =
        one("<Trades><Trade conid=\"1\" quantity=\"1\" tradePrice=\"2\" tradeDate=\"20250911\" shiny=\"a\\b\" empty=\"\"/>"
            "<Trade conid=\"1\" quantity=\"1\" tradePrice=\"2\" tradeDate=\"20250911\" shiny=\"c\"/></Trades>"
            "<CashReport><CashReportCurrency whatever=\"1\"/></CashReport>"
            "<NewSection>" +
            rows + "</NewSection>");
    EXPECT_EQ(statement.trades.size(), 2U);
    ASSERT_EQ(statement.remainders.size(), remainders_max + 1);
    EXPECT_EQ(statement.remainders[0].section, "Trades/@shiny");
    EXPECT_EQ(statement.remainders[0].content, R"({"shiny": "a\\b"})");
    EXPECT_EQ(statement.remainders[1].section, "NewSection");
    EXPECT_EQ(statement.remainders[1].content, R"({"a": "0", "b": "x\"y"})");
    EXPECT_EQ(statement.remainders.back().section, "more");
    EXPECT_EQ(statement.remainders.back().content, "{\"not kept\": 31}");
}

TEST(FlexReader, EachStatementIsHandedOverWhenItCloses) {
    std::string const first = file_of(statement_of("<Trades/>"));
    std::string const cut = first.substr(0, first.find("</FlexStatements>"));
    std::vector<std::string> accounts;
    FlexReader reader({"flex.xml"}, zones, [&](Statement statement) -> base::Result<void> {
        accounts.push_back(statement.account);
        return {};
    });
    ASSERT_TRUE(reader.feed(cut));
    EXPECT_THAT(accounts, testing::ElementsAre("U1234567"));
    ASSERT_TRUE(reader.feed(
        "<FlexStatement accountId=\"U2\" fromDate=\"20250911\" toDate=\"20250911\"><OpenPositions/></FlexStatement>"));
    EXPECT_THAT(accounts, testing::ElementsAre("U1234567", "U2"));
    EXPECT_EQ(reader.statements(), 2);
    EXPECT_FALSE(reader.finish());
}

TEST(FlexReader, NothingOfOneStatementIsLeftInTheNext) {
    std::string const full = statement_of(
        "<AccountInformation currency=\"EUR\"/><Trades><Trade conid=\"1\" quantity=\"1\" tradePrice=\"2\" tradeDate=\"20250911\" "
        "new=\"1\"/></Trades><OpenPositions/><CashTransactions><CashTransaction amount=\"1\" "
        "reportDate=\"20250911\"/></CashTransactions>");
    auto const read_twice = read(file_of(full + full + statement_of("")));
    ASSERT_TRUE(read_twice.outcome);
    ASSERT_EQ(read_twice.statements.size(), 3U);
    auto second = read_twice.statements[1];
    second.trades[0].line = read_twice.statements[0].trades[0].line;
    second.remainders[0].line = read_twice.statements[0].remainders[0].line;
    EXPECT_EQ(read_twice.statements[0], second);
    EXPECT_TRUE(read_twice.statements[2].trades.empty() && read_twice.statements[2].cash.empty() &&
                read_twice.statements[2].instruments.empty());
    EXPECT_EQ(read_twice.statements[2].base_currency, "");
}

TEST(FlexReader, ErrorsNamePlaceAndRemedy) {
    struct Row {
        std::string sections;
        std::string message;
    };
    for (auto const& [sections, message] : std::initializer_list<Row>{
             {"<Trades>\n<Trade conid=\"1\" symbol=\"AAPL\" quantity=\"ten\" tradePrice=\"2\" tradeDate=\"20250911\"/></Trades>",
              "flex.xml:6:1: Trade AAPL: quantity: 'ten' is not a number"},
             {"<Trades><Trade symbol=\"AAPL\" quantity=\"1\" tradePrice=\"2\" tradeDate=\"20250911\"/></Trades>",
              "flex.xml:5:9: Trade AAPL has no conid, so nobody can tell which instrument moved; add Conid to the section "
              "Trades"},
             {"<Trades><Trade conid=\"x\" symbol=\"AAPL\" quantity=\"1\" tradePrice=\"2\" tradeDate=\"20250911\"/></Trades>",
              "conid 'x'"},
             {"<Trades><Trade conid=\"1\" symbol=\"AAPL\" tradePrice=\"2\" tradeDate=\"20250911\"/></Trades>",
              "has no quantity; add it to the section Trades"},
             {"<Trades><Trade conid=\"1\" symbol=\"AAPL\" quantity=\"1\" tradeDate=\"20250911\"/></Trades>",
              "has no tradePrice; add it"},
             {"<Trades><Trade conid=\"1\" symbol=\"AAPL\" quantity=\"1\" tradePrice=\"1\"/></Trades>",
              "has no date; add tradeDate"},
             {"<OpenPositions><OpenPosition conid=\"1\" symbol=\"B\"/></OpenPositions>", "has no position"},
             {"<CorporateActions><CorporateAction symbol=\"B\" quantity=\"5\" reportDate=\"20250911\"/></CorporateActions>",
              "CorporateAction B has no conid"},
             {"<Trades><Trade conid=\"1\" symbol=\"B\" quantity=\"1\" tradePrice=\"1\" tradeDate=\"03/04/2025\"/></Trades>",
              "can be two days; set the date format"},
             {"<Trades><Trade conid=\"1\" symbol=\"B\" quantity=\"1\" tradePrice=\"1\" dateTime=\"20250309;023000\"/></Trades>",
              "does not exist in America/New_York; check"},
             {"<Trades><Trade accountId=\"U7\" conid=\"1\" quantity=\"1\" tradePrice=\"1\" tradeDate=\"20250911\"/></Trades>",
              "is of account U7, in the statement of U1234567"},
             {"<Trades><Trade conid=\"1\" symbol=\"B\" quantity=\"1\" tradePrice=\"1\" tradeDate=\"20250911\" "
              "ibCommission=\"99999999999999999999999999999999999999\" "
              "taxes=\"99999999999999999999999999999999999999\"/></Trades>",
              "too large"},
         }) {
        EXPECT_THAT(row_error(sections), HasSubstr(message)) << sections;
    }
}

struct Element {
    char const* section;
    char const* row;
    std::vector<std::pair<std::string, std::string>> attributes;  ///< numbers and dates, all of them good
};

/// Whatever number or date cannot be read is told with its name: no row is ever taken with one of them left out.
TEST(FlexReader, EachNumberAndDateOfARowIsReadOrToldByName) {
    Element const elements[] = {
        {"Trades",
         "Trade",
         {{"conid", "1"},
          {"quantity", "10"},
          {"tradePrice", "2.5"},
          {"dateTime", "20250911;093000"},
          {"tradeDate", "20250911"},
          {"tradeMoney", "25"},
          {"fifoPnlRealized", "0"},
          {"ibCommission", "-1"},
          {"taxes", "0.1"},
          {"strike", "5"},
          {"multiplier", "1"},
          {"expiry", "20251219"}}},
        {"Trades",
         "Trade",
         {{"conid", "1"},
          {"quantity", "10"},
          {"tradePrice", "2.5"},
          {"tradeDate", "20250911"},
          {"tradeTime", "093000"},
          {"proceeds", "-25"}}},
        {"Trades",
         "Lot",
         {{"conid", "1"},
          {"quantity", "10"},
          {"tradeDate", "20250911"},
          {"openDateTime", "20250910;100000"},
          {"cost", "20"},
          {"fifoPnlRealized", "5"}}},
        {"OptionEAE",
         "OptionEAE",
         {{"conid", "1"},
          {"quantity", "1"},
          {"date", "20250911"},
          {"dateTime", "20250911;162000"},
          {"tradePrice", "0"},
          {"proceeds", "0"},
          {"commisionsAndTax", "0"},
          {"realizedPnl", "3"}}},
        {"CorporateActions",
         "CorporateAction",
         {{"conid", "1"},
          {"quantity", "1"},
          {"reportDate", "20250911"},
          {"dateTime", "20250910;202500"},
          {"proceeds", "0"},
          {"value", "0"},
          {"fifoPnlRealized", "0"}}},
        {"Transfers",
         "Transfer",
         {{"conid", "1"},
          {"quantity", "1"},
          {"date", "20250911"},
          {"dateTime", "20250911;100000"},
          {"transferPrice", "2"},
          {"positionAmount", "2"},
          {"cashTransfer", "0"}}},
        {"OpenPositions",
         "OpenPosition",
         {{"conid", "1"},
          {"position", "1"},
          {"reportDate", "20250911"},
          {"costBasisPrice", "2"},
          {"costBasisMoney", "2"},
          {"markPrice", "3"},
          {"fxRateToBase", "1"}}},
        {"CashTransactions",
         "CashTransaction",
         {{"conid", "1"},
          {"amount", "1"},
          {"reportDate", "20250911"},
          {"dateTime", "20250911;202000"},
          {"settleDate", "20250911"},
          {"exDate", "20250815"},
          {"fxRateToBase", "1"}}},
        {"FxTransactions", "FxTransaction", {{"realizedPL", "1"}, {"reportDate", "20250911"}, {"dateTime", "20250911;202000"}}},
        {"SecuritiesInfo", "SecurityInfo", {{"conid", "1"}, {"strike", "5"}, {"multiplier", "100"}, {"expiry", "20251219"}}},
        {"ConversionRates", "ConversionRate", {{"rate", "1.06"}, {"reportDate", "20250911"}}},
    };
    for (auto const& [section, row, attributes] : elements) {
        auto const with = [&](std::string const& name,
                                                                                      std::string const& value) {
            std::string text = std::string("<") + section + "><" + row;
            for (auto const& [each, good] : attributes)
                text += " " + each + "=\"" + (each == name ? value : good) + "\"";
            return text + "/></" + section + ">";
        };
        EXPECT_EQ(row_error(with("", "")), "") << with("", "");
        for (auto const& [name, good] : attributes) {
            for (char const* bad : {"1.2.3", "ten", "20251332;093000"}) {
                auto const error = row_error(with(name, bad));
                EXPECT_THAT(error, testing::StartsWith("flex.xml:5:")) << with(name, bad);
                EXPECT_THAT(error, HasSubstr(row)) << with(name, bad);
                EXPECT_THAT(error, HasSubstr(name)) << with(name, bad);
            }
        }
    }
}

TEST(FlexReader, WhatOtherRowsRepeatIsNotCountedAgain) {
    auto const statement =
        one("<Trades><Trade conid=\"1\" quantity=\"1\" tradePrice=\"2\" tradeDate=\"20250911\" transactionID=\"7\" "
            "levelOfDetail=\"EXECUTION\"/>"
            "<Trade conid=\"1\" quantity=\"1\" tradePrice=\"2\" tradeDate=\"20250911\" levelOfDetail=\"ORDER\"/>"
            "<Trade conid=\"1\" quantity=\"1\" tradeDate=\"20250911\" levelOfDetail=\"CLOSED_LOT\"/>"
            "<Lot conid=\"1\" quantity=\"2\" tradeDate=\"20250911\" levelOfDetail=\"CLOSED_LOT\"/>"
            "<Lot conid=\"2\" quantity=\"3\" tradeDate=\"20250911\"/><Lot conid=\"1\" quantity=\"4\" tradeDate=\"20250910\"/>"
            "<Lot conid=\"1\" quantity=\"2\" tradeDate=\"20250911\" levelOfDetail=\"WASH_SALE\"/>"
            "<SymbolSummary conid=\"1\" quantity=\"9\"/><AssetSummary quantity=\"9\"/><WashSale quantity=\"9\"/></Trades>"
            "<FxTransactions><FxTransaction realizedPL=\"1\" reportDate=\"20250911\" levelOfDetail=\"SUMMARY\"/>"
            "<FxTransaction realizedPL=\"0\" reportDate=\"20250911\"/></FxTransactions>"
            "<CorporateActions><CorporateAction conid=\"1\" quantity=\"5\" reportDate=\"20250911\" "
            "levelOfDetail=\"SUMMARY\"/></CorporateActions>");
    EXPECT_EQ(statement.trades.size(), 1U);
    ASSERT_EQ(statement.closed_lots.size(), 4U);
    EXPECT_EQ(statement.closed_lots[0].transaction_id, "7") << "the lots of a closing trade follow it";
    EXPECT_EQ(statement.closed_lots[1].transaction_id, "7");
    EXPECT_EQ(statement.closed_lots[2].transaction_id, "") << "of another instrument";
    EXPECT_EQ(statement.closed_lots[3].transaction_id, "") << "of another day";
    EXPECT_TRUE(statement.cash.empty());
    EXPECT_EQ(statement.corporate_actions.size(), 1U) << "only its summary is there";
    EXPECT_TRUE(statement.remainders.empty());
}

TEST(FlexReader, SegmentsOfTheAccountAreItsOwn) {
    EXPECT_EQ(one("<Trades><Trade accountId=\"U1234567F\" conid=\"1\" quantity=\"1\" tradePrice=\"2\" "
                  "tradeDate=\"20250911\"/></Trades>")
                  .trades.size(),
              1U);
    for (char const* other : {"U1234567G", "U1234567FF", "X1234567F", "U123456"}) {
        EXPECT_THAT(row_error(std::string("<Trades><Trade accountId=\"") + other +
                              "\" conid=\"1\" quantity=\"1\" tradePrice=\"2\" tradeDate=\"20250911\"/></Trades>"),
                    HasSubstr(std::string("is of account ") + other));
    }
}

TEST(FlexReader, WhatIsKeptOfUnknownThingsIsWholeCharactersInJson) {
    std::string const long_value = std::string(4095, 'a') + "\xc3\xa4\xc3\xb6";  // the bound is in the middle of a character
    auto const statement = one("<NewSection><Row a=\"1&#9;2\" b=\"" + long_value +
                               "\" c=\"not kept\"/></NewSection>"
                               "<Trades><Trade conid=\"1\" quantity=\"1\" tradePrice=\"2\" tradeDate=\"20250911\" shiny=\"" +
                               long_value + "\"/></Trades>");
    ASSERT_EQ(statement.remainders.size(), 2U);
    EXPECT_EQ(statement.remainders[0].content, R"({"a": "1\u00092", "b": ")" + std::string(4095, 'a') + "\"}");
    EXPECT_EQ(statement.remainders[1].content, R"({"shiny": ")" + std::string(4095, 'a') + "\"}");
    auto const of_statement =
        read(file_of("<FlexStatement accountId=\"U1\" fromDate=\"20250911\" toDate=\"20250911\" shiny=\"1\"/>"));
    ASSERT_TRUE(of_statement.outcome);
    EXPECT_EQ(of_statement.statements.at(0).remainders.at(0).section, "FlexStatement/@shiny");
}

TEST(FlexReader, WhatStandsElsewhereInTheFileIsNoStatement) {
    for (std::string const& bytes :
         {std::string("<FlexQueryResponse><Other><FlexStatement accountId=\"U1\"/></Other></FlexQueryResponse>"),
          file_of("<Other accountId=\"U1\"><Trades><Trade/></Trades></Other>"), "\xEF\xBB\xBF" + file_of("")}) {
        auto const result = read(bytes);
        EXPECT_TRUE(result.outcome) << result.outcome.error().message;
        EXPECT_TRUE(result.statements.empty()) << bytes;
    }
    EXPECT_EQ(read("\xEF\xBB\xBF" + file_of(statement_of("<Trades/>"))).statements.size(), 1U);
    // What Expat can read of UTF-16 is read, and what cannot be a file's begin says so.
    EXPECT_THAT(error_of("\xff\xfe<\0?\0"), HasSubstr("flex.xml:1"));
    auto const nested =
        one("<Trades><Group><Trade conid=\"1\" quantity=\"1\" tradePrice=\"2\" tradeDate=\"20250911\"/></Group></Trades>");
    EXPECT_TRUE(nested.trades.empty());
    ASSERT_GE(nested.remainders.size(), 2U) << "kept, and told";
    EXPECT_EQ(nested.remainders[0].section, "Trades/Group");
    EXPECT_EQ(nested.remainders[1].section, "Trades/Trade");
}

TEST(FlexReader, DeliveriesAreOfTheCauseOfTheirOptions) {
    auto const cause = [](std::string const& option, std::string const& delivery) {
        auto const statement = one("<OptionEAE>" + option + delivery + "</OptionEAE>");
        return statement.option_events.back().cause;
    };
    std::string const bought = "<OptionEAE conid=\"28\" assetCategory=\"STK\" symbol=\"SA\" date=\"20250911\" "
                               "transactionType=\"Buy\" quantity=\"100\"/>";
    auto const option = [](char const* more) {
        return std::string("<OptionEAE conid=\"9\" assetCategory=\"OPT\" symbol=\"SA C\" quantity=\"-1\" ") + more + "/>";
    };
    EXPECT_EQ(cause(option("date=\"20250911\" underlyingConid=\"28\" transactionType=\"Exercise\""), bought), Cause::exercise);
    EXPECT_EQ(cause(option("date=\"20250911\" underlyingSymbol=\"SA\" transactionType=\"Exercise\""), bought), Cause::exercise)
        << "by the symbol";
    EXPECT_EQ(cause(option("date=\"20250911\" underlyingConid=\"28\" transactionType=\"Assignment\""), bought),
              Cause::assignment);
    auto const nobodys = cause("", bought);
    EXPECT_EQ(cause(option("date=\"20250910\" underlyingConid=\"28\" transactionType=\"Exercise\""), bought), nobodys)
        << "of another day";
    EXPECT_EQ(cause(option("date=\"20250911\" underlyingConid=\"29\" transactionType=\"Exercise\""), bought), nobodys)
        << "of another underlying";
    EXPECT_EQ(cause(option("date=\"20250911\" underlyingConid=\"28\" transactionType=\"Exercise\"") +
                        option("date=\"20250911\" underlyingConid=\"28\" transactionType=\"Assignment\""),
                    bought),
              nobodys)
        << "of both, nobody can tell";
}

TEST(FlexReader, WhatIsNoStatementIsOneClearError) {
    struct Row {
        std::string bytes;
        std::string message;
    };
    std::string const whole = file_of(statement_of("<Trades/>"));
    for (auto const& [bytes, message] : std::initializer_list<Row>{
             {"", "the file is empty"},
             {"  \n ", "the file is empty"},
             {"ClientAccountID,Symbol\nU1,AAPL\n", "flex.xml:1:1: this is not XML; choose the format XML"},
             {std::string("PK\x03\x04", 4), "ZIP archive"},
             {"<html><body>502</body></html>", "flex.xml:1:1: the root element is html, not FlexQueryResponse"},
             {"<FlexQueryResponse type=\"TCF\"></FlexQueryResponse>", "Trade Confirmation"},
             {whole.substr(0, whole.size() / 2), "the file ends in the middle"},
             {whole.substr(0, whole.size() - 3), "the file ends in the middle"},
             {file_of("<FlexStatement accountId=\"U1\" fromDate=\"20250911\" toDate=\"20250911\"><Trades></FlexStatement>"),
              "malformed XML: mismatched tag"},
             {file_of(statement_of(std::string("<Trades>\0</Trades>", 18))), "malformed XML: not well-formed"},
             {file_of(statement_of("<Trades><Trade symbol=\"a & b\"/></Trades>")), "flex.xml:5:27: malformed XML"},
             {"<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><FlexQueryResponse>&b;</FlexQueryResponse>",
              "document type declaration"},
             {"<?xml version=\"1.0\"?>\n<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><FlexQueryResponse/>",
              "flex.xml:2:40: a document type declaration"},
             {"<FlexStatementResponse timestamp='28 August, 2012 10:37 AM EDT'><Status>Warn</Status><ErrorCode>1019</ErrorCode>"
              "<ErrorMessage>Statement generation in progress. Please try again shortly.</ErrorMessage></FlexStatementResponse>",
              "answered with error 1019 instead of a statement: Statement generation in progress."},
             {"<FlexStatementResponse><Status>Success</Status><ReferenceCode>1</ReferenceCode></FlexStatementResponse>",
              "the receipt of a request"},
             {file_of("<FlexStatement fromDate=\"20250911\" toDate=\"20250911\"/>"), "has no accountId"},
             {file_of("<FlexStatement accountId=\"-\" fromDate=\"20250911\" toDate=\"20250911\"/>"), "has no accountId"},
             {file_of("<FlexStatement accountId=\"U1\"/>"), "has no fromDate and toDate"},
             {file_of("<FlexStatement accountId=\"U1\" fromDate=\"20250911\"/>"), "has no fromDate and toDate"},
             {file_of("<FlexStatement accountId=\"U1\" fromDate=\"20250911\" toDate=\"20250911\" whenGenerated=\"soon\"/>"),
              "whenGenerated"},
             {file_of("<FlexStatement accountId=\"U1\" fromDate=\"20250912\" toDate=\"20250911\"/>"), "ends before it begins"},
             {file_of("<FlexStatement accountId=\"U1\" fromDate=\"03/04/2025\" toDate=\"03/05/2025\"/>"),
              "FlexStatement : fromDate: '03/04/2025' can be two days"},
             {file_of(statement_of("<Trades><Trade symbol=\"" + std::string(10'000'000, 'x') + "\"/></Trades>")),
              "one element is longer than 4 MiB"},
         }) {
        EXPECT_THAT(error_of(bytes), HasSubstr(message)) << bytes.substr(0, 200);
    }
}

TEST(FlexReader, DatesOfTheStatementTellTheOrderOfDayAndMonth) {
    auto const result = read(file_of(
        "<FlexStatement accountId=\"U1\" fromDate=\"03/04/2025\" toDate=\"25/04/2025\"><Trades><Trade conid=\"1\" quantity=\"1\" "
        "tradePrice=\"1\" dateTime=\"05/04/2025;093000\"/></Trades></FlexStatement>"));
    ASSERT_TRUE(result.outcome) << result.outcome.error().message;
    EXPECT_EQ(result.statements[0].from, (Date{2025, 4, 3}));
    EXPECT_EQ(result.statements[0].trades[0].trade_date, (Date{2025, 4, 5}));
}

TEST(FlexReader, AnErrorOfTheSinkEndsTheReading) {
    int calls = 0;
    FlexReader reader({"flex.xml"}, zones, [&](Statement) -> base::Result<void> {
        ++calls;
        return base::fail(base::ErrorCode::refused, "not this account");
    });
    auto const fed = reader.feed(file_of(statement_of("") + statement_of("")));
    ASSERT_FALSE(fed);
    EXPECT_EQ(fed.error(), (base::Error{base::ErrorCode::refused, "not this account"}));
    EXPECT_EQ(reader.finish().error().message, "not this account");
    EXPECT_EQ(calls, 1);
}

RC_GTEST_PROP(FlexReader, PiecesOfAnySizeAreTheWhole, ()) {
    static std::string const bytes =
        file_of(statement_of("<Trades><Trade conid=\"1\" symbol=\"A&amp;B\" quantity=\"1\" tradePrice=\"2\" "
                             "dateTime=\"20250911;093000\" odd=\"\xC3\xA9\"/>\n"
                             "<Lot conid=\"1\" quantity=\"1\" dateTime=\"20250911\"/></Trades><Odd x=\"1\"/>") +
                statement_of("<OpenPositions><OpenPosition conid=\"2\" position=\"3\"/></OpenPositions>"));
    auto const size = *rc::gen::inRange<std::size_t>(1, 200);
    auto const whole = read(bytes);
    auto const pieces = read_in_pieces(bytes, size);
    RC_ASSERT(whole.outcome.has_value() && pieces.outcome.has_value());
    RC_ASSERT(whole.statements == pieces.statements);
    auto const bytewise = read_in_pieces(bytes, 1);
    RC_ASSERT(whole.statements == bytewise.statements);
    // And no beginning of it is a whole file.
    auto const cut = *rc::gen::inRange<std::size_t>(1, bytes.size() - 2);
    RC_ASSERT(!read(std::string_view(bytes).substr(0, cut)).outcome);
}

}  // namespace
}  // namespace possync::statement
