// The HTTP API on a database that fails it: each statement of each question in turn, each table lost in turn, and a stream that
// goes on over a database that could not be read for a while. An answer is the whole answer or one that says what is the matter.
// Then what is said of books with whatever a book may hold or lack, and of gateways in every state.
#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "app/books.hpp"
#include "app/output.hpp"
#include "app/recorded_database_testing.hpp"
#include "http/feed.hpp"
#include "http/metrics.hpp"
#include "http/server.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/statement_faults_testing.hpp"

namespace possync::app {
namespace {

namespace json = boost::json;
using http::Parameters;
using store::sqlite::StatementFaults;
using testing::HasSubstr;

constexpr base::Timestamp now{1'795'700'000'000'000};  // 2026-11-26

http::LiveGateway ready(std::string name) {
    http::LiveGateway live;
    live.gateway = std::move(name);
    live.connected = true;
    live.stale = false;
    live.state = "ready";
    return live;
}

class NoCommands final : public http::Commands {
public:
    std::vector<http::LiveGateway> live{ready("gateway")};
    void sync(std::string, std::function<void(http::SyncAnswer)> done) override { done({}); }
    void reset_statistics() override {}
    [[nodiscard]] std::vector<http::LiveGateway> gateways() const override { return live; }
    [[nodiscard]] http::Deliveries deliveries() const override { return {}; }
    [[nodiscard]] std::size_t store_jobs() const override { return 0; }
    [[nodiscard]] base::Result<std::vector<query::CloseRow>>
    closes_by(std::string const& method, bool tax_view, query::Reader& reader, query::Filter const& filter) override {
        auto const basis = method.empty() ? std::nullopt : std::optional(*model::parse_cost_basis(method));
        return app::closes_by(basis, tax_view, recorded().configuration(recorded().database()), reader, filter);
    }
};

base::Result<std::unique_ptr<query::Reader>> open() { return open_reader(recorded().configuration(recorded().database())); }

struct Question {
    std::string name;
    std::function<base::Result<http::Answer>(query::Reader&)> ask;
};

std::vector<Question> questions(NoCommands& commands) {
    std::vector<Question> all;
    http::AnswerContext context;
    context.commands = &commands;
    context.interval = std::chrono::minutes(5);
    for (auto const& route : http::routes()) {
        if (route.kind != http::Kind::list) continue;
        all.push_back({std::string(route.path),
                       [&route](auto& reader) { return http::answer_list(reader, route, {{"limit", "2"}}, now); }});
        if (route.path == "/api/positions") {
            all.push_back({"positions by value", [&route](auto& reader) {
                               return http::answer_list(reader, route, {{"limit", "2"}, {"sort", "-market_value"}}, now);
                           }});
            all.push_back({"positions of the past", [&route](auto& reader) {
                               return http::answer_list(reader, route, {{"as_of", "2026-11-25T13:41:43Z"}}, now);
                           }});
        }
    }
    for (Parameters const& parameters :
         {Parameters{}, Parameters{{"total", "true"}}, Parameters{{"method", "lifo"}, {"view", "tax"}}}) {
        all.push_back(
            {"pnl", [&commands, parameters](auto& reader) { return http::answer_pnl(reader, commands, parameters, now); }});
    }
    all.push_back({"status", [context](auto& reader) { return http::answer_status(reader, context, now); }});
    all.push_back({"gate", [context](auto& reader) { return http::answer_gate(reader, context, "DU0000001", "265598", now); }});
    std::int64_t id = 0;
    {
        auto const reader = open().value();
        for (auto const& row : reader->positions().value()) {
            if (row.account == "DU0000001" && row.symbol == "KO") id = row.position_id;
        }
    }
    all.push_back({"why", [id](auto& reader) { return http::answer_why(reader, std::to_string(id), now); }});
    return all;
}

TEST(FailingDatabaseHttp, EachStatementThatFailsIsTheAnswer) {
    recorded().restore(recorded().after());
    StatementFaults faults;
    NoCommands commands;
    for (auto const& question : questions(commands)) {
        SCOPED_TRACE(question.name);
        auto const reader = open().value();
        faults.fail_at(0);
        auto const fine = question.ask(*reader);
        ASSERT_TRUE(fine.has_value()) << fine.error().message;
        int const statements = faults.seen();
        int failed = 0;
        for (int n = 1; n <= statements; ++n) {
            SCOPED_TRACE(n);
            faults.fail_at(n);
            auto const answer = question.ask(*reader);
            faults.fail_at(0);
            if (answer) {  // nothing that it needed
                EXPECT_EQ(*answer->body, *fine->body);
                continue;
            }
            ++failed;
            EXPECT_THAT(answer.error().message, HasSubstr(recorded().database()));
            EXPECT_TRUE(http::needs_new_reader(answer.error())) << answer.error().message;
            auto const again = question.ask(*reader);
            ASSERT_TRUE(again.has_value()) << "the reader is of no use any more: " << again.error().message;
            EXPECT_EQ(*again->body, *fine->body);
        }
        EXPECT_GT(failed, 0);
    }
}

struct HttpAnswer {
    int status = 0;
    std::string head;
    std::string body;
};

HttpAnswer get(std::string const& address, std::string const& target) {
    namespace asio = boost::asio;
    auto const colon = address.rfind(':');
    asio::io_context io;
    asio::ip::tcp::socket socket(io);
    socket.connect({asio::ip::make_address("127.0.0.1"), static_cast<unsigned short>(std::stoi(address.substr(colon + 1)))});
    std::string const request =
        fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", target, address.substr(7));
    asio::write(socket, asio::buffer(request));
    std::string all;
    boost::system::error_code error;
    asio::read(socket, asio::dynamic_buffer(all), error);
    auto const end = all.find("\r\n\r\n");
    if (end == std::string::npos) return {};
    return {std::stoi(all.substr(9, 3)), all.substr(0, end), all.substr(end + 4)};
}

void rename(std::string const& one, std::string const& other) {
    auto const database =
        store::sqlite::Database::open(recorded().database(), {.mode = store::sqlite::Database::Mode::read_write}).value();
    auto const done =
        database->execute(fmt::format("PRAGMA legacy_alter_table = ON; ALTER TABLE \"{}\" RENAME TO \"{}\"", one, other));
    ASSERT_TRUE(done.has_value()) << done.error().message;
}

TEST(FailingDatabaseHttp, WhoeverAsksForALostTableIsToldAndProbesSaySo) {
    recorded().restore(recorded().after());
    NoCommands commands;
    http::Metrics metrics("test");
    http::ServerOptions options;
    options.listen = "127.0.0.1:0";
    options.open_reader = open;
    std::vector<std::string> trouble;
    std::mutex mutex;
    options.log = [&](std::string const& event, std::string const& text) {
        std::lock_guard const lock(mutex);
        if (event == "http.trouble") trouble.push_back(text);
    };
    http::Server server(options, commands, metrics);
    ASSERT_TRUE(server.start().has_value());
    std::vector<std::string> targets{"/api/pnl?total=true&by=symbol",
                                     "/api/pnl?method=fifo",
                                     "/api/sync/status",
                                     "/api/gate/DU0000001/265598",
                                     "/readyz",
                                     "/metrics"};
    for (auto const& route : http::routes()) {
        if (route.kind == http::Kind::list) targets.emplace_back(route.path);
    }
    int fresh = 0;
    // Behind a question mark that changes nothing, so that no answer is one that was kept.
    auto const ask = [&](std::string const& target) {
        auto const more = fmt::format("{}since={}d", target.find('?') == std::string::npos ? "?" : "&", 1000 + ++fresh);
        bool const takes_since = target.starts_with("/api/") && get(server.address(), target + more).status != 400;
        return get(server.address(), takes_since ? target + more : target);
    };
    for (auto const& target : targets) {
        auto const answer = ask(target);
        EXPECT_EQ(answer.status, 200) << target << answer.body;
    }
    for (std::string const table :
         {"account", "position", "position_close", "lot", "execution", "adjustment", "break", "gateway", "instrument", "sync_run",
          "coverage_window", "cash_transaction", "currency_rate", "certification"}) {
        SCOPED_TRACE(table);
        rename(table, "lost_table");
        int told = 0;
        for (auto const& target : targets) {
            auto const answer = ask(target);
            if (target == "/metrics") {
                EXPECT_EQ(answer.status, 200);
                continue;
            }
            if (answer.status == 200) continue;
            ++told;
            EXPECT_THAT(answer.status, testing::AnyOf(500, 503)) << target;
            EXPECT_THAT(answer.body, HasSubstr(recorded().database())) << target;
            EXPECT_EQ(answer.body.find("\"items\""), std::string::npos) << "half an answer: " << answer.body;
        }
        EXPECT_GT(told, 0) << "nobody needs it";
        rename("lost_table", table);
        for (auto const& target : targets)
            EXPECT_EQ(ask(target).status, 200) << target;
    }
    server.stop();
    EXPECT_FALSE(trouble.empty()) << "nobody who looks after the service was told";
}

/// What a feed tells, and when it has looked.
class Following {
public:
    explicit Following(std::int64_t revisions_behind_max = 10'000) {
        http::FeedOptions options;
        options.revisions_behind_max = revisions_behind_max;
        options.open_reader = open;
        options.context.commands = &commands_;
        options.look_interval = std::chrono::hours(1);  // it looks when it is poked
        options.on_committed = [] {};
        options.on_frames = [this](std::vector<http::Frame> frames) {
            std::lock_guard const lock(mutex_);
            for (auto const& frame : frames)
                frames_.push_back(*frame);
        };
        feed_ = std::make_unique<http::Feed>(std::move(options));
    }
    void look() {
        feed_->poke([this] { happened(); });
        wait();
    }
    std::vector<std::string> subscribe(std::optional<std::string> cursor) {
        feed_->set_subscribers(++subscribers_);
        std::vector<std::string> first;
        feed_->subscribe(std::move(cursor), [&](std::vector<http::Frame> frames) {
            for (auto const& frame : frames)
                first.push_back(*frame);
            happened();
        });
        wait();
        return first;
    }
    std::vector<std::string> told() {
        std::lock_guard const lock(mutex_);
        return std::exchange(frames_, {});
    }
    void set_subscribers(std::size_t count) { feed_->set_subscribers(count); }
    [[nodiscard]] std::string trouble() const { return feed_->trouble(); }

private:
    void happened() {
        std::lock_guard const lock(mutex_);
        happened_ = true;
        changed_.notify_one();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        ASSERT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [this] { return happened_; }));
        happened_ = false;
    }

