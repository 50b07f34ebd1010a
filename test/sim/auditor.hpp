// Auditor: holds what the broker really did, reads what the service commits, and says when a promise is broken. It calls neither
// explain nor fold nor diff; it adds up the change sets by itself, recounts positions with a ledger of its own, and reads the
// database by SQL now and then to see whether it holds what was committed.
//
//   P1  a quantity is one that the broker had, at a moment not before the one the last commit showed
//   P4  revisions go up by one, epochs never down, and one service writes under an epoch
//   P5  a fill counts once, in its highest version, and says what the broker said
//   P6  within coverage that is called complete no fill is missing
//   P7  events lead from the old quantity to the new one, each with a cause
//       positions, P&L, lots, closes are what the facts amount to
//   P9  what was acknowledged is in the database after any crash
//   P18 in the end the book is what the broker holds; P20 and then nothing is written any more
//   P21 one outbox row for each revision
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gateway/broker.hpp"
#include "marks.hpp"
#include "model/change_set.hpp"
#include "store/sqlite/database.hpp"
#include "store/store.hpp"
#include "swarm.hpp"

namespace possync::sim {

struct Violation {
    std::string promise;  ///< "P1"
    std::string what;
};

class Auditor {
public:
    Auditor(gateway::Broker const& broker, Swarm const& swarm, Marks& marks) : broker_(broker), swarm_(swarm), marks_(marks) {}

    [[nodiscard]] std::optional<Violation> const& violation() const { return violation_; }
    void fail(std::string promise, std::string what);

    // --- what happens
    /// To be called after every step at the broker.
    void broker_changed(base::Timestamp now);
    /// Something happened to this instrument that the gateway does not explain, or an operator took a hand in it.
    void taint(std::string const& account, model::ConId con_id) { tainted_.insert({account, con_id}); }
    void taint_all() { all_tainted_ = true; }
    /// Complete lists name nothing, or did when what is committed now was asked for.
    bool a_list_may_be_empty = false;
    /// They did for so long that it counts.
    bool lists_were_empty_for_long = false;
    /// Nothing has confirmed what they say: neither a new connection nor an hour.
    bool guard_holds = false;
    bool importing = false;  ///< commits are those of a statement
    bool operator_edits = false;  ///< commits are an operator's
    bool imports_positions = false;  ///< which lists what is held
    bool warns = false;  ///< some service only warns of what is missing
    void vanished(std::string const& account, model::ConId con_id) { vanished_.insert({account, con_id}); }

    /// The whole statement of a day was taken in.
    void statement_imported(std::string const& account, base::Date day);
    void claimed(int host, store::GatewayLease const& lease);
    void committed(int host, store::CommitRequest const& request, model::CostBasis method);
    /// The store said that it failed, or nobody heard: it is in the database or it is not.
    void in_doubt(int host, store::CommitRequest const& request, model::CostBasis method);

    // --- looking
    /// While a service has the database open, a commit that was cut short may stand in the log unseen, and come out when the log
    /// is read anew: then it is known what is there, before it is only known what is seen.
    enum class Look { seen, recovered };
    /// Reads revisions and settles what is in doubt, as far as that can be; nothing when it cannot be read. `just_done` is in the
    /// database and not yet told to `committed`.
    std::optional<std::map<model::AccountId, model::Revision>> settle_doubts(store::sqlite::Database& database, Look look,
                                                                             store::CommitRequest const* just_done = nullptr);
    /// The same; then compares the whole database with what was committed.
    void check_database(store::sqlite::Database& database, Look look);
    /// After the faults stopped: what still differs from the broker; empty: nothing.
    [[nodiscard]] std::string difference() const;
    /// Once nothing differs: that everything that can be explained is.
    void check_explained(base::Timestamp now, std::set<std::string> const& accounts);

