// World: everything of one seed in one thread on virtual time: the broker, its gateway, the disk, one to three services with the
// real engine and the real SQLite store on it, and the auditor. Nothing waits for real, nothing is shared between worlds.
//
// An event is one input that one of the parties takes: a step of the story (a fill, a fault, an operator's act), or what an
// engine is handed (bytes, the end of a connection, an answer of the store, its timer).
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "auditor.hpp"
#include "faulty_disk/disk.hpp"
#include "gateway/scenario.hpp"
#include "generator.hpp"
#include "marks.hpp"
#include "swarm.hpp"
#include "sync/engine.hpp"

namespace possync::sim {

struct Outcome {
    std::optional<Violation> violation;
    std::int64_t events = 0;
    std::int64_t steps = 0;
    std::int64_t commits = 0;
    std::int64_t faults = 0;
    std::int64_t simulated_seconds = 0;
    MarkSet marks;
    std::uint64_t trace = 0;  ///< of all that was said, sent and committed
    std::vector<Step> story;
    std::size_t begun = 0;    ///< so many of the story stand before the services start
};

struct RunOptions {
    std::uint64_t seed = 1;
    int events = 1000;
    /// Only these steps of this story, instead of writing one.
    std::vector<Step> const* story = nullptr;
    /// What happens, line by line; empty: nobody listens.
    std::function<void(std::string const&)> tell;
};

[[nodiscard]] Outcome run(RunOptions const& options);

}  // namespace possync::sim