    NoCommands commands_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool happened_ = false;
    std::vector<std::string> frames_;
    std::size_t subscribers_ = 0;
    std::unique_ptr<http::Feed> feed_;  // ends before what it calls
};

json::object data_of(std::string const& frame) {
    auto const at = frame.find("data: ");
    return json::parse(frame.substr(at + 6, frame.find('\n', at) - at - 6)).as_object();
}

std::vector<json::object> changes(std::vector<std::string> const& frames) {
    std::vector<json::object> found;
    for (auto const& frame : frames) {
        if (frame.starts_with("event: change\n")) found.push_back(data_of(frame));
    }
    return found;
}

/// Commits a revision of DU0000001: a fill is taken out of the book, and the next time put in again.
class Commits {
public:
    std::int64_t commit() {
        RepairText text;
        text.verb = out_ ? "undo" : "exclude";
        text.subject = "0000e0d5.69dd0008.01.01";
        text.author = "test";
        out_ = !out_;
        testing::internal::CaptureStdout();
        EXPECT_EQ(run_repair(recorded().configuration(recorded().database()), text, Format::json), exit_fine);
        (void)testing::internal::GetCapturedStdout();
        auto const reader = open().value();
        for (auto const& row : reader->accounts().value()) {
            if (row.account == "DU0000001") return row.revision;
        }
        return 0;
    }

private:
    bool out_ = false;
};

TEST(FailingDatabaseHttp, WhoFollowsTheStreamHearsOfEachCommitThoughALookFailed) {
    recorded().restore(recorded().before());
    StatementFaults faults;
    Commits commits;
    Following feed;
    feed.look();
    ASSERT_EQ(feed.subscribe(std::nullopt).size(), 2U);  // where to come back to, and the status
    int failed = 0;
    bool all = false;
    for (int n = 1; !all; n += n < 20 ? 1 : 7) {
        SCOPED_TRACE(n);
        auto const revision = commits.commit();
        faults.fail_at(n);
        feed.look();
        all = faults.seen() < n;
        faults.fail_at(0);
        if (!feed.trouble().empty()) {
            ++failed;
            EXPECT_THAT(feed.trouble(), HasSubstr(recorded().database()));
        }
        feed.look();
        EXPECT_EQ(feed.trouble(), "");
        auto const told = changes(feed.told());
        ASSERT_EQ(told.size(), 1U) << "revision " << revision << " was not told, or twice";
        EXPECT_EQ(told[0].at("revision"), revision);
        EXPECT_FALSE(told[0].at("events").as_array().empty());
        EXPECT_FALSE(told[0].at("positions").as_array().empty());
    }
    EXPECT_GT(failed, 5);
}

TEST(FailingDatabaseHttp, WhoComesBackToTheStreamIsToldAllOrThatThereIsAGap) {
    recorded().restore(recorded().before());
    StatementFaults faults;
    Commits commits;
    Following feed;
    feed.look();
    auto const begun = feed.subscribe(std::nullopt).at(0);
    auto const cursor = begun.substr(4, begun.find('\n') - 4);
    auto const revision = commits.commit();
    feed.look();
    EXPECT_EQ(changes(feed.told()).size(), 1U);
    int gaps = 0;
    bool all = false;
    for (int n = 1; !all; ++n) {
        SCOPED_TRACE(n);
        faults.fail_at(n);
        auto const first = feed.subscribe(cursor);
        all = faults.seen() < n;
        faults.fail_at(0);
        ASSERT_FALSE(first.empty());
        if (first[0].starts_with("event: gap\n")) {
            ++gaps;
            EXPECT_THAT(data_of(first[0]).at("reason").as_string(), HasSubstr(recorded().database()));
            EXPECT_EQ(first.size(), 1U) << "half of what was missed";
        } else {
            auto const told = changes(first);
            ASSERT_EQ(told.size(), 1U);
            EXPECT_EQ(told[0].at("revision"), revision);
        }
    }
    EXPECT_GT(gaps, 5);
}

TEST(FailingDatabaseHttp, WhoSubscribesWhileNothingCanBeReadHearsOfWhatComesAfterwards) {
    recorded().restore(recorded().before());
    StatementFaults faults;
    Commits commits;
    int gaps = 0;
    bool all = false;
    for (int n = 1; !all; ++n) {
        SCOPED_TRACE(n);
        Following feed;
        faults.fail_at(n);
        auto const first = feed.subscribe(std::nullopt);
        all = faults.seen() < n;
        faults.fail_at(0);
        ASSERT_FALSE(first.empty());
        if (!first[0].starts_with("event: gap\n")) continue;
        ++gaps;
        (void)feed.told();
        feed.look();
        auto const again = feed.told();
        auto const revision = commits.commit();
        feed.look();
        auto const told = changes(feed.told());
        ASSERT_EQ(told.size(), 1U) << "the subscriber is never told of anything";
        EXPECT_EQ(told[0].at("revision"), revision);
        // It could load nothing when it was told of the gap.
        EXPECT_TRUE(std::any_of(again.begin(), again.end(), [](auto const& frame) { return frame.starts_with("event: gap\nid: "); }));
    }
    EXPECT_GT(gaps, 2);
    // One goes while another comes: for a moment nobody is counted.
    Following feed;
    feed.look();
    (void)feed.subscribe(std::nullopt);
    feed.set_subscribers(0);
    feed.look();
    (void)feed.told();
    commits.commit();
    feed.set_subscribers(1);
    feed.look();
    auto const told = feed.told();
    ASSERT_FALSE(told.empty());
    EXPECT_THAT(told[0], testing::StartsWith("event: gap\nid: "));
}

TEST(FailingDatabaseHttp, WhoComesBackIsToldWhatWasMissedOrWhyItMustBeginAnew) {
    recorded().restore(recorded().before());
    std::map<std::int64_t, std::int64_t> revisions;
    {
        auto const reader = open().value();
        for (auto const& row : reader->accounts().value())
            revisions[row.account_id] = row.revision;
    }
    ASSERT_EQ(revisions.size(), 2U);
    std::int64_t const one = revisions.begin()->first;
    std::int64_t const other = revisions.rbegin()->first;
    Following feed(5);
    feed.look();
    auto const reason = [&](std::string const& cursor) {
        auto const first = feed.subscribe(cursor);
        return first.at(0).starts_with("event: gap\n") ? std::string(data_of(first.at(0)).at("reason").as_string()) : first.at(0);
    };
    EXPECT_THAT(reason("what"), HasSubstr("is not known here"));
    EXPECT_THAT(reason(http::stream_cursor({{99, 1}})), HasSubstr("of another database"));
    EXPECT_THAT(reason(http::stream_cursor({{one, revisions[one] + 1}, {other, 1}})), HasSubstr("of a later state of it"));
    EXPECT_EQ(reason("1."), fmt::format("{} revisions were missed", revisions[one] + revisions[other]));
    // What is missed of one account alone, and of one that it did not know.
    auto const missed = changes(feed.subscribe(http::stream_cursor({{one, revisions[one] - 1}, {other, revisions[other]}})));
    ASSERT_EQ(missed.size(), 1U);
    EXPECT_EQ(missed[0].at("account"), "DU0000001");
    EXPECT_EQ(missed[0].at("revision"), revisions[one]);
    auto const first_seen = changes(feed.subscribe(http::stream_cursor({{other, revisions[other]}})));
    ASSERT_EQ(first_seen.size(), 1U);
    EXPECT_EQ(first_seen[0].at("account"), "DU0000001");
    EXPECT_GE(first_seen[0].at("events").as_array().size(), 5U);
    // A commit that no look has seen yet: the others hear of it before the new one is told where it stands.
    (void)feed.told();
    Commits commits;
    auto const revision = commits.commit();
    auto const begun = feed.subscribe(std::nullopt);
    EXPECT_TRUE(changes(begun).empty());
    auto const told = changes(feed.told());
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].at("revision"), revision);
    feed.look();
    EXPECT_TRUE(changes(feed.told()).empty()) << "told twice";
}

