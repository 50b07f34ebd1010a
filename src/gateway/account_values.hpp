// What the simulated gateway says about an account's money: the keys of account updates, the tags of account summaries, the
// day's P&L. Holdings, cash and P&L are the Broker's truth in exact decimals; what no broker's truth is behind is invented and
// says so here: every account begins with 100000 USD in cash, margin is half (initial) and a quarter (maintenance) of the gross
// position value, and EUR, GBP and CHF have fixed rates. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "gateway/broker.hpp"

namespace possync::gateway {

struct AccountLine {
    std::string key;
    std::string value;
    std::string currency;  ///< empty: no money
};

/// The lines of reqAccountUpdates, in the order they are sent; AccountReady first.
[[nodiscard]] std::vector<AccountLine> account_lines(Broker const& broker, std::string const& account, base::Timestamp midnight,
                                                     bool ready, bool rounded);
/// Those of them that are cash and market value by currency, or the net liquidation value.
[[nodiscard]] bool is_ledger_or_net_liquidation(std::string_view key);
/// The lines of reqAccountSummary for a comma list of tags, `$LEDGER`, `$LEDGER:USD` and `$LEDGER:ALL` among them. Tags that
/// nobody knows are passed over.
[[nodiscard]] std::vector<AccountLine> summary_lines(Broker const& broker, std::string const& account, std::string_view tags,
                                                     base::Timestamp midnight, bool rounded);

struct DaysPnl {
    base::Decimal quantity;
    base::Decimal value;       ///< at the market
    base::Decimal unrealized;  ///< against cost
    base::Decimal realized;    ///< today
    base::Decimal daily;       ///< against the previous close
};
/// Of one instrument in its currency.
[[nodiscard]] DaysPnl days_pnl(Broker const& broker, std::string const& account, ConId con_id, base::Timestamp midnight);
/// Of the whole account in its base currency.
[[nodiscard]] DaysPnl days_pnl(Broker const& broker, std::string const& account, base::Timestamp midnight);

}  // namespace possync::gateway
