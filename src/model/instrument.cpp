#include "model/instrument.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace possync::model {

bool scale_defaults_to_one(std::string const& sec_type) {
    static constexpr std::array<std::string_view, 5> kinds{"STK", "OPT", "FUT", "FOP", "WAR"};
    return std::find(kinds.begin(), kinds.end(), sec_type) != kinds.end();
}

bool never_booked(std::string const& sec_type) { return sec_type == "BAG" || sec_type == "CASH"; }

std::optional<base::Decimal> effective_scale(Instrument const& instrument) {
    if (instrument.price_scale && !instrument.price_scale->is_zero()) return instrument.price_scale;
    // Before the contract data came every kind is taken at 1: it is what nearly all of them turn out to be, and the
    // ledger re-prices what it booked when the data says otherwise.
    if (!instrument.details_known || scale_defaults_to_one(instrument.sec_type)) return base::Decimal(1);
    return std::nullopt;
}

/// Never zero: what it would price is unknown.
std::optional<base::Decimal> price_factor(Instrument const& instrument) {
    auto const scale = effective_scale(instrument);
    if (!scale || instrument.multiplier.is_zero()) return std::nullopt;
    return instrument.multiplier * *scale;
}

}  // namespace possync::model
