// sim: runs seeds, replays one, minimises a failure, hunts planted bugs. Read docs/simulation.md.
//
// Seeds run in processes of their own (--jobs), which share nothing; one that aborts is a failing seed as well.
#include <malloc.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/planted_bug.hpp"
#include "forked.hpp"
#include "minimise.hpp"
#include "world.hpp"

namespace possync::sim {
namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
    std::string seed;
    std::uint64_t start = 1;
    std::int64_t seeds = 1;
    int events = 1000;
    int jobs = 1;
    std::vector<int> keep;
    bool minimises = false;
    int minimise_seconds = 60;
    bool tells = false;
    bool traces = false;
    int twice_of_thousand = 10;
    std::string scenario;
    std::string bug;
    bool planted = false;
    std::int64_t limit = 10'000;
    bool needs_all_marks = false;
    std::string canary;
};

/// What a worker tells, in memory that it shares with the one who started it.
struct Tally {
    std::uint64_t seed;  ///< being run
    std::int64_t seeds;
    std::int64_t events;
    std::int64_t steps;
    std::int64_t commits;
    std::int64_t faults;
    std::int64_t simulated_seconds;
    std::int64_t twice;
    std::int64_t failed;
    std::uint64_t failed_seed;
    std::uint64_t trace;
    std::int64_t hits[marks_max];
    char what[512];
};

std::string replay_command(Arguments const& arguments, std::uint64_t seed) {
    std::string command = fmt::format("build/dev/test/sim/sim --seed 0x{:x} --events {}", seed, arguments.events);
    if (!arguments.bug.empty()) command += " --bug " + arguments.bug;
    return command;
}

void run_one(Arguments const& arguments, std::uint64_t seed, Tally& tally) {
    tally.seed = seed;
    RunOptions options;
    options.seed = seed;
    options.events = arguments.events;
    Outcome outcome = run(options);
    // Now and then the same again: it must say, send and commit the very same.
    if (static_cast<int>(seed % 1000) < arguments.twice_of_thousand && !outcome.violation) {
        ++tally.twice;
        auto const again = run(options);
        if (again.trace != outcome.trace) outcome.violation = Violation{"P22", "a second run of the same seed went another way"};
    }
    ++tally.seeds;
    tally.events += outcome.events;
    tally.steps += outcome.steps;
    tally.commits += outcome.commits;
    tally.faults += outcome.faults;
    tally.simulated_seconds += outcome.simulated_seconds;
    tally.trace = (tally.trace ^ outcome.trace) * 0x9E3779B97F4A7C15ULL;
    for (std::size_t i = 0; i < mark_names().size(); ++i) tally.hits[i] += outcome.marks[i];
    if (!outcome.violation) return;
    if (tally.failed++ == 0) {
        tally.failed_seed = seed;
        std::snprintf(tally.what, sizeof tally.what, "%s: %s", outcome.violation->promise.c_str(), outcome.violation->what.c_str());
    }
}