void change(std::string const& sql) {
    auto const database =
        store::sqlite::Database::open(recorded().database(), {.mode = store::sqlite::Database::Mode::read_write}).value();
    auto const done = database->execute(sql);
    ASSERT_TRUE(done.has_value()) << sql << ": " << done.error().message;
}

TEST(FailingDatabaseHttp, ADatabaseThatWentBackIsLoadedAnew) {
    recorded().restore(recorded().before());
    Commits commits;
    Following feed;
    feed.look();
    (void)feed.subscribe(std::nullopt);
    commits.commit();
    auto const revision = commits.commit();
    feed.look();
    (void)feed.told();
    change("UPDATE account SET revision = revision - 1 WHERE code = 'DU0000001'");
    feed.look();
    auto const told = feed.told();
    ASSERT_FALSE(told.empty());
    EXPECT_THAT(told[0], HasSubstr("earlier state"));
    change("UPDATE account SET revision = revision + 1 WHERE code = 'DU0000001'");
    feed.look();
    auto const again = changes(feed.told());
    ASSERT_EQ(again.size(), 1U) << "what took the place of a lost revision";
    EXPECT_EQ(again[0].at("revision"), revision);
}

query::PositionRow position(std::string const& account, std::int64_t con_id) {
    auto const reader = open().value();
    for (auto& row : reader->positions().value()) {
        if (row.account == account && row.con_id == con_id && (row.status == "OPEN" || con_id != 8894)) return row;
    }
    ADD_FAILURE() << account << " " << con_id;
    return {};
}

