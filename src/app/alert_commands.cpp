// possync alert test, possync alert list.
#include <algorithm>

#include <fmt/format.h>

#include "app/alerts.hpp"
#include "app/commands.hpp"
#include "app/database.hpp"
#include "app/output.hpp"
#include "app/service.hpp"
#include "query/finding.hpp"

namespace possync::app {

using base::ErrorCode;

int run_alert_test(Configuration const& configuration, std::string const& only) {
    auto receivers = alert_receivers(configuration);
    if (!receivers) return report(receivers.error());
    if (!only.empty()) {
        std::erase_if(*receivers, [&](auto const& receiver) { return receiver.name != only; });
        if (receivers->empty()) return report({ErrorCode::invalid_input, fmt::format("no [[alert]] is named {}", only)});
    }
    if (receivers->empty()) {
        return report(
            {ErrorCode::invalid_input, "nobody is to be told: the configuration has no [[alert]]; docs/alerts.md shows some"});
    }
    bool good = true;
    outbox::HttpPost post;
    for (auto const& receiver : *receivers) {
        auto const now = clock_now().wall;
        auto const sent = post.send(make_request(receiver, {alert::test_note(now)}, now), receiver.timeout, receiver.ca_file);
        print_line(fmt::format("{}: {}", receiver.name, sent ? "taken; look whether it arrived" : sent.error().message));
        good &= sent.has_value();
    }
    return good ? exit_fine : exit_failed;
}

int run_alert_list(Configuration const& configuration, Format format) {
    auto const database = open_database(configuration);
    if (!database) return report(database.error());
    auto const log = (*database)->open_alert_log();
    if (!log) return report(log.error());
    auto const state = (*log)->load(clock_now().wall);
    if (!state) return report(state.error());
    std::vector<query::RaisedAlertRow> rows;
    for (auto const& alert : state->alerts) {
        if (alert.cleared_at) continue;
        rows.push_back({alert.condition, alert.account.empty() ? std::nullopt : std::optional(alert.account), alert.gateway,
                        alert.raised_at, alert.reminders, alert.text});
    }
    std::sort(rows.begin(), rows.end(), [](auto const& a, auto const& b) { return a.raised_at < b.raised_at; });
    if (format == Format::table && rows.empty()) {
        print_line("nothing is raised");
        return exit_fine;
    }
    show(rows, format);
    return exit_fine;
}

}  // namespace possync::app
