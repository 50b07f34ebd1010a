#include "query/total.hpp"

#include <map>
#include <tuple>

namespace possync::query {

using base::Date;
using base::Decimal;
using base::Result;

namespace {

constexpr int money_decimals = 10;
constexpr int rate_decimals = 8;
constexpr char const* trading = "trading P&L";

bool is_deposit(std::string const& type) { return type.starts_with("Deposits"); }

/// The statements' rates of one account.
class Rates {
public:
    explicit Rates(std::string base) : base_(std::move(base)) {}
    void add(CurrencyRateRow const& row) {
        if (row.date && row.rate) rates_[row.currency][*row.date] = *row.rate;
    }
    /// Of the day, or the last one before it; a day before all has none.
    [[nodiscard]] OptionalDecimal on(std::string const& currency, OptionalDate date) const {
        if (currency == base_) return Decimal(1);
        auto const of = rates_.find(currency);
        if (of == rates_.end() || of->second.empty()) return std::nullopt;
        auto at = date ? of->second.upper_bound(*date) : of->second.end();
        if (at == of->second.begin()) return std::nullopt;
        return std::prev(at)->second;
    }
    [[nodiscard]] std::string const& base() const { return base_; }

private:
    std::string base_;
    std::map<std::string, std::map<Date, Decimal>> rates_;
};

void add(OptionalDecimal& sum, Decimal const& part) { sum = sum ? *sum + part : part; }

void add(TotalRow& row, OptionalDecimal const& amount, OptionalDecimal const& rate) {
    ++row.parts;
    if (amount) add(row.amount, *amount);
    if (amount && rate) {
        add(row.base_amount, base::multiply_rounded(*amount, *rate, money_decimals));
    } else {
        ++row.unknown;
    }
}

Result<std::vector<TotalRow>> add_up(std::vector<AccountRow> const& accounts, std::vector<CloseRow> const& closes,
                                     std::vector<CashTransactionRow> const& cash, std::vector<CurrencyRateRow> const& rates) {
    std::map<std::string, Rates> of_account;
    for (auto const& account : accounts) of_account.try_emplace(account.account, account.base_currency.value_or(""));
    for (auto const& row : rates) {
        if (auto const at = of_account.find(row.account); at != of_account.end()) at->second.add(row);
    }
    // account, trading first and deposits last, kind, currency
    std::map<std::tuple<std::string, int, std::string, std::string>, TotalRow> groups;
    auto group = [&](std::string const& account, int place, std::string const& kind, std::string const& currency) -> TotalRow& {
        TotalRow& row = groups[{account, place, kind, currency}];
        row.account = account;
        row.kind = kind;
        row.currency = currency;
        row.counts = place != 2;
        return row;
    };
    for (auto const& close : closes) {
        auto const known = of_account.find(close.account);
        add(group(close.account, 0, trading, close.currency), close.net_realized_pnl,
            known == of_account.end() ? std::nullopt : known->second.on(close.currency, close.trade_date));
    }
    for (auto const& row : cash) {
        auto const known = of_account.find(row.account);
        OptionalDecimal const rate = row.fx_rate_to_base           ? row.fx_rate_to_base
                                     : known == of_account.end() ? std::nullopt
                                                                 : known->second.on(row.currency, row.report_date);
        add(group(row.account, is_deposit(row.type) ? 2 : 1, row.type, row.currency), row.amount, rate);
    }
    std::vector<TotalRow> rows;
    std::map<std::string, TotalRow> sums;
    for (auto& [key, row] : groups) {
        auto const& base = of_account.contains(row.account) ? of_account.at(row.account).base() : std::string();
        if (!base.empty()) row.base_currency = base;
        if (row.amount && row.base_amount && !row.amount->is_zero() && row.unknown == 0) {
            row.rate = base::divide_rounded(*row.base_amount, *row.amount, rate_decimals);
        }
        if (base.empty()) row.base_amount.reset();
        TotalRow& sum = sums[row.account];
        sum.account = row.account;
        sum.kind = "total";
        sum.currency = base;
        sum.base_currency = row.base_currency;
        if (row.counts) {
            sum.parts += row.parts;
            sum.unknown += row.unknown;
            if (row.base_amount) add(sum.base_amount, *row.base_amount);
        }
        rows.push_back(row);
    }
    std::vector<TotalRow> out;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        out.push_back(rows[i]);
        if (i + 1 == rows.size() || rows[i + 1].account != rows[i].account) {
            TotalRow sum = sums[rows[i].account];
            sum.amount = sum.base_amount;
            out.push_back(std::move(sum));
        }
    }
    return out;
}

}  // namespace

Result<std::vector<TotalRow>> totals(std::vector<AccountRow> const& accounts, std::vector<CloseRow> const& closes,
                                     std::vector<CashTransactionRow> const& cash, std::vector<CurrencyRateRow> const& rates) {
    try {
        return add_up(accounts, closes, cash, rates);
    } catch (base::DecimalOverflow const& overflow) {
        return base::fail(base::ErrorCode::out_of_range, std::string("the totals do not add up: ") + overflow.what());
    }
}

}  // namespace possync::query
