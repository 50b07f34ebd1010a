// A statement: what the broker says in writing about one account and a span of days. It is the authority over what the
// gateway said while it happened. Values without any trace of XML; src/statement reads them, src/ledger joins them with the book.
//
// Words are those of IBKR's Flex statements where they differ from the wire's. Numbers are exact. What the statement
// leaves empty is unset, never 0. A section that the statement does not have says nothing; one that it has and that is empty says
// that there was nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/facts.hpp"

namespace possync::model {

/// Trade at level EXECUTION: a fill, or an entry in the broker's books (an exercise, an assignment, an expiry, a fraction paid
/// out). Rows of OptionEAE are of the same form.
struct StatementTrade {
    std::string transaction_id;  ///< unique among the statements of the account; empty in OptionEAE
    std::string trade_id;        ///< joins OptionEAE with Trades
    std::string exec_id;         ///< ibExecID, as on the wire; empty for entries in the books
    ConId con_id = 0;
    std::optional<base::Timestamp> time;  ///< unset: only the date is given
    base::Date trade_date;
    base::Decimal quantity;  ///< signed; of a row that cancels: what it takes back, so rows always add up
    std::optional<base::Decimal> price;  ///< as the statement prints it; unset only in OptionEAE
    /// What it came to without commission, positive: tradeMoney or proceeds. Tells the unit of `price`.
    std::optional<base::Decimal> money;
    std::optional<base::Decimal> commission;  ///< taxes included; positive = cost, the statement's sign reversed
    std::string commission_currency;
    std::optional<base::Decimal> realized_pnl;  ///< fifoPnlRealized: FIFO, net of commissions, by the tax view
    Cause cause = Cause::execution;             ///< or exercise, assignment, expiry, cash_settlement, maturity, reinvestment
    bool cancels = false;                       ///< takes another trade back ("Ca", TradeCancel)
    bool corrects = false;                      ///< stands for another trade that was taken back ("Co", TradeCorrect)
    std::string original_trade_id;              ///< of the trade it cancels or corrects; may be empty
    std::int64_t order_id = 0;                  ///< ibOrderID: the permanent id of the order
    std::string order_ref;
    std::string exchange;
    std::string notes;  ///< the statement's codes, as printed
    int line = 0;       ///< in the file
    bool operator==(StatementTrade const&) const = default;
};

/// Closed lot: what a closing trade consumed, by the broker's own lot matching.
struct StatementClosedLot {
    ConId con_id = 0;
    base::Date trade_date;
    std::optional<base::Timestamp> opened_at;
    base::Decimal quantity;  ///< signed as the lot was: positive of a long
    std::optional<base::Decimal> cost;          ///< with commissions, positive
    std::optional<base::Decimal> realized_pnl;  ///< fifoPnlRealized
    std::string transaction_id;                 ///< of the closing trade where it is given
    int line = 0;
    bool operator==(StatementClosedLot const&) const = default;
};

/// OpenPosition at the end of `date`: the whole of it, or one of its lots.
struct StatementPosition {
    ConId con_id = 0;
    base::Date date;
    bool is_lot = false;
    base::Decimal quantity;  ///< signed
    std::optional<base::Decimal> cost_price;  ///< costBasisPrice: per unit, without the multiplier
    std::optional<base::Decimal> cost_money;  ///< costBasisMoney: with multiplier and commissions; signed
    std::optional<base::Decimal> mark_price;
    std::optional<base::Decimal> fx_rate_to_base;
    std::optional<base::Timestamp> opened_at;  ///< of a lot
    std::string originating_transaction_id;    ///< of the trade that opened the lot
    int line = 0;
    bool operator==(StatementPosition const&) const = default;
};

/// Row of a corporate action. One action is one row or more: what goes and what comes, by conId.
struct StatementCorporateAction {
    std::string transaction_id;
    std::string action_id;  ///< groups the rows of one action
    std::string type;       ///< FS, RS, TC, SO, SD, ... as printed
    ConId con_id = 0;
    std::optional<base::Timestamp> time;
    base::Date report_date;
    base::Decimal quantity;                 ///< signed change
    std::optional<base::Decimal> proceeds;  ///< cash for fractions or in a merger; positive = received
    std::optional<base::Decimal> value;     ///< market value of what came
    std::optional<base::Decimal> realized_pnl;
    std::string currency;
    std::string description;
    int line = 0;
    bool operator==(StatementCorporateAction const&) const = default;
};

struct StatementTransfer {
    std::string transaction_id;
    std::string type;       ///< ACATS, ATON, FOP, INTERNAL, ...
    std::string direction;  ///< IN, OUT
    ConId con_id = 0;       ///< 0: cash only
    std::optional<base::Timestamp> time;
    base::Date date;
    base::Decimal quantity;  ///< signed change
    std::optional<base::Decimal> price;
    std::optional<base::Decimal> position_amount;  ///< value of what moved, with multiplier
    std::optional<base::Decimal> cash;
    std::string currency;
    int line = 0;
    bool operator==(StatementTransfer const&) const = default;
};

/// Money that moves without a trade, or the P&L of a currency conversion.
struct CashTransaction {
    std::string transaction_id;  ///< unique in the account; of rows without one it is made from their content
    std::string type;            ///< "Dividends", "Withholding Tax", "Deposits/Withdrawals", "Forex P&L", ... as printed
    ConId con_id = 0;            ///< 0: of no instrument
    std::string symbol;
    std::string currency;
    base::Decimal amount;
    std::optional<base::Decimal> fx_rate_to_base;
    std::optional<base::Timestamp> time;
    base::Date report_date;
    std::optional<base::Date> settle_date;
    std::optional<base::Date> ex_date;
    std::string action_id;
    std::string description;
    bool operator==(CashTransaction const&) const = default;
};

/// The statement's rate of one currency, to the account's base currency.
struct CurrencyRate {
    base::Date date;
    std::string currency;
    base::Decimal rate;
    bool operator==(CurrencyRate const&) const = default;
};

/// What this program does not know; kept, and told, never fatal.
struct StatementRemainder {
    std::string section;  ///< element, or "SECTION/@ATTRIBUTE"
    int line = 0;
    std::string content;  ///< the attributes as a JSON object
    bool operator==(StatementRemainder const&) const = default;
};

struct Statement {
    std::string account;
    std::string query_name;
    base::Date from;
    base::Date to;  ///< inclusive
    std::optional<base::Timestamp> generated_at;
    std::string base_currency;  ///< empty: not said
    std::string source;         ///< file name, for messages

    bool has_trades = false;
    bool has_option_events = false;
    bool has_corporate_actions = false;
    bool has_transfers = false;
    bool has_positions = false;  ///< at level SUMMARY
    bool has_lots = false;       ///< OpenPositions at level LOT

    /// Every contract that any row names, by conId, each once. details_known is false.
    std::vector<Instrument> instruments;
    std::vector<StatementTrade> trades;          ///< in order of the file
    std::vector<StatementTrade> option_events;   ///< of OptionEAE
    std::vector<StatementClosedLot> closed_lots;
    std::vector<StatementPosition> positions;
    std::vector<StatementCorporateAction> corporate_actions;
    std::vector<StatementTransfer> transfers;
    std::vector<CashTransaction> cash;
    std::vector<CurrencyRate> rates;  ///< ConversionRates, to the base currency
    std::vector<StatementRemainder> remainders;

    bool operator==(Statement const&) const = default;
};

}  // namespace possync::model
