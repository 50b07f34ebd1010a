// The engine at a gateway and a store without any manners: messages of every kind in any order, connections and commits that fail, books
// that change underneath. Whatever happens, certain laws hold.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sync/engine.hpp"
#include "sync/engine_testing.hpp"

namespace possync::sync {
namespace {

using namespace std::chrono_literals;
using base::Decimal;

int number(int low, int high) { return *rc::gen::inRange(low, high); }
bool chance(int percent) { return number(0, 100) < percent; }
template <typename T>
T one_of(std::vector<T> choices) {
    return choices[static_cast<std::size_t>(number(0, static_cast<int>(choices.size())))];
}

EngineOptions any_options() {
    EngineOptions options;
    options.enabled = chance(85);
    options.on_position_update = chance(85);
    options.on_trade = chance(85);
    options.marks = chance(80);
    options.one_shot = chance(15);
    options.interval = one_of<base::Duration>({10s, 60s, 5min});
    if (chance(15)) options.accounts = {"DU1"};
    if (chance(10)) options.accounts = {"DU1", "DU7"};
    if (chance(10)) options.accounts = {"DU8"};
    if (chance(15)) options.expect = one_of<Expect>({Expect::paper, Expect::live});
    if (chance(20)) options.time_zone = "UTC";
    if (chance(20)) options.account_options["DU1"] = {model::CostBasis::fifo, ledger::OnMissing::warn};
    if (chance(10)) options.account_options["DU2"] = {std::nullopt, ledger::OnMissing::close};
    return options;
}

class Chaos {
public:
    EngineStory story{any_options()};

    void run(int steps) {
        story.step(Start{});
        story.started = true;
        for (int i = 0; i < steps && !finished(); ++i) {
            if (story.opening) {
                connect();
            } else {
                something();
            }
        }
    }
    void stop() {
        answer_commits();
        story.step(Stop{});
        answer_commits();
    }
    bool finished() const { return story.engine.status().state == "stopped" && story.started && !story.opening; }

private:
    std::string account() { return one_of<std::string>({"DU1", "DU1", "DU2", "DU9", ""}); }
    std::int64_t con_id() { return one_of<std::int64_t>({5, 5, 6, 7, 8, 0}); }
    std::string exec_id() { return "e" + std::to_string(number(0, 8)) + ".0" + std::to_string(number(1, 3)); }

    void connect() {
        if (chance(10)) {
            story.opening = false;
            story.step(SocketFailed{"refused"});
            return;
        }
        if (chance(90)) {
            story.connect(one_of<std::string>({"DU1,DU2", "DU1, DU2 ,DU1", "DU1", "U5", ",DU1"}), one_of<int>({176, 200, 213, 226}));
        } else {
            story.greet(one_of<int>({176, 226}));
        }
    }

    tws::Contract contract() {
        tws::Contract made;
        made.con_id = con_id();
        made.symbol = "SYM";
        made.sec_type = made.con_id == 7 ? "OPT" : made.con_id == 8 ? "FOP" : "STK";
        made.currency = "USD";
        if (made.con_id >= 7) {
            made.right = one_of<std::string_view>({"C", "CALL", "P", "PUT", ""});
            made.strike = Decimal(100);
            made.multiplier = one_of<std::optional<Decimal>>({Decimal(100), Decimal(0), std::nullopt});
            made.last_trade_date = "20261125";
        }
        return made;
    }

    void fill() {
        tws::ExecutionDetails details;
        details.request_id = -1;
        std::string const id = chance(95) ? exec_id() : "";
        std::string const whose = account();
        details.exec_id = id;
        details.account = whose;
        details.contract = contract();
        details.time = one_of<std::string_view>({"20261125-14:00:00", "20261125-15:00:00", "20261124-15:00:00", "20261125 15:00:00 UTC", "20261125 15:00:00", "nonsense"});
        details.side = one_of<std::string_view>({"BOT", "BUY", "SLD", "SELL", "?"});
        if (chance(95)) details.shares = Decimal(number(0, 3) * 10);
        if (chance(95)) details.price = Decimal(number(0, 20));
        story.say(details);
    }

