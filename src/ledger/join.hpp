// join: the facts of an instrument and what a statement says of it -> the facts as they shall be, and what differed. Pure.
//
// Within its days the statement is the authority. Its trades complete, correct and confirm the executions; its entries for exercises,
// assignments, expiries and settlements, its corporate actions and transfers take the place of what was inferred or never known; what
// was held before its first day follows from what it lists at the end of its last. What it does not decide stays as it is and is named.
// Facts are never edited without a trace: a corrected fill gets a version of its own, what was inferred is withdrawn, both stay.
//
// Joining the same statement again changes nothing.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ledger/corporate_action.hpp"
#include "ledger/diff.hpp"
#include "ledger/policy.hpp"
#include "ledger/statement_index.hpp"
#include "model/certification.hpp"

namespace possync::ledger {

/// What of a statement one plan takes up.
struct StatementPart {
    StatementIndex const* index = nullptr;
    std::vector<model::ConId> instruments;  ///< instruments of one corporate action go together
    /// Nothing newer is known of the account: what the statement lists is what is held.
    bool latest = false;
    /// End of the last day before it that an imported statement covers; unset: it is the earliest, and what was held before its first
    /// day follows from it.
    std::optional<base::Timestamp> covered_until;
    /// An imported statement lists what was held on an evening before this one's last: what the book lacks was not held then.
    bool listed_before = false;
    /// A statement that was made later speaks of the same days: this one adds what is missing, and changes nothing it confirmed.
    bool outdated = false;
    /// Since when a service followed the account; unset: never. What the book lacks before is no fault of it.
    std::optional<base::Timestamp> live_since;
};

/// Instruments that a join has to look at: those the statement speaks of, and `others`, which the book holds or saw move on its days.
/// Those of one corporate action stand side by side, what goes before what comes of it.
[[nodiscard]] std::vector<model::ConId> concerned(std::set<model::ConId> const& others, StatementIndex const& index);

/// What the statement claims of one instrument's trades.
[[nodiscard]] std::vector<model::StatementTradeClaim> trade_claims(StatementIndex const& index, model::ConId con_id);

class Joiner {
public:
    /// `book` must outlive the joiner.
    Joiner(model::AccountBook const& book, StatementPart const& part, Policy const& policy, IdAllocator& ids, base::Timestamp now);

    /// `book` as committed, null for a new instrument; `facts` begin as its facts. Returns by how much the facts move the quantity
    /// after what the statement lists.
    base::Decimal join(InstrumentFacts& facts, model::InstrumentBook const* book);

    /// What is held at the end of the statement by its own word; unset when it does not say.
    [[nodiscard]] std::optional<base::Decimal> listed_quantity(model::ConId con_id) const;
    [[nodiscard]] std::optional<base::Decimal> listed_average_cost(model::ConId con_id) const;
    /// What to do about an instrument whose change of quantity cannot be decided; empty: nothing.
    [[nodiscard]] std::string proposal(model::ConId con_id) const;

    [[nodiscard]] std::vector<model::CertificationDifference> take_differences() { return std::move(differences_); }
    [[nodiscard]] std::vector<model::InstrumentSuccession> take_successions() { return std::move(successions_); }

private:
    class Instrument;
    friend class Instrument;

    /// Another instrument that has this fill; 0: none.
    [[nodiscard]] model::ConId elsewhere(std::string const& exec_id, model::ConId con_id) const;

    StatementPart const& part_;
    Policy const& policy_;
    IdAllocator& ids_;
    base::Timestamp now_;
    std::map<std::string, model::ConId, std::less<>> fills_;  ///< of the statement's days, by root
    std::vector<DecidedAction> actions_;
    struct MovedLot {
        base::Decimal quantity;  ///< positive
        std::optional<base::Decimal> cost;
        std::optional<base::Timestamp> acquired_at;
    };
    std::map<std::string, std::vector<MovedLot>> moved_lots_;  ///< "action id/con_id": what goes
    std::map<model::ConId, std::string> proposals_;
    std::vector<model::CertificationDifference> differences_;
    std::vector<model::InstrumentSuccession> successions_;
};

}  // namespace possync::ledger