    [[nodiscard]] bool doubts() const { return !doubts_.empty(); }
    [[nodiscard]] std::int64_t commits() const { return commits_; }
    [[nodiscard]] std::int64_t revisions() const;
    [[nodiscard]] bool knows(std::string const& account) const;
    [[nodiscard]] bool only_these(std::string const& account) const { return served_accounts_.contains(account); }

private:
    using Key = std::pair<std::string, model::ConId>;
    struct History {
        std::vector<base::Decimal> quantities;  ///< of the broker, in order
        std::size_t shown = 0;                  ///< index of the one that was committed last
        std::optional<base::Decimal> excused;   ///< committed last, and none of those: what may be shown all the same
    };
    struct InstrumentRows {
        model::Instrument instrument;
        std::map<std::string, model::Execution> executions;
        std::map<model::RowId, model::Adjustment> adjustments;
        std::map<model::RowId, model::Position> positions;
        std::map<model::RowId, model::Close> closes;
        std::map<model::RowId, model::Lot> lots;
    };
    struct Account {
        std::string code;
        model::AccountId id = 0;
        model::Revision revision = 0;
        std::int64_t next_id = 1;
        std::map<model::ConId, InstrumentRows> instruments;
        std::map<model::RowId, model::ConId> con_of;  ///< of positions, removed ones among them
        std::map<model::RowId, model::Break> breaks;
        std::map<model::RowId, base::Decimal> last_after;  ///< by position: where its events end
        std::int64_t events = 0;
        std::map<base::Timestamp, model::CoverageWindow> coverage;
        base::Timestamp first_seen;
        bool listed = false;  ///< a list of the gateway was committed; before, the book is what statements say
    };
    struct Doubt {
        int host = 0;
        store::CommitRequest request;
        model::CostBasis method = model::CostBasis::average;
    };

    void take(store::CommitRequest const& request, model::CostBasis method);
    void take(Account& account, model::ChangeSet const& change_set, model::CostBasis method);
    void check_instrument(Account& account, model::ConId con_id, model::CostBasis method, bool statement);
    void check_executions(Account const& account, InstrumentRows const& rows, std::vector<model::Execution> const& changed);
    void check_events(Account& account, model::ChangeSet const& change_set, std::map<model::RowId, base::Decimal> const& before);
    void check_quantity(Account& account, model::ConId con_id, base::Decimal const& quantity, bool statement);
    /// Why a quantity that the broker did not hold may be shown.
    [[nodiscard]] bool excuse(Account const& account, model::ConId con_id, base::Decimal const& quantity, bool statement);
    void mark(model::ChangeSet const& change_set);
    [[nodiscard]] static base::Decimal held(InstrumentRows const& rows);
    [[nodiscard]] gateway::Fill const* fill(std::string const& exec_id) const;
    [[nodiscard]] bool comes_to_nothing(Account const& account, model::ConId con_id, base::Timestamp from, base::Timestamp to) const;
    void compare_rows(store::sqlite::Database& database, Account& account);

    gateway::Broker const& broker_;
    Swarm const& swarm_;
    Marks& marks_;
    std::optional<Violation> violation_;
    std::map<Key, History> truth_;
    std::map<std::string, std::size_t> fills_;  ///< exec_id -> index
    std::int64_t seen_changes_ = -1;
    std::set<Key> tainted_;
    std::set<Key> vanished_;
    bool all_tainted_ = false;
    std::set<std::string> first_sight_of_a_lie_;
    std::set<std::string> begun_by_statement_;
    std::map<model::AccountId, Account> accounts_;
    std::map<model::ConId, model::Instrument> described_;
    std::set<std::string> served_accounts_;
    std::vector<Doubt> doubts_;
    bool in_statement_ = false;
    model::ChangeSet const* taken_ = nullptr;  ///< that is looked at; lives as long as `take`
    std::string today_;  ///< 20261123
    std::int64_t epoch_ = 0;
    std::map<std::int64_t, int> host_of_epoch_;
    std::int64_t commits_ = 0;
};

}  // namespace possync::sim
