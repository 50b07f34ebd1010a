#include "ledger/verify.hpp"

#include <map>

#include <fmt/format.h>

namespace possync::ledger {

using base::Decimal;

namespace {

std::string show(Decimal const& value) { return value.to_string(); }
std::string show(std::optional<Decimal> const& value) { return value ? value->to_string() : "unknown"; }
std::string show(std::optional<base::Timestamp> const& value) { return value ? base::to_rfc3339(*value) : "unknown"; }
std::string show(int value) { return std::to_string(value); }
std::string show(bool value) { return value ? "true" : "false"; }

class Verifier {
public:
    Verifier(model::InstrumentBook const& book, FoldOptions const& options, std::vector<Finding>& findings)
        : book_(book), options_(options), findings_(findings) {}

    void run() {
        try {
            check_laws();
            check_fold();
        } catch (base::DecimalOverflow const& overflow) {
            add("instrument " + name(), std::string("its numbers cannot be added exactly: ") + overflow.what());
        }
    }

private:
    std::string name() const { return fmt::format("{} (conId {})", book_.instrument->symbol, book_.instrument.con_id()); }
    void add(std::string where, std::string what) { findings_.push_back({std::move(where), std::move(what)}); }

    template <typename Value>
    void same(std::string const& where, char const* what, Value const& stored, Value const& calculated) {
        if (stored == calculated) return;
        add(where, fmt::format("{} is {}, its facts give {}", what, show(stored), show(calculated)));
    }

    void check_laws() {
        auto const quantity = quantity_of(book_.executions, book_.adjustments, true);
        Decimal const held = book_.positions.empty() ? Decimal(0) : book_.positions.back().quantity;
        if (quantity != held) {
            add("instrument " + name(), fmt::format("executions and adjustments sum to {}, the position is {}", show(quantity), show(held)));
        }
        std::map<model::RowId, Decimal> lots;
        for (auto const& lot : book_.lots) lots[lot.position_id] += lot.remaining_quantity;
        std::map<model::RowId, Decimal> realized;
        std::map<model::RowId, int> unknown;
        for (auto const& close : book_.closes) {
            if (!close.quantity_closed.is_positive()) add(fmt::format("close {}", close.close_id), "its quantity is not positive");
            if (close.realized_pnl) {
                realized[close.position_id] += *close.realized_pnl;
            } else {
                ++unknown[close.position_id];
            }
        }
        for (std::size_t i = 0; i < book_.positions.size(); ++i) {
            auto const& position = book_.positions[i];
            std::string const where = fmt::format("position {} ({})", position.position_id, book_.instrument->symbol);
            if (lots[position.position_id] != position.quantity) {
                add(where, fmt::format("its lots hold {}, the position {}", show(lots[position.position_id]), show(position.quantity)));
            }
            if (realized[position.position_id] != position.realized_pnl) {
                add(where, fmt::format("its closes realized {}, the position says {}", show(realized[position.position_id]), show(position.realized_pnl)));
            }
            if (options_.calculate_realized_pnl && unknown[position.position_id] != position.unknown_closes) {
                add(where, fmt::format("{} of its closes are without P&L, the position counts {}", unknown[position.position_id], position.unknown_closes));
            }
            if (position.open() && i + 1 < book_.positions.size()) add(where, "is open, and so is a later one of the same instrument");
            if (position.open() == position.closed_at.has_value()) add(where, position.open() ? "is open and has a time of closing" : "is closed without a time of closing");
        }
        std::map<std::string, int, std::less<>> in_force;
        for (auto const& execution : book_.executions) {
            if (!execution.superseded_by.empty()) continue;
            if (++in_force[std::string(model::execution_root(execution.exec_id))] == 2) {
                add("execution " + execution.exec_id, "is in force beside another correction of the same fill");
            }
        }
    }

    void check_fold() {
        auto const folded = fold(*book_.instrument, book_.executions, book_.adjustments, options_);
        if (!folded) return add("instrument " + name(), folded.error().message);
        if (folded->positions.size() != book_.positions.size()) {
            return add("instrument " + name(), fmt::format("{} positions are stored, its facts give {}", book_.positions.size(), folded->positions.size()));
        }
        std::map<model::RowId, std::size_t> index;
        for (std::size_t i = 0; i < book_.positions.size(); ++i) {
            index[book_.positions[i].position_id] = i + 1;
            check_position(book_.positions[i], folded->positions[i]);
        }
        check_closes(*folded, index);
        check_lots(*folded, index);
    }

