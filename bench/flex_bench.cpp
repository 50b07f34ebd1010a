// What it costs to read a statement of a million trades, beside what Expat alone takes for the same bytes, in one run.
//
//   floor   Expat with empty handlers
//
// usage: flex_bench [TRADES]. A wrong answer aborts: the quantities must come to the sum that was written. The file is made in
// pieces while the clock stands still, so the memory printed is the statement's.
#include <expat.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

#include "statement/flex_reader.hpp"

namespace {

using namespace possync;
using Clock = std::chrono::steady_clock;

/// No change of clocks: the cost of a zone database is the program's, not the reader's.
struct Utc final : base::ZoneRules {
    base::Result<base::Timestamp> to_utc(std::string_view, base::LocalTime const& local) const override {
        return base::from_utc_local(local);
    }
    base::Result<base::LocalTime> to_local(std::string_view, base::Timestamp time) const override {
        return base::utc_local(time);
    }
};

/// A row as a query with every field of Trades prints it.
void append_trade(std::string& out, int i) {
    out += fmt::format(
        R"(<Trade accountId="U1234567" acctAlias="" model="" currency="USD" fxRateToBase="1" assetCategory="STK" subCategory="COMMON" )"
        R"(symbol="S{0}" description="SOME COMPANY NUMBER {0}" conid="{1}" securityID="US0000000000" securityIDType="ISIN" cusip="000000000" )"
        R"(isin="US0000000000" figi="BBG000000000" listingExchange="NASDAQ" underlyingConid="" underlyingSymbol="S{0}" underlyingSecurityID="" )"
        R"(underlyingListingExchange="" issuer="" issuerCountryCode="US" tradeID="{2}" multiplier="1" relatedTradeID="" strike="" )"
        R"(reportDate="202603{3:02}" expiry="" dateTime="202603{3:02};1{4}3005" putCall="" tradeDate="202603{3:02}" principalAdjustFactor="" )"
        R"(settleDateTarget="202603{3:02}" transactionType="ExchTrade" exchange="IBKRATS" quantity="{5}" tradePrice="{6}.25" tradeMoney="{7}.25" )"
        R"(proceeds="-{7}.25" taxes="0" ibCommission="-1.0035" ibCommissionCurrency="USD" netCash="-{7}.2535" closePrice="{6}.5" )"
        R"(openCloseIndicator="O" notes="P" cost="{7}.2535" fifoPnlRealized="0" mtmPnl="12.5" origTradePrice="0" origTradeDate="" origTradeID="" )"
        R"(origOrderID="0" origTransactionID="0" buySell="BUY" clearingFirmID="" ibOrderID="{2}7" transactionID="{2}9" )"
        R"(ibExecID="0000e0d5.{2:08x}.01.01" relatedTransactionID="" rtn="" brokerageOrderID="000c3fe9.000131b1.{2:08x}.0001" )"
        R"(orderReference="" volatilityOrderLink="" exchOrderId="N/A" extExecID="F-{2}" orderTime="202603{3:02};1{4}3000" openDateTime="" )"
        R"(holdingPeriodDateTime="" whenRealized="" whenReopened="" levelOfDetail="EXECUTION" changeInPrice="0" changeInQuantity="0" )"
        R"(orderType="LMT" traderID="" isAPIOrder="Y" accruedInt="0" initialInvestment="" serialNumber="" deliveryType="" commodityType="" )"
        R"(fineness="0.0" weight="0.0" />)"
        "\n",
        i % 1000, 265598 + i % 1000, 4'000'000 + i, 1 + i % 28, i % 6, 1 + i % 500, 10 + i % 90, 100 + i % 900);
}

struct Outcome {
    double seconds = 0;
    double bytes = 0;
};

Outcome run(int trades, auto&& feed) {
    Outcome outcome;
    std::string piece =
        R"(<FlexQueryResponse queryName="q" type="AF"><FlexStatements count="1"><FlexStatement accountId="U1234567" )"
        R"(fromDate="20260301" toDate="20260331" period="" whenGenerated="20260401;040000"><Trades>)";
    auto const give = [&] {
        auto const begin = Clock::now();
        feed(piece);
        outcome.seconds += std::chrono::duration<double>(Clock::now() - begin).count();
        outcome.bytes += static_cast<double>(piece.size());
        piece.clear();
    };
    for (int i = 0; i < trades; ++i) {
        append_trade(piece, i);
        if (i % 1000 == 999) give();
    }
    piece += "</Trades></FlexStatement></FlexStatements></FlexQueryResponse>\n";
    give();
    return outcome;
}

void print(char const* name, Outcome const& outcome, int trades) {
    std::printf("%-8s %7.1f MB/s %10.0f trades/s\n", name, outcome.bytes / 1e6 / outcome.seconds, trades / outcome.seconds);
}

}  // namespace

int main(int count, char** words) {
    int const trades = count > 1 ? std::atoi(words[1]) : 1'000'000;
    XML_Parser parser = XML_ParserCreate(nullptr);
    XML_SetElementHandler(parser, [](void*, char const*, char const**) {}, [](void*, char const*) {});
    auto const floor = run(trades, [&](std::string const& bytes) {
        // The same pieces that the reader hands to Expat.
        for (std::size_t at = 0; at < bytes.size(); at += 65536) {
            int const size = static_cast<int>(std::min<std::size_t>(65536, bytes.size() - at));
            if (XML_Parse(parser, bytes.data() + at, size, 0) != XML_STATUS_OK) std::abort();
        }
    });
    XML_ParserFree(parser);

    Utc const zones;
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    long const before = usage.ru_maxrss;
    std::int64_t sum = 0;
    std::size_t rows = 0;
    statement::FlexReader reader({"bench.xml", "UTC"}, zones, [&](model::Statement statement) -> base::Result<void> {
        base::Decimal total;
        for (auto const& trade : statement.trades)
            total += trade.quantity;
        sum = static_cast<std::int64_t>(total.coefficient());
        rows = statement.trades.size();
        return {};
    });
    auto const read = run(trades, [&](std::string const& bytes) {
        if (auto const fed = reader.feed(bytes); !fed) std::puts(fed.error().message.c_str()), std::abort();
    });
    if (!reader.finish()) std::abort();
    std::int64_t expected = 0;
    for (int i = 0; i < trades; ++i)
        expected += 1 + i % 500;
    if (sum != expected || rows != static_cast<std::size_t>(trades)) std::abort();
    getrusage(RUSAGE_SELF, &usage);
    print("floor", floor, trades);
    print("reader", read, trades);
    std::printf("%.0f MB of XML; one statement of %d trades: %ld MiB at the peak (%zu bytes a row before its texts)\n",
                read.bytes / 1e6, trades, (usage.ru_maxrss - before) / 1024, sizeof(model::StatementTrade));
}
