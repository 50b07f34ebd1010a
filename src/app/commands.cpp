#include "app/commands.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <atomic>
#include <deque>
#include <mutex>
#include <future>
#include <thread>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "app/database.hpp"
#include "app/flex_schedule.hpp"
#include "app/http_service.hpp"
#include "app/log.hpp"
#include "app/operator.hpp"
#include "app/output.hpp"
#include "app/results.hpp"
#include "app/service.hpp"
#include "app/temporary_folder.hpp"
#include "query/csv.hpp"
#include "query/json.hpp"
#include "query/table.hpp"
#include "store/open/open.hpp"

namespace possync::app {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

/// Of accounts whose book had not begun at the moment that is asked for: an empty list would read as "held nothing".
Result<std::string> begins_later(query::Reader& reader, query::Filter const& filter) {
    auto const moment = filter.as_recorded ? std::min(*filter.at, *filter.as_recorded) : *filter.at;
    query::Filter of_account;
    of_account.account = filter.account;
    POSSYNC_TRY(auto const accounts, reader.accounts(of_account));
    std::string notes;
    for (auto const& account : accounts) {
        query::Filter newest;
        newest.account = account.account;
        newest.until = moment + base::Duration(1);
        newest.limit = 1;
        POSSYNC_TRY(auto const before, reader.events(newest));
        auto const recorded_by_then = [&](auto const& events) { return events.front().recorded_at.value_or(moment) <= moment; };
        if (!before.empty() && recorded_by_then(before)) continue;
        // Nothing was recorded by then, or it is of a fact that came later: the first event tells.
        query::Filter first;
        first.account = account.account;
        first.sort = "recorded_at";
        first.limit = 1;
        POSSYNC_TRY(auto const events, reader.events(first));
        if (events.empty() || recorded_by_then(events)) continue;
        notes += fmt::format("the book of {} begins at {}; what it held before is not known\n", account.account,
                             query::time_text(*events.front().recorded_at));
    }
    return notes;
}

template <typename Row>
int show_rows(Configuration const& configuration, query::FilterText const& text, Format format) {
    auto filter = query::parse_filter(query::view_info<Row>(), text, clock_now().wall);
    if (!filter) {
        (void)report(filter.error());
        return exit_usage;
    }
    auto reader = open_reader(configuration);
    if (!reader) return report(reader.error());
    auto rows = query::read_rows<Row>(**reader, *filter);
    if (!rows) return report(rows.error());
    auto const notes = filter->at && format == Format::table ? begins_later(**reader, *filter) : std::string();
    if (!notes) return report(notes.error());
    show(*rows, format);
    print(*notes);
    return exit_fine;
}

}  // namespace

Result<void> check_format(std::string_view command, Format format) {
    static constexpr std::string_view prints_no_data[] = {"run", "simulate", "demo", "record", "setup", "generate", "points", "alert test"};
    static constexpr std::string_view prints_no_table[] = {"status", "config", "migrate", "explain", "exclude", "undo", "replay", "flex fetch",
                                                           "sync --dry-run"};
    auto const is_one_of = [&](auto const& commands) { return std::find(std::begin(commands), std::end(commands), command) != std::end(commands); };
    if (format != Format::table && is_one_of(prints_no_data)) {
        return base::fail(ErrorCode::invalid_input, fmt::format("{} prints nothing as JSON or CSV; leave {} out", command, format == Format::json ? "--json" : "--csv"));
    }
    if (format == Format::csv && is_one_of(prints_no_table)) {
        return base::fail(ErrorCode::invalid_input, fmt::format("{} prints no table that could be CSV; use --json", command));
    }
    return {};
}

int report(Error const& error) {
    std::fprintf(stderr, "possync: %s\n", error.message.c_str());
    return error.code == ErrorCode::invalid_input ? exit_usage : exit_failed;
}

int run_service(Configuration const& configuration, std::string const& version, FlexImport const& import) {
    set_up_log(configuration.log_level, configuration.log_format);
    ServiceOptions options;
    options.handle_signals = true;
    options.serve_operator_requests = true;
    options.tell_service_manager = true;
    HttpService http(version);
    http.listen_to(options);
    Service service(configuration, options);
    if (auto const opened = service.open(); !opened) return report(opened.error());
    if (http_wanted(configuration)) {
        if (auto const started = http.start(configuration, service)) {
            write_log(sync::LogLevel::info, "http.listening", "", "", http.address());
        } else if (started.error().code == ErrorCode::unavailable && configuration.http_listen == Configuration().http_listen) {
            // Nobody asked for this very address: a second service on a machine follows its book without a page.
            write_log(sync::LogLevel::warning, "http.not_listening", "", "", started.error().message);
        } else {
            return report(started.error());
        }
    }
    write_log(sync::LogLevel::info, "service.started", "", "",
              fmt::format("{} gateway{}, database {}, configuration {}", configuration.gateways.size(),
                          configuration.gateways.size() == 1 ? "" : "s", configuration.database_url,
                          configuration.source.empty() ? "defaults" : configuration.source));
    std::optional<FlexSchedule> statements;
    if (import) statements.emplace(configuration, import);
    service.run();
    statements.reset();
    http.stop();
    write_log(sync::LogLevel::info, "service.stopped", "", "", "");
    return exit_fine;
}

