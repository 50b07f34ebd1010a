// ExecutionPulls: how far back executions are asked for, what the End of an answer proves, and when to ask for the last time
// before a day's fills are gone. A gateway serves the fills of its own day, from midnight in its zone; from server version 200
// on it can be asked for up to seven days before, and may well not have them: only fills of such a day that came prove that
// it has. Pure; one object per gateway.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "model/records.hpp"

namespace possync::sync {

/// What lies between two moments of one account's executions is known.
struct ProvedWindow {
    base::Timestamp from;
    base::Timestamp to;
    bool operator==(ProvedWindow const&) const = default;
};

class ExecutionPulls {
public:
    /// `zones` must outlive this.
    explicit ExecutionPulls(base::ZoneRules const& zones) : zones_(zones) {}

    /// A new connection. With an empty zone the gateway's days are not known, and nothing is ever proved.
    void connected(std::string gateway_zone, base::Now now);
    void disconnected();
    /// The gateway restarts or logs off every day at this time of its zone.
    void restarts_daily_at(base::Duration time_of_day, base::Now now);

    /// What was last told of that, also of a connection that is gone.
    [[nodiscard]] std::optional<base::Duration> restarts_at() const { return restart_; }
    [[nodiscard]] std::string const& zone() const { return zone_; }

    /// Days before today that close the hole since `covered_to`, at most 7; 0 where there is none. An account without coverage
    /// has none: what was before its first sight is in its opening balances.
    [[nodiscard]] int days_to_ask(std::optional<base::Timestamp> covered_to, base::Timestamp now) const;

    void asked(std::int64_t request, int days, base::Now now);
    /// A fill came; whether it is of use to an account covered so far. Gateways may answer with more days than they were asked
    /// for, and what was before an account's first sight must not be booked again.
    [[nodiscard]] bool take(base::Timestamp fill, std::optional<base::Timestamp> covered_to);
    /// The gateway lost its broker: no answer that is on its way proves anything.
    void doubt();
    struct Ended {
        int days = 0;                        ///< that were asked for
        bool sure = false;                   ///< the answer was whole, and not old
        std::optional<ProvedWindow> proved;  ///< by a sure answer, where the gateway's days are known
    };
    [[nodiscard]] Ended ended(std::int64_t request, bool complete, base::Now now);

    /// When (steady) to ask once more before fills are gone: shortly before midnight and before the daily restart.
    [[nodiscard]] std::optional<base::Duration> last_chance_at() const { return last_chance_at_; }
    /// It was, or could not be, asked then.
    void last_chance_passed(base::Now now);

private:
    struct Pull {
        int days = 0;
        base::Timestamp asked_at;
        std::optional<base::Timestamp> oldest_fill;
        bool doubtful = false;
    };
    [[nodiscard]] std::optional<base::Timestamp> midnight_before(base::Timestamp time, int days_later = 0) const;
    void find_last_chance(base::Now now);

    base::ZoneRules const& zones_;
    std::string zone_;
    std::optional<base::Duration> restart_;  ///< time of day
    std::map<std::int64_t, Pull> running_;
    std::optional<base::Duration> last_chance_at_;
};

/// The windows that an account, covered until `covered_to`, gains. A hole before what was proved is unknown.
[[nodiscard]] std::vector<model::CoverageWindow>
windows_gained(model::AccountId account_id, std::optional<base::Timestamp> covered_to, ProvedWindow const& proved);

/// A hole so short, round midnight, that it is as good as seen by who heard everything that was pushed in it, when the next list shows
/// that no quantity changed over it.
[[nodiscard]] bool closes_by_quantities(model::CoverageWindow const& hole);

/// "11:45" and "PM", as the gateway's settings have it; nothing when it is no time.
[[nodiscard]] std::optional<base::Duration> time_of_day(std::string_view time, std::string_view period);

}  // namespace possync::sync
