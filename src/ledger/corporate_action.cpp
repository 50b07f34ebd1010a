#include "ledger/corporate_action.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include <fmt/format.h>

namespace possync::ledger {

using base::Decimal;
using model::ConId;
using model::Ratio;
using model::StatementCorporateAction;

namespace {

/// Splits forward and in reverse; the broker's two letters.
bool is_split(std::string const& type) { return type == "FS" || type == "RS"; }
/// One thing becomes another: mergers, tenders, changes of the issue or of its number.
bool exchanges(std::string const& type) {
    return is_split(type) || type == "TC" || type == "TO" || type == "IC" || type == "CC" || type == "CO" || type == "SR" || type == "CP";
}

struct Side {
    Decimal quantity;
    Decimal proceeds;
};

std::string proposal(StatementCorporateAction const& row, char const* reason) {
    return fmt::format("{}; the statement says: {} {}. Explain the break with `possync explain BREAK --cause corporate_action --price PRICE`", reason, row.type,
                       row.description);
}

/// A number at the end or the beginning of a text: "1.5", "1,000".
std::optional<Decimal> number_at(std::string_view text, bool at_end) {
    while (!text.empty() && (at_end ? text.back() : text.front()) == ' ') at_end ? text.remove_suffix(1) : text.remove_prefix(1);
    std::size_t count = 0;
    auto const of_number = [](char c) { return (c >= '0' && c <= '9') || c == '.' || c == ','; };
    while (count < text.size() && of_number(at_end ? text[text.size() - 1 - count] : text[count])) ++count;
    std::string digits(at_end ? text.substr(text.size() - count) : text.substr(0, count));
    while (!digits.empty() && (digits.back() == ',' || digits.back() == '.')) digits.pop_back();
    std::erase(digits, ',');
    auto const value = Decimal::parse(digits);
    return value && value->is_positive() ? std::optional(*value) : std::nullopt;
}

/// 1.5 : 1 is 3 : 2.
std::optional<Ratio> ratio_of(Decimal const& to, Decimal const& from) {
    int const scale = std::max(to.scale(), from.scale());
    Decimal unit(1);
    for (int i = 0; i < scale; ++i) unit = unit * Decimal(10);
    Decimal const a = to * unit;
    Decimal const b = from * unit;
    if (scale > 8 || a > Decimal(1'000'000'000'000) || b > Decimal(1'000'000'000'000)) return std::nullopt;
    auto const x = static_cast<std::int64_t>(a.coefficient());
    auto const y = static_cast<std::int64_t>(b.coefficient());
    auto const divisor = std::gcd(x, y);
    return Ratio{x / divisor, y / divisor};
}

}  // namespace

bool was_stated(std::span<model::Adjustment const> adjustments, Decimal const& quantity, base::Date date) {
    return std::any_of(adjustments.begin(), adjustments.end(), [&](model::Adjustment const& adjustment) {
        bool const by_operator = adjustment.in_force() && adjustment.author.starts_with("operator");
        // Its time is of the evening when the change was seen, in any zone.
        return by_operator && adjustment.quantity == quantity && adjustment.effective_at &&
               base::days_since_epoch(base::utc_local(*adjustment.effective_at).date) + 1 >= base::days_since_epoch(date);
    });
}

std::optional<Ratio> ratio_in(std::string_view description) {
    for (auto at = description.find(" FOR "); at != std::string_view::npos; at = description.find(" FOR ", at + 1)) {
        auto const to = number_at(description.substr(0, at), true);
        auto const from = number_at(description.substr(at + 5), false);
        if (to && from) return ratio_of(*to, *from);
    }
    return std::nullopt;
}

DecidedAction decide(std::string const& id, std::span<StatementCorporateAction const* const> rows, StatementIndex const& index) {
    StatementCorporateAction const& first = *rows.front();
    DecidedAction action;
    action.id = id;
    action.date = first.report_date;
    action.time = index.time_of(first.time, first.report_date);
    action.description = first.description;

    std::map<ConId, Side> sides;
    Decimal cash;
    for (auto const* row : rows) {
        sides[row->con_id].quantity += row->quantity;
        sides[row->con_id].proceeds += row->proceeds.value_or(Decimal(0));
        cash += row->proceeds.value_or(Decimal(0));
    }
    std::vector<ConId> out;
    std::vector<ConId> in;
    for (auto const& [con_id, side] : sides) {
        if (side.quantity.is_negative()) out.push_back(con_id);
        if (side.quantity.is_positive()) in.push_back(con_id);
    }
    auto leg = [&](ConId con_id, ActionLeg::Effect effect) -> ActionLeg& {
        ActionLeg added;
        added.con_id = con_id;
        added.effect = effect;
        added.quantity = sides[con_id].quantity;
        action.legs.push_back(std::move(added));
        return action.legs.back();
    };
    auto undecided = [&](char const* reason) {
        action.legs.clear();
        for (auto const& [con_id, side] : sides) {
            if (!side.quantity.is_zero()) leg(con_id, ActionLeg::Effect::undecided).why = proposal(first, reason);
        }
        return action;
    };
    auto succeed = [&](ConId old_con_id, ConId new_con_id, std::optional<Decimal> const& cost_share) {
        action.successions.push_back({old_con_id, new_con_id, action.date, id, first.type, ratio_in(first.description), cost_share});
    };

    // Booked and taken back within the same statement: the rows come to nothing.
    bool const reversed = rows.size() > 1 && in.empty() && out.empty();
    if (is_split(first.type) && sides.size() == 1 && !reversed) {
        auto const ratio = ratio_in(first.description);
        if (!ratio) return undecided("the statement does not state the ratio of the split");
        auto& split = leg(first.con_id, ActionLeg::Effect::split);
        split.ratio = ratio;
        if (cash.is_positive()) split.value = cash;
        split.cause = model::Cause::split;
        return action;
    }
    if (exchanges(first.type) && out.size() == 1 && in.size() == 1) {
        if (!cash.is_zero()) return undecided("what was paid in cash and what in shares is not stated apart");
        (void)leg(out.front(), ActionLeg::Effect::moves_out);
        leg(in.front(), ActionLeg::Effect::moves_in).from = out.front();
        succeed(out.front(), in.front(), Decimal(1));
        return action;
    }
    if (out.size() == 1 && in.empty()) {
        bool const worthless = first.type == "DW";
        bool const matures = first.type == "BM" || first.type == "TM" || first.type == "BC" || first.type == "PC";
        if (!worthless && !cash.is_positive()) return undecided("what was received for it is not stated");
        auto& sold = leg(out.front(), ActionLeg::Effect::sold);
        sold.value = worthless ? Decimal(0) : cash;
        if (matures) sold.cause = model::Cause::maturity;
        return action;
    }
    if (first.type == "SO" && in.size() == 1 && out.empty()) {
        ConId const child = in.front();
        auto const* listed = index.of(child).total_on(index.position_date());
        bool const alone = listed != nullptr && listed->quantity == sides[child].quantity && index.of(child).trades.empty();
        // The parent is whatever else the rows or their description name; it must be the only one.
        ConId parent = 0;
        for (auto const& instrument : index.statement().instruments) {
            bool const named = instrument.con_id != child && !instrument.symbol.empty() &&
                               (first.description.starts_with(instrument.symbol + "(") || first.description.starts_with(instrument.symbol + " ("));
            if (named && instrument.sec_type == "STK") parent = parent == 0 ? instrument.con_id : -1;
        }
        if (!alone || !listed->cost_money || parent <= 0) return undecided("which share of the cost the new shares took is not stated");
        auto& comes = leg(child, ActionLeg::Effect::spun_off);
        comes.value = listed->cost_money->abs();
        comes.from = parent;
        succeed(parent, child, std::nullopt);
        return action;
    }
    if ((first.type == "SD" || first.type == "HD" || first.type == "RI") && in.size() == 1 && out.empty() && cash.is_zero()) {
        leg(in.front(), ActionLeg::Effect::costs_nothing).cause =
            first.type == "RI" ? model::Cause::corporate_action : model::Cause::reinvestment;
        return action;
    }
    if (in.empty() && out.empty()) return action;  // cash only: the cash transactions tell it
    return undecided("this kind of corporate action is not decided by itself");
}

}  // namespace possync::ledger