namespace {

/// What a service answered, added to what others did.
void add_answer(std::string const& json, std::vector<query::SyncResult>& results, std::vector<std::string>& would_write) {
    boost::system::error_code bad;
    auto const parsed = boost::json::parse(json, bad);
    if (bad || !parsed.is_object() || !parsed.as_object().contains("results")) return;
    for (auto const& each : parsed.at("results").as_array()) {
        if (auto result = query::parse_sync_result(boost::json::serialize(each))) results.push_back(std::move(*result));
    }
    auto const* const texts = parsed.as_object().if_contains("would_write");
    if (texts == nullptr || !texts->is_array()) return;
    for (auto const& text : texts->as_array()) {
        if (text.is_string()) would_write.emplace_back(text.as_string());
    }
}

void print_would_write(std::vector<std::string> const& texts) {
    for (auto const& text : texts) print_line(text);
    if (texts.empty()) print_line("nothing would be written: the book equals the broker");
}

/// The services that hold the configured gateways, or the one that holds the account's.
std::vector<std::string> owners(Configuration const& configuration, store::DataSource& database, std::string const& account) {
    std::string its_gateway;
    if (!account.empty()) {
        auto const reader = database.open_reader();
        auto const rows = reader ? (*reader)->accounts() : Result<std::vector<query::AccountRow>>(std::unexpected(reader.error()));
        if (rows) {
            for (auto const& row : *rows) {
                if (row.account == account) its_gateway = row.gateway;
            }
        }
    }
    std::vector<std::string> found;
    for (auto const& gateway : configuration.gateways) {
        if (!its_gateway.empty() && gateway.name != its_gateway) continue;
        auto owner = owner_of(database, gateway.name);
        if (!owner.empty() && std::find(found.begin(), found.end(), owner) == found.end()) found.push_back(std::move(owner));
    }
    if (found.empty()) found.emplace_back();
    return found;
}

/// Says on stderr what failed: who throws the output of a job away sees it all the same. On a terminal it is said there alone.
/// `otherwise`: where no result says why.
int tell_failures(std::vector<query::SyncResult>& results, Format format, std::string const& otherwise) {
    std::vector<std::string> told;
    for (auto& result : results) {
        if (result.success) continue;
        auto line = (result.account.empty() ? "" : result.account + ": ") + result.error.value_or(otherwise);
        if (format == Format::table) result.error.reset();
        if (std::find(told.begin(), told.end(), line) == told.end()) told.push_back(std::move(line));
    }
    if (told.empty()) told.push_back(otherwise);
    for (auto const& line : told) std::fprintf(stderr, "possync: %s\n", query::printable(line).c_str());
    return exit_failed;
}

/// Asks the services that hold the gateways to sync, and waits for their answers.
int sync_through_service(Configuration const& configuration, store::DataSource& database, SyncCommand const& command, Format format) {
    boost::json::object arguments{{"account", command.account}, {"dry_run", command.dry_run}};
    if (command.calculate_realized_pnl) arguments["calculate_realized_pnl"] = *command.calculate_realized_pnl;
    bool all_ok = true;
    std::vector<query::SyncResult> results;
    std::vector<std::string> would_write;
    auto const asked = owners(configuration, database, command.account);
    for (auto const& owner : asked) {
        bool ok = true;
        auto answer = ask_service(database, "sync", boost::json::serialize(arguments), &ok, std::chrono::seconds(60), owner);
        if (!answer) return report(answer.error());
        all_ok = all_ok && ok;
        add_answer(*answer, results, would_write);
    }
    int const status = all_ok ? exit_fine : tell_failures(results, format, "the running service did not say why it failed; see its log");
    std::string const by = asked.size() == 1 ? "the running service" : fmt::format("{} running services", asked.size());
    if (format == Format::json) {
        print_line(sync_answer(results, command.dry_run ? std::optional(would_write) : std::nullopt));
    } else if (format == Format::csv) {
        print(query::to_csv(results));
    } else if (command.dry_run) {
        all_ok ? print_would_write(would_write) : print_line(query::to_table(results, table_options()));
        print_line(fmt::format("asked of {}; nothing was written", by));
    } else {
        print_line("synced by " + by);
        print_line(query::to_table(results, table_options()));
    }
    return status;
}

/// Whether a living service holds one of the configured gateways: it is then the one to sync.
bool served_by_another(Configuration const& configuration, store::DataSource& database) {
    return std::any_of(configuration.gateways.begin(), configuration.gateways.end(),
                       [&](auto const& gateway) { return service_holds(database, gateway.name); });
}

}  // namespace

