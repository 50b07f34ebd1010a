#include "gateway/account_values.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "base/check.hpp"

namespace possync::gateway {

using base::Decimal;

namespace {

constexpr std::string_view base_currency = "USD";

Decimal rate_of(std::string_view currency) {
    if (currency == "EUR") return Decimal::from_parts(108, 2);
    if (currency == "GBP") return Decimal::from_parts(127, 2);
    if (currency == "CHF") return Decimal::from_parts(113, 2);
    return 1;
}

Decimal in_base(Decimal const& amount, std::string_view currency) {
    return base::multiply_rounded(amount, rate_of(currency), 10);
}

Decimal market_value(SimulatedInstrument const& instrument, Decimal const& quantity, Decimal const& price) {
    return base::multiply_rounded(price, quantity * instrument.factor(), 10);
}

/// One currency of an account.
struct Pocket {
    Decimal cash;
    Decimal stocks;
    Decimal options;
    Decimal future_options;
    Decimal futures;  ///< unrealized: a future's value is not paid for
    Decimal unrealized;
    Decimal realized;

    [[nodiscard]] Decimal net_liquidation() const { return cash + stocks + options + future_options + futures; }
    Pocket& operator+=(Pocket const& other) {
        cash += other.cash;
        stocks += other.stocks;
        options += other.options;
        future_options += other.future_options;
        futures += other.futures;
        unrealized += other.unrealized;
        realized += other.realized;
        return *this;
    }
    [[nodiscard]] Pocket in_base(std::string_view currency) const {
        auto of = [&](Decimal const& amount) { return gateway::in_base(amount, currency); };
        return {of(cash), of(stocks), of(options), of(future_options), of(futures), of(unrealized), of(realized)};
    }
};

bool is_future(SimulatedInstrument const& instrument) { return instrument.sec_type == "FUT" || instrument.sec_type == "CONTFUT"; }

struct Money {
    std::map<std::string, Pocket> pockets;
    Pocket total;  ///< in the base currency
    Decimal gross;
};

Money money_of(Broker const& broker, std::string const& account, base::Timestamp midnight) {
    Money money;
    money.pockets[std::string(base_currency)].cash = Decimal(100'000);
    for (auto const& fill : broker.fills()) {
        if (fill.account != account || fill.superseded || !fill.moves_position) continue;
        auto const& instrument = broker.instruments().at(fill.con_id);
        Pocket& pocket = money.pockets[instrument.currency];
        if (!is_future(instrument)) pocket.cash -= market_value(instrument, fill.quantity, fill.price);
        pocket.cash -= fill.commission.value_or(Decimal(0));
    }
    for (auto const& [con_id, holding] : broker.holdings().at(account)) {
        auto const& instrument = broker.instruments().at(con_id);
        Pocket& pocket = money.pockets[instrument.currency];
        DaysPnl const pnl = days_pnl(broker, account, con_id, midnight);
        pocket.unrealized += pnl.unrealized;
        pocket.realized += pnl.realized;
        if (is_future(instrument)) {
            pocket.futures += pnl.unrealized;
            pocket.cash += pnl.realized;
            continue;
        }
        (instrument.sec_type == "OPT"   ? pocket.options
         : instrument.sec_type == "FOP" ? pocket.future_options
                                        : pocket.stocks) += pnl.value;
        money.gross += in_base(pnl.value.abs(), instrument.currency);
    }
    for (auto const& [currency, pocket] : money.pockets)
        money.total += pocket.in_base(currency);
    return money;
}

std::string shown(Decimal const& amount, bool rounded) { return amount.rounded(rounded ? 0 : 2).to_string(); }

/// Cash and market value of one currency, as `$LEDGER` and the account updates have them.
void add_ledger(std::vector<AccountLine>& lines, Pocket const& pocket, std::string const& currency, bool rounded) {
    auto add = [&](char const* key, Decimal const& amount) { lines.push_back({key, shown(amount, rounded), currency}); };
    add("CashBalance", pocket.cash);
    add("TotalCashBalance", pocket.cash);
    add("StockMarketValue", pocket.stocks);
    add("OptionMarketValue", pocket.options);
    add("FutureOptionValue", pocket.future_options);
    add("FuturesPNL", pocket.futures);
    add("NetLiquidationByCurrency", pocket.net_liquidation());
    add("UnrealizedPnL", pocket.unrealized);
    add("RealizedPnL", pocket.realized);
    lines.push_back({"ExchangeRate", (currency == "BASE" ? Decimal(1) : rate_of(currency)).to_string(), currency});
}

/// Account-wide amounts, which summaries call tags.
std::vector<AccountLine> tags_of(Money const& money, bool rounded) {
    std::vector<AccountLine> lines;
    auto add = [&](char const* key, Decimal const& amount) {
        lines.push_back({key, shown(amount, rounded), std::string(base_currency)});
    };
    Decimal const net = money.total.net_liquidation();
    Decimal const initial = base::divide_rounded(money.gross, Decimal(2), 2);
    Decimal const maintenance = base::divide_rounded(money.gross, Decimal(4), 2);
    lines.push_back({"AccountType", "INDIVIDUAL", ""});
    lines.push_back({"Cushion", net.is_positive() ? base::divide_rounded(net - maintenance, net, 6).to_string() : "0", ""});
    lines.push_back({"DayTradesRemaining", "-1", ""});
    lines.push_back({"Leverage", net.is_positive() ? base::divide_rounded(money.gross, net, 2).to_string() : "0", ""});
    add("AccruedCash", Decimal(0));
    add("AvailableFunds", net - initial);
    add("BuyingPower", (net - initial) * Decimal(4));
    add("EquityWithLoanValue", net);
    add("ExcessLiquidity", net - maintenance);
    add("FullAvailableFunds", net - initial);
    add("FullExcessLiquidity", net - maintenance);
    add("FullInitMarginReq", initial);
    add("FullMaintMarginReq", maintenance);
    add("GrossPositionValue", money.gross);
    add("InitMarginReq", initial);
    add("MaintMarginReq", maintenance);
    add("NetLiquidation", net);
    add("SettledCash", money.total.cash);
    add("TotalCashValue", money.total.cash);
    return lines;
}

}  // namespace

DaysPnl days_pnl(Broker const& broker, std::string const& account, ConId con_id, base::Timestamp midnight) {
    SimulatedInstrument const& instrument = broker.instruments().at(con_id);
    Holding const& holding = broker.holdings().at(account).at(con_id);
    DaysPnl pnl;
    pnl.quantity = holding.quantity;
    pnl.value = market_value(instrument, holding.quantity, instrument.price);
    pnl.unrealized = pnl.value - (holding.quantity.is_negative() ? -holding.cost : holding.cost);
    Decimal traded;
    Decimal paid;
    for (auto const& fill : broker.fills()) {
        if (fill.account != account || fill.con_id != con_id || fill.superseded || !fill.moves_position || fill.time < midnight)
            continue;
        traded += fill.quantity;
        paid += market_value(instrument, fill.quantity, fill.price) + fill.commission.value_or(Decimal(0));
        pnl.realized += fill.realized_pnl.value_or(Decimal(0));
    }
    Decimal const began =
        market_value(instrument, holding.quantity - traded, instrument.previous_close.value_or(instrument.price));
    pnl.daily = pnl.value - began - paid;
    return pnl;
}

DaysPnl days_pnl(Broker const& broker, std::string const& account, base::Timestamp midnight) {
    DaysPnl sum;
    for (auto const& [con_id, unused] : broker.holdings().at(account)) {
        std::string const& currency = broker.instruments().at(con_id).currency;
        DaysPnl const pnl = days_pnl(broker, account, con_id, midnight);
        sum.value += in_base(pnl.value, currency);
        sum.unrealized += in_base(pnl.unrealized, currency);
        sum.realized += in_base(pnl.realized, currency);
        sum.daily += in_base(pnl.daily, currency);
    }
    return sum;
}

std::vector<AccountLine> account_lines(Broker const& broker, std::string const& account, base::Timestamp midnight, bool ready,
                                       bool rounded) {
    Money const money = money_of(broker, account, midnight);
    std::vector<AccountLine> lines{{"AccountCode", account, ""}, {"AccountReady", ready ? "true" : "false", ""}};
    for (auto& line : tags_of(money, rounded)) {
        // Amounts stand once for the account and once for its securities segment, -S; nothing here is in commodities, -C.
        bool const segmented = !line.currency.empty() && line.key != "BuyingPower";
        lines.push_back(line);
        if (segmented) {
            lines.push_back({line.key + "-S", line.value, line.currency});
            lines.push_back({line.key + "-C", "0", line.currency});
        }
    }
    for (auto const& [currency, pocket] : money.pockets)
        add_ledger(lines, pocket, currency, rounded);
    add_ledger(lines, money.total, "BASE", rounded);
    return lines;
}

bool is_ledger_or_net_liquidation(std::string_view key) {
    static constexpr std::array<std::string_view, 11> keys{
        "CashBalance",   "TotalCashBalance",         "StockMarketValue", "OptionMarketValue", "FutureOptionValue",
        "FuturesPNL",    "NetLiquidationByCurrency", "UnrealizedPnL",    "RealizedPnL",       "ExchangeRate",
        "NetLiquidation"};
    return std::find(keys.begin(), keys.end(), key) != keys.end();
}

std::vector<AccountLine> summary_lines(Broker const& broker, std::string const& account, std::string_view tags,
                                       base::Timestamp midnight, bool rounded) {
    Money const money = money_of(broker, account, midnight);
    auto const known = tags_of(money, rounded);
    std::vector<AccountLine> lines;
    while (!tags.empty()) {
        auto const comma = tags.find(',');
        std::string_view tag = tags.substr(0, comma);
        tags = comma == std::string_view::npos ? std::string_view{} : tags.substr(comma + 1);
        while (tag.starts_with(' '))
            tag.remove_prefix(1);
        while (tag.ends_with(' '))
            tag.remove_suffix(1);
        if (tag.starts_with("$LEDGER")) {
            // $LEDGER is the base currency alone, $LEDGER:EUR one currency, $LEDGER:ALL each and the base.
            std::string_view const which = tag.size() > 8 ? tag.substr(8) : std::string_view{};
            for (auto const& [currency, pocket] : money.pockets) {
                if (which == "ALL" || which == currency) add_ledger(lines, pocket, currency, rounded);
            }
            if (which.empty() || which == "ALL") add_ledger(lines, money.total, "BASE", rounded);
            continue;
        }
        for (auto const& line : known) {
            if (line.key == tag) lines.push_back(line);
        }
    }
    return lines;
}

}  // namespace possync::gateway
