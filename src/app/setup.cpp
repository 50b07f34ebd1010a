// `possync setup`: the first ten minutes. It looks where gateways usually are, says what it found and what the first sync would
// write, and writes a configuration that fits. `--rebind` makes a database accept another login behind one of its gateways.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/database.hpp"
#include "app/findings.hpp"
#include "app/log.hpp"
#include "app/output.hpp"
#include "app/service.hpp"
#include "model/change_set.hpp"
#include "query/reader.hpp"
#include "store/open/open.hpp"

namespace possync::app {

using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

using Level = Finding::Level;
using State = ProbeResult::State;

struct Found {
    GatewayConfig gateway;
    ProbeResult probe;
};

bool on_terminal() { return ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0; }

/// A line from the terminal, without the blanks around it.
std::string ask(std::string const& question) {
    print(question + " ");
    std::fflush(stdout);
    std::string answer;
    std::getline(std::cin, answer);
    while (!answer.empty() && (answer.back() == ' ' || answer.back() == '\r'))
        answer.pop_back();
    return answer;
}

/// `yes` answers for the user; without it somebody has to be there.
Result<bool> agreed(bool yes, std::string const& question) {
    if (yes) return true;
    if (!on_terminal()) return fail(ErrorCode::invalid_input, "nobody is there to ask: say --yes to write without asking");
    auto const answer = ask(question + " [Y/n]");
    return answer.empty() || answer == "y" || answer == "Y" || answer == "yes";
}

std::vector<Found> look_around(SetupCommand const& command) {
    std::vector<int> const usual{4001, 4002, 7496, 7497, 4003, 4004};
    std::vector<Found> all;
    for (int const port : command.ports.empty() ? usual : command.ports) {
        Found each;
        each.gateway.host = command.host;
        each.gateway.port = port;
        each.gateway.client_id = command.client_id;
        each.gateway.time_zone = command.time_zone;
        each.gateway.name = fmt::format("{}:{}", command.host, port);
        all.push_back(each);
    }
    ProbeOptions options;
    options.connect_timeout = std::chrono::seconds(4);
    options.answer_timeout = std::chrono::seconds(6);
    options.net_liquidation = true;
    std::vector<std::future<ProbeResult>> looks;
    for (auto const& each : all) {
        looks.push_back(std::async(std::launch::async, [&each, &options] { return probe_gateway(each.gateway, options); }));
    }
    for (std::size_t i = 0; i < all.size(); ++i)
        all[i].probe = looks[i].get();
    return all;
}

void tell(std::vector<Found> const& all) {
    std::string absent;
    for (auto const& each : all) {
        std::string const usual = usual_program(each.gateway.port);
        if (each.probe.state == State::absent) {
            absent += fmt::format("{}{}", absent.empty() ? "" : ", ", each.gateway.port);
            continue;
        }
        auto const finding = gateway_findings(each.gateway, each.probe).front();
        print_line(fmt::format("{:<5} {}{}", each.probe.state == State::ready ? "found" : "-", finding.text,
                               usual.empty() ? "" : fmt::format(" (usual port of {})", usual)));
    }
    if (!absent.empty()) print_line(fmt::format("-     nothing listens on {}: {}", all.front().gateway.host, absent));
}

/// Which of the gateways that answer are meant.
Result<std::vector<Found>> choose(SetupCommand const& command, std::vector<Found> const& all) {
    std::vector<Found> ready;
    for (auto const& each : all) {
        if (each.probe.state == State::ready) ready.push_back(each);
        if (each.probe.state != State::ready && !command.ports.empty()) {
            return fail(ErrorCode::unavailable, gateway_findings(each.gateway, each.probe).front().text);
        }
    }
    if (ready.empty()) {
        bool const open = std::any_of(all.begin(), all.end(), [](auto const& each) { return each.probe.state != State::absent; });
        return fail(ErrorCode::unavailable,
                    open ? "no gateway can be used yet; see what was found above, then run setup again"
                         : "no TWS or IB Gateway was found; start one with its API switched on, or say --host and --port");
    }
    if (ready.size() == 1 || !command.ports.empty()) return ready;
    if (command.yes || !on_terminal()) {
        return fail(ErrorCode::invalid_input, "several gateways answer; say which with --port (it may be given several times)");
    }
    auto const answer = ask("which port? (all for every one)");
    if (answer == "all") return ready;
    for (auto const& each : ready) {
        if (answer == std::to_string(each.gateway.port)) return std::vector<Found>{each};
    }
    return fail(ErrorCode::invalid_input, fmt::format("no gateway was found on port '{}'", answer.substr(0, 20)));
}

void name_them(std::vector<Found>& chosen) {
    auto const kind = [](Found const& each) { return std::string(each.probe.paper ? "paper" : "live"); };
    for (auto& each : chosen) {
        auto const same =
            std::count_if(chosen.begin(), chosen.end(), [&](auto const& other) { return kind(other) == kind(each); });
        each.gateway.name = same == 1 ? kind(each) : fmt::format("{}-{}", kind(each), each.gateway.port);
        each.gateway.expect = each.probe.paper ? sync::Expect::paper : sync::Expect::live;
    }
}

/// What the first sync would write, beside what the broker says the account is worth.
Result<void> show_dry_run(Configuration const& configuration, std::vector<Found> const& chosen) {
    SyncCommand command;
    command.dry_run = true;
    SyncAnswer answer;
    POSSYNC_TRY_VOID(sync_once(configuration, command, answer));
    bool const served = std::any_of(answer.results.begin(), answer.results.end(),
                                    [](auto const& each) { return !each.success && each.error_code == ErrorCode::conflict; });
    if (served) {
        print_line("\nwhat the first sync would write is left out: " + answer.first_error());
        return {};
    }
    if (!answer.success()) return fail(ErrorCode::unavailable, "the dry run failed: " + answer.first_error());
    print_line("\nthe first sync would write (nothing is written now):");
    for (auto const& result : answer.results) {
        std::string worth = "not told";
        for (auto const& each : chosen) {
            if (auto const found = each.probe.net_liquidation.find(result.account); found != each.probe.net_liquidation.end()) {
                worth = found->second;
            }
        }
        print_line(
            fmt::format("  {}: {} positions at the broker, {} opened, {} closed in the book; net liquidation at the broker: {}",
                        result.account, result.broker_positions.value_or(0), result.positions_created, result.positions_closed, worth));
        for (auto const& warning : result.warnings)
            print_line("    " + warning);
    }
    constexpr std::size_t most_lines = 25;
    std::size_t lines = 0;
    std::size_t open = 0;
    for (auto const& changes : answer.would_write) {
        for (auto const& position : changes.positions) {
            if (!position.open() || ++open > most_lines) continue;
            ++lines;
            auto const instrument = std::find_if(changes.instruments.begin(), changes.instruments.end(),
                                                 [&](auto const& each) { return each.con_id() == position.con_id; });
            model::Instrument const* const known = instrument == changes.instruments.end() ? nullptr : &**instrument;
            std::string const name = known == nullptr              ? fmt::format("contract {}", position.con_id)
                                     : known->local_symbol.empty() ? known->symbol
                                                                   : known->local_symbol;
            print_line(fmt::format(
                "    {:<22} {:<4} {:>10} @ {:<14} {}", name, known != nullptr ? known->sec_type : "", position.quantity.to_string(),
                position.average_price ? position.average_price->to_string() : "unknown", known != nullptr ? known->currency : ""));
        }
    }
    if (open > lines) print_line(fmt::format("    and {} more", open - lines));
    return {};
}

/// Complete or not at all; `path` exists only where it may be replaced.
Result<void> write_file(std::string const& path, std::string const& text) {
    std::string const fresh = path + ".new";
    {
        std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
        file << text;
        file.flush();
        if (!file) {
            std::error_code ignored;
            std::filesystem::remove(fresh, ignored);
            return fail(
                ErrorCode::io,
                fmt::format("{} cannot be written; check the folder's permissions, or name another file with --config", path));
        }
    }
    std::error_code bad;
    std::filesystem::rename(fresh, path, bad);
    if (!bad) return {};
    std::error_code ignored;
    std::filesystem::remove(fresh, ignored);
    return fail(ErrorCode::io, fmt::format("{} cannot be replaced: {}", path, bad.message()));
}

Result<void> set_up(SetupCommand const& command) {
    auto const path = std::filesystem::absolute(command.output).lexically_normal();
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored) && !command.force) {
        return fail(ErrorCode::invalid_input,
                    fmt::format("{} is there already; --force replaces it, --config names another file", path.string()));
    }
    if (!std::filesystem::is_directory(path.parent_path(), ignored)) {
        return fail(ErrorCode::invalid_input,
                    fmt::format("the folder {} is not there; make it first", path.parent_path().string()));
    }

    print_line(fmt::format("looking for TWS and IB Gateway on {} ...", command.host));
    auto const all = look_around(command);
    tell(all);
    POSSYNC_TRY(auto chosen, choose(command, all));
    name_them(chosen);

    Configuration configuration;
    configuration.gateways.clear();
    for (auto const& each : chosen)
        configuration.gateways.push_back(each.gateway);
    if (!command.database.empty()) {
        configuration.database_url = command.database;
    } else {
        // Not relative: the configuration is to mean the same database wherever a command is started.
        auto const folder = path.parent_path() == "/etc/possync" ? std::filesystem::path("/var/lib/possync") : path.parent_path();
        configuration.database_url = store::url_of_file((folder / "possync.db").string());
    }
    // As it will be read: what the file cannot say must not be written.
    std::string const text = print_commented_configuration(configuration);
    POSSYNC_TRY(configuration, parse_configuration(text, path.string(), {}));

    for (auto const& each : chosen) {
        print_line(fmt::format("\ngateway {}:", each.gateway.name));
        for (auto const& finding : gateway_findings(each.gateway, each.probe)) {
            print_line(fmt::format("  {:<4} {:<14} {}", finding.level == Level::bad ? "BAD" : to_string(finding.level),
                                   finding.what, finding.text));
        }
    }
    POSSYNC_TRY_VOID(show_dry_run(configuration, chosen));
    print_line(
        "\nA gateway does not tell what was before today. Until statements are imported (possync import-flex) these stay "
        "unknown:\n"
        "when and at what prices positions of before today were opened (their cost is the broker's average), realized P&L,\n"
        "dividends, interest and fees of that time, and what corporate actions did.\n");
    POSSYNC_TRY(bool const yes, agreed(command.yes, fmt::format("write {}?", path.string())));
    if (!yes) {
        print_line("nothing was written");
        return {};
    }
    POSSYNC_TRY_VOID(write_file(path.string(), text));
    bool const packaged = path == "/etc/possync/possync.toml";
    print_line(fmt::format("wrote {}; next: {}", path.string(),
                           packaged ? "systemctl enable --now --no-block possync"
                                    : fmt::format("possync run --config {}", path.string())));
    return {};
}

