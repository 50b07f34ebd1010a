#include "base/time.hpp"

#include <array>
#include <charconv>

#include <fmt/format.h>

namespace possync::base {

namespace {

constexpr std::int64_t microseconds_per_second = 1'000'000;
constexpr std::int64_t microseconds_per_day = 86'400 * microseconds_per_second;

/// Reads exactly `count` digits at `at`; -1 when there are not that many.
int digits(std::string_view text, std::size_t at, std::size_t count) {
    if (at + count > text.size()) return -1;
    int value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

bool valid(Date date) {
    return (std::chrono::year(date.year) / std::chrono::month(date.month) / std::chrono::day(date.day)).ok();
}

}  // namespace

std::int64_t days_since_epoch(Date date) {
    std::chrono::sys_days const days =
        std::chrono::year(date.year) / std::chrono::month(date.month) / std::chrono::day(date.day);
    return days.time_since_epoch().count();
}

Date date_of_days(std::int64_t days) {
    std::chrono::year_month_day const date{std::chrono::sys_days(std::chrono::days(days))};
    return {static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
            static_cast<unsigned>(date.day())};
}

LocalTime utc_local(Timestamp time) {
    std::int64_t days = time.microseconds / microseconds_per_day;
    std::int64_t rest = time.microseconds % microseconds_per_day;
    if (rest < 0) {
        rest += microseconds_per_day;
        --days;
    }
    return {date_of_days(days), rest};
}

Timestamp from_utc_local(LocalTime const& local) {
    return {days_since_epoch(local.date) * microseconds_per_day + local.microseconds_of_day};
}

std::string to_string(Date date) { return fmt::format("{:04}-{:02}-{:02}", date.year, date.month, date.day); }

std::string to_rfc3339(Timestamp time) {
    LocalTime const local = utc_local(time);
    std::int64_t const seconds = local.microseconds_of_day / microseconds_per_second;
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", local.date.year, local.date.month,
                       local.date.day, seconds / 3600, seconds / 60 % 60, seconds % 60,
                       local.microseconds_of_day % microseconds_per_second);
}

Result<Date> parse_date(std::string_view text) {
    bool const dashed = text.size() == 10 && text[4] == '-' && text[7] == '-';
    int const year = digits(text, 0, 4);
    int const month = digits(text, dashed ? 5 : 4, 2);
    int const day = digits(text, dashed ? 8 : 6, 2);
    Date const date{year, static_cast<unsigned>(month), static_cast<unsigned>(day)};
    if ((!dashed && text.size() != 8) || year < 0 || month < 0 || day < 0 || !valid(date)) {
        return fail(ErrorCode::invalid_input,
                    fmt::format("'{}' is not a date; write YYYY-MM-DD", text.substr(0, 40)));
    }
    return date;
}

Result<Timestamp> parse_rfc3339(std::string_view text) {
    auto malformed = [&] {
        return fail(
            ErrorCode::invalid_input,
            fmt::format("'{}' is not a time; write 2026-11-23T14:31:05Z or 2026-11-23", text.substr(0, 40)));
    };
    if (text.size() < 10 || text[4] != '-') return malformed();
    auto const date = parse_date(text.substr(0, 10));
    if (!date) return malformed();
    LocalTime local{*date, 0};
    if (text.size() == 10) return from_utc_local(local);
    int const hour = digits(text, 11, 2);
    int const minute = digits(text, 14, 2);
    int const second = digits(text, 17, 2);
    if (text.size() < 20 || (text[10] != 'T' && text[10] != ' ') || text[13] != ':' || text[16] != ':' ||
        hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
        return malformed();
    }
    std::int64_t micros = 0;
    std::size_t at = 19;
    if (text[at] == '.') {
        std::size_t count = 0;
        for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++count) {
            if (count < 6) micros = micros * 10 + (text[at] - '0');
        }
        if (count == 0) return malformed();
        for (; count < 6; ++count)
            micros *= 10;
    }
    std::int64_t offset_minutes = 0;
    if (at < text.size() && (text[at] == 'Z' || text[at] == 'z')) {
        ++at;
    } else if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
        int const hours = digits(text, at + 1, 2);
        int const minutes = digits(text, at + 4, 2);
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || text[at + 3] != ':') return malformed();
        offset_minutes = (text[at] == '-' ? -1 : 1) * (hours * 60 + minutes);
        at += 6;
    } else {
        return malformed();
    }
    if (at != text.size()) return malformed();
    local.microseconds_of_day = (hour * 3600 + minute * 60 + second) * microseconds_per_second + micros;
    Timestamp const time = from_utc_local(local) - std::chrono::minutes(offset_minutes);
    // An offset may carry the first or last day out of the years that four digits can write.
    int const year = utc_local(time).date.year;
    if (year < 0 || year > 9999) return malformed();
    return time;
}

Result<Duration> parse_duration(std::string_view text) {
    struct Unit {
        std::string_view name;
        std::int64_t microseconds;
    };
    static constexpr std::array<Unit, 5> units{
        {{"ms", 1'000}, {"s", 1'000'000}, {"m", 60'000'000}, {"h", 3'600'000'000}, {"d", 86'400'000'000}}};
    std::int64_t count = 0;
    auto const [stop, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    std::string_view const name(stop, static_cast<std::size_t>(text.data() + text.size() - stop));
    if (error == std::errc{} && count >= 0) {
        for (auto const& unit : units) {
            if (unit.name == name && count <= INT64_MAX / unit.microseconds)
                return Duration(count * unit.microseconds);
        }
    }
    return fail(
        ErrorCode::invalid_input,
        fmt::format("'{}' is not a duration; write a whole number and ms, s, m, h or d, like 250ms or 5m",
                    text.substr(0, 40)));
}

std::string to_string(Duration duration) {
    std::int64_t const count = duration.count();
    if (count != 0 && count % 86'400'000'000 == 0) return fmt::format("{}d", count / 86'400'000'000);
    if (count != 0 && count % 3'600'000'000 == 0) return fmt::format("{}h", count / 3'600'000'000);
    if (count != 0 && count % 60'000'000 == 0) return fmt::format("{}m", count / 60'000'000);
    if (count % 1'000'000 == 0) return fmt::format("{}s", count / 1'000'000);
    return fmt::format("{}ms", count / 1'000);
}

}  // namespace possync::base
