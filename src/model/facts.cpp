#include "model/facts.hpp"

#include <charconv>
#include <tuple>

#include "model/words.hpp"

namespace possync::model {

namespace {

constexpr Words<Side, 2> sides{{{Side::bought, "BOT"}, {Side::sold, "SLD"}}};
constexpr Words<Cause, 16> causes{{{Cause::opening_balance, "opening_balance"},
                                   {Cause::execution, "execution"},
                                   {Cause::correction, "correction"},
                                   {Cause::split, "split"},
                                   {Cause::expiry, "expiry"},
                                   {Cause::exercise, "exercise"},
                                   {Cause::assignment, "assignment"},
                                   {Cause::cash_settlement, "cash_settlement"},
                                   {Cause::maturity, "maturity"},
                                   {Cause::reinvestment, "reinvestment"},
                                   {Cause::transfer, "transfer"},
                                   {Cause::missing_at_broker, "missing_at_broker"},
                                   {Cause::settling, "settling"},
                                   {Cause::unexplained, "unexplained"},
                                   {Cause::manual, "manual"},
                                   {Cause::corporate_action, "corporate_action"}}};
constexpr Words<Basis, 4> bases{{{Basis::executions, "executions"},
                                 {Basis::broker, "broker"},
                                 {Basis::estimated, "estimated"},
                                 {Basis::unknown, "unknown"}}};
constexpr Words<Booking, 3> bookings{
    {{Booking::pending, "pending"}, {Booking::booked, "booked"}, {Booking::never, "never"}}};

}  // namespace

std::string_view execution_root(std::string_view exec_id) {
    auto const dot = exec_id.rfind('.');
    return dot == std::string_view::npos ? exec_id : exec_id.substr(0, dot);
}

namespace {

constexpr std::string_view by_statement = "+statement";
constexpr std::string_view cancelled = "cancelled:";

}  // namespace

std::int64_t correction_rank(std::string_view exec_id) {
    auto const dot = exec_id.rfind('.');
    if (dot == std::string_view::npos) return 0;
    std::string_view tail = exec_id.substr(dot + 1);
    bool stated = false;
    for (; tail.ends_with(by_statement); stated = true) tail.remove_suffix(by_statement.size());
    std::int64_t number = 0;
    auto const [stop, error] = std::from_chars(tail.data(), tail.data() + tail.size(), number);
    if (error != std::errc{} || stop != tail.data() + tail.size()) return 0;
    return 2 * number + (stated ? 1 : 0);
}

bool is_correction(std::string_view exec_id) { return correction_rank(exec_id) > 2; }

std::string statement_version(std::string_view exec_id) { return std::string(exec_id).append(by_statement); }
std::string statement_exec_id(std::string_view transaction_id) { return std::string("statement:").append(transaction_id); }

std::strong_ordering operator<=>(FactOrder const& a, FactOrder const& b) {
    if (auto const order = a.time <=> b.time; order != 0) return order;
    if (auto const order = a.sequence <=> b.sequence; order != 0) return order;
    if (auto const order = a.perm_id <=> b.perm_id; order != 0) return order;
    if (auto const order = a.cum_qty <=> b.cum_qty; order != 0) return order;
    if (auto const order = a.root.compare(b.root); order != 0) return order <=> 0;
    return a.adjustment_id <=> b.adjustment_id;
}

std::string cancelled_mark(base::Date date, std::string_view why) {
    return std::string(cancelled).append(base::to_string(date)).append(":").append(why);
}

std::optional<base::Date> cancelled_on(Execution const& execution) {
    std::string_view const mark = execution.superseded_by;
    constexpr std::size_t date_length = 10;
    if (!mark.starts_with(cancelled) || mark.size() < cancelled.size() + date_length) return std::nullopt;
    auto const date = base::parse_date(mark.substr(cancelled.size(), date_length));
    return date ? std::optional(*date) : std::nullopt;
}

std::int64_t transaction_number(std::string_view id) {
    std::int64_t number = 0;
    auto const [stop, error] = std::from_chars(id.data(), id.data() + id.size(), number);
    return error == std::errc{} && stop == id.data() + id.size() ? number : 0;
}

FactOrder order_of(Execution const& execution) {
    return {execution.time, execution.sequence, execution.perm_id, execution.cum_qty, std::string(execution_root(execution.exec_id)), 0};
}

FactOrder order_of(Adjustment const& adjustment) {
    return {adjustment.effective_at, 0, 0, base::Decimal(), {}, adjustment.adjustment_id};
}

std::string fact_name(Execution const& execution) { return std::string(execution_root(execution.exec_id)); }

std::string fact_name(Adjustment const& adjustment) {
    return "adjustment:" + std::to_string(adjustment.adjustment_id);
}

std::string_view to_string(Side side) { return word_of(sides, side); }
std::string_view to_string(Cause cause) { return word_of(causes, cause); }
std::string_view to_string(Basis basis) { return word_of(bases, basis); }
std::string_view to_string(Booking booking) { return word_of(bookings, booking); }
std::string to_string(Ratio ratio) { return std::to_string(ratio.to) + ":" + std::to_string(ratio.from); }

base::Result<Side> parse_side(std::string_view text) { return parse_word(sides, "side", text); }
base::Result<Cause> parse_cause(std::string_view text) { return parse_word(causes, "cause", text); }
base::Result<Basis> parse_basis(std::string_view text) { return parse_word(bases, "basis", text); }
base::Result<Booking> parse_booking(std::string_view text) { return parse_word(bookings, "booking", text); }

base::Result<Ratio> parse_ratio(std::string_view text) {
    Ratio ratio;
    char const* const end = text.data() + text.size();
    auto const [colon, first] = std::from_chars(text.data(), end, ratio.to);
    if (first == std::errc{} && colon != end && *colon == ':') {
        auto const [stop, second] = std::from_chars(colon + 1, end, ratio.from);
        if (second == std::errc{} && stop == end && ratio.to > 0 && ratio.from > 0) return ratio;
    }
    return base::fail(base::ErrorCode::invalid_input,
                      "'" + std::string(text.substr(0, 40)) + "' is not a ratio; write two whole numbers like 4:1");
}

}  // namespace possync::model
