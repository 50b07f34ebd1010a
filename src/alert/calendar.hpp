// When somebody trades, and when it is no wonder that a gateway is away: nights, weekends, holidays, its own daily restart. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace possync::alert {

/// Hours on some days of the week, by the day they begin on. Hours that end before they begin go on into the next day.
struct Session {
    unsigned first_day = 0;  ///< 0 Monday ... 6 Sunday
    unsigned last_day = 4;   ///< may lie before first_day: Sun-Thu
    base::Duration begin{0};
    base::Duration end{0};
    bool operator==(Session const&) const = default;
};

/// "Mon-Fri 09:30-16:00", "Sun-Thu 18:00-17:00", "Sat 10:00-24:00". Errors: invalid_input with the form.
[[nodiscard]] base::Result<Session> parse_session(std::string_view text);

struct Calendar {
    std::string zone = "America/New_York";
    std::vector<Session> sessions;
    std::vector<base::Date> holidays;  ///< sessions that begin on these days do not take place
    base::Duration before{0};          ///< so long before a session everything should be up
};

/// Whether it is a session, or soon will be.
[[nodiscard]] bool is_watched(Calendar const& calendar, base::ZoneRules const& zones, base::Timestamp now);

/// Whether a gateway that restarts daily at `restarts_at` of its zone is at it.
[[nodiscard]] bool is_restarting(base::Duration restarts_at, std::string const& zone, base::Duration takes,
                                 base::ZoneRules const& zones, base::Timestamp now);

/// Days from Monday to Friday after `from` up to and with `to`; negative where `to` lies before.
[[nodiscard]] int weekdays_until(base::Date from, base::Date to);

}  // namespace possync::alert