Tally* shared_tallies(int count) {
    void* memory = mmap(nullptr, sizeof(Tally) * static_cast<std::size_t>(count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no memory to share with the workers");
    return static_cast<Tally*>(memory);
}

void plant(std::string const& name) {
    if (name.empty()) return;
#ifdef POSSYNC_PLANTED_BUGS
    for (auto const& bug : base::planted_bugs) {
        if (bug.name == name) return base::plant(bug.bug);
    }
    throw CLI::ValidationError("--bug", "there is no planted bug " + name);
#else
    throw CLI::ValidationError("--bug", "this build carries no planted bugs; use build/dev or build/planted");
#endif
}

struct Total {
    Tally sum{};
    std::vector<std::string> failures;  ///< one line each
    std::vector<std::uint64_t> failed_seeds;
};

/// Runs seeds in `jobs` processes, worker w those with (seed - start) % jobs == w. `first_only`: all end with the first failure.
Total run_seeds(Arguments const& arguments, bool first_only, bool progress) {
    int const jobs = std::max(1, arguments.jobs);
    Tally* tallies = shared_tallies(jobs);
    std::vector<pid_t> workers(static_cast<std::size_t>(jobs), 0);
    std::vector<std::uint64_t> next(static_cast<std::size_t>(jobs));
    Total total;
    auto const launch = [&](int w) {
        pid_t const pid = fork();
        if (pid < 0) throw std::runtime_error("a worker cannot be started");
        if (pid == 0) {
            for (std::uint64_t seed = next[static_cast<std::size_t>(w)]; seed < arguments.start + static_cast<std::uint64_t>(arguments.seeds); seed += static_cast<std::uint64_t>(jobs)) {
                Tally& tally = tallies[w];
                auto const failed = tally.failed;
                run_one(arguments, seed, tally);
                if (tally.failed != failed) test::end_process(1);  // told by the parent, who goes on behind it
            }
            test::end_process(0);
        }
        workers[static_cast<std::size_t>(w)] = pid;
    };
    for (int w = 0; w < jobs; ++w) {
        next[static_cast<std::size_t>(w)] = arguments.start + static_cast<std::uint64_t>(w);
        launch(w);
    }
    auto const began = Clock::now();
    auto told = began;
    int running = jobs;
    while (running > 0) {
        int status = 0;
        pid_t const ended = waitpid(-1, &status, WNOHANG);
        if (ended <= 0) {
            usleep(20'000);
            if (progress && Clock::now() - told > std::chrono::seconds(10)) {
                told = Clock::now();
                std::int64_t seeds = 0;
                std::int64_t events = 0;
                for (int w = 0; w < jobs; ++w) seeds += tallies[w].seeds, events += tallies[w].events;
                double const seconds = std::chrono::duration<double>(told - began).count();
                double const left = seeds == 0 ? 0 : seconds / static_cast<double>(seeds) * static_cast<double>(arguments.seeds - seeds);
                std::printf("   %lld of %lld seeds, %.0f events/s, %zu failed, about %.0f min left\n", static_cast<long long>(seeds),
                            static_cast<long long>(arguments.seeds), static_cast<double>(events) / seconds, total.failures.size(), left / 60);
                std::fflush(stdout);
            }
            continue;
        }
        for (int w = 0; w < jobs; ++w) {
            if (workers[static_cast<std::size_t>(w)] != ended) continue;
            Tally& tally = tallies[w];
            bool const well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
            workers[static_cast<std::size_t>(w)] = 0;
            if (well) {
                --running;
                break;
            }
            bool const aborted = !WIFEXITED(status) || WEXITSTATUS(status) != 1;
            std::string const what = aborted ? fmt::format("the process ended by signal {}", WIFSIGNALED(status) ? WTERMSIG(status) : 0) : std::string(tally.what);
            total.failures.push_back(fmt::format("{}\n      {}", what, replay_command(arguments, tally.seed)));
            total.failed_seeds.push_back(tally.seed);
            if (progress) std::printf("FAILED seed %llu: %s\n", static_cast<unsigned long long>(tally.seed), total.failures.back().c_str());
            std::fflush(stdout);
            if (aborted) ++tally.seeds;
            tally.failed = 0;
            next[static_cast<std::size_t>(w)] = tally.seed + static_cast<std::uint64_t>(jobs);
            if (first_only) {
                for (pid_t const other : workers) {
                    if (other > 0) kill(other, SIGKILL), waitpid(other, nullptr, 0);
                }
                running = 0;
                break;
            }
            launch(w);
            break;
        }
    }
    for (int w = 0; w < jobs; ++w) {
        Tally const& tally = tallies[w];
        total.sum.seeds += tally.seeds;
        total.sum.events += tally.events;
        total.sum.steps += tally.steps;
        total.sum.commits += tally.commits;
        total.sum.faults += tally.faults;
        total.sum.simulated_seconds += tally.simulated_seconds;
        total.sum.twice += tally.twice;
        total.sum.trace ^= tally.trace;
        for (std::size_t i = 0; i < marks_max; ++i) total.sum.hits[i] += tally.hits[i];
    }
    munmap(tallies, sizeof(Tally) * static_cast<std::size_t>(jobs));
    return total;
}

int hunt(Arguments arguments) {
#ifndef POSSYNC_PLANTED_BUGS
    throw CLI::ValidationError("--planted", "this build carries no planted bugs; use build/dev or build/planted");
#endif
    int missed = 0;
    std::printf("| planted bug | what is wrong | seeds needed | found as |\n|---|---|---|---|\n");
    for (auto const& bug : base::planted_bugs) {
        if (!arguments.bug.empty() && arguments.bug != bug.name) continue;
        Arguments one = arguments;
        one.bug = bug.name;
        one.seeds = arguments.limit;
        one.twice_of_thousand = 0;
        plant(one.bug);
        auto const total = run_seeds(one, true, false);
        bool const found = !total.failures.empty();
        missed += !found;
        std::string what = found ? total.failures.front().substr(0, total.failures.front().find('\n')) : "";
        if (what.size() > 110) what = what.substr(0, 110) + "...";
        std::printf("| `%s` | %s | %s | %s |\n", std::string(bug.name).c_str(), std::string(bug.what).c_str(),
                    found ? std::to_string(total.failed_seeds.front() - arguments.start + 1).c_str() : "not found", what.c_str());
        std::fflush(stdout);
    }
    return missed == 0 ? 0 : 1;
}

int one_seed(Arguments const& arguments) {
    std::uint64_t const seed = std::stoull(arguments.seed, nullptr, 0);
    RunOptions options;
    options.seed = seed;
    options.events = arguments.events;
    std::string story_told;
    if (arguments.tells && arguments.keep.empty()) options.tell = [](std::string const& line) { std::puts(line.c_str()), std::fflush(stdout); };
    std::printf("seed 0x%llx: %s\n", static_cast<unsigned long long>(seed), to_string(draw_swarm(seed)).c_str());
    std::fflush(stdout);
    Outcome outcome = run(options);
    std::vector<Step> story = outcome.story;
    if (!arguments.keep.empty()) {
        std::set<int> const keep(arguments.keep.begin(), arguments.keep.end());
        std::erase_if(story, [&](Step const& step) { return !keep.contains(step.number); });
        options.story = &story;
        options.events = 1'000'000'000;
        if (arguments.tells) options.tell = [](std::string const& line) { std::puts(line.c_str()), std::fflush(stdout); };
        outcome = run(options);
    }
    std::printf("%lld events, %lld steps, %lld commits, %lld faults, %lld s simulated, trace %016llx\n", static_cast<long long>(outcome.events),
                static_cast<long long>(outcome.steps), static_cast<long long>(outcome.commits), static_cast<long long>(outcome.faults),
                static_cast<long long>(outcome.simulated_seconds), static_cast<unsigned long long>(outcome.trace));
    if (!outcome.violation) return 0;
    std::printf("VIOLATION %s: %s\n", outcome.violation->promise.c_str(), outcome.violation->what.c_str());
    std::fflush(stdout);
    if (!arguments.minimises) return 1;
    auto const shortest = minimise(options, outcome, std::chrono::seconds(arguments.minimise_seconds));
    std::string numbers;
    for (auto const& step : shortest) numbers += (numbers.empty() ? "" : ",") + std::to_string(step.number);
    std::string const command = replay_command(arguments, seed) + " --keep " + numbers;
    options.story = &shortest;
    options.events = 1'000'000'000;
    options.tell = nullptr;
    auto const last = run(options);
    std::string const file = arguments.scenario.empty() ? fmt::format("sim-{:x}.scn", seed) : arguments.scenario;
    std::ofstream(file) << to_scenario(shortest, last.violation ? last : outcome, command);
    std::printf("%zu of %zu steps are enough; written to %s\n", shortest.size(), outcome.story.size(), file.c_str());
    for (auto const& step : shortest) {
        std::printf("   #%d +%s %s%s\n", step.number, base::to_string(step.wait).c_str(), step.account.empty() ? "" : (step.account + ": ").c_str(), step.line().c_str());
    }
    return 1;
}

int many_seeds(Arguments const& arguments) {
    auto const began = Clock::now();
    auto const total = run_seeds(arguments, false, true);
    double const seconds = std::chrono::duration<double>(Clock::now() - began).count();
    std::size_t hit = 0;
    std::string never;
    auto const names = mark_names();
    for (std::size_t i = 0; i < names.size(); ++i) {
        hit += total.sum.hits[i] > 0;
        if (total.sum.hits[i] == 0) never += "\n   never: " + std::string(names[i]);
    }
    std::printf("%lld seeds, %lld events (%.0f/s), %lld steps, %lld commits, %lld faults, %.1f years simulated, %lld seeds twice, marks %zu/%zu, %zu failed, %.0f s, trace %016llx%s\n",
                static_cast<long long>(total.sum.seeds), static_cast<long long>(total.sum.events), static_cast<double>(total.sum.events) / seconds,
                static_cast<long long>(total.sum.steps), static_cast<long long>(total.sum.commits), static_cast<long long>(total.sum.faults),
                static_cast<double>(total.sum.simulated_seconds) / 86400 / 365, static_cast<long long>(total.sum.twice), hit, names.size(), total.failures.size(), seconds,
                static_cast<unsigned long long>(total.sum.trace), never.c_str());
    if (!total.failures.empty()) return 1;
    return arguments.needs_all_marks && hit != names.size() ? 1 : 0;
}

int program(int argc, char** argv) {
    Arguments arguments;
    CLI::App app{"Deterministic simulation of the service: broker, gateway, disk and rivals on virtual time, by seed"};
    app.add_option("--seed", arguments.seed, "Run this one seed (decimal or 0x...) and tell how it went");
    app.add_option("--start", arguments.start, "First seed")->capture_default_str();
    app.add_option("--seeds", arguments.seeds, "How many seeds")->capture_default_str();
    app.add_option("--events", arguments.events, "Events of a seed before the faults stop")->capture_default_str();
    app.add_option("--jobs", arguments.jobs, "Processes")->capture_default_str();
    app.add_option("--keep", arguments.keep, "With --seed: only these steps of its story")->delimiter(',');
    app.add_flag("--minimise", arguments.minimises, "With --seed: find the shortest story that fails, and write it as a scenario");
    app.add_option("--scenario", arguments.scenario, "With --minimise: the file to write");
    app.add_option("--minimise-seconds", arguments.minimise_seconds, "Real time that it may take")->capture_default_str();
    app.add_flag("--tell", arguments.tells, "With --seed: tell what happens");
    app.add_option("--twice", arguments.twice_of_thousand, "So many of a thousand seeds are run twice and must go the same way")->capture_default_str();
    app.add_flag("--all-marks", arguments.needs_all_marks, "Fail when a mark was never hit");
    app.add_option("--bug", arguments.bug, "Switch a planted bug on");
    app.add_flag("--planted", arguments.planted, "Hunt the planted bugs (or the one of --bug), each until it is found");
    app.add_option("--limit", arguments.limit, "With --planted: seeds at most")->capture_default_str();
    try {
        app.parse(argc, argv);
        if (arguments.planted) return hunt(arguments);
        plant(arguments.bug);
        return arguments.seed.empty() ? many_seeds(arguments) : one_seed(arguments);
    } catch (CLI::ParseError const& error) {
        int const status = app.exit(error);
        return status == 0 ? 0 : 2;
    }
}

}  // namespace
}  // namespace possync::sim

int main(int argc, char** argv) {
    // A world is built and torn down for each seed: giving its memory back and asking for it again is a sixth of the time.
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 64 << 20);
    return possync::sim::program(argc, argv);
}
