#include "ledger/value.hpp"

namespace possync::ledger {

Valuation value_at(model::Position const& position, model::Instrument const& instrument, base::Decimal const& price) {
    Valuation result;
    try {
        auto const factor = model::price_factor(instrument);
        if (!factor || !position.open()) return result;
        result.market_value = base::multiply_rounded(price, position.quantity * *factor, 10);
        if (!position.cost) return result;
        auto const signed_cost = position.quantity.is_negative() ? -*position.cost : *position.cost;
        result.unrealized_pnl = *result.market_value - signed_cost;
        if (!position.cost->is_zero()) {
            result.unrealized_pnl_pct = base::multiply_divide_rounded(*result.unrealized_pnl, base::Decimal(100),
                                                                      position.cost->abs(), 4);
        }
    } catch (base::DecimalOverflow const&) {
        return {};
    }
    return result;
}

}  // namespace possync::ledger
