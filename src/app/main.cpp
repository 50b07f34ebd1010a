// The command line: words and options to commands, and nothing else.
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include "app/command_tree.hpp"
#include "app/commands.hpp"
#include "app/import_flex.hpp"
#include "app/output.hpp"
#include "base/point.hpp"
#include "store/open/open.hpp"

namespace {

using namespace possync;
using namespace possync::app;

struct Options {
    std::string config;
    bool json = false;
    bool csv = false;
    query::FilterText filter;
    SyncCommand sync;
    bool without_pnl = false;
    bool reset = false;
    bool comments = false;
    std::string generate;
    std::string account;
    std::string table;
    GatewayServerOptions simulate;
    std::string pace = "2s";
    std::string account_interval = "3m";
    std::string faults;
    DemoCommand demo;
    RepairText repair;
    std::string against;
    std::string output;
    RecordCommand record;
    ReplayCommand replay;
    FlexFetchCommand flex_fetch;
    ImportOptions import;
    std::string since;
    PnlCommand pnl;
    SetupCommand setup;
    std::string receiver;
};

void add_filter(CLI::App* command, Options& options, bool time_travel = false) {
    auto& filter = options.filter;
    auto text = [&](char const* name, std::optional<std::string>& to, char const* help) {
        command->add_option_function<std::string>(name, [&to](std::string const& value) { to = value; }, help);
    };
    text("--account", filter.account, "only this account");
    text("--symbol", filter.symbol, "only this symbol");
    text("--status", filter.status, "OPEN or CLOSED positions, state of breaks and certifications, outcome of runs, type of cash");
    text("--since", filter.since, "from this moment: 2026-11-23, 2026-11-23T14:30:00Z, or ago: 15m 24h 7d");
    text("--until", filter.until, "before this moment");
    text("--limit", filter.limit, "at most so many rows");
    text("--sort", filter.sort, "column, -column for descending");
    if (time_travel) {
        text("--at", filter.at, "as it was at this moment");
        text("--as-recorded", filter.as_recorded, "as this database knew it at this moment");
    }
}

int run(int count, char** words) {
    Options options;
    CLI::App app{"possync keeps a SQL database in lockstep with Interactive Brokers accounts, and can prove it.\n"
                 "It reads only: it cannot place, change or cancel an order.",
                 "possync"};
    app.require_subcommand(1);
    app.fallthrough();
    app.set_version_flag("--version", std::string("possync ") + POSSYNC_VERSION);
    app.add_option("--config", options.config, "configuration file; else $POSSYNC_CONFIG, ./possync.toml, /etc/possync/possync.toml");
    auto* json = app.add_flag("--json", options.json, "JSON for machines (decimals as strings)");
    app.add_flag("--csv", options.csv, "CSV for spreadsheets")->excludes(json);
    app.footer("Examples:\n"
               "  possync demo                        see it work, with a simulated gateway\n"
               "  possync setup                       find the gateway, write a configuration\n"
               "  possync doctor                      check configuration, database and gateway\n"
               "  possync sync --dry-run              what the first sync would write\n"
               "  possync run                         the service\n"
               "  possync positions --status OPEN     what is held\n"
               "  possync positions --at 2026-11-20   what was held then\n"
               "  possync record ...                  a recording for a bug report\n"
               "Exit status: 0 fine, 1 failed, 2 usage or configuration, 3 a difference was found.");

    app.add_subcommand("run", "the service: connects, syncs on schedule and on every change, until SIGTERM");
    auto* sync = app.add_subcommand("sync", "one complete sync, then exit");
    sync->add_option("--account", options.sync.account, "only this account");
    sync->add_flag("--dry-run", options.sync.dry_run, "print every row that would be written, write nothing");
    sync->add_flag("--no-realized-pnl", options.without_pnl, "book closes without calculating realized P&L");
    auto* status = app.add_subcommand("status", "gateways, accounts, coverage, counters");
    status->add_option("--account", options.account, "only this account");
    status->add_flag("--reset", options.reset, "set the counters of the running service to zero");

    struct Table {
        char const* name;
        char const* help;
    };
    static constexpr Table tables[] = {{"positions", "what is held and was held, with average price and P&L"},
                                       {"closes", "each reduction of a position with its realized P&L"},
                                       {"lots", "what is left of each opening fill"},
                                       {"executions", "fills, with commissions and corrections"},
                                       {"events", "every change of a position and its cause"},
                                       {"breaks", "differences between broker and book"},
                                       {"runs", "syncs and how they ended"},
                                       {"accounts", "accounts and their revision"},
                                       {"instruments", "contracts"},
                                       {"coverage", "windows for which executions are known to be complete"},
                                       {"adjustments", "changes that are not fills: opening balances, splits, ..."},
                                       {"statements", "statements that were imported, and the days that they cover"},
                                       {"certifications", "days on which the book was compared with a statement"},
                                       {"differences", "what statements say and the book did not, corrected or open"},
                                       {"cash", "dividends, interest, fees, deposits: money that moved without a trade"},
                                       {"successions", "what became of instruments in mergers, spin-offs, changes of symbol"}};
    for (auto const& table : tables) {
        auto* command = app.add_subcommand(table.name, table.help);
        add_filter(command, options, std::string_view(table.name) == "positions");
        command->callback([&options, name = table.name] { options.table = name; });
    }
    auto* pnl = app.add_subcommand("pnl", "realized P&L by day, symbol or account");
    add_filter(pnl, options);
    pnl->add_option("--by", options.pnl.grouping, "day, symbol, account, several with commas, or total")->capture_default_str();
    pnl->add_option("--method", options.pnl.method, "average, fifo, lifo or hifo over the whole history; else as the book was kept");
    pnl->add_option("--view", options.pnl.view, "economic: an option's premium is realized when it ends; tax: it is part of the cost of what an "
                                                "exercise or assignment delivered")->capture_default_str();
    pnl->add_flag("--total", options.pnl.total, "with dividends, withholding, interest and fees from statements, in the base currency too; by account, "
                                                "whatever --by says");
    pnl->footer("Examples:\n  possync pnl --since 30d\n  possync pnl --by account,symbol --method fifo\n"
                "  possync pnl --total --since 2026-01-01\n"
                "It is trading P&L, net of commissions; what has no known P&L is counted, not summed.");
    auto* verify = app.add_subcommand("verify", "recalculate every position from its facts; exit status 3 when one does not follow from them");
    verify->footer("It compares the database with itself; possync diff compares with the broker, possync certify with the statements.");
    auto* diff = app.add_subcommand("diff", "broker against book now, with the cause of each difference; exit status 3 when they differ");
    diff->add_option("--account", options.account, "only this account");
    diff->add_option("--against", options.against, "compare the book with this CSV file of your own instead (columns quantity, symbol or con_id, account, sec_type)");
    auto* export_ = app.add_subcommand("export", "a table as CSV (or --json), complete or not at all");
    export_->add_option("table", options.table, "positions, closes, lots, executions, events, breaks, runs, accounts, instruments, coverage, adjustments, "
                                                "account_values, statements, certifications, differences, cash, successions, currency_rates, history; or a view's name in SQL")
        ->required();
    export_->add_option("--output", options.output, "file; without it standard output");
    add_filter(export_, options);
    auto add_repair = [&](char const* verb, char const* subject, char const* help, char const* examples) {
        auto* command = app.add_subcommand(verb, help);
        command->add_option("subject", options.repair.subject, subject)->required();
        command->add_option("--account", options.repair.account, "where an execution id is known in several accounts");
        command->add_flag("--dry-run", options.repair.dry_run, "print what would be written, write nothing");
        command->footer(examples);
        command->callback([&options, verb] { options.repair.verb = verb; });
        return command;
    };
    auto* explain = add_repair("explain", "id of a break (possync breaks) or of an adjustment without a price (possync adjustments)",
                               "state what a change of quantity was that no fill explains",
                               "Examples:\n  possync explain 4294967320 --cause transfer --price 182.50 --note \"from Fidelity\"\n"
                               "  possync explain 4294967321 --cause split --ratio 4:1\n"
                               "  possync explain 4294967322 --cause expiry --price 0\n"
                               "Causes: split expiry exercise assignment cash_settlement maturity reinvestment transfer corporate_action manual.");
    explain->add_option("--cause", options.repair.cause, "what it was")->required();
    explain->add_option("--price", options.repair.price, "per unit, as quoted; without it cost or P&L stay unknown");
    explain->add_option("--ratio", options.repair.ratio, "of a split: 4:1 where one became four");
    explain->add_option("--note", options.repair.note, "kept with it");
    add_repair("exclude", "execution id (possync executions)", "a fill that does not count: a test, another's, an error of the broker",
               "Example:\n  possync exclude 0000e0d5.69dd7411.01.01 --dry-run");
    add_repair("undo", "id of an event or adjustment, or an excluded execution id", "take back an explanation, an inferred event or an exclusion",
               "Examples:\n  possync undo 4294967330\n  possync undo 0000e0d5.69dd7411.01.01");
    auto* import = app.add_subcommand("import-flex", "import the broker's Flex statements; the same ones again change nothing");
    import->add_option("file", options.import.paths, "XML files, also .gz; folders; - for standard input")->required();
    import->add_option("--account", options.import.account, "an account that this database does not follow yet, and that is yours");
    import->footer("Examples:\n  possync import-flex statements/\n  possync import-flex 2025.xml.gz --account U1234567\n"
                   "What it finds different from the book it corrects where the statement decides, and names: possync differences.");
    auto* certify = app.add_subcommand("certify", "hold the book against all imported statements; exit status 3 when something differs");
    certify->add_option("--account", options.account, "only this account");
    certify->add_option("--since", options.since, "only days from this one on: 2026-11-01, or ago: 30d");
    certify->footer("Examples:\n  possync certify\n  possync certify --account U1234567 --since 30d --json\n"
                    "Nothing is written. What can be mended says how in its cause: possync explain, or another import.");
    auto* flex = app.add_subcommand("flex", "the broker's statements, from its Flex Web Service");
    flex->require_subcommand(1);
    flex->footer("Example:\n  possync flex fetch");
    auto* flex_fetch = flex->add_subcommand("fetch", "ask for the statements of the configured queries ([[flex.query]])");
    flex_fetch->add_option("--query", options.flex_fetch.queries, "only this query, by its number; may be given several times");
    flex_fetch->add_option("--output", options.flex_fetch.output, "leave the files in this folder");
    flex_fetch->footer("The token comes from flex.token_file, $POSSYNC_FLEX_TOKEN_FILE or $POSSYNC_FLEX_TOKEN.\n"
                       "Example:\n  possync flex fetch --query 123456 --output statements");
    app.add_subcommand("migrate", "bring the database's schema to the newest version");
    auto* config = app.add_subcommand("config", "print the effective configuration");
    config->add_flag("--comments", options.comments, "with what each key is for, and sections that may be added: a file to begin with");
    config->footer("Examples:\n  possync config\n  possync config --comments > possync.toml\n"
                   "Secrets are not shown. docs/configuration.md has every key.");
    auto* generate = app.add_subcommand("generate", "what the package holds beside the program: man, bash, zsh, fish, configuration-reference");
    generate->group("");  // for the build
    generate->add_option("what", options.generate, "man, bash, zsh, fish, configuration-reference")
        ->required()->check(CLI::IsMember({"man", "bash", "zsh", "fish", "configuration-reference"}));
#ifdef POSSYNC_PLANTED_BUGS
    app.add_subcommand("points", "the named points of this program, for the kill tests")->group("");
#endif
    auto* setup = app.add_subcommand("setup", "look for TWS or IB Gateway, show what the first sync would write, write a configuration");
    setup->add_option("--host", options.setup.host, "where the gateway runs")->capture_default_str();
    setup->add_option("--port", options.setup.ports, "its port, instead of all usual ones; may be given several times")->check(CLI::Range(1, 65535));
    setup->add_option("--client-id", options.setup.client_id, "a number that no other API client of the gateway uses")
        ->capture_default_str()->check(CLI::Range(0, 2147483647));
    setup->add_option("--time-zone", options.setup.time_zone, "IANA name of the gateway's zone, where its handshake does not tell it");
    setup->add_option("--database", options.setup.database, "URL of the database; without it a file beside the configuration");
    setup->add_flag("--force", options.setup.force, "replace a configuration that is there");
    setup->add_flag("--yes", options.setup.yes, "do not ask");
    setup->add_option("--rebind", options.setup.rebind, "name of a configured gateway: make the database accept the accounts, paper or live, "
                                                        "that it serves now");
    setup->footer("Examples:\n  possync setup\n  possync setup --host 192.168.1.20 --port 4001\n"
                  "  possync setup --config /etc/possync/possync.toml --force --yes --port 4002\n"
                  "  possync setup --rebind paper\n"
                  "The configuration goes to --config, else ./possync.toml. Nothing is asked of the gateway that changes anything.");
    auto* alert = app.add_subcommand("alert", "people are told when something is wrong ([[alert]])");
    alert->require_subcommand(1);
    alert->footer("Examples:\n  possync alert test\n  possync alert list");
    auto* alert_test = alert->add_subcommand("test", "send a test note to every configured receiver, now");
    alert_test->add_option("name", options.receiver, "only this receiver");
    auto* alert_list = alert->add_subcommand("list", "what is raised, since when");
    app.add_subcommand("doctor", "check configuration, database and gateways; say what to do");

    auto* simulate = app.add_subcommand("simulate", "a simulated gateway with an invented trading day, for your own tests");
    simulate->add_option("--port", options.simulate.port, "port to listen on; 0: any free one")
        ->capture_default_str()->check(CLI::Range(0, 65535));
    simulate->add_option("--seed", options.simulate.day.seed, "the same seed gives the same day")->capture_default_str();
    simulate->add_option("--accounts", options.simulate.day.accounts, "how many accounts")->capture_default_str()->check(CLI::Range(1, 1000));
    simulate->add_option("--first-account", options.simulate.day.first_account, "digits of the first account's code; several gateways need several")
        ->check(CLI::Range(1, 9000000))
        ->capture_default_str();
    simulate->add_option("--positions", options.simulate.day.positions, "held per account at the start")
        ->capture_default_str()->check(CLI::Range(0, 1'000'000));
    simulate->add_option("--server-version", options.simulate.simulator.server_version, "protocol version to speak")
        ->capture_default_str()->check(CLI::Range(100, 226));
    simulate->add_option("--pace", options.pace, "pause between two happenings; 0s: nothing happens")->capture_default_str();
    simulate->add_option("--happenings", options.simulate.happenings, "the day ends after so many; 0: never")
        ->capture_default_str()->check(CLI::Range(0, 2147483647));
    simulate->add_option("--scenario", options.simulate.scenario, "play the broker's steps of this file instead (docs/scenarios.md)");
    simulate->add_option("--speed", options.simulate.speed, "of the scenario's waits: 10 makes 30s last 3s")
        ->capture_default_str()->check(CLI::Range(0.01, 100000.0));
    simulate->footer("Point any TWS API client at the port (client id of your choice, no password):\n"
                     "  possync simulate --port 4002 --pace 500ms\n"
                     "  possync simulate --accounts 3 --zone America/New_York --execution-times utc\n"
                     "  possync simulate --scenario test/scenarios/flip-through-zero.scn --pace 1s --speed 10\n"
                     "  possync simulate --faults split=0.3,delay=0.1:200ms,drop=0.01,close=0.001 --seed 7\n"
                     "  possync simulate --server-version 178 --newer --start-seed 3\n"
                     "SIGUSR2 makes an invented day stand still, and go on with the next one.\n"
                     "It never fills an order: requests that trade are answered with error 321 (read-only) and told at the end. It has no\n"
                     "market data and no history. docs/simulator.md says what it serves, how it behaves and how that is known.");
    simulate->add_option("--faults", options.faults,
                         "what goes wrong, drawn from --seed: KIND=RATE[:TIME],... of split merge delay duplicate drop garbage close stall "
                         "restart, and until=TIME (docs/simulator.md)");
    simulate->add_option("--burst", options.simulate.burst, "so many fills at once whenever SIGUSR1 comes")
        ->capture_default_str()->check(CLI::Range(0, 1'000'000));
    auto& gateway = options.simulate.simulator;
    simulate->add_option("--master-client-id", gateway.master_client_id, "client that hears of every fill")->capture_default_str();
    simulate->add_option("--zone", gateway.zone, "time zone the gateway is logged in with: its midnight, its times")->capture_default_str();
    simulate->add_option("--zone-text", gateway.zone_text, "what the handshake calls that zone, in any language: \"Central European Standard Time\"");
    simulate->add_option("--execution-times", gateway.execution_times, "zone of execution times: gateway, instrument or utc")
        ->transform(CLI::CheckedTransformer(std::map<std::string, gateway::ExecutionTimes>{
            {"gateway", gateway::ExecutionTimes::gateway_zone},
            {"instrument", gateway::ExecutionTimes::instrument_zone},
            {"utc", gateway::ExecutionTimes::utc}}));
    simulate->add_option("--days-of-executions", gateway.days_of_executions, "before today: a gateway keeps none, a TWS up to 7")
        ->capture_default_str()->check(CLI::Range(0, 7));
    simulate->add_option("--account-interval", options.account_interval, "pause between two account updates")->capture_default_str();
    simulate->add_flag("--virtual-fx", gateway.virtual_fx_positions, "list positions in currency pairs");
    simulate->add_flag("--zero-rows-of-today", gateway.zero_rows_of_today_only, "of closed positions list only the day's");
    simulate->add_flag("--switch-subscription", gateway.switch_subscription, "account updates of one client take the place of another's");
    simulate->add_flag("--newer", gateway.newer_than_client, "send fields and messages that no client knows yet");
    simulate->add_option("--start-seed", gateway.start_seed, "order of accounts, order id and notices at the start; 0: the usual one")
        ->capture_default_str();
    auto* record = app.add_subcommand("record", "stand between a TWS API client and a gateway, and record what passes as a text file");
    record->add_option("--listen", options.record.listen, "port for the client; 0: any free one")->required()->check(CLI::Range(0, 65535));
    record->add_option("--gateway", options.record.gateway, "HOST:PORT of the gateway")->capture_default_str();
    record->add_option("--output", options.record.output, "the recording; a new file")->required();
    record->add_option("--limit", options.record.limit, "the recording ends, the connection does not, at 64M, 512K, 1G ...")->capture_default_str();
    record->footer("Examples:\n"
                   "  possync record --listen 4010 --gateway 127.0.0.1:4002 --output trouble.rec\n"
                   "Then let the client connect to port 4010 instead of 4002. Ctrl-C ends the recording.\n"
                   "Account codes, order references and user names are replaced before anything is written, see docs/recordings.md;\n"
                   "look through the file all the same before you send it.\n"
                   "Every byte is handed on unchanged: if the client places orders, they reach the gateway. possync itself sends\n"
                   "nothing. To record possync's own connection, set recording = \"FILE\" in its [[gateway]] section instead.");
    auto* replay = app.add_subcommand("replay", "play a recording to the sync engine, and show what it commits");
    replay->add_option("recording", options.replay.recording, "made by `possync record`, or by a service with a recording configured")->required();
    replay->add_option("--database", options.replay.database, "keep the database in this new file instead of a temporary one");
    replay->footer("Examples:\n"
                   "  possync replay trouble.rec                         change sets, positions, closes, warnings\n"
                   "  possync replay trouble.rec --json > before.json    the same for machines, equal to the byte every time\n"
                   "  possync replay trouble.rec --database trouble.db   and then: possync positions, possync verify ...\n"
                   "Time is the recording's, nothing waits, no gateway is needed; the book begins empty. What the recording does not\n"
                   "answer is listed as missing.");
    auto* demo = app.add_subcommand("demo", "simulated gateway, service and a live table in one process");
    demo->add_option("--seed", options.demo.seed, "the same seed gives the same day")->capture_default_str();
    demo->add_option("--pace", options.demo.pace, "pause between two happenings")->capture_default_str();
    demo->add_option("--database", options.demo.database, "keep the database in this file instead of a temporary one");
    demo->add_option("--listen", options.demo.listen, "HOST:PORT of page and API; port 0: any free one, off: none")->capture_default_str();
    demo->add_option("--seconds", options.demo.seconds, "stop by itself after so many seconds; 0: never")
        ->capture_default_str()->check(CLI::Range(0, 2147483647));

    try {
        app.parse(count, words);
    } catch (CLI::ParseError const& error) {
        // Help and version are no errors to the shell; everything else is usage.
        if (error.get_exit_code() == 0) return app.exit(error);
        return report({base::ErrorCode::invalid_input, usage_error(app, error)});
    }
    Format const format = options.json ? Format::json : options.csv ? Format::csv : Format::table;
    std::string const command = command_words(app) + (options.sync.dry_run ? " --dry-run" : "");
    if (auto const printable = check_format(command, format); !printable) return report(printable.error());
    if (simulate->parsed()) {
        auto const pace = base::parse_duration(options.pace);
        if (!pace) return report(pace.error());
        options.simulate.pace = *pace;
        if (!options.faults.empty()) {
            auto const plan = gateway::parse_faults(options.faults);
            if (!plan) return report(plan.error());
            options.simulate.faults = *plan;
        }
        auto const interval = base::parse_duration(options.account_interval);
        if (!interval) return report(interval.error());
        options.simulate.simulator.account_interval = std::max<base::Duration>(*interval, std::chrono::milliseconds(10));
        return run_simulate(std::move(options.simulate));
    }
    if (demo->parsed()) return run_demo(options.demo, POSSYNC_VERSION);
#ifdef POSSYNC_PLANTED_BUGS
    if (app.got_subcommand("points")) {
        for (auto const name : base::points) print_line(std::string(name));
        return exit_fine;
    }
#endif
    if (generate->parsed()) {
        auto const& what = options.generate;
        print(what == "man" ? man_page(app, POSSYNC_VERSION)
              : what == "bash" ? bash_completion(app)
              : what == "zsh"  ? zsh_completion(app)
              : what == "fish" ? fish_completion(app)
                               : configuration_reference());
        return exit_fine;
    }
    if (record->parsed()) return run_record(options.record);
    if (replay->parsed()) return run_replay(options.replay, format);

    if (setup->parsed() && options.setup.rebind.empty()) {
        if (!options.config.empty()) options.setup.output = options.config;
        return run_setup(options.setup);
    }
    auto const configuration = load_configuration(options.config, process_environment());
    if (!configuration) {
        (void)report(configuration.error());
        return exit_usage;
    }
    if (options.without_pnl) options.sync.calculate_realized_pnl = false;
    if (app.got_subcommand("run")) return run_service(*configuration, POSSYNC_VERSION, import_through_service(*configuration));
    if (setup->parsed()) return run_rebind(*configuration, options.setup);
    if (sync->parsed()) return run_sync(*configuration, options.sync, format);
    if (status->parsed()) return run_status(*configuration, options.account, options.reset, format);
    if (pnl->parsed()) {
        options.pnl.filter = options.filter;
        return run_pnl(*configuration, options.pnl, format);
    }
    if (!options.repair.verb.empty()) return run_repair(*configuration, options.repair, format);
    if (diff->parsed()) {
        return options.against.empty() ? run_diff(*configuration, options.account, format)
                                       : run_diff_against(*configuration, options.against, options.account, format);
    }
    if (export_->parsed()) {
        return run_export(*configuration, options.table, options.output, options.filter, format == Format::json ? format : Format::csv);
    }
    if (app.got_subcommand("verify")) return run_verify(*configuration, format);
    if (import->parsed()) return run_import_flex(*configuration, std::move(options.import), format);
    if (certify->parsed()) return run_certify(*configuration, options.account, options.since, format);
    if (flex_fetch->parsed()) {
        return run_flex_fetch(*configuration, options.flex_fetch, format, [&](std::filesystem::path const& file, FlexQueryConfig const& query) {
            return import_fetched(*configuration, file, query, format);
        });
    }
    if (alert_test->parsed()) return run_alert_test(*configuration, options.receiver);
    if (alert_list->parsed()) return run_alert_list(*configuration, format);
    if (app.got_subcommand("migrate")) return run_migrate(*configuration, format);
    if (app.got_subcommand("config")) return run_config(*configuration, options.comments, format);
    if (app.got_subcommand("doctor")) return run_doctor(*configuration, format);
    return run_table(*configuration, options.table, options.filter, format);
}

}  // namespace

