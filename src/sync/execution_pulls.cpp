#include "sync/execution_pulls.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/planted_bug.hpp"

namespace possync::sync {

using base::Duration;
using base::Now;
using base::Timestamp;

namespace {

/// The last pull is made so long before the fills are gone.
constexpr Duration last_chance_before = std::chrono::seconds(60);
/// A hole in the coverage that equal quantities on both sides close.
constexpr Duration hole_that_quantities_close = std::chrono::minutes(2);
constexpr int days_at_most = 7;

model::CoverageWindow window(model::AccountId account_id, Timestamp from, Timestamp to, char const* state, char const* source) {
    model::CoverageWindow result;
    result.account_id = account_id;
    result.stream = "executions";
    result.from_time = from;
    result.to_time = to;
    result.state = state;
    result.source = source;
    return result;
}

}  // namespace

void ExecutionPulls::connected(std::string gateway_zone, Now now) {
    zone_ = std::move(gateway_zone);
    restart_.reset();
    running_.clear();
    find_last_chance(now);
}

void ExecutionPulls::disconnected() {
    running_.clear();
    last_chance_at_.reset();
}

void ExecutionPulls::restarts_daily_at(Duration time_of_day, Now now) {
    restart_ = time_of_day;
    find_last_chance(now);
}

/// Midnight in the gateway's zone before (or at) a time, or so many days after that.
std::optional<Timestamp> ExecutionPulls::midnight_before(Timestamp time, int days_later) const {
    if (zone_.empty()) return std::nullopt;
    auto local = zones_.to_local(zone_, time);
    if (!local) return std::nullopt;
    local->date = base::date_of_days(base::days_since_epoch(local->date) + days_later);
    local->microseconds_of_day = 0;
    auto const midnight = zones_.to_utc(zone_, *local);
    return midnight ? std::optional(*midnight) : std::nullopt;
}

int ExecutionPulls::days_to_ask(std::optional<Timestamp> covered_to, Timestamp now) const {
    if (zone_.empty() || !covered_to || now < *covered_to) return 0;
    auto const from = zones_.to_local(zone_, *covered_to);
    auto const to = zones_.to_local(zone_, now);
    if (!from || !to) return 0;
    auto const days = base::days_since_epoch(to->date) - base::days_since_epoch(from->date);
    // Round midnight there always is a moment: no reason to ask for a day.
    auto const midnight = midnight_before(now);
    if (days == 1 && midnight && *midnight - *covered_to <= hole_that_quantities_close) return 0;
    return static_cast<int>(std::min<std::int64_t>(days, days_at_most));
}

void ExecutionPulls::asked(std::int64_t request, int days, Now now) { running_[request] = {days, now.wall, {}, false}; }

bool ExecutionPulls::take(Timestamp fill, std::optional<Timestamp> covered_to) {
    bool reaches_back = false;
    for (auto& [unused, pull] : running_) {
        if (pull.days == 0) continue;
        reaches_back = true;
        if (!pull.oldest_fill || fill < *pull.oldest_fill) pull.oldest_fill = fill;
    }
    if (!reaches_back || !covered_to) return true;
    auto const needed_from = midnight_before(*covered_to);
    return !needed_from || fill >= *needed_from;
}

void ExecutionPulls::doubt() {
    for (auto& [unused, pull] : running_)
        pull.doubtful = true;
}

ExecutionPulls::Ended ExecutionPulls::ended(std::int64_t request, bool complete, Now now) {
    auto const found = running_.find(request);
    if (found == running_.end()) return {};
    Pull const pull = found->second;
    running_.erase(found);
    Ended result{pull.days, (complete || POSSYNC_PLANTED_BUG(coverage_claimed_without_end)) && !pull.doubtful, std::nullopt};
    auto const midnight = midnight_before(pull.asked_at);
    // Asked on one day and answered on the next: of which day the fills are the gateway alone knows.
    if (!result.sure || !midnight || midnight_before(now.wall) != midnight) return result;
    result.proved = ProvedWindow{*midnight, pull.asked_at};
    if (pull.oldest_fill && *pull.oldest_fill < *midnight) {
        if (auto const reached = midnight_before(*pull.oldest_fill)) result.proved->from = *reached;
        if (auto const asked_from = midnight_before(pull.asked_at, -pull.days)) {
            result.proved->from = std::max(result.proved->from, *asked_from);
        }
    }
    find_last_chance(now);
    return result;
}

void ExecutionPulls::last_chance_passed(Now now) { find_last_chance(now); }

void ExecutionPulls::find_last_chance(Now now) {
    last_chance_at_.reset();
    for (int days = 0; days <= 2; ++days) {
        auto const midnight = midnight_before(now.wall, days);
        if (!midnight) return;
        for (auto const moment : {std::optional(Duration(0)), restart_}) {
            if (!moment) continue;
            Duration const ahead = *midnight + *moment - last_chance_before - now.wall;
            if (ahead > Duration(0) && (!last_chance_at_ || now.steady + ahead < *last_chance_at_))
                last_chance_at_ = now.steady + ahead;
        }
    }
}

std::vector<model::CoverageWindow> windows_gained(model::AccountId account_id, std::optional<Timestamp> covered_to,
                                                  ProvedWindow const& proved) {
    std::vector<model::CoverageWindow> windows;
    if (covered_to && *covered_to < proved.from) windows.push_back(window(account_id, *covered_to, proved.from, "unknown", "pull"));
    windows.push_back(window(account_id, proved.from, proved.to, "complete", "pull"));
    return windows;
}

bool closes_by_quantities(model::CoverageWindow const& hole) {
    return hole.state == "unknown" && hole.to_time - hole.from_time <= hole_that_quantities_close;
}

std::optional<Duration> time_of_day(std::string_view time, std::string_view period) {
    int hour = 0;
    int minute = 0;
    char const* const end = time.data() + time.size();
    auto const [colon, first] = std::from_chars(time.data(), end, hour);
    if (first != std::errc{} || colon == end || *colon != ':') return std::nullopt;
    auto const [stop, second] = std::from_chars(colon + 1, end, minute);
    if (second != std::errc{} || (stop != end && *stop != ':') || minute < 0 || minute > 59 || hour < 0 || hour > 23)
        return std::nullopt;
    if (period == "AM" || period == "PM") {
        if (hour < 1 || hour > 12) return std::nullopt;
        hour = hour % 12 + (period == "PM" ? 12 : 0);
    } else if (!period.empty()) {
        return std::nullopt;
    }
    return std::chrono::hours(hour) + std::chrono::minutes(minute);
}

}  // namespace possync::sync
