#include "ledger/infer.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace possync::ledger {

using base::Decimal;
using base::Timestamp;
using model::Basis;
using model::Cause;
using model::Instrument;

namespace {

constexpr std::int64_t ratio_max = 200;
constexpr std::int64_t hour = 3'600'000'000;

Decimal const worthless = Decimal::from_parts(5, 2);  // an option marked so in its last hour expires worthless
Decimal const bond_par = 100;                         // bonds are quoted in percent of their face

bool is_option(Instrument const& instrument) { return instrument.sec_type == "OPT" || instrument.sec_type == "FOP"; }

}  // namespace

std::optional<model::Ratio> split_ratio(Decimal const& before, Decimal const& after) {
    if (before.is_zero() || before.sign() != after.sign() || before == after) return std::nullopt;
    int const scale = std::max(before.scale(), after.scale());
    auto whole = [&](Decimal const& value) {
        base::Int128 coefficient = value.abs().coefficient();
        for (int i = value.scale(); i < scale; ++i) coefficient *= 10;
        return coefficient;
    };
    base::Int128 const limit = static_cast<base::Int128>(1) << 100;
    base::Int128 to = whole(after);
    base::Int128 from = whole(before);
    if (to > limit || from > limit) return std::nullopt;
    base::Int128 a = to;
    base::Int128 b = from;
    while (b != 0) std::swap(a %= b, b);
    to /= a;
    from /= a;
    if (to > ratio_max || from > ratio_max) return std::nullopt;
    return model::Ratio{static_cast<std::int64_t>(to), static_cast<std::int64_t>(from)};
}

bool cost_conserved(Decimal const& before, Decimal const& after) {
    Decimal const larger = std::max(before.abs(), after.abs());
    Decimal const tolerance = std::max(Decimal::from_parts(1, 2), base::multiply_rounded(larger, Decimal::from_parts(1, 6), 10));
    return (before - after).abs() <= tolerance;
}

std::optional<Timestamp> end_of_trading(Instrument const& instrument, FoldOptions const& options) {
    if (options.zones == nullptr || instrument.expiry.size() != 8) return std::nullopt;
    auto const date = base::parse_date(instrument.expiry);
    if (!date) return std::nullopt;
    base::LocalTime const close{*date, 16 * hour};
    if (!instrument.time_zone.empty()) {
        if (auto const end = options.zones->to_utc(instrument.time_zone, close)) return *end;
    }
    auto const end = options.zones->to_utc(options.report_zone, close);
    return end ? std::optional(*end) : std::nullopt;
}

Moneyness moneyness(Instrument const& option, Timestamp end, model::Mark const* mark, model::Mark const* underlying_mark) {
    auto const of_last_hour = [&](model::Mark const* each) {
        return each != nullptr && each->marked_at >= end - std::chrono::hours(1);
    };
    if (of_last_hour(mark)) {
        return mark->price <= worthless ? Moneyness::out_of_the_money : Moneyness::in_the_money;
    }
    if (!of_last_hour(underlying_mark) || !option.strike || option.right.empty()) return Moneyness::unknown;
    Decimal const margin = base::multiply_rounded(*option.strike, Decimal::from_parts(1, 2), 10);
    Decimal const above = underlying_mark->price - *option.strike;
    if (above.abs() < margin) return Moneyness::unknown;
    bool const call = option.right == "C";
    return above.is_positive() == call ? Moneyness::in_the_money : Moneyness::out_of_the_money;
}

Decimal delivery(Instrument const& option, Decimal const& quantity) {
    Decimal const moved = quantity * option.multiplier;
    return option.right == "C" ? -moved : moved;
}

std::optional<NamedEvent> end_of_contract(Instrument const& instrument, Decimal const& held, model::Observation const& seen,
                                          FoldOptions const& options, bool delivered) {
    NamedEvent event;
    event.quantity = -held;
    Cause const delivered_as = held.is_positive() ? Cause::exercise : Cause::assignment;
    auto const end = end_of_trading(instrument, options);
    bool const ended = end && *end <= seen.observed_at;
    event.effective_at = ended ? *end : seen.observed_at;
    if (is_option(instrument)) {
        if (delivered) {
            event.cause = delivered_as;
            event.note = fmt::format("delivered at {}", instrument.strike ? instrument.strike->to_string() : "the strike");
            return event;
        }
        if (!ended) return std::nullopt;
        auto const* underlying = instrument.under_con_id ? seen.mark_of(*instrument.under_con_id) : nullptr;
        switch (moneyness(instrument, *end, seen.mark_of(instrument.con_id), underlying)) {
            case Moneyness::out_of_the_money:
                event.cause = Cause::expiry;
                event.price = Decimal(0);
                event.basis = Basis::estimated;
                event.note = "out of the money by its last mark";
                break;
            case Moneyness::in_the_money:
                event.cause = instrument.under_sec_type == "IND" ? Cause::cash_settlement : delivered_as;
                event.note = "in the money by its last mark; the settlement price is not known yet";
                break;
            case Moneyness::unknown:
                event.cause = instrument.under_sec_type == "IND" ? Cause::cash_settlement : Cause::expiry;
                event.note = "no mark of its last hour says what it was worth";
                break;
        }
        return event;
    }
    if (!ended) return std::nullopt;
    if (instrument.sec_type == "BOND" || instrument.sec_type == "BILL") {
        event.cause = Cause::maturity;
        event.price = bond_par;
        event.basis = Basis::estimated;
        event.note = "redeemed at par";
        return event;
    }
    bool const ends = instrument.sec_type == "FUT" || instrument.sec_type == "WAR" || instrument.sec_type == "IOPT";
    if (!ends) return std::nullopt;
    event.cause = Cause::expiry;
    event.note = "the settlement price is not known yet";
    return event;
}

}  // namespace possync::ledger
