// FlexSchedule: in the running service, fetches each [[flex.query]] once a day after flex.fetch_at and hands the file to the
// import. A thread of its own, so a slow service never delays a sync.
//
// A query that succeeded is not asked for again before the next day's time, also after a restart: when it did is kept in a file
// beside the database. A file, not a table: it is courtesy to the web service, not bookkeeping; it must be writable without the
// lease, and losing it costs one fetch too many. Failures that may pass are tried again after 15 minutes, doubling up to two
// hours; what a person has to mend waits for the next day or a restart.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "app/flex_service.hpp"

namespace possync::app {

class FlexSchedule {
public:
    /// Starts fetching; does nothing where there are no queries. Precondition: the configuration passed load_configuration.
    FlexSchedule(Configuration configuration, FlexImport import);
    /// Ends a fetch under way, waits for an import under way.
    ~FlexSchedule();
    FlexSchedule(FlexSchedule const&) = delete;
    FlexSchedule& operator=(FlexSchedule const&) = delete;

private:
    void run();
    bool wait(base::Duration duration);
    /// Fetches and imports; true when that was done.
    base::Result<void> fetch(FlexQueryConfig const& query);

    Configuration configuration_;
    FlexImport import_;
    std::mutex mutex_;
    std::condition_variable stopped_;
    bool stop_ = false;
    std::thread thread_;
};

/// When a query that last succeeded at `last` (unset: never) is to be fetched: a time in the past is due now.
/// Errors: those of the zone.
[[nodiscard]] base::Result<base::Timestamp> next_flex_fetch(base::Timestamp now, std::optional<base::Timestamp> last,
                                                            std::int64_t time_of_day, std::string const& zone,
                                                            base::ZoneRules const& zones);

/// When each query last succeeded; what cannot be read is as if it never was.
[[nodiscard]] std::map<std::string, base::Timestamp> read_flex_fetches(std::filesystem::path const& file);
[[nodiscard]] base::Result<void> write_flex_fetches(std::filesystem::path const& file,
                                                    std::map<std::string, base::Timestamp> const& fetches);

}  // namespace possync::app
