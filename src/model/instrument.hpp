// An instrument is one contract of the broker, keyed by conId and by nothing else: symbols are reused, exchanges
// differ between messages. Value types, no behaviour beyond small questions about themselves.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/decimal.hpp"

namespace possync::model {

using ConId = std::int64_t;
using AccountId = std::int32_t;
/// account_id * 2^32 + n; n comes from the account's counter, so change sets are equal across stores.
using RowId = std::int64_t;
using Revision = std::int64_t;

struct Instrument {
    ConId con_id = 0;
    std::string symbol;
    std::string local_symbol;
    std::string sec_type;  ///< STK OPT FUT FOP WAR BOND CASH BAG IND CFD FUND CRYPTO CMDTY ... as the broker says
    std::string currency;
    std::string exchange;
    std::string primary_exchange;
    std::string trading_class;
    base::Decimal multiplier = 1;  ///< units of the underlying one contract stands for; empty on the wire is 1
    /// Factor from the quoted unit to the currency (0.01 for pence): 1 / priceMagnifier of the contract data.
    /// Unknown until the contract data came.
    std::optional<base::Decimal> price_scale;
    std::string expiry;  ///< YYYYMMDD or YYYYMM, empty where there is none
    std::optional<base::Decimal> strike;
    std::string right;  ///< C, P or empty
    std::optional<ConId> under_con_id;
    std::string under_sec_type;  ///< kind of the underlying, IND for an index; empty until known
    std::string time_zone;       ///< IANA or broker name from the contract data; empty until known
    bool details_known = false;  ///< contract data came (or finally failed): it is not asked for again

    bool operator==(Instrument const&) const = default;
};

/// An instrument as rows, facts, change sets and books have it: one description for all of them, because it is larger than everything else
/// that they hold. Never changed; equal by value. One that was moved from has none.
class SharedInstrument {
public:
    /// The one that nobody described, conId 0.
    SharedInstrument() : SharedInstrument(undescribed()) {}
    // NOLINTNEXTLINE(google-explicit-constructor): it is that instrument.
    SharedInstrument(Instrument instrument)
        : con_id_(instrument.con_id), shared_(std::make_shared<Instrument const>(std::move(instrument))) {}

    /// Without a look at the description: lists and books are walked by it.
    [[nodiscard]] ConId con_id() const { return con_id_; }
    Instrument const& operator*() const { return *shared_; }
    Instrument const* operator->() const { return shared_.get(); }

    /// The same with a change, for those who know more of it.
    template <typename Change>
    [[nodiscard]] SharedInstrument with(Change change) const {
        Instrument changed = *shared_;
        change(changed);
        return changed;
    }

    friend bool operator==(SharedInstrument const& a, SharedInstrument const& b) { return a.shared_ == b.shared_ || *a == *b; }

private:
    static SharedInstrument const& undescribed() {
        static SharedInstrument const one{Instrument{}};
        return one;
    }

    ConId con_id_;
    std::shared_ptr<Instrument const> shared_;
};

/// Kinds whose price scale defaults to 1 when the contract data cannot be had; for others it stays unknown.
[[nodiscard]] bool scale_defaults_to_one(std::string const& sec_type);
/// Combinations move their legs, not a position; currency conversions are virtual. Neither is ever booked.
[[nodiscard]] bool never_booked(std::string const& sec_type);
/// The scale to calculate with: the known one, else 1 where that is the default, else nothing.
[[nodiscard]] std::optional<base::Decimal> effective_scale(Instrument const& instrument);
/// multiplier * scale: what one unit of quantity is worth per quoted unit of price.
[[nodiscard]] std::optional<base::Decimal> price_factor(Instrument const& instrument);

}  // namespace possync::model
