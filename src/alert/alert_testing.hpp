// Shorthand for tests of alerts.
#pragma once

#include <string_view>

#include "base/check.hpp"
#include "base/time.hpp"

namespace possync::alert {

/// Five hours behind UTC, as New York in winter; other names are not known.
class NewYorkWinter final : public base::ZoneRules {
public:
    base::Result<base::Timestamp> to_utc(std::string_view zone, base::LocalTime const& local) const override {
        if (zone != "America/New_York") return base::fail(base::ErrorCode::not_found, "no such zone");
        return base::from_utc_local(local) + behind;
    }
    base::Result<base::LocalTime> to_local(std::string_view zone, base::Timestamp time) const override {
        if (zone != "America/New_York") return base::fail(base::ErrorCode::not_found, "no such zone");
        return base::utc_local(time - behind);
    }

private:
    static constexpr base::Duration behind = std::chrono::hours(5);
};

inline base::Timestamp at(std::string_view text) {
    auto const time = base::parse_rfc3339(text);
    CHECK(time.has_value());
    return *time;
}

}  // namespace possync::alert