Result<void> sync_once(Configuration const& configuration, SyncCommand const& command, SyncAnswer& answer) {
    ServiceOptions options;
    options.one_shot = true;
    options.handle_signals = true;
    // What went wrong is in the answer; a log line besides would say it twice.
    options.on_log = [](std::string const& gateway, sync::Log const& line) {
        if (line.level != sync::LogLevel::error) write_log(line.level, line.event, gateway, line.account, line.text);
    };
    options.rehearsal = command.dry_run;
    Service service(configuration, options);
    POSSYNC_TRY_VOID(service.open());
    service.request_sync(command.account, command.dry_run, command.calculate_realized_pnl,
                         [&](SyncAnswer done) { answer = std::move(done); });
    service.run();
    return {};
}

int run_diff(Configuration const& configuration, std::string const& account, Format format) {
    set_up_log("error", configuration.log_format);
    auto const database = open_database(configuration);
    if (!database) return report(database.error());
    std::vector<query::DifferenceRow> rows;
    if (served_by_another(configuration, **database)) {
        auto const arguments = boost::json::serialize(boost::json::object{{"account", account}, {"dry_run", true}});
        for (auto const& owner : owners(configuration, **database, account)) {
            auto const answer = ask_service(**database, "diff", arguments, nullptr, std::chrono::seconds(60), owner);
            if (!answer) return report(answer.error());
            auto parsed = query::parse_json<query::DifferenceRow>(*answer);
            if (!parsed) return report(parsed.error());
            rows.insert(rows.end(), std::make_move_iterator(parsed->begin()), std::make_move_iterator(parsed->end()));
        }
    } else {
        SyncAnswer answer;
        SyncCommand command;
        command.account = account;
        command.dry_run = true;
        if (auto const asked = sync_once(configuration, command, answer); !asked) return report(asked.error());
        if (!answer.success()) return report({ErrorCode::unavailable, answer.first_error()});
        rows = difference_rows(answer.differences);
    }
    if (format == Format::table && rows.empty()) {
        print_line("broker and book are equal");
    } else {
        show(rows, format);
    }
    return rows.empty() ? exit_fine : exit_difference;
}

int run_sync(Configuration const& configuration, SyncCommand const& command, Format format) {
    set_up_log(configuration.log_level == "info" ? "error" : configuration.log_level, configuration.log_format);
    auto const database = open_database(configuration);
    if (!database) return report(database.error());
    if (served_by_another(configuration, **database)) return sync_through_service(configuration, **database, command, format);
    SyncAnswer answer;
    if (auto const asked = sync_once(configuration, command, answer); !asked) return report(asked.error());
    bool const held_elsewhere = std::any_of(answer.results.begin(), answer.results.end(), [](auto const& result) {
        return !result.success && result.error_code == ErrorCode::conflict;
    });
    if (held_elsewhere) return sync_through_service(configuration, **database, command, format);
    auto results = query_results(answer.results);
    if (command.dry_run && answer.success() && format == Format::table) {
        print_would_write(printed(answer.would_write));
        return exit_fine;
    }
    int const status = answer.success() ? exit_fine : tell_failures(results, format, "no account was synced");
    if (format == Format::json) {
        print_line(sync_answer(results, command.dry_run ? std::optional(printed(answer.would_write)) : std::nullopt));
    } else if (format == Format::csv) {
        print(query::to_csv(results));
    } else {
        print_line(query::to_table(results, table_options()));
    }
    return status;
}

/// Every service that holds one of the gateways begins anew; where there is none, only the recorded runs are counted.
Result<void> reset_statistics(Configuration const& configuration, store::DataSource& database) {
    for (auto const& owner : owners(configuration, database, "")) {
        if (owner.empty()) return database.reset_statistics(clock_now().wall);
        POSSYNC_TRY_VOID(ask_service(database, "reset_statistics", "{}", nullptr, std::chrono::seconds(60), owner));
    }
    return {};
}