struct Book {
    char const* name;
    std::int64_t con_id;
    char const* account;
    char const* sql;  ///< {} is the position
    char const* says;
    char const* not_this;  ///< empty: anything
};

TEST(FailingDatabaseHttp, WhyAPositionIsWhatItIsSaysAlsoWhatIsNotKnown) {
    constexpr char const* one = "DU0000001";
    constexpr char const* two = "DU0000002";
    Book const table[] = {
        {"as imported", 8894, one, "", "unexplained 80 at 62.96875, said by possync.", ""},
        {"no price", 8894, one, "UPDATE adjustment SET price = NULL WHERE con_id = 8894", "80, its price unknown, said by", ""},
        {"a ratio and a note", 8894, one, "UPDATE adjustment SET ratio = '4:1', note = 'as told' WHERE con_id = 8894",
         ", ratio 4:1, said by possync (as told).", ""},
        {"undone", 8894, one, "UPDATE adjustment SET undone_by = 'operator x', undone_at = 1795669199999999 WHERE con_id = 8894",
         "DU0000001 holds", "said by"},
        {"no average price", 8894, one, "UPDATE position SET average_price = NULL WHERE position_id = {}",
         "Its average price is not known: a part of it was never priced.", "is the cost"},
        {"no lots", 8894, one, "DELETE FROM lot WHERE position_id = {}", "is the cost of what is left, commissions aside.",
         "by lots"},
        {"events that change nothing", 8894, one,
         "UPDATE position_event SET quantity_after = quantity_before WHERE position_id = {}", "DU0000001 holds", "Its quantity"},
        {"earlier events are gone", 8894, one, "UPDATE position_event SET quantity_after = '70' WHERE position_id = {}",
         "these make 70, so earlier events are not kept here.", ""},
        {"no break", 8894, one, "DELETE FROM break", "Broker and book do not differ here.", ""},
        {"a break that is over", 8894, one, "UPDATE break SET state = 'resolved', closed_at = 1795669199999999",
         "Broker and book do not differ here.", ""},
        {"a break that settles", 8894, one, "UPDATE break SET state = 'settling', detail = 'looked twice' WHERE con_id = 8894",
         "is settling: quantity, looked twice.", ""},
        {"a break without a word", 8894, one, "", "is open: quantity.", ""},
        {"a mark", 8894, one,
         "INSERT OR REPLACE INTO mark (account_id, con_id, current_price, market_value, unrealized_pnl, marked_at, mark_source) "
         "SELECT account_id, con_id, '63', '5040', '2.5', 1795614100000000, NULL FROM position WHERE position_id = {}",
         "Its unrealized P&L 2.5 is by the mark 63 of 2026-11-25 13:41:40 UTC (unknown source).", ""},
        {"a certified account", 8894, one, "UPDATE certification SET state = 'matched'",
         "The broker's statements agree with the account through 2026-11-25.", "No statement"},
        {"closed by a fill", 266575, two, "", "Its realized P&L 1615.1 is the sum of 1 close.", ""},
        {"a close of unknown cost", 266575, two,
         "UPDATE position_close SET realized_pnl = NULL WHERE position_id = {}; UPDATE position SET realized_pnl = '0' WHERE "
         "position_id = {}",
         "Its realized P&L 0 is the sum of 0 closes; of 1 more it is not known.", ""},
        {"a corrected fill", 266575, two,
         "UPDATE execution SET superseded_by = exec_id || 'x' WHERE account_id = 2 AND con_id = 266575",
         "1 of them superseded by a correction.", ""},
    };
    for (auto const& each : table) {
        SCOPED_TRACE(each.name);
        recorded().restore(recorded().after());
        auto const id = position(each.account, each.con_id).position_id;
        std::string sql = each.sql;
        for (auto at = sql.find("{}"); at != std::string::npos; at = sql.find("{}"))
            sql.replace(at, 2, std::to_string(id));
        change(sql);
        auto const reader = open().value();
        auto const why = http::answer_why(*reader, std::to_string(id), now);
        ASSERT_TRUE(why.has_value()) << why.error().message;
        std::string told;
        for (auto const& line : json::parse(*why->body).at("explanation").as_array())
            told += std::string(line.as_string()) + "\n";
        EXPECT_THAT(told, HasSubstr(each.says));
        if (*each.not_this != '\0') EXPECT_THAT(told, testing::Not(HasSubstr(each.not_this)));
    }
    auto const reader = open().value();
    for (char const* bad : {"", "x", "12x", "0", "-5", "99999999999999999999"}) {
        EXPECT_EQ(http::answer_why(*reader, bad, now).error().code, base::ErrorCode::invalid_input) << bad;
        NoCommands commands;
        http::AnswerContext context;
        context.commands = &commands;
        EXPECT_EQ(http::answer_gate(*reader, context, "DU0000001", bad, now).error().code, base::ErrorCode::invalid_input) << bad;
    }
}

