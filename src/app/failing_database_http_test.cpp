// The HTTP API on a database that fails it: each statement of each question in turn, each table lost in turn, and a stream that
// goes on over a database that could not be read for a while. An answer is the whole answer or one that says what is the matter.
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

class NoCommands final : public http::Commands {
public:
    void sync(std::string, std::function<void(http::SyncAnswer)> done) override { done({}); }
    void reset_statistics() override {}
    [[nodiscard]] std::vector<http::LiveGateway> gateways() const override {
        http::LiveGateway live;
        live.gateway = "gateway";
        live.connected = true;
        live.stale = false;
        live.state = "ready";
        return {live};
    }
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
    Following() {
        http::FeedOptions options;
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

}  // namespace
}  // namespace possync::app