Result<void> rebind(Configuration const& configuration, SetupCommand const& command) {
    auto const wanted = std::find_if(configuration.gateways.begin(), configuration.gateways.end(),
                                     [&](auto const& each) { return each.name == command.rebind; });
    if (wanted == configuration.gateways.end()) {
        std::string names;
        for (auto const& each : configuration.gateways)
            names += (names.empty() ? "" : ", ") + each.name;
        return fail(ErrorCode::invalid_input,
                    fmt::format("the configuration has no gateway {}; it has {}", command.rebind, names));
    }
    POSSYNC_TRY(auto const database, open_database(configuration));
    POSSYNC_TRY(auto const reader, database->open_reader());
    POSSYNC_TRY(auto const known, reader->accounts({}));
    auto const probe = probe_gateway(*wanted);
    if (probe.state != State::ready) return fail(ErrorCode::unavailable, gateway_findings(*wanted, probe).front().text);
    std::string const kind = probe.paper ? "paper" : "live";
    if (wanted->expect != sync::Expect::any && (wanted->expect == sync::Expect::paper) != probe.paper) {
        return fail(ErrorCode::refused,
                    fmt::format("gateway {} serves {} accounts, and expect says {}: change expect in {} first, if that is meant",
                                wanted->name, kind, probe.paper ? "live" : "paper", configuration.source));
    }

    store::Rebinding rebinding;
    rebinding.gateway = wanted->name;
    rebinding.paper = probe.paper;
    rebinding.now = clock_now().wall;
    print_line(fmt::format("gateway {} at {}:{} serves {}", wanted->name, probe.host, probe.port, kind));
    POSSYNC_TRY(auto const gateways, database->gateways(clock_now().wall));
    bool different = false;
    for (auto const& each : gateways) {
        if (each.gateway != wanted->name) continue;
        different = each.paper && *each.paper != probe.paper;
        if (each.paper) print_line(fmt::format("  database {} knows it as {}", database->name(), *each.paper ? "paper" : "live"));
    }
    for (auto const& account : probe.accounts) {
        bool const left_out = !wanted->accounts.empty() &&
                              std::find(wanted->accounts.begin(), wanted->accounts.end(), account) == wanted->accounts.end();
        if (left_out) continue;
        auto const row = std::find_if(known.begin(), known.end(), [&](auto const& each) { return each.account == account; });
        if (row == known.end()) {
            print_line(fmt::format("  account {} is new to the database", account));
        } else if (row->gateway != wanted->name) {
            print_line(fmt::format("  account {} goes from gateway {} to {}", account, row->gateway, wanted->name));
            rebinding.accounts.push_back(account);
        } else {
            print_line(fmt::format("  account {} stays", account));
        }
    }
    for (auto const& row : known) {
        bool const served = std::find(probe.accounts.begin(), probe.accounts.end(), row.account) != probe.accounts.end();
        if (row.gateway == wanted->name && !served) {
            print_line(fmt::format("  account {} is no longer served; its book stays as it is", row.account));
        }
    }
    if (!different && rebinding.accounts.empty()) {
        print_line("nothing has to be changed");
        return {};
    }
    POSSYNC_TRY(bool const yes, agreed(command.yes, "change the database?"));
    if (!yes) {
        print_line("nothing was changed");
        return {};
    }
    POSSYNC_TRY_VOID(database->rebind(rebinding, owner_is_gone));
    print_line("done; the next sync goes by it");
    return {};
}

}  // namespace

int run_setup(SetupCommand const& command) {
    // What goes wrong is told once, by this command.
    set_up_log("error", "text");
    auto const done = set_up(command);
    return done ? exit_fine : report(done.error());
}

int run_rebind(Configuration const& configuration, SetupCommand const& command) {
    set_up_log("error", "text");
    auto const done = rebind(configuration, command);
    return done ? exit_fine : report(done.error());
}

}  // namespace possync::app
