#include "alert/rules.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

namespace possync::alert {

using base::Duration;
using base::Timestamp;

namespace {

constexpr std::array<std::pair<Condition, std::string_view>, 9> condition_words{{{Condition::quantity_break, "quantity_break"},
                                                                                 {Condition::guard, "guard"},
                                                                                 {Condition::stale, "stale"},
                                                                                 {Condition::refused, "refused"},
                                                                                 {Condition::unknown_pnl, "unknown_pnl"},
                                                                                 {Condition::expiring, "expiring"},
                                                                                 {Condition::liquidation, "liquidation"},
                                                                                 {Condition::assignment, "assignment"},
                                                                                 {Condition::new_account, "new_account"}}};

constexpr Duration first_return_lasts = std::chrono::minutes(5);
constexpr Duration longest_return = std::chrono::hours(1);
constexpr Duration longest_reminder = std::chrono::hours(24);
/// So long after its turn a scheduled sync may come.
constexpr Duration sync_grace = std::chrono::minutes(1);

/// "2026-11-25 14:31 UTC"
std::string moment(Timestamp time) {
    auto const text = base::to_rfc3339(time);
    return text.substr(0, 10) + " " + text.substr(11, 5) + " UTC";
}

std::string duration_text(Duration duration) {
    auto const seconds = std::max<std::int64_t>(duration.count() / 1'000'000, 0);
    if (seconds < 120) return fmt::format("{} s", seconds);
    if (seconds < 7200) return fmt::format("{} min", seconds / 60);
    if (seconds < 48 * 3600) return fmt::format("{} h", seconds / 3600);
    return fmt::format("{} days", seconds / 86400);
}

std::string number(query::OptionalDecimal const& value) { return value ? query::text_of(*value) : "unknown"; }

std::string name_of(query::PositionRow const& position) { return position.local_symbol.value_or(position.symbol); }

Duration doubled(Duration first, std::int64_t times, Duration most) {
    for (; times > 0 && first < most; --times)
        first *= 2;
    return std::min(first, most);
}

}  // namespace

std::string_view to_string(Condition condition) {
    for (auto const& [each, word] : condition_words) {
        if (each == condition) return word;
    }
    return "";
}

std::optional<Condition> parse_condition(std::string_view text) {
    for (auto const& [each, word] : condition_words) {
        if (word == text) return each;
    }
    return std::nullopt;
}

std::vector<Condition> const& all_conditions() {
    static std::vector<Condition> const all = [] {
        std::vector<Condition> list;
        for (auto const& [each, unused] : condition_words)
            list.push_back(each);
        return list;
    }();
    return all;
}

bool is_urgent(Condition condition) {
    switch (condition) {
    case Condition::quantity_break:
    case Condition::guard:
    case Condition::stale:
    case Condition::refused:
    case Condition::liquidation:
    case Condition::assignment: return true;
    case Condition::unknown_pnl:
    case Condition::expiring:
    case Condition::new_account: return false;
    }
    return true;
}

std::string_view to_string(NoteKind kind) {
    switch (kind) {
    case NoteKind::raised: return "raised";
    case NoteKind::reminder: return "reminder";
    case NoteKind::recovered: return "recovered";
    case NoteKind::happened: return "happened";
    }
    return "";
}

bool is_down_expected(Settings const& settings, base::ZoneRules const& zones, std::optional<Duration> restarts_at,
                      std::string const& zone, Timestamp now) {
    if (!is_watched(settings.calendar, zones, now)) return true;
    return restarts_at &&
           is_restarting(*restarts_at, zone.empty() ? settings.calendar.zone : zone, settings.restart_takes, zones, now);
}

namespace {

void find_gateways(Settings const& settings, base::ZoneRules const& zones, Observed const& observed,
                   std::vector<Finding>& found) {
    auto const now = observed.now;
    for (auto const& gateway : observed.gateways) {
        bool const refused = !gateway.refusal.empty();
        bool const expected = is_down_expected(settings, zones, gateway.restarts_at, gateway.zone, now);
        if (refused) {  // that says it all
            found.push_back(
                {{Condition::refused, "", gateway.gateway},
                 gateway.gateway,
                 fmt::format("gateway {} ({}) is not followed: {}", gateway.gateway, gateway.address, gateway.refusal)});
        } else if (gateway.stale) {
            // What is not stale for long is no news yet, and nothing is over by it either: after a restart nobody was heard yet.
            auto const since = std::max(gateway.stale_since.value_or(observed.started_at), Timestamp{0});
            found.push_back({{Condition::stale, "", gateway.gateway},
                             gateway.gateway,
                             fmt::format("gateway {} ({}) {} since {}{}", gateway.gateway, gateway.address,
                                         gateway.connected ? "says nothing that may be relied on" : "is not connected",
                                         moment(since), gateway.last_error.empty() ? "" : ": " + gateway.last_error),
                             expected || now - since < settings.stale_after});
        }
        if (!settings.syncs) continue;
        auto const patience = settings.stale_after + 2 * settings.sync_interval + sync_grace;
        // While the service is young, or the gateway just came back, the schedule had no turn yet.
        bool const had_its_turn =
            now - std::max(observed.started_at, gateway.fresh_since.value_or(observed.started_at)) >= patience;
        for (auto const& account : observed.accounts) {
            if (account.gateway != gateway.gateway) continue;
            if (account.last_synced_at && now - *account.last_synced_at < patience) continue;
            found.push_back(
                {{Condition::stale, account.account, ""},
                 gateway.gateway,
                 account.last_synced_at
                     ? fmt::format("account {} was last seen equal to the broker at {}, though gateway {} is connected",
                                   account.account, moment(*account.last_synced_at), gateway.gateway)
                     : fmt::format("account {} was never seen equal to the broker, though gateway {} is connected",
                                   account.account, gateway.gateway),
                 // That it cannot be synced without its gateway is no further news.
                 expected || refused || gateway.stale || !had_its_turn});
        }
    }
}

std::string break_text(query::BreakRow const& row) {
    std::string text =
        fmt::format("account {}: broker and book differ in {}, {}: broker {}, book {}", row.account,
                    row.symbol.value_or("the account"), row.kind, number(row.broker_value), number(row.book_value));
    if (row.opened_at) text += ", since " + moment(*row.opened_at);
    if (row.detail && !row.detail->empty()) text += ": " + *row.detail;
    return text;
}

void find_breaks(Settings const& settings, Observed const& observed,
                 std::map<std::string_view, std::string_view> const& gateway_of, std::vector<Finding>& found) {
    for (auto const& row : observed.breaks) {
        auto const gateway = gateway_of.find(row.account);
        if (gateway == gateway_of.end()) continue;
        if (row.kind == "guard") {
            found.push_back({{Condition::guard, row.account, row.con_id ? std::to_string(*row.con_id) : ""},
                             std::string(gateway->second),
                             fmt::format("account {}: the broker's list would close so much at once that it is held back{}",
                                         row.account, row.detail && !row.detail->empty() ? ": " + *row.detail : "")});
            continue;
        }
        // A young one is no news yet; what is raised of the same instrument is not over by it.
        found.push_back({{Condition::quantity_break, row.account, row.con_id ? std::to_string(*row.con_id) : ""},
                         std::string(gateway->second),
                         break_text(row),
                         row.opened_at && observed.now - *row.opened_at < settings.break_after});
    }
}

void find_positions(Settings const& settings, base::ZoneRules const& zones, Observed const& observed,
                    std::map<std::string_view, std::string_view> const& gateway_of, std::vector<Finding>& found) {
    for (auto const& row : observed.unknown_pnl) {
        auto const gateway = gateway_of.find(row.account);
        if (gateway == gateway_of.end()) continue;
        found.push_back(
            {{Condition::unknown_pnl, row.account, std::to_string(row.position_id)},
             std::string(gateway->second),
             fmt::format(
                 "account {}: {} was reduced and no fill says at what price; realized P&L is unknown until a statement is "
                 "imported or you explain it (position {})",
                 row.account, name_of(row), row.position_id)});
    }
    auto const local = zones.to_local(settings.calendar.zone, observed.now);
    base::Date const today = local ? local->date : base::utc_local(observed.now).date;
    bool const asleep = !is_watched(settings.calendar, zones, observed.now);
    std::map<std::pair<std::string, base::Date>, std::vector<std::string>> by_day;
    for (auto const& [row, expiry] : observed.expiring) {
        if (expiry < today || weekdays_until(today, expiry) > settings.expiring_days) continue;
        by_day[{row.account, expiry}].push_back(fmt::format("{} {}", name_of(row), number(row.quantity)));
    }
    for (auto const& [where, positions] : by_day) {
        auto const& [account, expiry] = where;
        auto const gateway = gateway_of.find(account);
        if (gateway == gateway_of.end()) continue;
        std::string list;
        constexpr std::size_t shown = 10;
        for (std::size_t i = 0; i < std::min(positions.size(), shown); ++i)
            list += (list.empty() ? "" : ", ") + positions[i];
        if (positions.size() > shown) list += fmt::format(" and {} more", positions.size() - shown);
        found.push_back(
            {{Condition::expiring, account, base::to_string(expiry)},
             std::string(gateway->second),
             fmt::format("account {}: {} option position{} expire{} on {}: {}", account, positions.size(),
                         positions.size() == 1 ? "" : "s", positions.size() == 1 ? "s" : "", base::to_string(expiry), list),
             asleep});
    }
}

void find_happened(Observed const& observed, std::map<std::string_view, std::string_view> const& gateway_of,
                   std::vector<Finding>& found) {
    auto const say = [&](Condition condition, std::string const& account, std::string subject, std::string text) {
        auto const gateway = gateway_of.find(account);
        if (gateway != gateway_of.end())
            found.push_back({{condition, account, std::move(subject)}, std::string(gateway->second), std::move(text)});
    };
    for (auto const& row : observed.liquidations) {
        say(Condition::liquidation, row.account, row.exec_id,
            fmt::format("account {}: the broker liquidated: {} {} {} @ {}{}", row.account, row.side, number(row.shares),
                        row.symbol, number(row.price), row.time ? ", " + moment(*row.time) : ""));
    }
    for (auto const& row : observed.assignments) {
        say(Condition::assignment, row.account, std::to_string(row.event_id),
            fmt::format("account {}: assignment: {} went from {} to {}{}", row.account, row.symbol, number(row.quantity_before),
                        number(row.quantity_after), row.occurred_at ? ", " + moment(*row.occurred_at) : ""));
    }
    for (auto const& account : observed.new_accounts) {
        say(Condition::new_account, account, "", fmt::format("account {} is new and followed from now on", account));
    }
}

}  // namespace

Findings findings(Settings const& settings, base::ZoneRules const& zones, Observed const& observed) {
    std::map<std::string_view, std::string_view> gateway_of;
    for (auto const& account : observed.accounts) {
        bool const ours = std::any_of(observed.gateways.begin(), observed.gateways.end(),
                                      [&](auto const& gateway) { return gateway.gateway == account.gateway; });
        if (ours) gateway_of[account.account] = account.gateway;
    }
    Findings found;
    find_gateways(settings, zones, observed, found.lasting);
    find_breaks(settings, observed, gateway_of, found.lasting);
    find_positions(settings, zones, observed, gateway_of, found.lasting);
    find_happened(observed, gateway_of, found.happened);
    return found;
}

Step step(Settings const& settings, Alerts alerts, Findings const& found, std::vector<std::string> const& gateways, bool watched,
          Timestamp now) {
    Step out;
    std::set<Key> changed;
    // Of a clock that was set back: what seems to be of the future is of now, or nothing would be over or told until then.
    for (auto& [unused, alert] : alerts) {
        alert.told_at = std::min(alert.told_at, now);
        for (auto* const time : {&alert.cleared_at, &alert.seen_since, &alert.gone_since}) {
            if (*time) *time = std::min(**time, now);
        }
    }
    auto const tell = [&](NoteKind kind, Key const& key, Alert& alert, std::string text) {
        alert.told_at = now;
        changed.insert(key);
        out.notes.push_back({kind, key, alert.gateway, std::move(text), now});
    };
    std::set<Key> now_so;
    for (auto const& finding : found.lasting) {
        if (!now_so.insert(finding.key).second) continue;
        auto known = alerts.find(finding.key);
        bool const raised = known != alerts.end() && !known->second.cleared_at && known->second.raised_at.microseconds > 0;
        if (raised) {
            auto& alert = known->second;
            alert.gone_since.reset();
            alert.gateway = finding.gateway;  // an account may have been given to another one
            if (!finding.expected) alert.text = finding.text;
            if (finding.expected || !watched || !is_urgent(finding.key.condition) || settings.remind_after.count() == 0) continue;
            if (now - alert.told_at < doubled(settings.remind_after, alert.reminders, longest_reminder)) continue;
            ++alert.reminders;
            tell(NoteKind::reminder, finding.key, alert,
                 fmt::format("still, after {}: {}", duration_text(now - alert.raised_at), finding.text));
            continue;
        }
        if (finding.expected) {
            if (known != alerts.end()) known->second.seen_since.reset();
            continue;
        }
        if (known == alerts.end()) known = alerts.emplace(finding.key, Alert{}).first;
        auto& alert = known->second;
        bool const returned = alert.cleared_at && now - *alert.cleared_at < return_window;
        if (!alert.seen_since) alert.seen_since = now;
        if (returned && now - *alert.seen_since < doubled(first_return_lasts, alert.returns, longest_return)) continue;
        alert.returns = returned ? alert.returns + 1 : 0;
        alert.gateway = finding.gateway;
        alert.text = finding.text;
        alert.raised_at = now;
        alert.cleared_at.reset();
        alert.seen_since.reset();
        alert.reminders = 0;
        tell(NoteKind::raised, finding.key, alert, finding.text);
    }
    for (auto& [key, alert] : alerts) {
        if (now_so.contains(key) || std::find(gateways.begin(), gateways.end(), alert.gateway) == gateways.end()) continue;
        alert.seen_since.reset();
        if (alert.cleared_at) continue;
        if (!alert.gone_since) alert.gone_since = now;
        if (now - *alert.gone_since < settings.recovered_after) continue;
        alert.cleared_at = now;
        alert.gone_since.reset();
        changed.insert(key);
        // That options are gone or have expired is what was to be expected.
        if (key.condition != Condition::expiring) {
            tell(NoteKind::recovered, key, alert,
                 fmt::format("over, after {}: {}", duration_text(now - alert.raised_at), alert.text));
        }
    }
    for (auto const& finding : found.happened) {
        auto const known = alerts.find(finding.key);
        if (known != alerts.end()) continue;
        Alert alert{finding.gateway, finding.text, now, now, now, 0, 0};
        tell(NoteKind::happened, finding.key, alert, finding.text);
        alerts[finding.key] = std::move(alert);
    }
    // What cleared long ago begins anew when it comes back.
    std::erase_if(alerts, [&](auto const& each) {
        auto const& [key, alert] = each;
        return alert.cleared_at && !alert.seen_since && now - *alert.cleared_at >= return_window && !changed.contains(key);
    });
    out.to_keep.assign(changed.begin(), changed.end());
    out.alerts = std::move(alerts);
    return out;
}

}  // namespace possync::alert