#ifdef POSSYNC_PLANTED_BUGS
/// POSSYNC_KILL_AT=NAME:K ends the process with SIGKILL at the K-th passage of that point.
void obey_kill_at() {
    static std::string name;
    static std::atomic<long> left = 0;
    char const* const wanted = std::getenv("POSSYNC_KILL_AT");
    if (wanted == nullptr) return;
    std::string const text = wanted;
    auto const colon = text.rfind(':');
    name = text.substr(0, colon);
    left = colon == std::string::npos ? 1 : std::strtol(text.c_str() + colon + 1, nullptr, 10);
    possync::base::at_point = [](std::string_view point) {
        if (point == name && --left == 0) std::raise(SIGKILL);
    };
}
#endif

int main(int count, char** words) {
#ifdef POSSYNC_PLANTED_BUGS
    obey_kill_at();
#endif
    std::signal(SIGPIPE, SIG_IGN);
    // A core file is the memory with every secret in it.
    rlimit const none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    // Threads hand work to each other and seldom allocate at once; an arena for each kept 1.5 MiB that nobody used
    // (docs/performance.md).
    ::mallopt(M_ARENA_MAX, 1);
    store::leave_memory_uncounted();
    int const status = run(count, words);
    // A file that was cut off by a full disk is no answer. Who closed the pipe has read enough.
    errno = 0;
    bool const cut = std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
    if (!cut || errno == EPIPE) return status;
    std::fprintf(stderr, "possync: standard output cannot be written%s%s\n", errno != 0 ? ": " : "", errno != 0 ? std::strerror(errno) : "");
    return status == exit_fine ? exit_failed : status;
}
