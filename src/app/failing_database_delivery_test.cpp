// Deliveries from a database that fails: each statement of the dispatcher in turn, against a real webhook. Whatever fails, each
// revision arrives, in order, and what arrives again has the same id.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "app/books.hpp"
#include "app/database.hpp"
#include "app/output.hpp"
#include "app/recorded_database_testing.hpp"
#include "app/service.hpp"
#include "outbox/dispatcher.hpp"
#include "store/sqlite/statement_faults_testing.hpp"

namespace possync::app {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// Answers each POST with a status, and remembers the ids.
class Receiver {
public:
    Receiver() : acceptor_(io_, {asio::ip::make_address("127.0.0.1"), 0}), thread_([this] { serve(); }) {}
    ~Receiver() {
        {
            tcp::socket last(io_);
            ending_ = true;
            boost::system::error_code ignored;
            last.connect(acceptor_.local_endpoint(), ignored);
        }
        thread_.join();
    }
    [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}/hook", acceptor_.local_endpoint().port()); }
    void answer_with(int status) { status_ = status; }
    /// Those that were taken, until this one was.
    std::vector<std::string> ids_until(std::string const& id) {
        std::unique_lock lock(mutex_);
        EXPECT_TRUE(arrived_.wait_for(lock, std::chrono::seconds(20), [&] { return !ids_.empty() && ids_.back() == id; }))
            << id << " did not arrive";
        return std::exchange(ids_, {});
    }

private:
    void serve() {
        while (!ending_) {
            tcp::socket socket(io_);
            boost::system::error_code error;
            acceptor_.accept(socket, error);
            std::string bytes;
            while (!ending_ && !error) {
                auto const size = asio::read_until(socket, asio::dynamic_buffer(bytes), "\r\n\r\n", error);
                if (error) break;
                std::string const head = bytes.substr(0, size);
                auto const field = [&](std::string const& name) {
                    auto const at = head.find(name + ": ") + name.size() + 2;
                    return head.substr(at, head.find('\r', at) - at);
                };
                auto const whole = size + std::stoul(field("Content-Length"));
                if (bytes.size() < whole)
                    asio::read(socket, asio::dynamic_buffer(bytes), asio::transfer_exactly(whole - bytes.size()), error);
                bytes.erase(0, whole);
                int const status = status_;
                if (status == 204) {
                    std::lock_guard const lock(mutex_);
                    ids_.push_back(field("webhook-id"));
                }
                asio::write(
                    socket,
                    asio::buffer(fmt::format("HTTP/1.1 {} as told\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status)),
                    error);
                arrived_.notify_one();
                break;
            }
        }
    }

    asio::io_context io_;
    tcp::acceptor acceptor_;
    std::atomic<bool> ending_ = false;
    std::atomic<int> status_ = 204;
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::vector<std::string> ids_;
    std::thread thread_;
};

/// Holds the gateway as a service would, and commits.
class Writer {
public:
    Writer()
        : configuration_(recorded().configuration(recorded().database())),
          store_(open_database(configuration_).value()->open_store({}).value()) {
        store::GatewayClaim claim;
        claim.gateway = "gateway";
        claim.owner = owner_name();
        claim.accounts = {"DU0000001"};
        claim.paper = true;
        claim.now = clock_now().wall + std::chrono::hours(24);  // the recording's lease has ended
        auto granted = store_->claim(claim);
        EXPECT_TRUE(granted.has_value()) << granted.error().message;
        lease_ = *granted;
    }
    /// The id of its notification.
    std::string commit() {
        RepairText text;
        text.verb = out_ ? "undo" : "exclude";
        text.subject = "0000e0d5.69dd0008.01.01";
        text.author = "test";
        out_ = !out_;
        auto const reader = open_reader(configuration_).value();
        auto const repair = resolve_repair(text, *reader).value();
        auto const done = carry_out_repair(*store_, lease_.gateway_id, lease_.epoch, repair,
                                           account_policy(configuration_, repair.account), false);
        EXPECT_TRUE(done.has_value()) << done.error().message;
        return fmt::format("DU0000001:{}", done->base_revision + 1);
    }
    [[nodiscard]] outbox::DispatcherOptions dispatcher(std::string const& url) const {
        outbox::DispatcherOptions options;
        outbox::SinkOptions sink;
        sink.name = "hook";
        sink.url = url;
        sink.accounts = {"DU0000001"};
        sink.retry_max = std::chrono::milliseconds(10);
        options.sinks = {sink};
        options.owner = owner_name();
        options.open = [configuration = configuration_] { return open_database(configuration).value()->open_outbox(); };
        options.now = [] { return clock_now().wall; };
        options.look_every = std::chrono::milliseconds(10);
        return options;
    }

private:
    Configuration configuration_;
    std::unique_ptr<store::Store> store_;
    store::GatewayLease lease_;
    bool out_ = false;
};

TEST(FailingDatabaseDelivery, EachRevisionArrivesInOrderWhicheverStatementFails) {
    recorded().restore(recorded().before());
    store::sqlite::StatementFaults faults;
    Receiver receiver;
    Writer writer;
    std::mutex mutex;
    std::vector<std::string> told;
    auto options = writer.dispatcher(receiver.url());
    options.tell = [&](bool trouble, std::string const&, std::string const& text) {
        std::lock_guard const lock(mutex);
        if (trouble) told.push_back(text);
    };
    // Its place in the database has to be there before what it is to hear of.
    ASSERT_TRUE(options.open().value()->add_sink("hook", clock_now().wall).has_value());
    for (int n = 1; n <= 40; ++n) {
        SCOPED_TRACE(n);
        auto const first = writer.commit();
        auto const second = writer.commit();
        faults.fail_at(n);
        outbox::Dispatcher dispatcher(options);
        auto const ids = receiver.ids_until(second);
        faults.fail_at(0);
        std::vector<std::string> fresh;
        for (auto const& id : ids) {
            if (std::find(fresh.begin(), fresh.end(), id) == fresh.end()) fresh.push_back(id);
        }
        if (!fresh.empty() && fresh.front() != first)
            fresh.erase(fresh.begin());  // of the round before: taken, and not yet acknowledged
        EXPECT_EQ(fresh, (std::vector<std::string>{first, second}));
        EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end(), [](auto const& a, auto const& b) {
            return std::pair(a.size(), a) < std::pair(b.size(), b);
        })) << testing::PrintToString(ids);
    }
    ASSERT_GT(told.size(), 5U) << "nobody was told that the database fails";
    for (auto const& text : told)
        EXPECT_THAT(text, testing::HasSubstr(recorded().database()));
}

TEST(FailingDatabaseDelivery, AReceiverThatRefusesIsAskedAgainAndTheStatusSaysWhy) {
    recorded().restore(recorded().before());
    Receiver receiver;
    Writer writer;
    std::mutex mutex;
    std::vector<std::pair<bool, std::string>> told;
    auto options = writer.dispatcher(receiver.url());
    options.tell = [&](bool trouble, std::string const& sink, std::string const& text) {
        std::lock_guard const lock(mutex);
        EXPECT_EQ(sink, "hook");
        told.emplace_back(trouble, text);
    };
    outbox::Dispatcher dispatcher(options);
    ASSERT_TRUE(options.open().value()->add_sink("hook", clock_now().wall).has_value());
    for (int const status : {500, 429, 408, 404, 302}) {
        SCOPED_TRACE(status);
        receiver.answer_with(status);
        auto const id = writer.commit();
        dispatcher.wake();
        auto const said = fmt::format("{}: answered with status {}", id, status);
        auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        auto const wait_for = [&](auto const& holds) {
            while (!holds(dispatcher.status().at(0)) && std::chrono::steady_clock::now() < end)
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            return holds(dispatcher.status().at(0));
        };
        EXPECT_TRUE(wait_for([&](auto const& now) {
            return now.last_error == said && now.queued == 1 && now.oldest && now.failed > 1;
        })) << dispatcher.status().at(0).last_error;
        receiver.answer_with(204);
        EXPECT_EQ(receiver.ids_until(id), std::vector<std::string>{id});
        EXPECT_TRUE(wait_for([](auto const& now) { return now.last_error.empty() && now.queued == 0 && !now.oldest; }));
        std::lock_guard const lock(mutex);
        ASSERT_EQ(told.size(), 2U) << "once when it begins, once when it is over";
        EXPECT_EQ(told[0], std::pair(true, said + "; it is tried again"));
        EXPECT_EQ(told[1], std::pair(false, std::string("delivers again")));
        told.clear();
    }
}

}  // namespace
}  // namespace possync::app
