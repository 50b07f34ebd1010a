// Planted bugs: realistic mistakes in the product's own code, each behind a name, by which the simulation shows what it can
// see. In a normal build a planted bug is the constant false and leaves nothing in the program; with the CMake option
// POSSYNC_PLANTED_BUGS (the `dev` preset sets it) exactly one of them can be switched on, by a test and by nobody else:
// no configuration, environment or message reaches it.
//
//     if (POSSYNC_PLANTED_BUG(bust_ignored)) return;
//
// A bug is added by a line in one of the lists below and its use in the code; `script/sim --planted` hunts every line of both.
// Global state of one process, set before anything runs; not for threads that differ.
#pragma once

#include <array>
#include <optional>
#include <string_view>

// BUG(name, what is wrong). In the ledger, the engine, the wire.
#define POSSYNC_PLANTED_BUGS_OF_THE_SERVICE(BUG) \
    BUG(bust_ignored, "a fill that the broker took back goes on counting") \
    BUG(list_timeout_taken_as_complete, "a list of positions that was never finished counts as one that was") \
    BUG(instrument_keyed_by_symbol, "an option takes the place of its stock") \
    BUG(coverage_claimed_without_end, "executions count as complete though the End of their list never came") \
    BUG(correction_counts_beside_its_fill, "a corrected fill counts, and so does the one it corrects") \
    BUG(missing_closes_without_waiting, "what two lists do not name is closed, however soon the second came") \
    BUG(guard_not_applied, "a list that names nothing any more is believed after the time of a single missing position") \
    BUG(late_commission_ignored, "a commission that comes after its fill was booked is dropped") \
    BUG(break_not_resolved, "a difference stays open after a fill has explained it") \
    BUG(zero_rows_ignored, "a position that the broker shows with quantity 0 stays what it was") \
    BUG(opening_balance_counts_fills_twice, "the first sight books what is held, and the fills that led to it on top") \
    BUG(flip_commission_booked_twice, "a fill through zero charges its commission to both positions") \
    BUG(short_pnl_sign, "covering a short above its price is a gain") \
    BUG(option_multiplier_ignored, "an option counts like one share") \
    BUG(lot_order_reversed, "first in, first out closes the newest lot") \
    BUG(unknown_price_is_zero, "what cost nobody knows counts as having cost nothing") \
    BUG(rounding_remainder_lost, "what dividing a cost leaves over is in no position") \
    BUG(split_leaves_lots, "a split changes the position and not its lots") \
    BUG(excluded_fill_counts, "a fill that the operator excluded counts all the same") \
    BUG(rewriting_tells_no_event, "a changed past changes the position, and no event says so") \
    BUG(history_left_open, "what was believed goes on beside what is believed now") \
    BUG(last_push_dropped, "of several pushes within the settling time the first counts") \
    BUG(fills_cross_accounts, "a fill goes to the first account of the login") \
    BUG(rows_cross_accounts, "rows of a list are filed under the account of the row before") \
    BUG(failed_commit_forgets_arrivals, "what a failed commit was to write is not planned again") \
    BUG(conflict_does_not_reload, "after somebody else wrote, the engine goes on planning on its old book")

// In the store and in how the service uses it.
#define POSSYNC_PLANTED_BUGS_OF_THE_STORE(BUG) \
    BUG(epoch_not_checked, "a commit is not fenced by the gateway's epoch")

// In the store, seen only when the disk fails or the process dies: test/crash finds them (`script/crash planted`).
#define POSSYNC_PLANTED_BUGS_OF_THE_DISK(BUG)                                                          \
    BUG(synchronous_normal, "a commit is not flushed before it is reported")                           \
    BUG(synchronous_off, "nothing is ever flushed")                                                    \
    BUG(notification_apart, "the outbox row is written in a transaction of its own after the commit")  \
    BUG(revision_first, "the revision is committed before the rows that belong to it")                 \
    BUG(commit_error_ignored, "a COMMIT that fails counts as done")                                    \
    BUG(log_not_renewed, "after an error the store builds on a log that may be on no disk")            \
    BUG(log_removed_at_opening, "what looks like a leftover log is removed before the file is opened") \
    BUG(migration_in_pieces, "each statement of a migration is its own transaction")                   \
    BUG(backup_failure_ignored, "a migration goes on without the copy that it should have made")

namespace possync::base {

enum class PlantedBug {
#define POSSYNC_BUG(name, what) name,
    POSSYNC_PLANTED_BUGS_OF_THE_SERVICE(POSSYNC_BUG) POSSYNC_PLANTED_BUGS_OF_THE_STORE(POSSYNC_BUG)
    POSSYNC_PLANTED_BUGS_OF_THE_DISK(POSSYNC_BUG)
#undef POSSYNC_BUG
};

struct PlantedBugName {
    PlantedBug bug;
    std::string_view name;
    std::string_view what;
};

inline constexpr std::array planted_bugs{
#define POSSYNC_BUG(name, what) PlantedBugName{PlantedBug::name, #name, what},
    POSSYNC_PLANTED_BUGS_OF_THE_SERVICE(POSSYNC_BUG) POSSYNC_PLANTED_BUGS_OF_THE_STORE(POSSYNC_BUG)
#undef POSSYNC_BUG
};

/// Those that need a failing disk, apart: a simulation that sees nothing of them is not to blame.
inline constexpr std::array planted_bugs_of_the_disk{
#define POSSYNC_BUG(name, what) PlantedBugName{PlantedBug::name, #name, what},
    POSSYNC_PLANTED_BUGS_OF_THE_DISK(POSSYNC_BUG)
#undef POSSYNC_BUG
};

#ifdef POSSYNC_PLANTED_BUGS
namespace internal {
inline std::optional<PlantedBug> planted;
}
/// Switches one bug on, and the one before off.
inline void plant(std::optional<PlantedBug> bug) { internal::planted = bug; }
[[nodiscard]] inline bool is_planted(PlantedBug bug) { return internal::planted == bug; }
#define POSSYNC_PLANTED_BUG(name) (::possync::base::is_planted(::possync::base::PlantedBug::name))
#else
// Named all the same, so that a name nobody lists fails in every build.
#define POSSYNC_PLANTED_BUG(name) (static_cast<void>(::possync::base::PlantedBug::name), false)
#endif

}  // namespace possync::base