    void something() {
        switch (number(0, 22)) {
            case 0: story.lose_connection(); break;
            case 1:
            case 2: story.row(account(), con_id(), chance(90) ? std::optional<std::int64_t>(number(-2, 3) * 10) : std::nullopt); break;
            case 3: story.say(tws::PositionEnd{}); break;
            case 4:
            case 5: fill(); break;
            case 6: {
                std::string const id = exec_id();
                story.say(tws::CommissionReport{id, one_of<std::optional<Decimal>>({Decimal(1), Decimal(2), std::nullopt}),
                                                one_of<std::string_view>({"USD", "EUR"}), one_of<std::optional<Decimal>>({Decimal(5), std::nullopt})});
                break;
            }
            case 7:
                for (auto const& request : story.take<tws::RequestExecutions>()) {
                    if (chance(80)) story.say(tws::ExecutionDetailsEnd{request.request_id});
                }
                break;
            case 8: story.error(one_of<std::int64_t>({100, 162, 1100, 1101, 1102, 1300, 2101, 2104, 2110, 326, 321}), number(-1, 3)); break;
            case 9:
            case 10:
                for (auto const& request : story.take<tws::RequestContractData>()) {
                    tws::ContractData data;
                    data.request_id = request.request_id;
                    data.contract = contract();
                    data.contract.con_id = request.con_id;
                    data.price_magnifier = one_of<std::int64_t>({1, 100, 0});
                    data.under_con_id = one_of<std::int64_t>({0, 5});
                    data.time_zone = "US/Eastern";
                    if (chance(70)) story.say(data);
                    if (chance(70)) story.say(tws::ContractDataEnd{request.request_id});
                    if (chance(20)) story.error(200, request.request_id);
                }
                break;
            case 11: {
                tws::PortfolioValue value;
                std::string const whose = account();
                value.account = whose;
                value.contract = contract();
                if (chance(90)) value.market_price = Decimal(number(0, 3));
                if (chance(70)) value.average_cost = Decimal(number(1, 3));
                story.say(value);
                break;
            }
            case 12: {
                std::string const whose = account();
                story.say(tws::AccountValue{one_of<std::string_view>({"AccountReady", "NetLiquidation", "Cushion"}), one_of<std::string_view>({"true", "false", "7"}),
                                            one_of<std::string_view>({"", "USD", "BASE"}), whose});
                if (chance(50)) story.say(tws::AccountDownloadEnd{whose});
                break;
            }
            case 13: {
                tws::GatewaySettings settings;
                settings.request_id = number(999, 1003);
                settings.api.settings.round_account_values = chance(50);
                settings.api.settings.bulk_data_timeout = number(0, 30);
                settings.api.settings.read_only_api = chance(50);
                settings.api.settings.master_client_id = one_of<std::int64_t>({-1, 0, 71});
                settings.logoff.time = one_of<std::string_view>({"", "11:45", "x"});
                settings.logoff.period = "PM";
                if (story.version >= 219) story.say(settings);
                break;
            }
            case 14: story.say(tws::CurrentTime{story.now.wall.microseconds / 1'000'000 + one_of<int>({0, 3, 900, -900})}); break;
            case 15: story.step(SyncRequested{++story.requests, one_of<std::string>({"", "DU1", "NOPE"}), chance(30), one_of<std::optional<bool>>({std::nullopt, false})}); break;
            case 16:
                answer_commits();
                story.commits_answered = chance(70);
                break;
            case 17:
                if (story.commits_answered) story.fail_next_commit = one_of<base::ErrorCode>({base::ErrorCode::conflict, base::ErrorCode::io});
                break;
            case 18: story.step(one_of<Event>({BooksChanged{}, ResetStatistics{}, Committed{9999}, CommitFailed{9999, {base::ErrorCode::io, "late"}}})); break;
            case 19:
                if (chance(30)) story.step(ClaimFailed{{base::ErrorCode::conflict, "somebody else writes"}, {}});
                break;
            case 20: story.serve(); break;
            default: story.pass(one_of<base::Duration>({100ms, 1s, 6s, 31s, 5min})); break;
        }
    }
    void answer_commits() {
        story.commits_answered = true;
        for (auto const each : std::exchange(story.commits, {})) story.step(Committed{each});
    }
};

/// What the engine holds is what the store holds, whatever was refused, repeated or came late.
RC_GTEST_PROP(EngineProperty, ItsBooksAreThoseOfTheStore, ()) {
    Chaos chaos;
    chaos.run(number(5, 120));
    chaos.stop();
    for (auto const& [account, stored] : chaos.story.books) {
        auto const* book = chaos.story.engine.book(account);
        if (book != nullptr) RC_ASSERT(*book == stored);
    }
}

/// Every sync that was asked for is answered once, at the latest when the service stops.
RC_GTEST_PROP(EngineProperty, EverySyncAskedForIsAnsweredOnce, ()) {
    Chaos chaos;
    chaos.run(number(5, 120));
    chaos.stop();
    std::map<std::int64_t, int> answers;
    for (auto const& answer : chaos.story.answers) ++answers[answer.request_number];
    for (std::int64_t request = 1; request <= chaos.story.requests; ++request) RC_ASSERT(answers[request] == 1);
    RC_ASSERT(answers.size() == static_cast<std::size_t>(chaos.story.requests));
}

/// While the gateway is without its broker no account counts as synced.
RC_GTEST_PROP(EngineProperty, NothingIsSyncedWhileItMayBeOld, ()) {
    Chaos chaos;
    chaos.run(number(5, 80));
    if (chaos.finished() || chaos.story.opening || !chaos.story.engine.status().connected) return;
    chaos.story.error(1100);
    if (!chaos.story.engine.status().stale) return;
    auto const before = chaos.story.engine.status();
    for (int i = 0; i < 10 && chaos.story.engine.status().stale && !chaos.story.opening; ++i) {
        chaos.story.serve();
        chaos.story.pass(20s);
    }
    if (!chaos.story.engine.status().stale) return;
    auto const after = chaos.story.engine.status();
    for (std::size_t i = 0; i < before.accounts.size() && i < after.accounts.size(); ++i) {
        if (before.accounts[i].account == after.accounts[i].account) RC_ASSERT(before.accounts[i].last_synced_at == after.accounts[i].last_synced_at);
    }
}

}  // namespace
}  // namespace possync::sync
