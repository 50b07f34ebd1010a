// Real processes, really killed. A witness forks the service (the product's own, on real sockets and files, against a simulated
// gateway in a process of its own), hears through a pipe what it reports as committed, and kills it: at each named point of the
// program in turn, and at random moments; now and then it is stopped first, while a rival tries to write. After each kill: every
// revision that was reported is there. At the end of a round: the database passes its check and equals the broker.
//
//   kill_witness [--count N] [--seed N] [--url URL]    URL of an empty database; without it SQLite in a folder of its own
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <map>
#include <thread>

#include "app/database.hpp"
#include "app/gateway_server.hpp"
#include "app/service.hpp"
#include "app/temporary_folder.hpp"
#include "base/check.hpp"
#include "base/point.hpp"
#include "base/prng.hpp"
#include "forked.hpp"

namespace possync::crash {
namespace {

using std::chrono::milliseconds;

constexpr int cycles_in_a_round = 250;
constexpr milliseconds patience{4000};  ///< for a point to be passed

struct Arguments {
    std::int64_t count = 100;
    std::uint64_t seed = 1;
    std::string url;
};

std::int64_t checked_cycles = 0;

[[noreturn]] void fail(std::string const& why) {
    fmt::print("FAILED after {} kills: {}\n", checked_cycles, why);
    std::fflush(stdout);
    std::exit(1);
}

struct Child {
    pid_t pid = 0;
    int output = -1;
};

template <typename Work>
Child start(Work work) {
    int ends[2];
    CHECK(::pipe(ends) == 0);
    std::fflush(stdout);
    pid_t const pid = ::fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::close(ends[0]);
        work(ends[1]);
        test::end_process(0);
    }
    ::close(ends[1]);
    return {pid, ends[0]};
}

/// All that the child wrote before it died, or before the deadline; true: it died.
bool read_until(Child const& child, std::chrono::steady_clock::time_point deadline, std::string& text) {
    for (;;) {
        auto const left = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now()).count();
        pollfd wait{child.output, POLLIN, 0};
        if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) == 0) return false;
        char buffer[4096];
        auto const size = ::read(child.output, buffer, sizeof buffer);
        if (size <= 0) return true;
        text.append(buffer, static_cast<std::size_t>(size));
    }
}

void end(Child& child, int signal) {
    ::kill(child.pid, signal);
    ::waitpid(child.pid, nullptr, 0);
    ::close(child.output);
}

void say(int to, std::string const& line) {
    if (::write(to, line.data(), line.size()) < 0) test::end_process(1);
}

// --- the processes -------------------------------------------------------------------------------------------------------

[[noreturn]] void simulate(int output, std::uint64_t seed) {
    app::GatewayServerOptions options;
    options.port = 0;
    options.pace = milliseconds(5);
    options.day.seed = seed;
    options.handle_signals = true;
    app::GatewayServer server(options);
    if (auto const opened = server.open(); !opened) say(output, "! " + opened.error().message + "\n");
    say(output, fmt::format("{}\n", server.port()));
    server.run();
    test::end_process(0);
}

[[maybe_unused]] std::string_view kill_point;
[[maybe_unused]] std::atomic<int> passages_left = 0;

[[noreturn]] void serve(app::Configuration const& configuration, int output, std::string_view point, int passage) {
#ifdef POSSYNC_PLANTED_BUGS
    kill_point = point;
    passages_left = passage;
    if (!point.empty()) {
        base::at_point = [](std::string_view name) {
            if (name == kill_point && --passages_left == 0) ::raise(SIGKILL);
        };
    }
#else
    static_cast<void>(point);
    static_cast<void>(passage);
#endif
    app::ServiceOptions options;
    options.on_log = [](std::string const&, sync::Log const&) {};
    options.on_change = [output](std::string const&, sync::Changed const& changed) {
        say(output, fmt::format("{} {}\n", changed.account, changed.change_set->base_revision + 1));
    };
    app::Service service(configuration, options);
    if (auto const opened = service.open(); !opened) {
        say(output, "! " + opened.error().message + "\n");
        test::end_process(1);
    }
    service.run();
    test::end_process(0);
}

