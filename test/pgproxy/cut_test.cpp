// Cuts the store's connection at every message boundary of its work, in both directions (cutter.hpp says what must hold).
//
// usage: cut_test URL [--long] [--workload NAME]... [--how reset|stall|late|late_end|late_part] [--jobs N]
//        cut_test URL --case WORKLOAD/HOW/DIRECTION/MESSAGE/WHERE      one cut, as a violation names it
// URL: or @FILE, a file that holds it. Without --long: samples.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "cutter.hpp"

namespace {

using namespace possync::pgproxy;
using Clock = std::chrono::steady_clock;

struct Sweep {
    Cutter::Workload workload;
    How how;
    int step;  ///< every so many messages
    std::atomic<int> cuts = 0;
    std::atomic<int> milliseconds = 0;  ///< of all cuts together
    std::pair<int, int> messages;
};
struct Task {
    Sweep* sweep;
    Direction direction;
    int message;
    std::vector<Where> where;
};

int usage(std::string const& problem) {
    std::fprintf(
        stderr,
        "cut_test: %s\nusage: cut_test URL [--long] [--workload NAME]... [--how reset|stall|late|late_end|late_part] [--jobs N] "
        "[--case CASE]\n",
        problem.c_str());
    return 2;
}

/// Of a sweep's message and direction: the places that differ from those of the message before.
std::vector<Where> places(How how, Direction direction, int message, bool all) {
    switch (how) {
    case How::late:
    case How::late_end:
    case How::late_part:
        // Only what the client sends can come late.
        return direction == Direction::to_server ? std::vector{Where::before, Where::inside} : std::vector<Where>{};
    case How::stall:
        // Before a message nothing differs from behind the one before.
        return message == 0 ? std::vector{Where::before, Where::inside, Where::behind}
                            : std::vector{Where::inside, Where::behind};
    case How::reset:
        // Before a message differs from behind the one before in that the other side has sent it.
        return all || message == 0 ? std::vector{Where::before, Where::inside, Where::behind}
                                   : std::vector{Where::inside, Where::behind};
    }
    return {};
}

std::string case_name(Sweep const& sweep, Cut const& cut) {
    return fmt::format("{}/{}/{}/{}/{}", sweep.workload.name, to_string(cut.how), to_string(cut.direction), cut.message,
                       to_string(cut.where));
}

int one_case(std::string const& url, std::string const& name) {
    std::vector<std::string> words;
    std::istringstream text(name);
    for (std::string word; std::getline(text, word, '/');)
        words.push_back(word);
    if (words.size() != 5) return usage("a case is WORKLOAD/HOW/DIRECTION/MESSAGE/WHERE");
    Cut cut;
    bool known = false;
    for (auto const how : {How::reset, How::stall, How::late, How::late_end, How::late_part}) {
        if (words[1] == to_string(how)) cut.how = how, known = true;
    }
    cut.direction = words[2] == "to_client" ? Direction::to_client : Direction::to_server;
    cut.message = std::atoi(words[3].c_str());
    for (auto const where : {Where::before, Where::inside, Where::behind}) {
        if (words[4] == to_string(where)) cut.where = where;
    }
    for (auto const& workload : Cutter::workloads()) {
        if (!known || workload.name != words[0]) continue;
        Cutter cutter(url, 0);
        auto const outcome = cutter.run(workload, cut);
        std::printf("%s: %s%s\n", name.c_str(), outcome.fired ? "" : "there is no such message; ",
                    outcome.violation.empty() ? "everything held" : outcome.violation.c_str());
        return outcome.violation.empty() && outcome.fired ? 0 : 1;
    }
    return usage("there is no such case: " + name);
}

/// Takes tasks from the list until it is empty; one of these on each thread.
class Run {
public:
    Run(std::string url, std::vector<Task> tasks) : url_(std::move(url)), tasks_(std::move(tasks)) {
        for (auto const& task : tasks_)
            total_ += static_cast<int>(task.where.size());
    }

