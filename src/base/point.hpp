// Named points: places in the program where a process may die and nothing may be lost. In a build with POSSYNC_PLANTED_BUGS (the
// presets dev and planted) a test may have something done there, such as SIGKILL; in any other build a point is nothing.
//
//     POSSYNC_POINT("store.commit.before");
//
// The kill tests go through the whole list (`possync points` prints it) and fail when a point is never passed, so that none is
// forgotten and none is only a name. A name that is not in the list does not compile.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace possync::base {

inline constexpr auto points = std::to_array<std::string_view>({
    "store.log.emptied",  // the old write-ahead log is gone, the new one has no header yet
    "store.migration.before_commit", "store.migration.after_commit", "store.transaction.begun",
    "store.revision.advanced",  // the account's row is written, nothing that belongs to it
    "store.rows.written",       // everything is written, nothing is committed
    "store.commit.before",
    "store.commit.after",  // committed, and nobody knows
    "service.claim.answered",
    "service.commit.answered",  // the store's thread knows, the engine does not
    "service.commit.taken",     // the engine knows, nobody outside does
});

consteval bool is_point(std::string_view name) { return std::find(points.begin(), points.end(), name) != points.end(); }

#ifdef POSSYNC_PLANTED_BUGS
/// Called at every point with its name, from whatever thread passes it. Set before anything runs.
inline void (*at_point)(std::string_view name) = nullptr;
#define POSSYNC_POINT(name)                                                                                                      \
    do {                                                                                                                         \
        static_assert(::possync::base::is_point(name), "not in the list of points");                                             \
        if (::possync::base::at_point != nullptr) ::possync::base::at_point(name);                                               \
    } while (false)
#else
#define POSSYNC_POINT(name) static_assert(::possync::base::is_point(name), "not in the list of points")
#endif

}  // namespace possync::base