void add_live_status(query::Status& status, std::string const& text) {
    boost::system::error_code bad;
    auto const rows = boost::json::parse(text, bad);
    if (bad || !rows.is_array()) return;
    for (auto const& each : rows.as_array()) {
        if (!each.is_object()) continue;
        auto const& said = each.as_object();
        auto const text_of = [&](char const* name) {
            auto const* value = said.if_contains(name);
            return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
        };
        auto const truth_of = [&](char const* name) {
            auto const* value = said.if_contains(name);
            return value != nullptr && value->is_bool() ? std::optional(value->as_bool()) : std::nullopt;
        };
        for (auto& row : status.gateways) {
            if (row.gateway != text_of("gateway")) continue;
            row.connected = truth_of("connected");
            row.stale = truth_of("stale");
            if (auto const since = base::parse_rfc3339(text_of("stale_since"))) row.stale_since = *since;
            auto const* version = said.if_contains("server_version");
            if (version != nullptr && version->is_int64() && version->as_int64() > 0) row.server_version = version->as_int64();
            if (auto state = text_of("state"); !state.empty()) row.state = std::move(state);
            row.down_expected = truth_of("down_expected");
            if (auto why = text_of("last_error"); !why.empty()) row.last_error = std::move(why);
        }
    }
}

int run_status(Configuration const& configuration, std::string const& account, bool reset, Format format) {
    auto const database = open_database(configuration);
    if (!database) return report(database.error());
    if (reset) {
        if (auto const done = reset_statistics(configuration, **database); !done) return report(done.error());
    }
    auto reader = open_reader(configuration);
    if (!reader) return report(reader.error());
    auto status = query::read_status(**reader, clock_now().wall, account.empty() ? std::nullopt : std::optional(account));
    if (!status) return report(status.error());
    for (auto& row : status->gateways) {
        for (auto const& gateway : configuration.gateways) {
            if (gateway.name == row.gateway) row.address = fmt::format("{}:{}", gateway.host, gateway.port);
        }
    }
    add_live_status(*status, ask_live_status(**database));
    print_line(format == Format::json ? query::to_json(*status) : query::to_table(*status, table_options()));
    return exit_fine;
}

int run_table(Configuration const& configuration, std::string const& table, query::FilterText const& filter, Format format) {
    auto const* const view = query::find_view(table);
#define POSSYNC_SHOW_ROWS(Row) \
    if (view == &query::view_info<query::Row>()) return show_rows<query::Row>(configuration, filter, format);
    POSSYNC_FOR_EACH_VIEW(POSSYNC_SHOW_ROWS)
#undef POSSYNC_SHOW_ROWS
    std::string names;
    for (auto const* const each : query::all_views()) names += (names.empty() ? "" : ", ") + std::string(each->name);
    return report({ErrorCode::invalid_input, fmt::format("there is no table '{}'; the tables are {}", table, names)});
}

int run_export(Configuration const& configuration, std::string const& table, std::string const& output, query::FilterText const& filter,
               Format format) {
    if (output.empty()) return run_table(configuration, table, filter, format);
    if (auto const opened = begin_output(output); !opened) return report(opened.error());
    int const status = run_table(configuration, table, filter, format);
    auto const ended = end_output(status == exit_fine);
    return ended ? status : report(ended.error());
}

int run_migrate(Configuration const& configuration, Format format) {
    auto const database = open_database(configuration);
    if (!database) return report(database.error());
    auto const done = (*database)->migrate();
    if (!done) return report(done.error());
    if (format == Format::json) {
        boost::json::object object{{"database", (*database)->name()}, {"from", done->from}, {"to", done->to}, {"backup", nullptr}};
        if (!done->backup.empty()) object["backup"] = done->backup;
        print_line(boost::json::serialize(object));
    } else if (done->from == done->to) {
        print_line(fmt::format("{} is at schema {}, the newest", (*database)->name(), done->to));
    } else {
        print_line(fmt::format("{}: schema {} -> {}{}", (*database)->name(), done->from, done->to,
                               done->backup.empty() ? "" : ", the old one is kept as " + done->backup));
    }
    return exit_fine;
}

int run_config(Configuration const& configuration, bool comments, Format format) {
    if (comments && format == Format::json) return report({ErrorCode::invalid_input, "JSON has no comments; leave --comments or --json out"});
    if (format == Format::json) {
        print_line(configuration_json(configuration));
        return exit_fine;
    }
    if (comments) {
        print_line(print_commented_configuration(configuration));
        return exit_fine;
    }
    print_line("# " + (configuration.source.empty() ? std::string("defaults; no file was found") : configuration.source));
    print_line(print_configuration(configuration));
    return exit_fine;
}