    void work(int number) {
        Cutter cutter(url_, number);
        for (std::size_t mine = next_++; mine < tasks_.size(); mine = next_++) {
            Task const& task = tasks_[mine];
            auto const begun = Clock::now();
            for (auto const where : task.where) {
                Cut const cut{task.direction, task.message, where, task.sweep->how};
                auto const outcome = cutter.run(task.sweep->workload, cut);
                ++done_;
                if (outcome.fired)
                    ++task.sweep->cuts;
                else
                    ++missed_;
                if (outcome.violation.empty()) continue;
                std::lock_guard const lock(mutex_);
                ++violations_;
                std::printf("VIOLATION %s: %s\n", case_name(*task.sweep, cut).c_str(), outcome.violation.c_str());
                std::fflush(stdout);
            }
            task.sweep->milliseconds +=
                static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun).count());
            tell();
        }
        std::lock_guard const lock(mutex_);
        for (auto const& [answer, times] : cutter.answers())
            answers_[answer] += times;
    }

    void tell() {
        std::lock_guard const lock(mutex_);
        auto const now = Clock::now();
        if (now - told_ < std::chrono::seconds(15)) return;
        told_ = now;
        double const seconds = std::chrono::duration<double>(now - begun_).count();
        std::fprintf(stderr, "%5d of %d cuts, %d violations, about %.0f s left\n", done_.load(), total_, violations_,
                     seconds / done_ * (total_ - done_));
    }

    int report(std::vector<std::unique_ptr<Sweep>> const& sweeps) const {
        int cuts = 0;
        for (auto const& sweep : sweeps) {
            std::printf("%-12s %-8s %4d messages to the server, %4d to the client%s: %5d cuts, %.0f ms each\n",
                        std::string(sweep->workload.name).c_str(), std::string(to_string(sweep->how)).c_str(),
                        sweep->messages.first, sweep->messages.second,
                        sweep->step == 1 ? "" : fmt::format(", every {}th", sweep->step).c_str(), sweep->cuts.load(),
                        sweep->cuts == 0 ? 0.0 : static_cast<double>(sweep->milliseconds) / sweep->cuts);
            cuts += sweep->cuts;
        }
        std::printf("%d cuts in %.0f s, %d violations; %d places not reached;", cuts,
                    std::chrono::duration<double>(Clock::now() - begun_).count(), violations_, missed_.load());
        for (auto const& [answer, times] : answers_)
            std::printf(" %s %d,", answer.c_str(), times);
        std::printf("\n");
        // Work may take a message less than counted where an answer to its last one is not waited for.
        bool const reached = cuts > 0 && missed_ <= static_cast<int>(sweeps.size()) * 6;
        if (!reached) std::printf("too many places were not reached\n");
        return violations_ == 0 && reached ? 0 : 1;
    }

private:
    std::string url_;
    std::vector<Task> tasks_;
    int total_ = 0;
    std::atomic<std::size_t> next_ = 0;
    std::atomic<int> done_ = 0;
    std::atomic<int> missed_ = 0;
    Clock::time_point const begun_ = Clock::now();
    std::mutex mutex_;  ///< what follows, and printing
    Clock::time_point told_ = begun_;
    int violations_ = 0;
    std::map<std::string, int> answers_;
};

}  // namespace

int main(int count, char** words) {
    if (count < 2) return usage("which server?");
    std::string url = words[1];
    if (url.front() == '@') {
        std::ifstream file(url.substr(1));
        url.clear();
        std::getline(file, url);
        if (url.empty()) return usage("no server is written in " + std::string(words[1] + 1));
    }
    bool longer = false;
    int jobs = 4;
    std::vector<std::string> only;
    std::string how;
    for (int i = 2; i < count; ++i) {
        std::string const word = words[i];
        bool const has_value = i + 1 < count;
        if (word == "--long")
            longer = true;
        else if (word == "--workload" && has_value)
            only.emplace_back(words[++i]);
        else if (word == "--how" && has_value)
            how = words[++i];
        else if (word == "--jobs" && has_value)
            jobs = std::max(1, std::atoi(words[++i]));
        else if (word == "--case" && has_value)
            return one_case(url, words[++i]);
        else
            return usage("what is " + word + "?");
    }

    // The short form: samples that take seconds.
    auto const short_step = [](std::string_view workload, How each) {
        bool const one_row = workload == "one_row";
        if (each == How::reset) return one_row ? 4 : (workload == "migration" ? 90 : 37);
        if (each == How::stall) return one_row ? 80 : 0;
        return one_row ? 17 : 0;
    };
    std::vector<std::unique_ptr<Sweep>> sweeps;
    std::vector<Task> tasks;
    {
        Cutter cutter(url, 0);
        for (auto const& workload : Cutter::workloads()) {
            if (!only.empty() && std::find(only.begin(), only.end(), workload.name) == only.end()) continue;
            auto const messages = cutter.count(workload);
            for (auto const each : {How::reset, How::late, How::late_end, How::late_part, How::stall}) {
                int const step = longer ? 1 : short_step(workload.name, each);
                if (step == 0 || (!how.empty() && how != to_string(each))) continue;
                auto& sweep = *sweeps.emplace_back(std::make_unique<Sweep>(workload, each, step));
                sweep.messages = messages;
                for (auto const direction : {Direction::to_server, Direction::to_client}) {
                    int const end = direction == Direction::to_server ? messages.first : messages.second;
                    for (int message = step / 2; message < end; message += step) {
                        auto where = places(each, direction, message, longer);
                        if (!where.empty()) tasks.push_back({&sweep, direction, message, std::move(where)});
                    }
                }
            }
        }
    }
    if (tasks.empty()) return usage("nothing is to be cut");
    // Cheap and dear cuts side by side, so that the time that is left can be told.
    std::mt19937 random(1);
    std::shuffle(tasks.begin(), tasks.end(), random);
    Run run(url, std::move(tasks));
    std::vector<std::thread> threads;
    for (int i = 1; i <= jobs; ++i)
        threads.emplace_back([&run, i] { run.work(i); });
    for (auto& thread : threads)
        thread.join();
    return run.report(sweeps);
}
