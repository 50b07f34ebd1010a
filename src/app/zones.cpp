#include "app/zones.hpp"

#include <exception>
#include <map>
#include <mutex>
#include <string>

#include <date/tz.h>

namespace possync::app {

namespace {

namespace tz = ::date;

class SystemZones final : public base::ZoneRules {
public:
    base::Result<base::Timestamp> to_utc(std::string_view zone, base::LocalTime const& local) const override {
        auto const* rules = find(zone);
        if (rules == nullptr) return unknown(zone);
        tz::local_time<base::Duration> const time(base::Duration(base::from_utc_local(local).microseconds));
        auto const info = rules->get_info(std::chrono::floor<std::chrono::seconds>(time));
        if (info.result == tz::local_info::nonexistent) {
            return base::fail(base::ErrorCode::invalid_input,
                              "the local time does not exist in " + std::string(zone) + " (clocks go forward)");
        }
        return base::Timestamp{(time.time_since_epoch() - info.first.offset).count()};
    }

    base::Result<base::LocalTime> to_local(std::string_view zone, base::Timestamp time) const override {
        auto const* rules = find(zone);
        if (rules == nullptr) return unknown(zone);
        auto const utc = std::chrono::sys_time<base::Duration>(base::Duration(time.microseconds));
        auto const info = rules->get_info(std::chrono::floor<std::chrono::seconds>(utc));
        return base::utc_local(time + info.offset);
    }

private:
    static std::unexpected<base::Error> unknown(std::string_view zone) {
        return base::fail(base::ErrorCode::not_found, "'" + std::string(zone) + "' is not a known time zone");
    }

    tz::time_zone const* find(std::string_view name) const {
        std::lock_guard const lock(mutex_);
        auto const known = zones_.find(name);
        if (known != zones_.end()) return known->second;
        tz::time_zone const* found = nullptr;
        try {
            found = tz::locate_zone(std::string(name));
        } catch (std::exception const&) {  // the library's way of saying "no such zone"
        }
        zones_.emplace(std::string(name), found);
        return found;
    }

    mutable std::mutex mutex_;
    mutable std::map<std::string, tz::time_zone const*, std::less<>> zones_;
};

}  // namespace

base::ZoneRules const& system_zones() {
    static SystemZones const zones;
    return zones;
}

}  // namespace possync::app
