// minimise: the shortest story that breaks the same promise, by cutting steps out as long as it still does (delta debugging).
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "world.hpp"

namespace possync::sim {

/// `failed`: the outcome of the whole story. Ends with what it has after `limit` of real time.
[[nodiscard]] std::vector<Step> minimise(RunOptions options, Outcome const& failed, std::chrono::seconds limit);

/// The story as a scenario file (docs/scenarios.md); steps that only the simulation knows stand in it as comments.
[[nodiscard]] std::string to_scenario(std::vector<Step> const& story, Outcome const& failed, std::string const& command);

}  // namespace possync::sim
