// What is pushed, from the send() of the gateway to the committed row: the whole service in this process, a real socket, SQLite
// with synchronous FULL.
//
//   fills   at a fixed rate over 1,000 instruments, each with its commission and the position it makes; measured until the commit
//           of its change set is done. In rounds; floor: fdatasync of 4 KiB in the same folder, 500 a second, before and after each.
//   marks   portfolio values at 100,000 a second over 1,000 instruments; measured until a reader of the database sees the price or
//           a later one of the same instrument. The last price of each must be there in the end.
//
// usage: stream_bench FOLDER [SECONDS [RATE ...]]
#include <malloc.h>
#include <sqlite3.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <optional>
#include <thread>
#include <unordered_map>

#include "app/service.hpp"
#include "disk.hpp"
#include "line.hpp"
#include "mock_gateway.hpp"
#include "rounds.hpp"
#include "store/open/open.hpp"
#include "tws/encode.hpp"

namespace {

using namespace possync;
using namespace possync::bench;
using Clock = std::chrono::steady_clock;

constexpr int instruments = 1000;
/// What comes faster waits, the longer the longer it goes on: it is sent in one go.
constexpr int carried_max = 2000;

double milliseconds(Clock::duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

class Stream {
public:
    explicit Stream(std::string const& folder) : path_(folder + "/stream.db"), gateway_(instruments) {
        for (char const* const part : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + part);
        app::Configuration configuration;
        configuration.database_url = "sqlite:///" + path_;
        configuration.gateways[0].port = gateway_.port();
        app::ServiceOptions options;
        options.on_log = [](std::string const&, sync::Log const& line) {
            if (line.level == sync::LogLevel::error) std::fprintf(stderr, "%s\n", line.text.c_str());
        };
        options.on_change = [this](std::string const&, sync::Changed const& changed) { committed(changed); };
        // On the thread of the store, behind the commit; the change set is told on the engine's, before it asks for another commit.
        options.on_commit = [this](base::Duration, bool) {
            committed_at_ = Clock::now();
            ++commits_;
        };
        service_ = std::make_unique<app::Service>(configuration, options);
        or_die(service_->open());
        thread_ = std::thread([this] { service_->run(); });
        for (int i = 0; i < 3000 && service_->status().front().accounts.empty(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        for (int i = 0; i < 3000 && service_->status().front().accounts.front().revision == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        must(service_->status().front().accounts.front().revision > 0, "there was no first sync");
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
    ~Stream() {
        service_->stop();
        thread_.join();
    }
    Stream(Stream const&) = delete;
    Stream& operator=(Stream const&) = delete;

    /// In rounds, of whose medians that of the ratios counts: what the disk does in a second varies. A percentile is of all fills.
    void fills(int rate, double seconds, Disk& disk) {
        int const rounds = rate <= carried_max ? 3 : 1;
        std::vector<double> medians;
        std::vector<double> floors;
        std::vector<double> all;
        std::vector<double> all_synced;
        int const commits = commits_;
        Clock::duration took{};
        int const count = static_cast<int>(seconds * rate / rounds);
        for (int i = 0; i < rounds; ++i) {
            std::vector<double> synced;
            sync_disk(disk, synced);
            took += send_fills(rate, count);
            sync_disk(disk, synced);
            std::lock_guard const lock(mutex_);
            medians.push_back(median(latencies_));
            floors.push_back(median(synced));
            all.insert(all.end(), latencies_.begin(), latencies_.end());
            all_synced.insert(all_synced.end(), synced.begin(), synced.end());
        }
        std::string const name = fmt::format("live.fills_{}", rate);
        std::string const note =
            fmt::format("{:.0f}/s, {} commits, max {:.2f} ms", count * rounds / milliseconds(took) * 1e3, commits_ - commits, quantile(all, 1));
        print_line(name + ".p50", median(medians), "ms", beside(medians, floors, "fdatasync, p50"), std::nullopt, note);
        print_line(name + ".p99", quantile(all, 0.99), "ms", Beside{median(all_synced), "fdatasync, p50"});
    }

    void marks(int rate, double seconds) {
        sqlite3* database = nullptr;
        must(sqlite3_open_v2(path_.c_str(), &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr) == SQLITE_OK, "the database does not open");
        sqlite3_stmt* select = nullptr;
        must(sqlite3_prepare_v2(database, "SELECT con_id, current_price FROM mark", -1, &select, nullptr) == SQLITE_OK, "no marks");
        struct Key {
            std::deque<std::pair<std::int64_t, Clock::time_point>> sent;
            std::int64_t last = 0;
        };
        std::vector<Key> keys(instruments);
        std::vector<double> latencies;
        std::mutex mutex;
        std::atomic<bool> sending = true;
        std::thread reader([&] {
            std::optional<Clock::time_point> give_up;
            while (true) {
                if (!sending && !give_up) give_up = Clock::now() + std::chrono::seconds(3);
                bool all_seen = true;
                while (sqlite3_step(select) == SQLITE_ROW) {
                    auto const con_id = sqlite3_column_int64(select, 0);
                    auto const* const text = reinterpret_cast<char const*>(sqlite3_column_text(select, 1));
                    if (text == nullptr) continue;
                    auto const price = std::atoll(text);
                    auto const seen = Clock::now();
                    std::lock_guard const lock(mutex);
                    auto& waiting = keys[static_cast<std::size_t>(con_id - MockGateway::first_con_id)].sent;
                    for (; !waiting.empty() && waiting.front().first <= price; waiting.pop_front()) latencies.push_back(milliseconds(seen - waiting.front().second));
                    all_seen = all_seen && waiting.empty();
                }
                sqlite3_reset(select);
                if (give_up && (all_seen || Clock::now() > *give_up)) return;
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        });
        int const commits = commits_;
        std::int64_t sequence = 0;
        auto const begun = Clock::now();
        auto at = begun;
        std::string bytes;
        while (milliseconds(Clock::now() - begun) < seconds * 1e3) {
            std::this_thread::sleep_until(at += std::chrono::milliseconds(1));
            bytes.clear();
            {
                std::lock_guard const lock(mutex);
                auto const sent = Clock::now();
                auto const due = static_cast<std::int64_t>(milliseconds(sent - begun) * rate / 1e3);
                while (sequence < due) {
                    ++sequence;
                    auto const i = static_cast<std::size_t>(sequence * 7 % instruments);
                    std::string const symbol = fmt::format("SYM{}", i);
                    tws::PortfolioValue value;
                    value.contract.con_id = MockGateway::first_con_id + static_cast<std::int64_t>(i);
                    value.contract.symbol = value.contract.local_symbol = symbol;
                    value.contract.sec_type = "STK";
                    value.contract.currency = "USD";
                    value.position = base::Decimal(1000);
                    value.market_price = base::Decimal(sequence);
                    value.market_value = base::Decimal(sequence * 1000);
                    value.average_cost = base::Decimal(100);
                    value.unrealized_pnl = base::Decimal(1);
                    value.realized_pnl = base::Decimal(0);
                    value.account = "DU1";
                    tws::encode(bytes, tws::IncomingMessage(value), 226);
                    keys[i].sent.emplace_back(sequence, sent);
                    keys[i].last = sequence;
                }
            }
            gateway_.say(bytes);
        }
        double const took = milliseconds(Clock::now() - begun);
        sending = false;
        reader.join();
        for (auto const& key : keys) must(key.sent.empty(), "the last price of an instrument was not committed");
        sqlite3_finalize(select);
        sqlite3_close(database);
        std::string const note = fmt::format("{:.0f}/s, {} commits, max {:.1f} ms", static_cast<double>(sequence) / took * 1e3, commits_ - commits, quantile(latencies, 1));
        print_line(fmt::format("live.marks_{}.p50", rate), quantile(latencies, 0.5), "ms", std::nullopt, std::nullopt, note);
        print_line(fmt::format("live.marks_{}.p99", rate), quantile(latencies, 0.99), "ms", Beside{25, "limit"});
    }

private:
    /// At the pace of 500 fills a second.
    static void sync_disk(Disk& disk, std::vector<double>& synced) {
        auto at = Clock::now();
        for (int i = 0; i < 500; ++i) {
            std::this_thread::sleep_until(at += std::chrono::milliseconds(2));
            synced.push_back(disk.sync());
        }
    }

    /// Until all are committed; their latencies are in `latencies_`. The time it took to send them.
    Clock::duration send_fills(int rate, int count) {
        auto const pause = std::chrono::nanoseconds(1'000'000'000 / rate);
        {
            std::lock_guard const lock(mutex_);
            latencies_.clear();
        }
        auto const begun = Clock::now();
        auto at = begun;
        for (int i = 0; i < count; ++i) {
            std::this_thread::sleep_until(at += pause);
            auto const con_id = MockGateway::first_con_id + next_++ * 7 % instruments;
            auto const [id, sent] = gateway_.fill(con_id, next_ % 3 == 0 ? -10 : 10);  // may wait for the service to read, so nothing is locked
            std::lock_guard const lock(mutex_);
            auto const early = early_.find(id);
            if (early == early_.end()) {
                sent_[id] = sent;
            } else {
                latencies_.push_back(milliseconds(early->second - sent));
                early_.erase(early);
            }
        }
        auto const took = Clock::now() - begun;
        for (int i = 0; i < 1000 && waiting() > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        must(waiting() == 0, "a fill was not committed");
        return took;
    }

    void committed(sync::Changed const& changed) {
        auto const at = committed_at_.load();
        std::lock_guard const lock(mutex_);
        for (auto const& execution : changed.change_set->executions) {
            if (execution.booking != model::Booking::booked) continue;
            auto const found = sent_.find(execution.exec_id);
            if (found == sent_.end()) {
                early_.try_emplace(execution.exec_id, at);
                continue;
            }
            latencies_.push_back(milliseconds(at - found->second));
            sent_.erase(found);
        }
    }
    std::size_t waiting() {
        std::lock_guard const lock(mutex_);
        return sent_.size();
    }

    std::string path_;
    MockGateway gateway_;
    std::unique_ptr<app::Service> service_;
    std::thread thread_;
    std::atomic<int> commits_ = 0;
    std::atomic<Clock::time_point> committed_at_{};
    std::int64_t next_ = 0;
    std::mutex mutex_;
    std::unordered_map<std::string, Clock::time_point> sent_;
    std::unordered_map<std::string, Clock::time_point> early_;  ///< committed before the sender knew its id
    std::vector<double> latencies_;
};

}  // namespace

int main(int count, char** words) {
    if (count < 2) return 2;
    ::mallopt(M_ARENA_MAX, 1);  // this and the next as the program does
    store::leave_memory_uncounted();
    double const seconds = count > 2 ? std::atof(words[2]) : 5;
    std::vector<int> rates;
    for (int i = 3; i < count; ++i) rates.push_back(std::atoi(words[i]));
    if (rates.empty()) rates = {500, 2000, 10'000};
    Disk disk(std::string(words[1]) + "/page");
    Stream stream(words[1]);
    for (int const rate : rates) stream.fills(rate, seconds, disk);
    stream.marks(100'000, seconds);
}
