// Instants and durations. A Timestamp is UTC with microseconds; nothing here reads a clock or a zone
// database: "now" is handed in, and zones are asked through ZoneRules, which app implements.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace possync::base {

using Duration = std::chrono::microseconds;

/// Microseconds since 1970-01-01T00:00:00Z.
struct Timestamp {
    std::int64_t microseconds = 0;

    friend constexpr auto operator<=>(Timestamp const&, Timestamp const&) = default;
    friend constexpr Timestamp operator+(Timestamp t, Duration d) { return {t.microseconds + d.count()}; }
    friend constexpr Timestamp operator-(Timestamp t, Duration d) { return {t.microseconds - d.count()}; }
    friend constexpr Duration operator-(Timestamp a, Timestamp b) {
        return Duration(a.microseconds - b.microseconds);
    }
};

/// RFC 3339 with six decimals: "2026-11-23T14:31:05.000000Z". Lexical order equals time order for years
/// 0000-9999, and these are the years that parse_rfc3339 answers.
[[nodiscard]] std::string to_rfc3339(Timestamp time);
/// "2026-11-23" (midnight UTC) or "2026-11-23T14:31:05Z", with or without fraction, "Z" or an offset
/// ("+01:00") being required after a time of day. Digits after the sixth decimal are dropped. Error:
/// invalid_input.
[[nodiscard]] Result<Timestamp> parse_rfc3339(std::string_view text);

/// A calendar date without a zone.
struct Date {
    int year = 1970;
    unsigned month = 1;
    unsigned day = 1;
    friend constexpr auto operator<=>(Date const&, Date const&) = default;
};
/// "2026-11-23".
[[nodiscard]] std::string to_string(Date date);
/// "2026-11-23" or "20261123"; impossible dates are invalid_input.
[[nodiscard]] Result<Date> parse_date(std::string_view text);
/// Days since 1970-01-01.
[[nodiscard]] std::int64_t days_since_epoch(Date date);
[[nodiscard]] Date date_of_days(std::int64_t days);

/// Wall-clock reading without a zone.
struct LocalTime {
    Date date;
    std::int64_t microseconds_of_day = 0;
    friend constexpr auto operator<=>(LocalTime const&, LocalTime const&) = default;
};
[[nodiscard]] LocalTime utc_local(Timestamp time);
[[nodiscard]] Timestamp from_utc_local(LocalTime const& local);

/// Zone rules by IANA name ("America/New_York"); an unknown name or a local time that does not exist is an
/// error, an ambiguous one (end of summer time) answers the earlier instant.
class ZoneRules {
public:
    virtual ~ZoneRules() = default;
    [[nodiscard]] virtual Result<Timestamp> to_utc(std::string_view zone, LocalTime const& local) const = 0;
    [[nodiscard]] virtual Result<LocalTime> to_local(std::string_view zone, Timestamp time) const = 0;
};

/// Two clocks read at one moment: `wall` stamps rows and may jump, `steady` drives timers and never goes
/// back.
struct Now {
    Timestamp wall;
    Duration steady{0};
};

/// "250ms", "5s", "15m", "2h", "1d"; no fraction, no sum. Errors name the text and the forms.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);
/// The largest of these units that divides it; what is below a millisecond is dropped.
[[nodiscard]] std::string to_string(Duration duration);

}  // namespace possync::base
