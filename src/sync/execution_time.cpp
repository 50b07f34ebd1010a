#include "sync/execution_time.hpp"

#include <string>

namespace possync::sync {

namespace {

int digits(std::string_view text, std::size_t at, std::size_t count) {
    if (at + count > text.size()) return -1;
    int value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

bool is_utc(std::string_view zone) {
    return zone == "Z" || zone == "UTC" || zone == "Universal" || zone == "GMT" || zone == "Etc/UTC" ||
           zone == "Greenwich Mean Time" || zone == "Coordinated Universal Time";
}

}  // namespace

base::Result<base::Timestamp> parse_execution_time(std::string_view text, std::string_view gateway_zone,
                                                   base::ZoneRules const& zones) {
    auto malformed = [&] {
        return base::fail(base::ErrorCode::invalid_input, "execution time '" + std::string(text) + "' is not understood");
    };
    auto const date = base::parse_date(text.substr(0, 8));
    if (!date || text.size() < 17) return malformed();
    bool const dash = text[8] == '-';
    std::size_t at = 9;
    if (!dash && text[8] != ' ') return malformed();
    while (at < text.size() && text[at] == ' ') ++at;
    int const hour = digits(text, at, 2);
    int const minute = digits(text, at + 3, 2);
    int const second = digits(text, at + 6, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 || text[at + 2] != ':' ||
        text[at + 5] != ':') {
        return malformed();
    }
    base::LocalTime const local{*date, (hour * 3600LL + minute * 60 + second) * 1'000'000};
    std::string_view zone = text.substr(at + 8);
    while (!zone.empty() && zone.front() == ' ') zone.remove_prefix(1);
    if (dash || is_utc(zone)) return base::from_utc_local(local);
    if (zone.empty()) zone = gateway_zone;
    if (zone.empty()) {
        return base::fail(base::ErrorCode::invalid_input,
                          "execution time '" + std::string(text) +
                              "' has no zone; set time_zone of the gateway to the IANA zone it is logged in with");
    }
    if (is_utc(zone)) return base::from_utc_local(local);
    auto utc = zones.to_utc(zone, local);
    if (!utc) return base::because("execution time '" + std::string(text) + "'", utc.error());
    return *utc;
}

std::string zone_of_connection_time(std::string_view connection_time, base::ZoneRules const& zones) {
    auto const first = connection_time.find(' ');
    if (first == std::string_view::npos) return {};
    auto const second = connection_time.find(' ', first + 1);
    if (second == std::string_view::npos) return {};
    std::string_view const zone = connection_time.substr(second + 1);
    if (is_utc(zone)) return "UTC";
    // Three-letter names (EST, CET) mean different rules in different places.
    if (zone.find('/') == std::string_view::npos) return {};
    if (!zones.to_local(zone, base::Timestamp{})) return {};
    return std::string(zone);
}

}  // namespace possync::sync