TEST(FailingDatabaseHttp, TheStatusOfGatewaysThatOnlyOneSideKnows) {
    recorded().restore(recorded().after());
    NoCommands commands;
    http::AnswerContext context;
    context.commands = &commands;
    context.interval = std::chrono::minutes(5);
    auto const status = [&] {
        auto const reader = open().value();
        return json::parse(*http::answer_status(*reader, context, now).value().body);
    };
    auto const gate = [&](std::string const& con_id) {
        auto const reader = open().value();
        return json::parse(*http::answer_gate(*reader, context, "DU0000001", con_id, now).value().body);
    };
    commands.live = {};
    auto nobody = status();
    EXPECT_EQ(nobody.at("gateways").at(0).at("connected"), nullptr);
    EXPECT_EQ(nobody.at("gateways").at(0).at("is_paper"), true);
    EXPECT_EQ(nobody.at("accounts").at(0).at("gate"), "BROKEN") << "breaks are open";
    change("DELETE FROM break");
    EXPECT_EQ(gate("1").at("state"), "STALE") << "no service follows it";
    // One that no database knows yet, and two that counted.
    commands.live = {ready("gateway"), ready("other")};
    commands.live[0].statistics.total_syncs = 3;
    commands.live[0].statistics.last_sync_time = now - std::chrono::minutes(5);
    commands.live[0].statistics.last_error = "earlier";
    commands.live[1].statistics.total_syncs = 4;
    commands.live[1].statistics.last_sync_time = now - std::chrono::minutes(1);
    commands.live[1].statistics.last_error = "later";
    auto both = status();
    ASSERT_EQ(both.at("gateways").as_array().size(), 2U);
    EXPECT_EQ(both.at("gateways").at(1).at("gateway"), "other");
    EXPECT_EQ(both.at("gateways").at(1).at("is_paper"), nullptr);
    EXPECT_EQ(both.at("gateways").at(1).at("owner"), nullptr);
    EXPECT_EQ(both.at("statistics").at("total_syncs"), 7);
    EXPECT_EQ(both.at("statistics").at("last_error"), "later");
    EXPECT_EQ(both.at("statistics").at("last_sync_time").as_string(), base::to_rfc3339(now - std::chrono::minutes(1)));
    std::swap(commands.live[0], commands.live[1]);
    EXPECT_EQ(status().at("statistics").at("last_error"), "later") << "whichever is told first";
    commands.live[0].statistics.last_sync_time.reset();
    EXPECT_EQ(status().at("statistics").at("last_sync_time").as_string(), base::to_rfc3339(now - std::chrono::minutes(5)));
    // In standby here: the service that holds the lease knows, and its book is what counts.
    commands.live = {ready("gateway")};
    commands.live[0].connected = false;
    commands.live[0].state = "standby";
    change(fmt::format("UPDATE gateway SET owner = 'elsewhere:1:1', lease_until = {}; UPDATE account SET last_synced_at = {}",
                       now.microseconds + 60'000'000, now.microseconds));
    EXPECT_THAT(gate("1").at("reason").as_string(), testing::Not(HasSubstr("not connected")));
    change(fmt::format("UPDATE gateway SET lease_until = {}", now.microseconds - 1));
    EXPECT_THAT(gate("1").at("reason").as_string(), HasSubstr("not connected")) << "that lease has ended";
    // What is not held is 0 once the account was seen equal to the broker, and unknown before.
    commands.live = {ready("gateway")};
    EXPECT_EQ(gate("1").at("quantity"), "0");
    EXPECT_EQ(gate("8894").at("quantity"), "80");
    change("UPDATE account SET last_synced_at = NULL");
    EXPECT_EQ(gate("1").at("quantity"), nullptr);
    EXPECT_EQ(gate("1").at("state"), "BROKEN");
}

