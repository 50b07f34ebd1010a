// The rules of what a person is told: from what is so now, and what is raised already, to what is raised, cleared and told anew.
//
//   look at the database, ask the engines -> Observed -> findings() -> step() -> what is kept, and notes to deliver
//
// A condition is named by its kind, account and subject, and is told once when it begins, again ever more rarely while it lasts,
// and once when it is over. What comes back soon after it was over must last longer each time before it is told again. Things
// that happen (a liquidation) are told once. While a gateway is expected to be away nothing of its being away is raised, and
// nothing that was raised before is forgotten. Pure: no clock, no database.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alert/calendar.hpp"
#include "base/time.hpp"
#include "query/views.hpp"

namespace possync::alert {

enum class Condition { quantity_break, guard, stale, refused, unknown_pnl, expiring, liquidation, assignment, new_account };
[[nodiscard]] std::string_view to_string(Condition condition);
[[nodiscard]] std::optional<Condition> parse_condition(std::string_view text);
[[nodiscard]] std::vector<Condition> const& all_conditions();
/// Whether somebody should get up for it.
[[nodiscard]] bool is_urgent(Condition condition);

struct Key {
    Condition condition = Condition::quantity_break;
    std::string account;  ///< empty: of the gateway as a whole
    std::string subject;  ///< con_id, execution, position, date, or gateway
    auto operator<=>(Key const&) const = default;
};

/// Something that is so.
struct Finding {
    Key key;
    std::string gateway;
    std::string text;
    /// It is no wonder just now: it is not raised, reminded of or cleared.
    bool expected = false;
    bool operator==(Finding const&) const = default;
};

struct Alert {
    std::string gateway;
    std::string text;
    base::Timestamp raised_at;
    std::optional<base::Timestamp> cleared_at;
    base::Timestamp told_at;
    std::int64_t reminders = 0;
    std::int64_t returns = 0;
    std::optional<base::Timestamp> seen_since{};  ///< begun, not raised yet
    std::optional<base::Timestamp> gone_since{};  ///< raised, and not so any more
    bool operator==(Alert const&) const = default;
};
using Alerts = std::map<Key, Alert>;

enum class NoteKind { raised, reminder, recovered, happened };
[[nodiscard]] std::string_view to_string(NoteKind kind);

struct Note {
    NoteKind kind = NoteKind::raised;
    Key key;
    std::string gateway;
    std::string text;
    base::Timestamp at;
    bool operator==(Note const&) const = default;
};

struct Settings {
    Calendar calendar;
    base::Duration break_after = std::chrono::minutes(5);
    base::Duration stale_after = std::chrono::minutes(2);
    base::Duration sync_interval = std::chrono::minutes(5);
    bool syncs = true;  ///< false: nobody syncs by itself, an old book is no fault
    base::Duration restart_takes = std::chrono::minutes(10);
    int expiring_days = 2;  ///< weekdays
    base::Duration recovered_after = std::chrono::minutes(1);
    base::Duration remind_after = std::chrono::hours(1);  ///< 0: never
};

struct ObservedGateway {
    std::string gateway;
    std::string address;
    bool connected = false;
    bool stale = true;
    std::optional<base::Timestamp> stale_since;
    std::optional<base::Timestamp> fresh_since{};  ///< not stale since then; unset: since the service began
    std::string last_error;
    std::string refusal;  ///< not empty: its accounts are not taken, and why
    std::optional<base::Duration> restarts_at;
    std::string zone;  ///< of restarts_at; empty: the calendar's
};

struct ExpiringPosition {
    query::PositionRow position;
    base::Date expiry;
};

/// Of the gateways that this service answers for, and of their accounts.
struct Observed {
    base::Timestamp now;
    base::Timestamp started_at;  ///< of the service: what was never heard of is as old as that
    std::vector<ObservedGateway> gateways;
    std::vector<query::AccountRow> accounts;
    std::vector<query::BreakRow> breaks;          ///< unresolved, of class alert
    std::vector<query::PositionRow> unknown_pnl;  ///< positions with closes of unknown P&L
    std::vector<ExpiringPosition> expiring;       ///< open options and their last day
    // What was committed since the last look:
    std::vector<query::ExecutionRow> liquidations;
    std::vector<query::EventRow> assignments;
    std::vector<std::string> new_accounts;
};

/// Whether it is no wonder if this gateway is away now.
[[nodiscard]] bool is_down_expected(Settings const& settings, base::ZoneRules const& zones,
                                    std::optional<base::Duration> restarts_at, std::string const& zone, base::Timestamp now);

struct Findings {
    std::vector<Finding> lasting;   ///< all that are so
    std::vector<Finding> happened;  ///< news
};
[[nodiscard]] Findings findings(Settings const& settings, base::ZoneRules const& zones, Observed const& observed);

struct Step {
    Alerts alerts;             ///< as they are now; what cleared is kept while it matters for coming back
    std::vector<Key> to_keep;  ///< whose rows changed
    std::vector<Note> notes;
};
/// `gateways`: those that were looked at; what is raised of others stays as it is.
[[nodiscard]] Step step(Settings const& settings, Alerts alerts, Findings const& found, std::vector<std::string> const& gateways,
                        bool watched, base::Timestamp now);

/// How long ago something cleared to still count as coming back.
inline constexpr base::Duration return_window = std::chrono::hours(1);

}  // namespace possync::alert
