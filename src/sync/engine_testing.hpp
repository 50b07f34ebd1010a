// For tests of the engine: a gateway written out message by message, and a store that says yes. Unlike a simulator this one
// can say what no gateway should. After every step it is checked that the engine does not ask to be woken at once for ever.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sync/engine.hpp"
#include "tws/decode.hpp"
#include "tws/encode.hpp"
#include "tws/frame.hpp"

namespace possync::sync {

class UtcOnly final : public base::ZoneRules {
public:
    base::Result<base::Timestamp> to_utc(std::string_view, base::LocalTime const& local) const override {
        return base::from_utc_local(local);
    }
    base::Result<base::LocalTime> to_local(std::string_view, base::Timestamp time) const override {
        return base::utc_local(time);
    }
};
inline UtcOnly const utc_only;

struct EngineStory {
    explicit EngineStory(EngineOptions options = {}) : engine(std::move(options), utc_only) {
        now.wall = *base::parse_rfc3339("2026-11-25T15:00:00Z");
        now.steady = std::chrono::seconds(1000);
    }

    // --- the gateway ------------------------------------------------------------------------------------------------------

    /// Starts if need be, and shakes hands.
    void connect(std::string_view accounts = "DU1", int server_version = 226) {
        if (!started) step(Start{});
        started = true;
        greet(server_version);
        say(tws::ManagedAccounts{accounts});
        say(tws::NextValidId{1});
    }
    void greet(int server_version = 226) {
        version = server_version;
        ASSERT_TRUE(opening) << "nobody wants to connect";
        opening = false;
        reader.reset();
        shaken_hands = false;
        step(SocketOpened{});
        std::string bytes;
        tws::encode_server_hello(bytes, version, "20261125 15:00:00 UTC");
        step(BytesReceived{bytes});
    }
    template <typename Message>
    void say(Message const& message) {
        std::string bytes;
        tws::encode(bytes, tws::IncomingMessage(message), version);
        step(BytesReceived{bytes});
    }
    void error(std::int64_t code, std::int64_t request_id = -1) { say(tws::ErrorMessage{request_id, code, "text", "", 0}); }
    void row(std::string_view account, std::int64_t con_id, std::optional<std::int64_t> quantity) {
        tws::Position position;
        position.account = account;
        position.contract.con_id = con_id;
        position.contract.symbol = "SYM";
        position.contract.sec_type = "STK";
        position.contract.currency = "USD";
        if (quantity) position.position = base::Decimal(*quantity);
        position.average_cost = base::Decimal(10);
        say(position);
    }
    void fill(std::string_view exec_id, std::string_view account, std::int64_t con_id, std::string_view time,
              std::int64_t quantity, std::int64_t request_id = -1) {
        tws::ExecutionDetails details;
        details.request_id = request_id;
        details.exec_id = exec_id;
        details.account = account;
        details.contract.con_id = con_id;
        details.contract.symbol = "SYM";
        details.contract.sec_type = "STK";
        details.contract.currency = "USD";
        details.time = time;
        details.side = quantity > 0 ? "BOT" : "SLD";
        details.shares = base::Decimal(quantity > 0 ? quantity : -quantity);
        details.price = base::Decimal(10);
        say(details);
    }
    /// Answers a request for contract data; `more` says what else there is to say.
    tws::ContractData describe(tws::RequestContractData const& request, std::function<void(tws::ContractData&)> const& more) {
        tws::ContractData data;
        data.request_id = request.request_id;
        data.contract.con_id = request.con_id;
        data.contract.symbol = "SYM";
        data.contract.sec_type = "STK";
        data.contract.currency = "USD";
        more(data);
        say(data);
        say(tws::ContractDataEnd{request.request_id});
        return data;
    }
    /// Answers everything that is asked for contract data, and says that there were no fills.
    void answer_rest() {
        for (auto const& request : take<tws::RequestExecutions>())
            say(tws::ExecutionDetailsEnd{request.request_id});
        for (auto const& request : take<tws::RequestContractData>())
            error(200, request.request_id);
    }
    /// A whole sync in which the gateway shows these rows.
    struct Row {
        std::string account;
        std::int64_t con_id = 0;
        std::optional<std::int64_t> quantity;
    };
    void list(std::vector<Row> const& rows) {
        EXPECT_FALSE(take<tws::RequestPositions>().empty()) << "nobody asked for positions";
        for (auto const& each : rows)
            row(each.account, each.con_id, each.quantity);
        say(tws::PositionEnd{});
        for (int i = 0; i < 4; ++i) {  // contract data is asked for at a pace
            answer_rest();
            pass(std::chrono::seconds(1));
        }
    }
    void lose_connection() { step(SocketClosed{"closed by the gateway"}); }

