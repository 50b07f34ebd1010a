// A recording played to the real engine and a real store on virtual time: the same recording gives the same commits, to the
// byte. Nothing waits; no clock and no socket is touched.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "recording/format.hpp"
#include "store/store.hpp"
#include "sync/protocol.hpp"

namespace possync::app {

struct Replay {
    struct CommittedAt {
        base::Timestamp at;
        sync::Changed changed;
    };
    struct LoggedAt {
        base::Timestamp at;
        sync::Log line;
    };
    std::vector<CommittedAt> commits;  ///< change sets, in order
    std::vector<LoggedAt> log;
    std::vector<std::string> missing;  ///< what the recording did not answer, and what of it was not used
};

/// Settings of the recorded service, where there are any; else the defaults. Errors: invalid_input with `name` and line.
[[nodiscard]] base::Result<sync::EngineOptions> replay_options(recording::Recording const& recording, std::string const& name);

/// Plays it from its begin to its end. The store should be empty.
[[nodiscard]] base::Result<Replay> replay(recording::Recording const& recording, sync::EngineOptions const& options,
                                          store::Store& store);

}  // namespace possync::app
