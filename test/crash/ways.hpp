// The ways in which an operation fails and the work ends. Each is tried at every operation of every workload.
#pragma once

#include <array>
#include <string_view>

#include "bench.hpp"

namespace possync::crash {

/// A fault during the recovery, on top.
enum class Second : std::uint8_t { none, crash, error, full, forget };

struct Way {
    std::string_view name;
    faulty_disk::Effect effect;
    Bench::Ending ending;
    /// What a power cut does: unset, drawn by the seed.
    std::optional<faulty_disk::Damage> damage;
    int seeds = 1;  ///< so many cases of each operation, differing by seed
    std::int64_t count = 1;
    std::size_t sector = 512;
    bool reads = false;  ///< hits reads and mappings instead of changes
    Second second = Second::none;
    bool stops_soon = false;  ///< the process dies a few operations after the fault
};

inline constexpr auto all_ways() {
    using faulty_disk::Damage;
    using faulty_disk::Effect;
    using faulty_disk::lasting;
    using Ending = Bench::Ending;
    return std::to_array<Way>({
        {"kill-before", Effect::crash_before, Ending::kill, {}},
        {"kill-after", Effect::crash_after, Ending::kill, {}},
        {"kill-torn-512", Effect::crash_torn, Ending::kill, {}, 1, 1, 512},
        {"kill-torn-4096", Effect::crash_torn, Ending::kill, {}, 1, 1, 4096},
        {"cut-before", Effect::crash_before, Ending::power, Damage::all_lost},
        {"cut-after", Effect::crash_after, Ending::power, Damage::all_lost},
        {"cut-drawn", Effect::crash_before, Ending::power, {}, 4},
        {"cut-torn-512", Effect::crash_torn, Ending::power, {}, 1, 1, 512},
        {"cut-torn-4096", Effect::crash_torn, Ending::power, {}, 1, 1, 4096},
        {"error", Effect::error_before, Ending::none, {}},
        {"error-lasting", Effect::error_before, Ending::none, {}, 1, lasting},
        {"error-done", Effect::error_after, Ending::none, {}},
        {"error-kill", Effect::error_before, Ending::kill, {}},
        {"error-cut", Effect::error_after, Ending::power, {}},
        {"full", Effect::disk_full, Ending::none, {}},
        {"full-lasting", Effect::disk_full, Ending::none, {}, 1, lasting},
        {"short-write", Effect::short_write, Ending::none, {}},
        {"sync-forgets", Effect::sync_forgets, Ending::none, {}},
        {"sync-forgets-kill", Effect::sync_forgets, Ending::kill, {}},
        {"sync-forgets-soon-killed", Effect::sync_forgets, Ending::kill, {}, 4, 1, 512, false, Second::none, true},
        {"error-soon-killed", Effect::error_after, Ending::kill, {}, 1, 1, 512, false, Second::none, true},
        {"read-error", Effect::error_before, Ending::none, {}, 1, 1, 512, true},
        {"read-error-lasting", Effect::error_before, Ending::none, {}, 1, lasting, 512, true},
        {"cut-then-crash", Effect::crash_before, Ending::power, {}, 1, 1, 512, false, Second::crash},
        {"kill-then-crash", Effect::crash_before, Ending::kill, {}, 1, 1, 512, false, Second::crash},
        {"cut-then-error", Effect::crash_before, Ending::power, {}, 1, 1, 512, false, Second::error},
        {"cut-then-full", Effect::crash_before, Ending::power, {}, 1, 1, 512, false, Second::full},
        {"kill-then-forget", Effect::crash_before, Ending::kill, {}, 1, 1, 512, false, Second::forget},
    });
}
inline constexpr auto ways = all_ways();

}  // namespace possync::crash
