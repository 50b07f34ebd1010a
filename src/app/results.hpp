// The engine's answers in the words of the query module, which knows how to show them.
#pragma once

#include <vector>

#include "query/finding.hpp"
#include "query/result.hpp"
#include "sync/protocol.hpp"

namespace possync::app {

[[nodiscard]] std::vector<query::SyncResult> query_results(std::vector<sync::SyncResult> const& results);
[[nodiscard]] std::vector<query::DifferenceRow> difference_rows(std::vector<sync::SyncFinished::Differences> const& differences);
[[nodiscard]] query::Statistics query_statistics(sync::Statistics const& statistics);

}  // namespace possync::app
