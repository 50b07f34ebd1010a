// Why a position is what it is: its facts, and sentences that a person can follow from the first fill to the last digit.
#include <algorithm>
#include <charconv>
#include <map>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "http/answers.hpp"
#include "http/response.hpp"
#include "query/json.hpp"

namespace possync::http {

using base::Decimal;
using base::ErrorCode;
using base::Result;
using base::Timestamp;

namespace {

std::string moment(Timestamp time) {
    auto text = base::to_rfc3339(time);
    return text.substr(0, 10) + " " + text.substr(11, 8) + " UTC";
}

std::string number(Decimal const& value) { return query::text_of(value); }

std::string count(std::size_t n, std::string_view what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

/// A cause as it reads in "260 by ...".
std::string cause_words(std::string cause) {
    std::replace(cause.begin(), cause.end(), '_', ' ');
    return cause;
}

std::string life(query::PositionRow const& position) {
    std::string text = fmt::format("{} {} {} ({})", position.account, position.status == "OPEN" ? "holds" : "held",
                                   position.local_symbol.value_or(position.symbol), position.sec_type);
    text += position.opened_at ? " since " + moment(*position.opened_at) : ", from before the account was first seen,";
    if (position.closed_at) text += " until " + moment(*position.closed_at);
    return text + (text.back() == ',' ? " as long as it is known." : ".");
}

/// Which cause moved the quantity by how much; the parts add up to it.
std::optional<std::string> quantity(query::PositionRow const& position, std::vector<query::EventRow> const& events) {
    struct Part {
        Decimal moved{0};
        std::size_t times = 0;
    };
    std::map<std::string, Part> parts;
    Decimal sum{0};
    for (auto const& event : events) {
        if (!event.quantity_before || !event.quantity_after || *event.quantity_before == *event.quantity_after) continue;
        Decimal const moved = *event.quantity_after - *event.quantity_before;
        auto& part = parts[event.cause];
        part.moved = part.moved + moved;
        ++part.times;
        sum = sum + moved;
    }
    if (parts.empty() || !position.quantity) return std::nullopt;
    std::string text = fmt::format("Its quantity {} comes from ", number(*position.quantity));
    bool first = true;
    for (auto const& [cause, part] : parts) {
        text += fmt::format("{}{}{} by {} ({})", first ? "" : ", ", part.moved.is_negative() ? "" : "+", number(part.moved),
                            cause_words(cause), count(part.times, "event"));
        first = false;
    }
    if (sum != *position.quantity) text += fmt::format("; these make {}, so earlier events are not kept here", number(sum));
    return text + ".";
}

std::vector<std::string> explain(query::PositionRow const& position, std::vector<query::ExecutionRow> const& executions,
                                 std::vector<query::AdjustmentRow> const& adjustments, std::vector<query::CloseRow> const& closes,
                                 std::vector<query::LotRow> const& lots, std::vector<query::EventRow> const& events,
                                 std::vector<query::BreakRow> const& breaks, std::optional<base::Date> certified_through) {
    std::vector<std::string> lines{life(position)};
    if (auto text = quantity(position, events)) lines.push_back(std::move(*text));
    for (auto const& adjustment : adjustments) {
        if (adjustment.undone_by || !adjustment.quantity) continue;
        lines.push_back(fmt::format("{}: {} {}{}{}, said by {}{}.",
                                    adjustment.effective_at ? moment(*adjustment.effective_at) : "At the first sight",
                                    cause_words(adjustment.cause), number(*adjustment.quantity),
                                    adjustment.price ? " at " + number(*adjustment.price) : ", its price unknown",
                                    adjustment.ratio ? ", ratio " + *adjustment.ratio : "", adjustment.author,
                                    adjustment.note ? " (" + *adjustment.note + ")" : ""));
    }
    auto const superseded =
        std::count_if(executions.begin(), executions.end(), [](auto const& row) { return row.superseded_by.has_value(); });
    if (!executions.empty()) {
        lines.push_back(fmt::format("It rests on {}{}.", count(executions.size(), "fill"),
                                    superseded > 0 ? fmt::format(", {} of them superseded by a correction", superseded) : ""));
    }
    if (position.status == "OPEN" && position.average_price) {
        lines.push_back(fmt::format("Its average price {} is the cost of what is left, commissions aside{}.",
                                    number(*position.average_price),
                                    lots.empty() ? "" : fmt::format("; by lots it is {}", count(lots.size(), "opening fill"))));
    } else if (position.status == "OPEN") {
        lines.emplace_back("Its average price is not known: a part of it was never priced.");
    }
    if (!closes.empty()) {
        auto const unknown = std::count_if(closes.begin(), closes.end(), [](auto const& row) { return !row.realized_pnl; });
        lines.push_back(fmt::format("Its realized P&L {} is the sum of {}{}.",
                                    position.realized_pnl ? number(*position.realized_pnl) : "(unknown)",
                                    count(closes.size() - static_cast<std::size_t>(unknown), "close"),
                                    unknown > 0 ? fmt::format("; of {} more it is not known", unknown) : ""));
    }
    if (position.unrealized_pnl && position.current_price && position.marked_at) {
        lines.push_back(fmt::format("Its unrealized P&L {} is by the mark {} of {} ({}).", number(*position.unrealized_pnl),
                                    number(*position.current_price), moment(*position.marked_at),
                                    position.mark_source.value_or("unknown source")));
    }
    std::size_t open = 0;
    for (auto const& difference : breaks) {
        if (difference.state != "open" && difference.state != "settling") continue;
        ++open;
        lines.push_back(fmt::format("Break {} is {}: {}{}.", difference.break_id, difference.state, cause_words(difference.kind),
                                    difference.detail && !difference.detail->empty() ? ", " + *difference.detail : ""));
    }
    if (open == 0) lines.emplace_back("Broker and book do not differ here.");
    lines.push_back(certified_through ? fmt::format("The broker's statements agree with the account through {}.",
                                                    base::to_string(*certified_through))
                                      : "No statement has confirmed the account yet.");
    return lines;
}

}  // namespace

Result<Answer> answer_why(query::Reader& reader, std::string const& position_id, Timestamp now) {
    query::Filter of_position;
    std::int64_t id = 0;
    auto const [stop, error] = std::from_chars(position_id.data(), position_id.data() + position_id.size(), id);
    if (error != std::errc{} || stop != position_id.data() + position_id.size() || id <= 0) {
        return base::fail(ErrorCode::invalid_input, "position_id is not a whole number above 0");
    }
    of_position.position_id = id;
    POSSYNC_TRY(auto const snapshot, query::ReadSnapshot::begin(reader));
    POSSYNC_TRY(auto const positions, reader.positions(of_position));
    if (positions.empty()) return base::fail(ErrorCode::not_found, fmt::format("there is no position {}", id));
    auto const& position = positions.front();
    POSSYNC_TRY(auto const closes, reader.closes(of_position));
    POSSYNC_TRY(auto const lots, reader.lots(of_position));
    POSSYNC_TRY(auto const events, reader.events(of_position));
    POSSYNC_TRY(auto const history, reader.history(of_position));

    // Facts belong to an instrument, not to a position: those of its life are its own.
    query::Filter of_instrument;
    of_instrument.account = position.account;
    of_instrument.con_id = position.con_id;
    POSSYNC_TRY(auto executions, reader.executions(of_instrument));
    POSSYNC_TRY(auto adjustments, reader.adjustments(of_instrument));
    auto const outside = [&](query::OptionalTime time) {
        if (!time) return position.opened_at.has_value();  // of before the first sight
        return (position.opened_at && *time < *position.opened_at) || (position.closed_at && *time > *position.closed_at);
    };
    std::erase_if(executions, [&](auto const& row) { return outside(row.time); });
    std::erase_if(adjustments, [&](auto const& row) { return outside(row.effective_at); });
    query::Filter of_account;
    of_account.account = position.account;
    POSSYNC_TRY(auto breaks, reader.breaks(of_account));
    std::erase_if(breaks, [&](auto const& row) { return row.con_id && *row.con_id != position.con_id; });
    POSSYNC_TRY(auto const accounts, reader.accounts(of_account));
    auto const certified = accounts.empty() ? std::nullopt : accounts.front().certified_through;

    boost::json::array sentences;
    for (auto const& line : explain(position, executions, adjustments, closes, lots, events, breaks, certified)) {
        sentences.emplace_back(boost::json::string(query::repaired_utf8(line)));
    }
    std::string const said = fmt::format(
        R"({{"position": {}, "executions": {}, "adjustments": {}, "closes": {}, "lots": {}, "events": {}, "history": {}, "breaks": {}, )"
        R"("certified_through": {}, "explanation": {})",
        query::to_json(position), query::to_json(executions), query::to_json(adjustments), query::to_json(closes),
        query::to_json(lots), query::to_json(events), query::to_json(history), query::to_json(breaks),
        certified ? quoted(base::to_string(*certified)) : "null", boost::json::serialize(sentences));
    return Answer{std::make_shared<std::string const>(fmt::format(R"({}, "as_of": "{}"}})", said, base::to_rfc3339(now))),
                  etag_of(said)};
}

}  // namespace possync::http
