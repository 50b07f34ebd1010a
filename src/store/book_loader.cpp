#include "store/book_loader.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <unordered_map>

namespace possync::store {

using base::Result;
using base::Timestamp;
using model::Adjustment;
using model::Close;
using model::ConId;
using model::Execution;
using model::FactOrder;
using model::InstrumentBook;
using model::Position;
using model::RowId;

namespace {

constexpr Timestamp beginning{std::numeric_limits<std::int64_t>::min()};

/// The episodes of one instrument that are wanted, and the fact that the earliest of them starts from.
struct Wanted {
    RowId first = 0;
    std::string chain_fact;
    FactOrder start;                 ///< place of the chain fact
    Timestamp earliest = beginning;  ///< time of its first version
};

class Loader {
public:
    Loader(BookRows& rows, Timestamp cutoff, std::optional<ConId> only) : rows_(rows), cutoff_(cutoff), only_(only) {}

    Result<model::InstrumentBooks> run() {
        POSSYNC_TRY_VOID(find_waiting());
        POSSYNC_TRY_VOID(find_wanted());
        POSSYNC_TRY_VOID(load_positions());
        POSSYNC_TRY_VOID(load_closes());
        POSSYNC_TRY_VOID(load_lots());
        POSSYNC_TRY_VOID(load_recent_executions());
        POSSYNC_TRY_VOID(load_adjustments());
        POSSYNC_TRY_VOID(load_older_executions());
        POSSYNC_TRY_VOID(load_break_instruments());
        POSSYNC_TRY_VOID(name_instruments());
        sort();
        return model::side_by_side(std::move(books_));
    }

private:
    /// What nobody has explained yet is not forgotten with the days it is of: a later look would take it for explained, and a second
    /// rest would be put beside it.
    Result<void> find_waiting() {
        return rows_.waiting([&](ConId con_id, Timestamp time) {
            auto const [at, added] = waiting_.try_emplace(con_id, time);
            if (!added) at->second = std::min(at->second, time);
        });
    }
    [[nodiscard]] Timestamp cutoff_of(ConId con_id) const {
        auto const found = waiting_.find(con_id);
        return found == waiting_.end() ? cutoff_ : std::min(cutoff_, found->second);
    }

    /// Ids follow the order of the opening facts, so everything after the first wanted episode is wanted too, and before it only
    /// what shares its chain of flips.
    Result<void> find_wanted() {
        return rows_.chains([&](RowId id, ConId con_id, std::string chain, std::optional<Timestamp> closed_at) {
            if (!closed_at || *closed_at >= cutoff_of(con_id)) wanted_.try_emplace(con_id, Wanted{id, std::move(chain), {}, beginning});
        });
    }

    Result<void> load_positions() {
        if (wanted_.empty()) return {};
        return rows_.positions([&](Position position) {
            auto const wanted = wanted_.find(position.con_id);
            if (wanted == wanted_.end()) return;
            if (position.position_id < wanted->second.first && position.chain_fact != wanted->second.chain_fact) return;
            instrument_of_[position.position_id] = position.con_id;
            books_[position.con_id].positions.push_back(std::move(position));
        });
    }

    Result<void> load_closes() {
        std::vector<RowId> ids;
        for (auto const& [unused, book] : books_) {
            for (auto const& position : book.positions)
                ids.push_back(position.position_id);
        }
        return rows_.closes(ids, [&](Close close) {
            close.con_id = instrument_of_[close.position_id];
            books_[close.con_id].closes.push_back(std::move(close));
        });
    }

    Result<void> load_lots() {
        if (wanted_.empty()) return {};
        return rows_.lots([&](model::Lot lot) {
            auto const con_id = instrument_of_.find(lot.position_id);
            if (con_id == instrument_of_.end()) return;
            lot.con_id = con_id->second;
            books_[lot.con_id].lots.push_back(std::move(lot));
        });
    }

    Result<void> load_recent_executions() {
        return rows_.executions_since(
            cutoff_, [&](Execution execution) { books_[execution.con_id].executions.push_back(std::move(execution)); });
    }

    /// All adjustments are read (there are few) and those kept that the wanted range covers. One that was withdrawn lately is
    /// kept too, whatever its place: it is not folded, and shows what was undone.
    Result<void> load_adjustments() {
        std::map<ConId, std::vector<Adjustment>> all;
        POSSYNC_TRY_VOID(
            rows_.adjustments([&](Adjustment adjustment) { all[adjustment.con_id].push_back(std::move(adjustment)); }));
        POSSYNC_TRY_VOID(find_starts(all));
        for (auto& [con_id, adjustments] : all) {
            auto const wanted = wanted_.find(con_id);
            for (auto& adjustment : adjustments) {
                bool const recent = adjustment.effective_at && *adjustment.effective_at >= cutoff_of(con_id);
                bool const undone_lately =
                    !adjustment.in_force() && std::max(adjustment.recorded_at, *adjustment.undone_at) >= cutoff_;
                bool const in_range = wanted != wanted_.end() && model::order_of(adjustment) >= wanted->second.start;
                if (recent || undone_lately || in_range) books_[con_id].adjustments.push_back(std::move(adjustment));
            }
        }
        return {};
    }

