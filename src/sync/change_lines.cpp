#include "sync/change_lines.hpp"

#include <fmt/format.h>

namespace possync::sync {

namespace {

std::string name_of(model::AccountBook const& book, model::ConId con_id) {
    auto const found = book.instruments.find(con_id);
    if (found == book.instruments.end()) return fmt::format("conId {}", con_id);
    auto const& instrument = *found->second.instrument;
    return instrument.local_symbol.empty() ? instrument.symbol : instrument.local_symbol;
}

}  // namespace

std::vector<Log> lines_about(model::AccountBook const& book, model::ChangeSet const& change_set) {
    std::vector<Log> lines;
    for (auto const& event : change_set.events) {
        if (lines.size() == changes_told) {
            lines.push_back(
                {LogLevel::info, "position.more", book.account,
                 fmt::format("and {} more changes in revision {}", change_set.events.size() - changes_told, book.revision)});
            break;
        }
        std::string text = fmt::format("{} {} -> {}", name_of(book, event.con_id), event.quantity_before.to_string(),
                                       event.quantity_after.to_string());
        if (event.average_price_after) text += " @ " + event.average_price_after->to_string();
        for (auto const& close : change_set.closes) {
            bool const same = close.position_id == event.position_id && close.exec_id == event.exec_id &&
                              (event.kind == model::EventKind::closed || event.kind == model::EventKind::reduced);
            if (same) text += ", realized " + (close.realized_pnl ? close.realized_pnl->to_string() : std::string("unknown"));
        }
        text += fmt::format(" ({})", to_string(event.cause));
        lines.push_back({LogLevel::info, fmt::format("position.{}", to_string(event.kind)), book.account, std::move(text)});
    }
    return lines;
}

}  // namespace possync::sync