int run_simulate(GatewayServerOptions options) {
    options.handle_signals = true;
    options.on_happening = [](std::string const& text) {
        print_line(text);
        std::fflush(stdout);
    };
    GatewayServer server(options);
    if (auto const opened = server.open(); !opened) return report(opened.error());
    print_line(fmt::format("simulated gateway on {}:{}, server version {}, {}; invented accounts and trades, stop with Ctrl-C",
                           options.address, server.port(), options.simulator.server_version,
                           options.scenario.empty() ? fmt::format("seed {}", options.day.seed) : options.scenario));
    std::fflush(stdout);
    server.run();
    return exit_fine;
}

int run_demo(DemoCommand const& command, std::string const& version) {
    auto const pace = base::parse_duration(command.pace);
    if (!pace) return report(pace.error());
    GatewayServerOptions gateway;
    gateway.port = 0;
    gateway.day.seed = command.seed;
    gateway.day.accounts = 1;
    gateway.pace = *pace;
    gateway.simulator.account_interval = std::chrono::seconds(1);  // marks that move while one looks on
    std::mutex mutex;
    std::string happened = "the day begins";
    gateway.on_happening = [&](std::string const& text) {
        std::lock_guard const lock(mutex);
        happened = text;
    };
    GatewayServer server(gateway);
    if (auto const opened = server.open(); !opened) return report(opened.error());

    std::optional<TemporaryFolder> folder;
    Configuration configuration;
    if (command.database.empty()) {
        auto made = TemporaryFolder::make();
        if (!made) return report(made.error());
        folder = std::move(*made);
        configuration.database_url = store::url_of_file(folder->file("demo.db"));
    } else {
        configuration.database_url = store::url_of_file(command.database);
    }
    configuration.gateways.front().name = "simulated";
    configuration.gateways.front().port = server.port();
    configuration.gateways.front().expect = sync::Expect::paper;
    configuration.http_listen = command.listen;
    auto const database = open_database(configuration);
    if (!database) return report(database.error());

    std::thread gateway_thread([&] { server.run(); });
    std::deque<std::string> recent;
    ServiceOptions options;
    options.handle_signals = true;
    options.on_log = [&](std::string const&, sync::Log const& line) {
        if (line.level == sync::LogLevel::debug) return;
        std::lock_guard const lock(mutex);
        recent.push_back(fmt::format("{} {:<20} {}", base::to_rfc3339(clock_now().wall).substr(11, 8), line.event, line.text));
        if (recent.size() > 8) recent.pop_front();
    };
    HttpService http(version);
    http.listen_to(options);
    int status = exit_fine;
    {
        Service service(configuration, options);
        Result<void> ready = service.open();
        if (ready && http_wanted(configuration)) {
            ready = http.start(configuration, service);
            if (!ready && ready.error().code == ErrorCode::unavailable && command.listen == DemoCommand().listen) {
                configuration.http_listen = "127.0.0.1:0";
                ready = http.start(configuration, service);
            }
        }
        if (!ready) {
            status = report(ready.error());
        } else {
            std::atomic<bool> over = false;
            bool const live = ::isatty(STDOUT_FILENO) != 0;
            std::thread screen([&] {
                auto const begun = std::chrono::steady_clock::now();
                auto next = begun;
                while (!over) {
                    next += live ? std::chrono::milliseconds(500) : std::chrono::seconds(2);
                    std::string text;
                    text += "possync demo: a SIMULATED gateway, invented accounts and trades. Stop with Ctrl-C.\n";
                    text += "database " + (*database)->name() + (http.running() ? ", page " + http.address() : "") + "\n\n";
                    if (auto reader = (*database)->open_reader()) {
                        query::Filter filter;
                        if (auto rows = (*reader)->positions(filter)) text += query::to_table(*rows, table_options());
                    }
                    {
                        std::lock_guard const lock(mutex);
                        text += "\nat the broker: " + happened + "\n\n";
                        for (auto const& each : recent) text += each + "\n";
                    }
                    print((live ? "\x1b[H\x1b[2J" : "") + text + (live ? "" : "\n"));
                    std::fflush(stdout);
                    while (!over && std::chrono::steady_clock::now() < next) std::this_thread::sleep_for(std::chrono::milliseconds(50));
                    if (command.seconds > 0 && std::chrono::steady_clock::now() - begun > std::chrono::seconds(command.seconds)) {
                        service.stop();
                        break;
                    }
                }
            });
            service.run();
            over = true;
            screen.join();
            http.stop();
        }
    }
    server.stop();
    gateway_thread.join();
    print_line("demo stopped");
    return status;
}

}  // namespace possync::app