/// Until book and broker are equal.
[[noreturn]] void converge(app::Configuration const& configuration, int output) {
    app::ServiceOptions options;
    options.on_log = [](std::string const&, sync::Log const&) {};
    app::Service service(configuration, options);
    if (auto const opened = service.open(); !opened) {
        say(output, "! " + opened.error().message + "\n");
        test::end_process(1);
    }
    std::thread([&service, output] {
        for (;;) {
            std::this_thread::sleep_for(milliseconds(200));
            service.request_sync("", false, std::nullopt, [&service, output](app::SyncAnswer const& synced) {
                if (!synced.success()) return;
                service.request_sync("", true, std::nullopt, [output](app::SyncAnswer const& looked) {
                    bool equal = looked.success();
                    for (auto const& account : looked.differences)
                        equal = equal && account.rows.empty();
                    if (!equal) return;
                    say(output, "equal\n");
                    test::end_process(0);
                });
            });
        }
    }).detach();
    service.run();
    test::end_process(1);
}

// --- the witness -----------------------------------------------------------------------------------------------------------

class Witness {
public:
    explicit Witness(Arguments const& arguments) : arguments_(arguments), random_(arguments.seed) {
        auto folder = app::TemporaryFolder::make();
        if (!folder) fail(folder.error().message);
        folder_ = std::move(*folder);
        configuration_.http_listen = "";
        configuration_.settle = milliseconds(5);
        configuration_.interval = std::chrono::seconds(1);
        configuration_.database_url = arguments.url;
        new_round();
    }

    ~Witness() { end(simulator_, SIGKILL); }

    void run() {
        auto const began = std::chrono::steady_clock::now();
        auto said = began;
        for (cycle_ = 0; cycle_ < arguments_.count; ++cycle_) {
            if (cycle_ > 0 && cycle_ % cycles_in_a_round == 0) {
                end_round();
                new_round();
            }
            one_kill();
            checked_cycles = cycle_ + 1;
            auto const now = std::chrono::steady_clock::now();
            if (now - said < std::chrono::seconds(10)) continue;
            said = now;
            auto const seconds = std::chrono::duration<double>(now - began).count();
            auto const done = static_cast<double>(cycle_ + 1);
            fmt::print("   {} of {} kills, {:.1f} a second, {} revisions acknowledged, about {:.0f} s left\n", cycle_ + 1,
                       arguments_.count, done / seconds, acknowledged_in_all_,
                       seconds / done * static_cast<double>(arguments_.count - cycle_ - 1));
            std::fflush(stdout);
        }
        end_round();
        for (auto const& [point, count] : passed_)
            fmt::print("   {:32} {} times\n", point, count);
        auto const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        fmt::print(
            "{} kills in {:.0f} s ({} at named points, {} at random moments, {} of them while stopped with a rival beside), "
            "{} revisions acknowledged, none lost; {} times book and broker were equal at the end\n",
            arguments_.count, seconds, at_points_, at_random_, stopped_, acknowledged_in_all_, rounds_);
        bool const few = arguments_.count < 2 * static_cast<std::int64_t>(base::points.size()) || !has_points();
        for (auto const point : base::points) {
            if (!few && !passed_.contains(point) && arguments_.url.empty())
                fail(fmt::format("the point {} was never passed", point));
        }
        if (acknowledged_in_all_ == 0) fail("nothing was ever committed");
    }

private:
    static constexpr bool has_points() {
#ifdef POSSYNC_PLANTED_BUGS
        return true;
#else
        return false;
#endif
    }

    void new_round() {
        ++round_;
        acknowledged_.clear();
        if (arguments_.url.empty()) configuration_.database_url = "sqlite:///" + folder_->file(fmt::format("round{}.db", round_));
        if (simulator_.pid != 0) end(simulator_, SIGKILL);
        simulator_ = start([this](int output) { simulate(output, arguments_.seed * 1000 + static_cast<std::uint64_t>(round_)); });
        std::string text;
        while (text.find('\n') == std::string::npos) {
            if (read_until(simulator_, std::chrono::steady_clock::now() + milliseconds(20), text))
                fail("the simulator ended: " + text);
        }
        int port = 0;
        std::from_chars(text.data(), text.data() + text.size(), port);
        if (port == 0) fail("the simulator: " + text);
        configuration_.gateways.front().port = port;
    }