    // --- time -------------------------------------------------------------------------------------------------------------

    void pass(base::Duration duration) {
        auto const until = now.steady + duration;
        while (now.steady < until) {
            auto const due = engine.next_wakeup();
            auto const next = due && *due > now.steady && *due < until ? *due : until;
            now.wall = now.wall + (next - now.steady);
            now.steady = next;
            step(Tick{});
        }
    }
    /// As time passes at a gateway that answers each probe.
    void pass_alive(base::Duration duration) {
        auto const until = now.steady + duration;
        while (now.steady < until) {
            pass(std::min<base::Duration>(std::chrono::seconds(10), until - now.steady));
            say(tws::CurrentTime{now.wall.microseconds / 1'000'000});
            if (serving) serve();
        }
    }
    /// Answers what was asked with the rows of `shown`.
    void serve() {
        if (!take<tws::RequestPositions>().empty()) {
            for (auto const& each : shown)
                row(each.account, each.con_id, each.quantity);
            say(tws::PositionEnd{});
        }
        answer_rest();
    }

    // --- the engine -------------------------------------------------------------------------------------------------------

    void step(Event const& event) {
        run(event);
        for (int i = 0; i < 3; ++i) {
            auto const due = engine.next_wakeup();
            if (!due || *due > now.steady) return;
            run(Tick{});
        }
        ADD_FAILURE() << "the engine wants to be woken at once, for ever";
    }
    std::int64_t sync(std::string const& account = "", bool dry_run = false, std::optional<bool> realized = std::nullopt) {
        step(SyncRequested{++requests, account, dry_run, realized});
        return requests;
    }
    /// What the answer to a request says of its first account.
    [[nodiscard]] SyncResult result(std::int64_t request) const {
        for (auto const& each : answers) {
            if (each.request_number == request && !each.results.empty()) return each.results.front();
        }
        ADD_FAILURE() << "request " << request << " was not answered";
        return {};
    }

    template <typename Request>
    std::vector<Request> take() {
        std::vector<Request> result;
        std::erase_if(asked, [&](std::string const& payload) {
            auto const request = tws::decode_request(payload, version);
            if (!request) return false;
            auto const* one = std::get_if<Request>(&*request);
            if (one != nullptr) result.push_back(*one);
            return one != nullptr;
        });
        return result;
    }
    [[nodiscard]] bool logged(std::string const& event, std::string const& account = "") const {
        return std::any_of(log.begin(), log.end(),
                           [&](Log const& line) { return line.event == event && (account.empty() || line.account == account); });
    }
    [[nodiscard]] std::string text_of(std::string const& event) const {
        for (auto const& line : log) {
            if (line.event == event) return line.text;
        }
        return {};
    }
    [[nodiscard]] base::Decimal held(std::string const& account, std::int64_t con_id) const {
        auto const* book = engine.book(account);
        if (book == nullptr) return base::Decimal(-999);
        auto const found = book->instruments.find(con_id);
        if (found == book->instruments.end() || found->second.positions.empty()) return base::Decimal(0);
        return found->second.positions.back().quantity;
    }
    [[nodiscard]] std::optional<base::Timestamp> synced_at(std::string const& account) const {
        for (auto const& each : engine.status().accounts) {
            if (each.account == account) return each.last_synced_at;
        }
        return std::nullopt;
    }

