// What the service does while the disk fails: each a piece of real work, prepared without faults, then done with one.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "bench.hpp"

namespace possync::crash {

struct Workload {
    std::string_view name;
    std::string_view what;
    /// Before the fault; lines of a scenario.
    std::string setup = {};
    /// With the fault; what comes of its expectations is not asked.
    std::string act = {};
    /// After the restart, as whoever asked for it would: what was not acknowledged is asked again.
    std::string again = {};
    /// At the end, whatever happened.
    std::string expect = {};
    // Beside the lines, where lines do not say it.
    std::function<void(Bench&)> set_up = nullptr;
    std::function<void(Bench&)> do_it = nullptr;
    std::function<std::string(Bench&)> check = nullptr;
};

[[nodiscard]] std::span<Workload const> workloads();

}  // namespace possync::crash
