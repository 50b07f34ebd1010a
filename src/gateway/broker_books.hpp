// The broker's way of keeping books: first in, first out, commissions inside the cost, an option's premium inside the cost of what its
// exercise or assignment delivers. Every holding follows from fills and entries; replaying them until some moment gives the books of
// that moment, which is what a statement is made of. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gateway/broker.hpp"

namespace possync::gateway {

/// What one movement did to a holding.
struct Movement {
    std::vector<HeldLot> closed;             ///< what it consumed: positive quantities, cost with commissions
    std::optional<base::Decimal> realized;  ///< net of commissions; unset: it closed nothing
};

/// A trade: `value` is what it came to without the commission, positive.
Movement book_trade(Holding& held, base::Decimal quantity, base::Decimal const& value, base::Decimal const& commission,
                    std::string const& exec_id, base::Timestamp time);

/// An entry, in the holdings of its account. `premium` of a delivery: what the option realized, which goes into its value.
Movement apply(std::map<ConId, Holding>& holdings, BookEntry const& entry, SimulatedInstrument const& instrument,
               base::Decimal const& premium = {});

struct Booked {
    std::variant<Fill const*, BookEntry const*> what;
    Movement movement;
    bool long_before = false;  ///< what it moved was held long
};

struct Books {
    std::map<ConId, Holding> holdings;
    std::vector<Booked> booked;  ///< in order of time
};

/// The trade date of a fill or an entry: sessions of futures that begin in the evening belong to the next weekday.
[[nodiscard]] base::Date trade_date(base::Timestamp time, SimulatedInstrument const& instrument);
[[nodiscard]] base::Date trade_date(Fill const& fill, SimulatedInstrument const& instrument);
[[nodiscard]] base::Date next_day(base::Date date);

/// The books of an account at the end of `until` (UTC), as they were known then; unset: as they are now.
[[nodiscard]] Books replay(Broker const& broker, std::string const& account, std::optional<base::Date> until);

}  // namespace possync::gateway