    void one_kill() {
        bool const at_point = has_points() && cycle_ % 2 == 0;
        auto configuration = configuration_;
        std::string_view point;
        int passage = 1;
        if (at_point) {
            point = base::points[static_cast<std::size_t>(cycle_ / 2) % base::points.size()];
            bool const migrates = point.starts_with("store.migration");
            if (migrates && arguments_.url.empty()) {  // only a new database passes it
                configuration.database_url = "sqlite:///" + folder_->file(fmt::format("new{}.db", cycle_));
            }
            // A new database gets its schema in one transaction.
            bool const once = migrates || point == "store.log.emptied" || point == "service.claim.answered";
            passage = once ? 1 : static_cast<int>(random_.between(1, 3));
        }
        auto child = start([&](int output) { serve(configuration, output, point, passage); });
        std::string text;
        auto const now = std::chrono::steady_clock::now();
        if (at_point) {
            bool const died = read_until(child, now + patience, text);
            end(child, SIGKILL);
            if (died) {
                ++at_points_;
                ++passed_[point];
            } else {
                ++at_random_;
            }
        } else {
            bool const stops = cycle_ % 16 == 1;
            // An account that trades without a pause is taken up after several looks only: one process must live to see it.
            bool const waits = acknowledged_.empty() && cycle_ % 8 == 3;
            while (waits && text.find('\n') == std::string::npos && std::chrono::steady_clock::now() < now + std::chrono::minutes(1)) {
                if (read_until(child, std::chrono::steady_clock::now() + milliseconds(5), text)) break;
            }
            auto const moment = std::chrono::microseconds(random_.between(0, 120'000));
            static_cast<void>(read_until(child, std::chrono::steady_clock::now() + moment, text));
            if (stops) stop_and_let_a_rival_try(child, configuration);
            ::kill(child.pid, SIGKILL);
            static_cast<void>(read_until(child, std::chrono::steady_clock::now() + patience, text));
            end(child, SIGKILL);
            ++at_random_;
        }
        if (text.starts_with("!")) fail("the service cannot open its database: " + text);
        check(configuration, text);
    }

    /// A stopped process still holds its lease: nobody may write in its place.
    void stop_and_let_a_rival_try(Child const& child, app::Configuration const& configuration) {
        ::kill(child.pid, SIGSTOP);
        auto const held = holds(configuration, child.pid);
        auto rival = start([&](int output) { serve(configuration, output, "", 0); });
        std::string text;
        static_cast<void>(read_until(rival, std::chrono::steady_clock::now() + milliseconds(80), text));
        end(rival, SIGKILL);
        static_cast<void>(read_until(rival, std::chrono::steady_clock::now(), text));
        if (held && text.find(' ') != std::string::npos && !text.starts_with("!"))
            fail("a rival wrote while the owner was stopped: " + text);
        note(text);
        ::kill(child.pid, SIGCONT);
        ++stopped_;
    }

    /// Whether that process holds the gateway by what the database says.
    static bool holds(app::Configuration const& configuration, pid_t pid) {
        auto const source = app::open_database(configuration);
        auto const gateways =
            source ? (*source)->gateways(app::clock_now().wall) : base::Result<std::vector<store::GatewayState>>();
        if (!gateways) return false;
        for (auto const& gateway : *gateways) {
            if (gateway.owner.find(fmt::format(":{}:", pid)) != std::string::npos) return true;
        }
        return false;
    }

    /// Whole lines only: the last may have been cut off by the kill.
    void note(std::string const& text) {
        std::size_t from = 0;
        for (auto to = text.find('\n'); to != std::string::npos; from = to + 1, to = text.find('\n', from)) {
            auto const space = text.find(' ', from);
            if (space == std::string::npos || space > to) continue;
            std::int64_t revision = 0;
            std::from_chars(text.data() + space + 1, text.data() + to, revision);
            auto& highest = acknowledged_[text.substr(from, space - from)];
            highest = std::max(highest, revision);
            ++acknowledged_in_all_;
        }
    }

    void check(app::Configuration const& configuration, std::string const& text) {
        bool const own = configuration.database_url == configuration_.database_url;
        auto const before = acknowledged_;
        if (!own) acknowledged_.clear();
        note(text);
        if (!acknowledged_.empty()) compare(configuration);
        if (cycle_ % 10 == 0 || !own) check_whole(configuration);
        if (!own) acknowledged_ = before;
    }

    void compare(app::Configuration const& configuration) {
        auto const source = app::open_database(configuration);
        auto const reader = source ? (*source)->open_reader() : std::unexpected(source.error());
        if (!reader) fail("after the kill: " + reader.error().message);
        auto const accounts = (*reader)->accounts();
        if (!accounts) fail("after the kill: " + accounts.error().message);
        std::map<std::string, std::int64_t> found;
        for (auto const& account : *accounts)
            found[account.account] = account.revision;
        for (auto const& [account, revision] : acknowledged_) {
            if (found[account] < revision) {
                fail(fmt::format("account {}: revision {} was reported as committed, the database has {}", account, revision,
                                 found[account]));
            }
        }
    }

    void check_whole(app::Configuration const& configuration) {
        auto const source = app::open_database(configuration);
        if (!source) fail(source.error().message);
        auto const version = (*source)->schema_version();
        if (!version || *version == 0) {  // killed before the first migration was committed
            if (!acknowledged_.empty()) fail("the schema is gone");
            return;
        }
        auto const report = (*source)->migrate();  // what the next start does
        if (!report) fail("after the kill: " + report.error().message);
        auto const wrong = (*source)->check();
        if (!wrong) fail("after the kill: " + wrong.error().message);
        if (!wrong->empty()) fail("after the kill: " + wrong->front());
    }

    void end_round() {
        ::kill(simulator_.pid, SIGUSR2);  // the day stands still
        auto child = start([this](int output) { converge(configuration_, output); });
        std::string text;
        static_cast<void>(read_until(child, std::chrono::steady_clock::now() + std::chrono::seconds(60), text));
        end(child, SIGKILL);
        if (text.find("equal\n") == std::string::npos) fail("book and broker do not become equal within a minute: " + text);
        compare(configuration_);
        check_whole(configuration_);
        ++rounds_;
    }

    Arguments arguments_;
    base::Prng random_;
    std::optional<app::TemporaryFolder> folder_;
    app::Configuration configuration_;
    Child simulator_;
    int round_ = 0;
    std::int64_t cycle_ = 0;
    std::map<std::string, std::int64_t> acknowledged_;
    std::map<std::string_view, std::int64_t> passed_;
    std::int64_t acknowledged_in_all_ = 0;
    std::int64_t at_points_ = 0;
    std::int64_t at_random_ = 0;
    std::int64_t stopped_ = 0;
    std::int64_t rounds_ = 0;
};

int run(int count, char** words) {
    Arguments arguments;
    auto const number = [](std::string const& text, auto& to) {
        return std::from_chars(text.data(), text.data() + text.size(), to).ptr == text.data() + text.size() && to > 0;
    };
    for (int i = 1; i + 1 < count; i += 2) {
        std::string const word = words[i];
        std::string const value = words[i + 1];
        bool const fine = word == "--count"  ? number(value, arguments.count)
                          : word == "--seed" ? number(value, arguments.seed)
                          : word == "--url"  ? (arguments.url = value, true)
                                             : false;
        if (!fine) count = 0;
    }
    if (count % 2 == 0) {
        fmt::print(stderr, "usage: kill_witness [--count N] [--seed N] [--url URL]\n");
        return 2;
    }
    ::signal(SIGPIPE, SIG_IGN);
    Witness(arguments).run();
    return 0;
}

}  // namespace
}  // namespace possync::crash

int main(int count, char** words) { return possync::crash::run(count, words); }
