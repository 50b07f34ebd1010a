// One account as the engine holds it: the committed book, and what arrived since and is not planned yet.
// Internal to the engine.
#pragma once

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/container/flat_map.hpp>

#include "ledger/plan.hpp"
#include "model/observation.hpp"
#include "model/records.hpp"

namespace possync::sync {

/// Facts and pushes in the order of arrival; the last push of an instrument counts.
struct Arrivals {
    std::map<model::ConId, model::BrokerRow> pushes;
    std::vector<model::ObservedExecution> executions;
    std::vector<model::CommissionReport> commissions;
    std::vector<model::SharedInstrument> instruments;

    [[nodiscard]] bool empty() const {
        return pushes.empty() && executions.empty() && commissions.empty() && instruments.empty();
    }
};

struct AccountState {
    std::string account;
    model::AccountBook book;
    bool loaded = false;
    ledger::Policy policy;

    Arrivals arrivals;
    std::optional<base::Duration> first_arrival;  ///< steady; set while something waits to be planned
    std::optional<base::Duration> descriptions_due;  ///< steady; contract data waits so long for company
    bool push_unasked = false;                     ///< a position was pushed since executions were last asked for
    bool pull_wanted = false;                      ///< what was pushed since is not explained by the fills that are known
    base::Duration pull_no_sooner{0};              ///< steady

    std::map<model::ConId, model::Mark> marks;
    boost::container::flat_map<model::ConId, base::Decimal> average_costs;  ///< the broker's, raw
    std::set<model::ConId> unsaved_marks;
    std::map<std::pair<std::string, std::string>, model::AccountValue> unsaved_values;  ///< (key, currency)
    std::string base_currency;
    std::optional<bool> ready;  ///< AccountReady of the account updates
    std::optional<base::Timestamp> last_synced_at;
    std::optional<base::Timestamp> covered_to;  ///< executions are known until then; before a day's midnight: a hole
    std::optional<model::CoverageWindow> hole;  ///< short, and the next list decides whether it is as good as seen
    bool unsaved_freshness = false;

    std::vector<model::BrokerRow> listed;      ///< rows of the last list, planned or not
    std::vector<model::BrokerRow> considered;  ///< rows of the last list whose plan is done
    /// Revision of the book that `considered` was found equal to with nothing left open: the same rows again need no
    /// plan. Unset while anything waits for time, a further look or a fill.
    std::optional<model::Revision> settled_revision;
    int open_positions = 0;  ///< in the book

    void loaded_book(model::AccountBook loaded_book) {
        book = std::move(loaded_book);
        loaded = true;
        considered.clear();
        settled_revision.reset();
        hole.reset();
        open_positions = count_open();
    }
    void apply(model::ChangeSet const& change_set) {
        auto const counted = [&] {
            int count = 0;
            for (auto const& position : change_set.positions) {
                auto const found = book.instruments.find(position.con_id);
                count += found != book.instruments.end() && holds(found->second);
            }
            return count;
        };
        int const before = counted();
        model::apply(book, change_set);
        open_positions += counted() - before;
        if (!change_set.removed_positions.empty()) open_positions = count_open();
    }

    /// A list is newer than what was pushed before it. Where it is only looked at, what was pushed still waits, as the list shows it.
    void take_list(std::vector<model::BrokerRow> const& rows, bool is_written) {
        if (is_written) return arrivals.pushes.clear();
        for (auto push = arrivals.pushes.begin(); push != arrivals.pushes.end();) {
            auto const row = std::ranges::find_if(rows, [&](auto const& each) { return each->instrument.con_id() == push->first; });
            bool const contradicted = row == rows.end() && !push->second->quantity.is_zero();
            if (row != rows.end()) push->second = *row;
            push = contradicted ? arrivals.pushes.erase(push) : std::next(push);
        }
    }

    /// Everything that waits, as one observation; the arrivals stay until the plan is committed.
    [[nodiscard]] model::Observation observe(base::Timestamp now) const {
        model::Observation observation;
        observation.observed_at = now;
        observation.executions = arrivals.executions;
        observation.commissions = arrivals.commissions;
        observation.instruments = arrivals.instruments;
        observation.marks = &marks;
        return observation;
    }

private:
    [[nodiscard]] static bool holds(model::InstrumentBook const& instrument) {
        return !instrument.positions.empty() && instrument.positions.back().open();
    }
    [[nodiscard]] int count_open() const {
        int count = 0;
        for (auto const& [unused, instrument] : book.instruments) count += holds(instrument);
        return count;
    }
};

}  // namespace possync::sync
