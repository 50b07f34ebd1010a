// A small deterministic generator (splitmix64): the same seed gives the same numbers on every compiler and
// machine, so a failing simulation runs again from its seed. For simulations and jitter; never for secrets.
#pragma once

#include <cstdint>

namespace possync::base {

class Prng {
public:
    explicit constexpr Prng(std::uint64_t seed) : state_(seed) {}

    constexpr std::uint64_t next() {
        state_ += 0x9E3779B97F4A7C15ULL;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31);
    }
    /// Whole number from low to high, both included. Precondition: low <= high.
    constexpr std::int64_t between(std::int64_t low, std::int64_t high) {
        // In unsigned arithmetic, so that the full range is a range too (its size wraps to 0).
        std::uint64_t const size = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
        std::uint64_t const offset = size == 0 ? next() : next() % size;
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + offset);
    }
    /// True in so many of a thousand cases.
    constexpr bool chance(int permille) { return between(0, 999) < permille; }

private:
    std::uint64_t state_;
};

}  // namespace possync::base