/// One connection that sends exactly what it is told to.
class Wire {
public:
    explicit Wire(std::string const& address) : socket_(io_) {
        auto const port = std::stoi(address.substr(address.rfind(':') + 1));
        socket_.connect({boost::asio::ip::make_address("127.0.0.1"), static_cast<unsigned short>(port)});
    }
    Wire& send(std::string const& text) {
        boost::system::error_code ended;
        boost::asio::write(socket_, boost::asio::buffer(text), ended);
        return *this;
    }
    /// A request with these headers besides Host.
    Wire& ask(std::string const& line, std::string const& headers = {}) {
        return send(line + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
    }
    /// What comes until the server ends the connection.
    std::string rest() {
        std::string all;
        boost::system::error_code ended;
        boost::asio::read(socket_, boost::asio::dynamic_buffer(all), ended);
        return all;
    }

private:
    boost::asio::io_context io_;
    boost::asio::ip::tcp::socket socket_;
};

TEST(HttpConnection, EachClientGetsWhatItAsksForAndNobodyHoldsUpTheOthers) {
    recorded().restore(recorded().after());
    NoCommands commands;
    http::Metrics metrics("test");
    http::ServerOptions options;
    options.listen = "127.0.0.1:0";
    options.open_reader = open;
    options.limits.head_time = std::chrono::milliseconds(300);
    options.limits.idle_time = std::chrono::milliseconds(300);
    options.max_connections = 20;
    http::Server server(options, commands, metrics);
    ASSERT_TRUE(server.start().has_value());
    auto const address = server.address();
    std::string const close = "Connection: close\r\n";
    auto const asked = [&](std::string const& line, std::string const& headers = {}) {
        return Wire(address).ask(line, headers + "Connection: close\r\n").rest();
    };

    auto const whole = asked("GET /api/positions");
    EXPECT_THAT(whole, HasSubstr("HTTP/1.1 200 OK\r\n"));
    auto const head = asked("HEAD /api/positions");
    EXPECT_THAT(head, HasSubstr("Content-Length: "));
    EXPECT_TRUE(head.ends_with("\r\n\r\n")) << "a body behind HEAD is taken for the next answer";
    EXPECT_THAT(asked("GET /api/positions", "If-None-Match: *\r\n"), testing::StartsWith("HTTP/1.1 304"));
    EXPECT_THAT(asked("GET /api/positions", "If-None-Match: \"other\"\r\n"), testing::StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(asked("GET /", "Accept-Encoding: br, gzip\r\n"), HasSubstr("Content-Encoding: gzip\r\n"));
    EXPECT_THAT(asked("GET /", "Accept-Encoding: gzip;q=0\r\n"), testing::Not(HasSubstr("Content-Encoding")));
    EXPECT_THAT(asked("GET /"), testing::Not(HasSubstr("Content-Encoding")));
    EXPECT_THAT(asked("HEAD /api/stream"), HasSubstr("text/event-stream"));
    EXPECT_THAT(asked("GET /api/stream?last_event_id=x&more=1"), testing::StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(asked("GET /api/stream?last_event_id=%"), testing::StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(asked("POST /api/sync/positions?account="), testing::StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(asked("POST /api/sync/positions?account=" + std::string(201, 'a')), testing::StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(asked("POST /api/sync/positions?account=%"), testing::StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(asked("GET /api/positions?limit=%"), testing::StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(asked("GET /api/pnl?method=average&view=economic"), testing::StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(asked("GET /api/pnl?method=hifo&view=tax"), testing::StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(asked("GET /api/pnl?view=nice"), testing::StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(asked("GET /api/positions?as_recorded=2026-11-25T13:41:43Z"), testing::StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(asked("PUT /api/positions"),
                testing::AllOf(testing::StartsWith("HTTP/1.1 405"), HasSubstr("Allow: GET, HEAD\r\n")));
    EXPECT_THAT(asked("DELETE /no/such/thing"), testing::StartsWith("HTTP/1.1 404"));
    EXPECT_THAT(asked("GET /api/positions?symbol=AAPL&symbol=KO"), testing::StartsWith("HTTP/1.1 400"));

    // A long head, and on the same connection a short one.
    Wire two(address);
    two.ask("GET /livez", "X: " + std::string(14'000, 'x') + "\r\n").ask("GET /livez", close);
    auto const both = two.rest();
    EXPECT_NE(both.find("HTTP/1.1 200"), both.rfind("HTTP/1.1 200")) << both;
    // Who never finishes a request is told, who asks for nothing is let go, who talks to a stream is left.
    Wire slow(address);
    slow.send("GET /livez HTTP/1.1\r\n");
    Wire idle(address);
    idle.ask("GET /livez");
    Wire chatty(address);
    chatty.ask("GET /api/stream", "Last-Event-ID: x\r\n");
    auto const began = std::chrono::steady_clock::now();
    EXPECT_THAT(slow.rest(), testing::StartsWith("HTTP/1.1 408"));
    EXPECT_THAT(idle.rest(), testing::StartsWith("HTTP/1.1 200"));
    chatty.send(std::string(20'000, 'x'));
    EXPECT_THAT(chatty.rest(), HasSubstr("event: gap\n"));
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
    // As many as there may be, and one more: it is let go, and the others are served.
    std::vector<std::unique_ptr<Wire>> many;
    for (int i = 0; i < 20; ++i)
        many.push_back(std::make_unique<Wire>(address));
    many.front()->ask("GET /livez", close);
    EXPECT_EQ(Wire(address).rest(), "");
    EXPECT_THAT(many.front()->rest(), testing::StartsWith("HTTP/1.1 200"));
    server.stop();
    EXPECT_EQ(many.back()->rest(), "");
    server.stop();
}

TEST(HttpConnection, AnAddressThatCannotBeListenedOnIsToldWithWhatToDo) {
    NoCommands commands;
    http::Metrics metrics("test");
    auto const refused = [&](std::string const& listen, std::string const& certificate = {}, std::string const& key = {}) {
        http::ServerOptions options;
        options.listen = listen;
        options.certificate_file = certificate;
        options.key_file = key;
        options.open_reader = open;
        http::Server server(options, commands, metrics);
        auto const started = server.start();
        return started ? std::string("listens at ") + server.address() : started.error().message;
    };
    EXPECT_THAT(refused("nowhere"), HasSubstr("'nowhere' is no address to listen on; write 127.0.0.1:8321"));
    EXPECT_THAT(refused("no.such.host.invalid:1"), HasSubstr("no.such.host.invalid is no address of this machine"));
    EXPECT_THAT(refused("0.0.0.0:0"), HasSubstr("can be reached from other machines: set http.token_file"));
    EXPECT_THAT(refused("192.0.2.1:8321"), HasSubstr("can be reached from other machines"));
    EXPECT_THAT(refused("127.0.0.1:0", "/no/certificate", "/no/key"), HasSubstr("/no/"));
    EXPECT_THAT(refused("127.0.0.1:0", "", "/no/key"), HasSubstr("http."));
    EXPECT_THAT(refused("127.0.0.1:0"), HasSubstr("listens at http://127.0.0.1:"));
    if (auto const six = refused("[::1]:0"); six.starts_with("listens")) {
        EXPECT_THAT(six, HasSubstr("http://[::1]:"));  // where this machine has it
    }
    boost::asio::io_context io;
    boost::asio::ip::tcp::acceptor taken(io, {boost::asio::ip::make_address("127.0.0.1"), 0});
    EXPECT_THAT(refused(fmt::format("127.0.0.1:{}", taken.local_endpoint().port())),
                HasSubstr("choose another port, or \"off\" for no HTTP"));
}

}  // namespace
}  // namespace possync::app