    void check_position(model::Position const& stored, model::Position const& calculated) {
        std::string const where = fmt::format("position {} ({})", stored.position_id, book_.instrument->symbol);
        same(where, "quantity", stored.quantity, calculated.quantity);
        same(where, "average_price", stored.average_price, calculated.average_price);
        same(where, "cost", stored.cost, calculated.cost);
        same(where, "commissions", stored.commissions, calculated.commissions);
        same(where, "opened_at", stored.opened_at, calculated.opened_at);
        same(where, "closed_at", stored.closed_at, calculated.closed_at);
        if (!options_.calculate_realized_pnl) return;
        same(where, "realized_pnl", stored.realized_pnl, calculated.realized_pnl);
        same(where, "net_realized_pnl", stored.net_realized_pnl, calculated.net_realized_pnl);
        same(where, "estimated_realized_pnl", stored.estimated_realized_pnl, calculated.estimated_realized_pnl);
        same(where, "unknown_closes", stored.unknown_closes, calculated.unknown_closes);
    }

    void check_closes(Folded const& folded, std::map<model::RowId, std::size_t> const& index) {
        std::map<std::pair<std::size_t, std::string>, model::Close const*> calculated;
        for (auto const& close : folded.closes) calculated[{static_cast<std::size_t>(close.position_id), close.closing_fact}] = &close;
        for (auto const& stored : book_.closes) {
            std::string const where = fmt::format("close {} ({})", stored.close_id, book_.instrument->symbol);
            auto const position = index.find(stored.position_id);
            auto const found = calculated.find({position == index.end() ? 0 : position->second, stored.closing_fact});
            if (found == calculated.end()) {
                add(where, "no fact of its position closes anything here");
                continue;
            }
            model::Close const& close = *found->second;
            calculated.erase(found);
            same(where, "quantity_closed", stored.quantity_closed, close.quantity_closed);
            same(where, "is_full_close", stored.is_full_close, close.is_full_close);
            same(where, "exit_price", stored.exit_price, close.exit_price);
            same(where, "entry_price", stored.entry_price, close.entry_price);
            same(where, "commissions", stored.commissions, close.commissions);
            if (!options_.calculate_realized_pnl) continue;
            same(where, "realized_pnl", stored.realized_pnl, close.realized_pnl);
            same(where, "net_realized_pnl", stored.net_realized_pnl, close.net_realized_pnl);
        }
        for (auto const& [key, unused] : calculated) {
            add("instrument " + name(), fmt::format("the close by {} is missing", key.second));
        }
    }

    void check_lots(Folded const& folded, std::map<model::RowId, std::size_t> const& index) {
        std::map<std::pair<std::size_t, std::string>, model::Lot const*> calculated;
        for (auto const& lot : folded.lots) calculated[{static_cast<std::size_t>(lot.position_id), lot.opening_fact}] = &lot;
        for (auto const& stored : book_.lots) {
            std::string const where = fmt::format("lot {} ({})", stored.lot_id, book_.instrument->symbol);
            auto const position = index.find(stored.position_id);
            auto const found = calculated.find({position == index.end() ? 0 : position->second, stored.opening_fact});
            if (found == calculated.end()) {
                add(where, "no fact of its position opens anything here");
                continue;
            }
            same(where, "quantity", stored.quantity, found->second->quantity);
            same(where, "remaining_quantity", stored.remaining_quantity, found->second->remaining_quantity);
            same(where, "price", stored.price, found->second->price);
            calculated.erase(found);
        }
        for (auto const& [key, unused] : calculated) {
            add("instrument " + name(), fmt::format("the lot of {} is missing", key.second));
        }
    }

    model::InstrumentBook const& book_;
    FoldOptions const& options_;
    std::vector<Finding>& findings_;
};

}  // namespace

std::vector<Finding> verify(model::AccountBook const& book, FoldOptions const& options) {
    std::vector<Finding> findings;
    for (auto const& [unused, instrument] : book.instruments) Verifier(instrument, options, findings).run();
    return findings;
}

std::vector<Finding> verify_events(model::AccountBook const& book, std::span<EventLink const> events) {
    std::vector<Finding> findings;
    std::map<model::RowId, EventLink const*> last;
    model::Revision revision = 0;
    for (auto const& event : events) {
        std::string const where = fmt::format("event {}", event.event_id);
        auto const [known, added] = last.try_emplace(event.position_id, &event);
        Decimal const before = added ? Decimal(0) : known->second->quantity_after;
        if (event.quantity_before != before) {
            findings.push_back({where, fmt::format("begins at {}, position {} stood at {}", show(event.quantity_before), event.position_id, show(before))});
        }
        known->second = &event;
        if (event.revision < revision || event.revision > book.revision) {
            findings.push_back({where, fmt::format("carries revision {} after {} of {}", event.revision, revision, book.revision)});
        }
        revision = std::max(revision, event.revision);
    }
    for (auto const& [unused, instrument] : book.instruments) {
        for (auto const& position : instrument.positions) {
            auto const found = last.find(position.position_id);
            if (found != last.end() && found->second->quantity_after == position.quantity) continue;
            findings.push_back({fmt::format("position {} ({})", position.position_id, instrument.instrument->symbol),
                                found == last.end() ? "no event tells how it came about"
                                                    : fmt::format("its last event ends at {}, the position is {}", show(found->second->quantity_after), show(position.quantity))});
        }
    }
    return findings;
}

}  // namespace possync::ledger