    /// Where in the order the wanted positions of an instrument start. A chain fact that is not there leaves the earliest place,
    /// so that everything is loaded.
    Result<void> find_starts(std::map<ConId, std::vector<Adjustment>> const& adjustments) {
        std::vector<std::string> roots;
        std::unordered_multimap<std::string, ConId> of_root;
        for (auto& [con_id, wanted] : wanted_) {
            auto const own = adjustments.find(con_id);
            bool found = false;
            if (own != adjustments.end()) {
                for (auto const& adjustment : own->second) {
                    if (model::fact_name(adjustment) != wanted.chain_fact) continue;
                    wanted.start = model::order_of(adjustment);
                    wanted.earliest = adjustment.effective_at.value_or(beginning);
                    found = true;
                    break;
                }
            }
            if (found) continue;
            if (!of_root.contains(wanted.chain_fact)) roots.push_back(wanted.chain_fact);
            of_root.emplace(wanted.chain_fact, con_id);
        }
        std::map<ConId, Timestamp> earliest;
        POSSYNC_TRY_VOID(rows_.executions_of_roots(roots, [&](Execution const& execution) {
            std::string const name(model::fact_name(execution));
            auto const [begin, end] = of_root.equal_range(name);
            bool const asked_for = std::any_of(begin, end, [&](auto const& each) { return each.second == execution.con_id; });
            if (!asked_for) return;
            if (execution.in_force()) wanted_[execution.con_id].start = model::order_of(execution);
            auto const [at, first] = earliest.try_emplace(execution.con_id, execution.time);
            if (!first) at->second = std::min(at->second, execution.time);
        }));
        for (auto const& [con_id, time] : earliest) {
            Wanted& wanted = wanted_[con_id];
            if (wanted.start.time) wanted.earliest = time;
        }
        return {};
    }

    /// Executions before the cutoff that belong to the chains of wanted positions, or came since what waits. A correction may carry
    /// another time than the fill it corrects: all versions of the chain's first fill are kept.
    Result<void> load_older_executions() {
        std::map<ConId, Timestamp> from = waiting_;
        for (auto const& [con_id, wanted] : wanted_) {
            auto const [at, added] = from.try_emplace(con_id, wanted.earliest);
            if (!added) at->second = std::min(at->second, wanted.earliest);
        }
        std::vector<BookRows::Stretch> stretches;
        for (auto const& [con_id, time] : from) {
            if (time < cutoff_) stretches.push_back({con_id, time});
        }
        return rows_.executions_before(stretches, cutoff_, [&](Execution execution) {
            auto const wanted = wanted_.find(execution.con_id);
            bool const in_chain = wanted != wanted_.end() && (model::order_of(execution) >= wanted->second.start ||
                                                              model::fact_name(execution) == wanted->second.chain_fact);
            if (in_chain || execution.time >= cutoff_of(execution.con_id)) books_[execution.con_id].executions.push_back(std::move(execution));
        });
    }

    Result<void> load_break_instruments() {
        if (only_) {
            books_[*only_];  // asked for by name: answered even when there is nothing
            return {};
        }
        return rows_.break_instruments([&](ConId con_id) { books_[con_id]; });
    }

    Result<void> name_instruments() {
        std::vector<ConId> con_ids;
        for (auto const& [con_id, unused] : books_)
            con_ids.push_back(con_id);
        std::size_t found = 0;
        POSSYNC_TRY_VOID(rows_.instruments(con_ids, [&](model::Instrument instrument) {
            ++found;
            books_[instrument.con_id].instrument = std::move(instrument);
        }));
        if (found == con_ids.size()) return {};
        for (auto const& [con_id, book] : books_) {
            if (book.instrument.con_id() != con_id) {
                return base::fail(base::ErrorCode::not_found, "instrument " + std::to_string(con_id) + " is not in the database");
            }
        }
        return {};
    }

    void sort() {
        for (auto& [unused, book] : books_) {
            // Corrections share their place in the order; by id the later one comes after the earlier one.
            std::sort(book.executions.begin(), book.executions.end(), [](Execution const& a, Execution const& b) {
                return std::tuple(model::order_of(a), std::string_view(a.exec_id)) <
                       std::tuple(model::order_of(b), std::string_view(b.exec_id));
            });
            std::sort(book.adjustments.begin(), book.adjustments.end(),
                      [](Adjustment const& a, Adjustment const& b) { return model::order_of(a) < model::order_of(b); });
            std::sort(book.closes.begin(), book.closes.end(),
                      [](Close const& a, Close const& b) { return a.close_id < b.close_id; });
        }
    }

    BookRows& rows_;
    Timestamp cutoff_;
    std::optional<ConId> only_;
    std::map<ConId, InstrumentBook> books_;
    std::map<ConId, Timestamp> waiting_;  ///< since when
    std::map<ConId, Wanted> wanted_;
    std::unordered_map<RowId, ConId> instrument_of_;
};

}  // namespace

Result<model::InstrumentBooks> load_instruments(BookRows& rows, Timestamp cutoff, std::optional<ConId> con_id) {
    return Loader(rows, cutoff, con_id).run();
}

}  // namespace possync::store
