#include "ledger/tax_view.hpp"

#include <cstdlib>
#include <vector>

#include "ledger/infer.hpp"

namespace possync::ledger {

using base::Decimal;
using base::Timestamp;
using model::Cause;

namespace {

constexpr base::Duration delivery_patience = std::chrono::hours(72);

bool delivers(Cause cause) { return cause == Cause::exercise || cause == Cause::assignment; }

/// A movement that an exercise or assignment made.
struct Movement {
    std::string name;
    Decimal quantity;
    std::optional<Decimal> price;
    Timestamp time;
    bool used = false;
};

std::vector<Movement> movements(model::InstrumentBook const& book) {
    std::vector<Movement> found;
    for (auto const& e : book.executions) {
        bool const exercised = e.cause ? delivers(*e.cause) : e.exercise_type && *e.exercise_type > 0 && *e.exercise_type != 2 && *e.exercise_type != 102;
        if (exercised && e.in_force() && e.booking == model::Booking::booked) {
            found.push_back({model::fact_name(e), e.signed_quantity(), e.price, e.time});
        }
    }
    for (auto const& a : book.adjustments) {
        if (a.in_force() && delivers(a.cause) && a.effective_at) found.push_back({model::fact_name(a), a.quantity, a.price, *a.effective_at});
    }
    return found;
}

}  // namespace

base::Result<TaxView> tax_view(model::AccountBook const& book, FoldOptions const& options) {
    TaxView view;
    std::map<model::ConId, std::vector<Movement>> delivered;  // of underlyings, as they are needed
    FoldOptions economic = options;
    economic.tax_view = nullptr;
    economic.calculate_realized_pnl = true;
    for (auto const& [con_id, option] : book.instruments) {
        auto const& instrument = *option.instrument;
        if (!instrument.under_con_id || !instrument.strike || instrument.right.empty()) continue;
        auto const ends = movements(option);
        auto const underlying = book.instruments.find(*instrument.under_con_id);
        if (ends.empty() || underlying == book.instruments.end()) continue;
        POSSYNC_TRY(auto const folded, fold(instrument, option.executions, option.adjustments, economic));
        std::map<std::string, std::optional<Decimal>> results;
        for (auto const& close : folded.closes) results[close.closing_fact] = close.net_realized_pnl;
        auto& legs = delivered.try_emplace(*instrument.under_con_id, movements(underlying->second)).first->second;
        for (auto const& end : ends) {
            Decimal const moved = delivery(instrument, end.quantity);
            auto const result = results.find(end.name);
            if (result == results.end() || !result->second) continue;
            for (auto& leg : legs) {
                bool const near = std::abs((leg.time - end.time).count()) <= delivery_patience.count();
                if (leg.used || leg.quantity != moved || !near || (leg.price && *leg.price != *instrument.strike)) continue;
                leg.used = true;
                view.passed_on.insert(end.name);
                view.premiums[leg.name] = leg.quantity.is_positive() ? -*result->second : *result->second;
                break;
            }
        }
    }
    return view;
}

}  // namespace possync::ledger
