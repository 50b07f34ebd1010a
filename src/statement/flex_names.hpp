// The names in a Flex statement: the attributes that are read, and what IBKR is known to send and nobody here needs. That is
// passed over in silence, so that what is reported as unknown is news.
#pragma once

#include <cstdint>
#include <string_view>

namespace possync::statement {

/// Attributes that are read, of any row, in order of their names.
// clang-format off
enum class Field : std::uint8_t {
    account_id, action_id, activity_description, amount, asset_category, buy_sell, cash_transfer, code, commission_and_tax,
    conid, cost, cost_basis_money, cost_basis_price, currency, date, date_time, description, direction, ex_date, exchange,
    expiry, fifo_pnl_realized, from_currency, from_date, functional_currency, fx_currency, fx_rate_to_base, ib_commission,
    ib_commission_currency, ib_exec_id, ib_order_id, level_of_detail, listing_exchange, mark_price, multiplier, notes,
    open_date_time, order_reference, orig_trade_id, originating_transaction_id, position, position_amount, proceeds, put_call,
    quantity, rate, realized_pl, realized_pnl, report_date, settle_date, strike, symbol, taxes, to_currency,
    to_date, trade_date, trade_id, trade_money, trade_price, trade_time, transaction_id, transaction_type, transfer_price,
    type, underlying_category, underlying_conid, underlying_symbol, value, when_generated,
    count,
    unused,   ///< known, not needed
    unknown,
};
// clang-format on
inline constexpr auto field_count = static_cast<std::size_t>(Field::count);

[[nodiscard]] Field field_named(std::string_view name);
/// Precondition: field < Field::count.
[[nodiscard]] std::string_view name_of(Field field);

/// Sections of an Activity Flex statement that are not read.
[[nodiscard]] bool is_unused_section(std::string_view name);

}  // namespace possync::statement
