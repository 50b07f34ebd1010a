#include "query/pnl.hpp"

#include <map>
#include <tuple>

namespace possync::query {

using base::ErrorCode;
using base::Result;

namespace {

void add(OptionalDecimal& sum, OptionalDecimal const& part) {
    if (part) sum = sum ? *sum + *part : *part;
}

void add_or_count(OptionalDecimal& sum, std::int64_t& unknown, OptionalDecimal const& part) {
    add(sum, part);
    if (!part) ++unknown;
}

}  // namespace

Result<PnlGrouping> parse_pnl_grouping(std::string_view text) {
    PnlGrouping grouping;
    if (text == "total") text = {};
    while (!text.empty()) {
        auto const comma = text.find(',');
        std::string_view const word = text.substr(0, comma);
        if (word == "day") {
            grouping.day = true;
        } else if (word == "symbol") {
            grouping.symbol = true;
        } else if (word == "account") {
            grouping.account = true;
        } else {
            return base::fail(ErrorCode::invalid_input,
                              "'" + std::string(word.substr(0, 40)) +
                                  "' is no way to group; write day, symbol, account, "
                                  "several with commas, or total");
        }
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    }
    return grouping;
}

Result<std::vector<PnlRow>> realized_pnl(std::vector<CloseRow> const& closes, PnlGrouping grouping) {
    std::map<std::tuple<OptionalDate, OptionalText, OptionalText, std::string>, PnlRow> groups;
    try {
        for (CloseRow const& close : closes) {
            OptionalDate const day = grouping.day ? close.trade_date : std::nullopt;
            OptionalText const account = grouping.account ? OptionalText(close.account) : std::nullopt;
            OptionalText const symbol = grouping.symbol ? OptionalText(close.symbol) : std::nullopt;
            PnlRow& row = groups[{day, account, symbol, close.currency}];
            row.day = day;
            row.account = account;
            row.symbol = symbol;
            row.currency = close.currency;
            ++row.closes;
            add_or_count(row.realized_pnl, row.unknown_closes, close.realized_pnl);
            add_or_count(row.commissions, row.unknown_commissions, close.commissions);
            add_or_count(row.net_realized_pnl, row.unknown_net, close.net_realized_pnl);
            if (!close.realized_pnl) add(row.estimated_realized_pnl, close.estimated_realized_pnl);
        }
    } catch (base::DecimalOverflow const& overflow) {
        return base::fail(ErrorCode::out_of_range,
                          std::string("realized P&L does not add up: ") + overflow.what());
    }
    std::vector<PnlRow> rows;
    rows.reserve(groups.size());
    for (auto& [key, row] : groups) rows.push_back(std::move(row));
    return rows;
}

}  // namespace possync::query
