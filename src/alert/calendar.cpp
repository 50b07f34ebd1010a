#include "alert/calendar.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace possync::alert {

using base::Duration;
using base::ErrorCode;
using base::Result;

namespace {

constexpr Duration day = std::chrono::hours(24);
constexpr std::array<std::string_view, 7> day_names{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
/// A gateway that is about to restart says nothing more some moments before the minute.
constexpr Duration restarts_early = std::chrono::minutes(1);

std::optional<unsigned> day_of(std::string_view name) {
    auto const found = std::find(day_names.begin(), day_names.end(), name);
    return found == day_names.end() ? std::nullopt : std::optional(static_cast<unsigned>(found - day_names.begin()));
}

std::optional<Duration> time_of(std::string_view text) {
    auto const digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9' ? text[at] - '0' : 100; };
    if (text.size() != 5 || text[2] != ':') return std::nullopt;
    int const hour = digit(0) * 10 + digit(1);
    int const minute = digit(3) * 10 + digit(4);
    if (hour > 24 || minute > 59 || (hour == 24 && minute > 0)) return std::nullopt;
    return std::chrono::minutes(hour * 60 + minute);
}

unsigned weekday(base::Date date) {
    return static_cast<unsigned>(((base::days_since_epoch(date) + 3) % 7 + 7) % 7);  // 1970-01-01 was a Thursday
}

bool takes_place(Session const& session, Calendar const& calendar, base::Date date) {
    unsigned const on = weekday(date);
    bool const wraps = session.last_day < session.first_day;
    bool const chosen =
        wraps ? on >= session.first_day || on <= session.last_day : on >= session.first_day && on <= session.last_day;
    return chosen && std::find(calendar.holidays.begin(), calendar.holidays.end(), date) == calendar.holidays.end();
}

}  // namespace

Result<Session> parse_session(std::string_view text) {
    auto const bad = [&] {
        return base::fail(
            ErrorCode::invalid_input,
            fmt::format("'{}' is no session; write one like Mon-Fri 09:30-16:00 or Sun-Thu 18:00-17:00", text.substr(0, 40)));
    };
    auto const blank = text.find(' ');
    if (blank == std::string_view::npos) return bad();
    auto const halves = [](std::string_view both) {
        auto const dash = both.find('-');
        return dash == std::string_view::npos ? std::pair(both, both) : std::pair(both.substr(0, dash), both.substr(dash + 1));
    };
    auto const [first, last] = halves(text.substr(0, blank));
    auto const [begin, end] = halves(text.substr(blank + 1));
    auto const first_day = day_of(first);
    auto const last_day = day_of(last);
    auto const begin_time = time_of(begin);
    auto const end_time = time_of(end);
    if (!first_day || !last_day || !begin_time || !end_time || *begin_time == day || *begin_time == *end_time) return bad();
    return Session{*first_day, *last_day, *begin_time, *end_time};
}

bool is_watched(Calendar const& calendar, base::ZoneRules const& zones, base::Timestamp now) {
    auto const local = zones.to_local(calendar.zone, now);
    if (!local) return true;  // rather told too often
    auto const today = base::days_since_epoch(local->date);
    Duration const moment = day * today + Duration(local->microseconds_of_day);
    for (auto const& session : calendar.sessions) {
        // One that began yesterday may still go on; tomorrow's may be near.
        for (auto const begins : {today - 1, today, today + 1}) {
            if (!takes_place(session, calendar, base::date_of_days(begins))) continue;
            Duration const from = day * begins + session.begin - calendar.before;
            Duration const to = day * begins + session.end + (session.end <= session.begin ? day : Duration(0));
            if (moment >= from && moment < to) return true;
        }
    }
    return false;
}

bool is_restarting(Duration restarts_at, std::string const& zone, Duration takes, base::ZoneRules const& zones,
                   base::Timestamp now) {
    auto const local = zones.to_local(zone, now);
    if (!local) return false;
    Duration const since = (Duration(local->microseconds_of_day) - restarts_at + restarts_early + day) % day;
    return since < takes + restarts_early;
}

int weekdays_until(base::Date from, base::Date to) {
    auto const first = base::days_since_epoch(from);
    auto const last = base::days_since_epoch(to);
    if (last < first) return -1;
    int count = 0;
    for (auto each = first + 1; each <= last && count < 1000; ++each)
        count += weekday(base::date_of_days(each)) < 5;
    return count;
}

}  // namespace possync::alert
