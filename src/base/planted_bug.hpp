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
    BUG(bust_ignored, "a fill that the broker took back goes on counting")

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