    Engine engine;
    base::Now now;
    int version = 226;
    bool started = false;
    bool finished = false;
    bool opening = false;            ///< the engine waits for its socket
    std::vector<std::string> asked;  ///< payloads
    std::vector<Row> shown;
    bool serving = false;  ///< pass_alive answers
    std::vector<Log> log;
    std::vector<SyncFinished> answers;
    std::vector<model::CoverageWindow> coverage;
    std::vector<model::MarkRecord> marks;
    std::vector<model::AccountValue> values;
    std::vector<model::SyncRun> runs;
    std::map<std::string, model::Freshness> freshness;
    std::map<std::string, model::AccountBook> books;
    std::map<std::string, base::Timestamp> covered_to;
    std::string rival;                                   ///< holds the gateway, where set
    std::optional<base::Duration> free_in;               ///< what the store says of the rival's lease
    std::int64_t epoch = 1;
    std::vector<Claim> claims;
    int releases = 0;
    bool claims_answered = true;
    bool loads_answered = true;
    bool commits_answered = true;
    std::optional<base::ErrorCode> fail_next_claim;
    std::optional<base::ErrorCode> fail_next_load;
    std::set<std::string> not_ours;      ///< accounts that another gateway of the database has
    std::map<std::string, std::vector<model::MarkRecord>> known_marks;  ///< what the database holds of each account
    std::optional<base::ErrorCode> fail_next_commit;  ///< nothing of it is written
    std::vector<std::int64_t> commits;  ///< not answered
    std::int64_t requests = 0;

private:
    void run(Event const& event) {
        auto effects = engine.step(event, now);
        std::vector<Event> answer;
        for (auto& effect : effects)
            std::visit([&](auto& each) { take_effect(each, answer); }, effect);
        for (auto const& each : answer)
            run(each);
    }
    template <typename Effect>
    void take_effect(Effect&, std::vector<Event>&) {}
    void take_effect(OpenSocket&, std::vector<Event>&) { opening = true; }
    void take_effect(SendBytes& send, std::vector<Event>&) {
        std::string_view bytes = send.bytes;
        if (!shaken_hands) {
            shaken_hands = true;
            bytes.remove_prefix(4);
            reader.append(bytes);
            (void)reader.next();
            return;
        }
        reader.append(bytes);
        while (true) {
            auto const frame = reader.next();
            if (!frame || !*frame) return;
            asked.emplace_back(**frame);
        }
    }
    void take_effect(Claim& claim, std::vector<Event>& answer) {
        claims.push_back(claim);
        if (!claims_answered) return;
        if (auto const code = std::exchange(fail_next_claim, std::nullopt)) {
            answer.push_back(ClaimFailed{{*code, "the database is away"}, std::nullopt});
            return;
        }
        if (!rival.empty()) {
            answer.push_back(ClaimFailed{{base::ErrorCode::conflict, "the gateway is served by " + rival}, free_in});
            return;
        }
        Claimed claimed;
        claimed.epoch = epoch;
        claimed.registered = !claim.accounts.empty();
        for (auto const& account : claim.accounts) {
            if (not_ours.contains(account)) {
                claimed.warnings.push_back(account + " is another gateway's");
                continue;
            }
            auto& book = books[account];
            book.account = account;
            if (book.account_id == 0) book.account_id = static_cast<model::AccountId>(books.size());
            claimed.accounts.push_back({book.account_id, account});
        }
        answer.push_back(claimed);
    }
    void take_effect(Release&, std::vector<Event>&) { ++releases; }
    void take_effect(LoadBook& load, std::vector<Event>& answer) {
        if (!loads_answered) return;
        if (auto const code = std::exchange(fail_next_load, std::nullopt)) {
            answer.push_back(LoadFailed{load.account_id, {*code, "the file is damaged"}});
            return;
        }
        for (auto const& [name, book] : books) {
            if (book.account_id != load.account_id) continue;
            BookLoaded loaded;
            loaded.book = book;
            if (auto const found = known_marks.find(name); found != known_marks.end()) loaded.last.marks = found->second;
            if (auto const found = covered_to.find(name); found != covered_to.end()) loaded.last.covered_to = found->second;
            answer.push_back(std::move(loaded));
        }
    }
    void take_effect(Commit& commit, std::vector<Event>& answer) {
        if (auto const code = std::exchange(fail_next_commit, std::nullopt)) {
            answer.push_back(CommitFailed{commit.commit_number, {*code, "not now"}});
            return;
        }
        for (auto& [name, book] : books) {
            for (auto const& change_set : commit.change_sets) {
                if (change_set->account_id == book.account_id) model::apply(book, *change_set);
            }
            for (auto const& each : commit.freshness) {
                if (each.account_id == book.account_id) freshness[name] = each;
            }
        }
        coverage.insert(coverage.end(), commit.coverage.begin(), commit.coverage.end());
        marks.insert(marks.end(), commit.marks.begin(), commit.marks.end());
        values.insert(values.end(), commit.values.begin(), commit.values.end());
        runs.insert(runs.end(), commit.runs.begin(), commit.runs.end());
        if (commits_answered) {
            answer.push_back(Committed{commit.commit_number});
        } else {
            commits.push_back(commit.commit_number);
        }
    }
    void take_effect(Finished&, std::vector<Event>&) { finished = true; }
    void take_effect(SyncFinished& answered, std::vector<Event>&) { answers.push_back(std::move(answered)); }
    void take_effect(Log& line, std::vector<Event>&) { log.push_back(std::move(line)); }

    tws::FrameReader reader;
    bool shaken_hands = false;
};

/// Connected, synced once, quiet.
struct Synced : EngineStory {
    explicit Synced(EngineOptions options = {}, std::string_view accounts = "DU1,DU2", int server_version = 226)
        : EngineStory(std::move(options)) {
        connect(accounts, server_version);
        list({{"DU1", 5, 100}, {"DU2", 5, 200}});
        pass(std::chrono::seconds(6));
        log.clear();
        asked.clear();
    }
};

}  // namespace possync::sync
