// What an open position is worth at a price: exact, ours, beside whatever the broker claims.
#pragma once

#include <optional>

#include "model/book.hpp"

namespace possync::ledger {

struct Valuation {
    std::optional<base::Decimal> market_value;        ///< price * quantity * multiplier * scale, signed
    std::optional<base::Decimal> unrealized_pnl;      ///< market value - cost (long), cost - |market value| (short)
    std::optional<base::Decimal> unrealized_pnl_pct;  ///< of cost, 4 decimals
};

/// Unknown cost or scale leaves the figures that need it unset. Numbers beyond exact arithmetic do so too.
[[nodiscard]] Valuation value_at(model::Position const& position, model::Instrument const& instrument,
                                 base::Decimal const& price);

}  // namespace possync::ledger
