// The engine's answers in the words of the query module, which knows how to show them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "query/finding.hpp"
#include "query/result.hpp"
#include "sync/protocol.hpp"

namespace possync::app {

[[nodiscard]] std::vector<query::SyncResult> query_results(std::vector<sync::SyncResult> const& results);
/// Change sets as a person reads them, one text each.
[[nodiscard]] std::vector<std::string> printed(std::vector<model::ChangeSet> const& change_sets);
/// {"success": ..., "results": [...]}; of a dry run, whose `would_write` is set, with the "would_write" of printed().
[[nodiscard]] std::string sync_answer(std::vector<query::SyncResult> const& results, std::optional<std::vector<std::string>> const& would_write);
[[nodiscard]] std::vector<query::DifferenceRow> difference_rows(std::vector<sync::SyncFinished::Differences> const& differences);
[[nodiscard]] query::Statistics query_statistics(sync::Statistics const& statistics);

}  // namespace possync::app
