#include "app/flex_schedule.hpp"

#include <unistd.h>

#include <fstream>

#include <fmt/format.h>

#include "app/database.hpp"
#include "app/log.hpp"
#include "app/service.hpp"
#include "app/zones.hpp"

namespace possync::app {

using base::Duration;
using base::ErrorCode;
using base::fail;
using base::Result;
using base::Timestamp;

namespace {

constexpr Duration first_pause = std::chrono::minutes(15);
constexpr Duration longest_pause = std::chrono::hours(2);

std::filesystem::path fetches_file(Configuration const& configuration) {
    auto const database = open_database(configuration);
    return (database ? (*database)->local_files() : std::string("possync")) + ".flex-fetches";
}

}  // namespace

Result<Timestamp> next_flex_fetch(Timestamp now, std::optional<Timestamp> last, std::int64_t time_of_day, std::string const& zone,
                                  base::ZoneRules const& zones) {
    POSSYNC_TRY(auto const local, zones.to_local(zone, now));
    auto const on_day = [&](std::int64_t day) -> Result<Timestamp> {
        auto at = zones.to_utc(zone, {base::date_of_days(day), time_of_day});
        // The hour that clocks skip in spring: an hour later exists.
        if (!at) at = zones.to_utc(zone, {base::date_of_days(day), (time_of_day + 3'600'000'000) % 86'400'000'000});
        return at;
    };
    std::int64_t const today = base::days_since_epoch(local.date);
    POSSYNC_TRY(Timestamp latest, on_day(today));
    if (latest > now) {
        POSSYNC_TRY(latest, on_day(today - 1));
    }
    if (!last || *last < latest) return latest;
    POSSYNC_TRY(Timestamp next, on_day(today));
    if (next <= *last) {
        POSSYNC_TRY(next, on_day(today + 1));
    }
    return next;
}

std::map<std::string, Timestamp> read_flex_fetches(std::filesystem::path const& file) {
    std::map<std::string, Timestamp> fetches;
    std::ifstream in(file);
    std::string id;
    std::string time;
    while (in >> id >> time) {
        if (auto const parsed = base::parse_rfc3339(time)) fetches[id] = *parsed;
    }
    return fetches;
}

Result<void> write_flex_fetches(std::filesystem::path const& file, std::map<std::string, Timestamp> const& fetches) {
    std::filesystem::path const part = file.string() + ".part";
    {
        std::ofstream out(part, std::ios::trunc);
        for (auto const& [id, time] : fetches)
            out << id << ' ' << base::to_rfc3339(time) << '\n';
        if (!out.flush()) return fail(ErrorCode::io, fmt::format("{} cannot be written", part.string()));
    }
    std::error_code error;
    std::filesystem::permissions(part, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, error);
    std::filesystem::rename(part, file, error);
    if (error) return fail(ErrorCode::io, fmt::format("{} cannot be written: {}", file.string(), error.message()));
    return {};
}

FlexSchedule::FlexSchedule(Configuration configuration, FlexImport import)
    : configuration_(std::move(configuration)), import_(std::move(import)) {
    if (!configuration_.flex_queries.empty()) thread_ = std::thread([this] { run(); });
}

FlexSchedule::~FlexSchedule() {
    {
        std::lock_guard const lock(mutex_);
        stop_ = true;
    }
    stopped_.notify_all();
    if (thread_.joinable()) thread_.join();
}

bool FlexSchedule::wait(Duration duration) {
    std::unique_lock lock(mutex_);
    return !stopped_.wait_for(lock, duration, [&] { return stop_; });
}

Result<void> FlexSchedule::fetch(FlexQueryConfig const& query) {
    FlexServiceOptions options;
    options.base_url = configuration_.flex_base_url;
    options.ca_file = configuration_.flex_ca_file;
    // Read each time: a new token needs no restart.
    POSSYNC_TRY(options.token, flex_token(configuration_));
    FlexService service(
        std::move(options), [] { return clock_now().steady; }, [this](Duration duration) { return wait(duration); },
        [&](std::string const& text) { write_log(sync::LogLevel::info, "flex.waiting", "", query.account, text); });
    std::error_code error;
    auto const folder = std::filesystem::temp_directory_path(error);
    if (error) return fail(ErrorCode::io, "there is no folder for temporary files: " + error.message());
    POSSYNC_TRY(auto const file, service.fetch(query.id, folder));
    auto const imported = import_(file, query);
    std::filesystem::remove(file, error);
    return imported;
}

void FlexSchedule::run() {
    struct Failure {
        Duration pause = first_pause;
        Timestamp again;
    };
    auto const file = fetches_file(configuration_);
    auto const time_of_day = parse_time_of_day(configuration_.flex_fetch_at);
    std::map<std::string, Failure> failures;
    auto fetches = read_flex_fetches(file);
    do {
        for (auto const& query : configuration_.flex_queries) {
            Timestamp const now = clock_now().wall;
            auto const last = fetches.find(query.id);
            auto const due = next_flex_fetch(now, last == fetches.end() ? std::nullopt : std::optional(last->second),
                                             *time_of_day, configuration_.flex_zone, system_zones());
            auto const failure = failures.find(query.id);
            if (!due || *due > now || (failure != failures.end() && failure->second.again > now)) continue;
            auto const fetched = fetch(query);
            if (!wait(Duration{0})) return;
            if (fetched) {
                failures.erase(query.id);
                fetches[query.id] = clock_now().wall;
                write_log(sync::LogLevel::info, "flex.fetched", "", query.account,
                          fmt::format("statement of query {} imported", query.id));
                if (auto const written = write_flex_fetches(file, fetches); !written) {
                    write_log(sync::LogLevel::warning, "flex.state", "", "", written.error().message);
                }
                continue;
            }
            auto& [pause, again] = failures[query.id];
            auto const code = fetched.error().code;
            bool const passes = code == ErrorCode::unavailable || code == ErrorCode::timeout || code == ErrorCode::io ||
                                code == ErrorCode::conflict;
            if (passes) {
                again = clock_now().wall + pause;
                pause = std::min(pause * 2, longest_pause);
            } else if (auto const tomorrow = next_flex_fetch(now, now, *time_of_day, configuration_.flex_zone, system_zones())) {
                again = *tomorrow;
            }
            write_log(passes ? sync::LogLevel::warning : sync::LogLevel::error, "flex.failed", "", query.account,
                      fmt::format("{}; tried again at {}", fetched.error().message, base::to_rfc3339(again).substr(0, 16) + "Z"));
        }
        // Short, so that a clock that jumps or a machine that slept is noticed.
    } while (wait(std::chrono::seconds(30)));
}

}  // namespace possync::app
