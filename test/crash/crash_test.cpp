// Every operation of every workload fails in every way. One process prepares a workload and forks for each case, so that all
// cases begin alike, and a case that aborts or hangs is a failure of its own.
//
//   crash_test                            every workload, way and operation, with progress
//   crash_test --workload NAME            only that one (may be given several times); also --way NAME
//   crash_test --every N                  every N-th case
//   crash_test --case WORKLOAD/WAY/AT/SEED    one case, by itself, with what was done to the disk
//   crash_test --planted NAME|all         switches a planted bug of the disk on: passes when a case finds it
//   crash_test --list
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <deque>
#include <set>

#include "base/check.hpp"
#include "base/planted_bug.hpp"
#include "store/sqlite/sqlite_check.hpp"
#include "forked.hpp"
#include "ways.hpp"
#include "workloads.hpp"

namespace possync::crash {
namespace {

using faulty_disk::Damage;
using faulty_disk::Effect;
using faulty_disk::Operation;
using faulty_disk::Operations;
using Ending = Bench::Ending;

constexpr Operations reading = faulty_disk::only(Operation::read) | faulty_disk::only(Operation::map_shared);
constexpr unsigned seconds_for_a_case = 120;

struct Case {
    Workload const* workload = nullptr;
    Way const* way = nullptr;
    std::int64_t at = 1;
    std::uint64_t seed = 1;
};

std::string to_string(Case const& each) {
    return fmt::format("{}/{}/{}/{}", each.workload->name, each.way->name, each.at, each.seed);
}

Operations operations_of(Way const& way) { return way.reads ? reading : faulty_disk::changing; }

/// What a workload does to the disk without faults, and where it ends.
struct Reference {
    std::vector<Operation> changes;  ///< in order
    std::vector<Operation> reads;
    std::string dump;
    std::string problem;
};

/// Does the workload's work; a service that cannot open its database has ended.
void act(Bench& bench, Workload const& workload) {
    try {
        if (!workload.act.empty()) static_cast<void>(bench.run(workload.act));
        if (workload.do_it) workload.do_it(bench);
    } catch (CannotOpen const&) {
        bench.die(Ending::none, {}, 0);
    }
}

/// Starts the service again; false where its database cannot be opened.
std::string start_again(Bench& bench, Workload const& workload) {
    try {
        if (bench.has_world()) return bench.run("restart");
        return bench.run(workload.act);
    } catch (CannotOpen const& failed) {
        return "cannot be opened: " + failed.error.message;
    }
}

/// The service lives and nothing fails any more: everything ends as if nothing had happened.
std::string converge(Bench& bench, Workload const& workload, std::string const* dump) {
    try {
        if (!workload.again.empty()) {
            if (auto const problem = bench.run(workload.again); !problem.empty()) return problem;
        }
        if (auto const problem = bench.run("wait 2m\nsync\n" + workload.expect); !problem.empty()) return problem;
    } catch (CannotOpen const& failed) {
        return "cannot be opened: " + failed.error.message;
    }
    if (workload.check) {
        if (auto const problem = workload.check(bench); !problem.empty()) return problem;
    }
    if (dump != nullptr) {
        std::string const ours = bench.dump();
        if (ours != *dump)
            return fmt::format("the book is not what it would have been\n--- without the fault\n{}--- with it\n{}", *dump, ours);
    }
    return bench.check();
}

void prepare(Bench& bench, Workload const& workload) {
    if (!workload.setup.empty()) {
        auto const problem = bench.run(workload.setup);
        if (!problem.empty()) {
            fmt::print(stderr, "{}: the setup fails: {}\n", workload.name, problem);
            std::exit(1);
        }
    }
    if (workload.set_up) workload.set_up(bench);
}

Reference reference_of(Bench& bench, Workload const& workload) {
    Reference reference;
    bench.disk.keep_log();
    act(bench, workload);
    for (auto const& line : bench.disk.log()) {
        auto const word = line.substr(line.find(' ') + 1);
        for (int i = 0; i < faulty_disk::operation_kinds; ++i) {
            auto const operation = static_cast<Operation>(i);
            if (!word.starts_with(faulty_disk::to_string(operation))) continue;
            bool const read = (faulty_disk::only(operation) & reading) != 0;
            (read ? reference.reads : reference.changes).push_back(operation);
        }
    }
    bench.die(Ending::kill, {}, 0);
    reference.problem = bench.check();
    if (reference.problem.empty()) reference.problem = start_again(bench, workload);
    if (reference.problem.empty()) reference.problem = converge(bench, workload, nullptr);
    if (reference.problem.empty()) reference.dump = bench.dump();
    return reference;
}

faulty_disk::Damage damage_of(Case const& each, std::uint64_t turn) {
    if (each.way->damage) return *each.way->damage;
    return static_cast<Damage>((each.seed + static_cast<std::uint64_t>(each.at) + turn) % faulty_disk::damage_kinds);
}

/// Something fails once more while the service starts; then all is well with the disk.
std::string recover_with_a_fault(Bench& bench, Case const& each) {
    base::Prng random(each.seed * 7919 + static_cast<std::uint64_t>(each.at));
    faulty_disk::Fault fault;
    fault.at = random.between(1, 25);
    switch (each.way->second) {
    case Second::crash: fault.effect = Effect::crash_before; break;
    case Second::error: fault.effect = Effect::error_before; break;
    case Second::full:
        fault.effect = Effect::disk_full;
        fault.count = faulty_disk::lasting;
        break;
    case Second::forget:
        fault.effect = Effect::sync_forgets;
        fault.at = random.between(1, 3);
        fault.operations = faulty_disk::only(Operation::sync);
        break;
    case Second::none: return {};
    }
    bench.disk.set_fault(fault);
    static_cast<void>(start_again(bench, *each.workload));
    bench.disk.clear_faults();
    bool const cut = each.way->ending == Ending::power;
    bench.die(cut ? Ending::power : Ending::kill, damage_of(each, 1), each.seed + 1);
    return bench.check();
}

std::string run_case(Bench& bench, Case const& each, Reference const& reference) {
    auto const& way = *each.way;
    auto const& workload = *each.workload;
    bench.disk.set_fault({.effect = way.effect,
                          .operations = operations_of(way),
                          .at = each.at,
                          .count = way.count,
                          .sector = way.sector,
                          .seed = each.seed + static_cast<std::uint64_t>(each.at)});
    if (way.stops_soon) {
        base::Prng random(each.seed * 104'729 + static_cast<std::uint64_t>(each.at));
        bench.disk.set_fault({.effect = Effect::crash_before, .at = each.at + random.between(1, 6)});
    }
    act(bench, workload);
    bool const crashes =
        way.effect == Effect::crash_before || way.effect == Effect::crash_after || way.effect == Effect::crash_torn;
    if (crashes && !bench.disk.fired()) return "the operation was not reached: the work is not the same every time";

    bool restart = true;
    if (way.ending == Ending::none) {
        // The disk being full is no reason not to read what is there.
        if (way.effect == Effect::disk_full && bench.disk.exists(Bench::path) && !workload.setup.empty()) {
            // But where the last one who had it open took the log away, SQLite makes a new one to read, and needs room for that.
            bool const needs_room = !bench.disk.exists(std::string(Bench::path) + "-wal");
            auto const readable = store::check_sqlite(Bench::path, bench.command());
            bool const says_so = !readable && needs_room && readable.error().message.find("room") != std::string::npos;
            if (!readable && !says_so) return "cannot be read while the disk is full: " + readable.error().message;
        }
        bench.disk.clear_faults();
        restart = !bench.has_world() || bench.ended();
        if (!restart) {
            if (auto const problem = bench.check(); !problem.empty()) return "while the service lives: " + problem;
        }
    } else {
        bench.die(way.ending, damage_of(each, 0), each.seed);
        bench.disk.clear_faults();
        if (auto const problem = bench.check(); !problem.empty()) return "after the crash: " + problem;
    }
    if (auto const problem = recover_with_a_fault(bench, each); !problem.empty()) return "after the second crash: " + problem;
    if (restart) {
        if (auto const problem = start_again(bench, workload); !problem.empty()) return "at the restart: " + problem;
    }
    if (auto const problem = converge(bench, workload, &reference.dump); !problem.empty()) return "at the end: " + problem;

    // All of it was acknowledged: a power cut takes nothing of it.
    bench.die(Ending::power, Damage::all_lost, 1);
    if (auto const problem = bench.check(); !problem.empty()) return "after a last power cut: " + problem;
    if (auto const problem = start_again(bench, workload); !problem.empty()) return "at the last restart: " + problem;
    if (auto const problem = converge(bench, workload, &reference.dump); !problem.empty())
        return "after the last restart: " + problem;
    return {};
}

// --- processes -------------------------------------------------------------------------------------------------------------

/// Runs `work` in a child; what it answers, or how it ended.
struct Child {
    pid_t pid = 0;
    int output = -1;
    Case what;
    std::string text;
};

template <typename Work>
Child start_child(Case const& what, Work work) {
    int ends[2];
    CHECK(::pipe(ends) == 0);
    std::fflush(stdout);
    std::fflush(stderr);
    pid_t const pid = ::fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        ::close(ends[0]);
        ::alarm(seconds_for_a_case);
        std::string const answer = work();
        std::size_t written = 0;
        while (written < answer.size()) {
            auto const size = ::write(ends[1], answer.data() + written, answer.size() - written);
            if (size <= 0) break;
            written += static_cast<std::size_t>(size);
        }
        test::end_process(0);
    }
    ::close(ends[1]);
    return {pid, ends[0], what, {}};
}

/// Reads what there is; true once the child has ended, `text` then being its answer.
bool read_child(Child& child) {
    char buffer[65536];
    auto const size = ::read(child.output, buffer, sizeof buffer);
    if (size > 0) {
        child.text.append(buffer, static_cast<std::size_t>(size));
        return false;
    }
    ::close(child.output);
    int status = 0;
    ::waitpid(child.pid, &status, 0);
    if (WIFSIGNALED(status)) {
        child.text += WTERMSIG(status) == SIGALRM ? fmt::format("did not end within {} s", seconds_for_a_case)
                                                  : fmt::format("died of signal {}", WTERMSIG(status));
    }
    return true;
}

// --- what is asked -----------------------------------------------------------------------------------------------------------

struct Arguments {
    std::set<std::string, std::less<>> workloads;
    std::set<std::string, std::less<>> ways;
    std::string one_case;
    std::string planted;
    std::int64_t every = 1;
    int jobs = 1;
    int failures = 10;  ///< after so many it stops
    bool quiet = false;
};

/// Whether this way means anything for that operation.
bool applies(Way const& way, Operation operation) {
    switch (way.effect) {
    case Effect::crash_torn:
    case Effect::short_write: return operation == Operation::write;
    case Effect::disk_full: return operation == Operation::write || operation == Operation::create;
    case Effect::sync_forgets: return operation == Operation::sync;
    default: return true;
    }
}

std::vector<Case> cases_of(Workload const& workload, Reference const& reference, Arguments const& arguments) {
    std::vector<Case> cases;
    std::int64_t number = 0;
    for (auto const& way : ways) {
        if (!arguments.ways.empty() && !arguments.ways.contains(way.name)) continue;
        auto const& operations = way.reads ? reference.reads : reference.changes;
        for (std::size_t i = 0; i < operations.size(); ++i) {
            if (!applies(way, operations[i])) continue;
            for (int seed = 1; seed <= way.seeds; ++seed) {
                if (number++ % arguments.every != 0) continue;
                cases.push_back({&workload, &way, static_cast<std::int64_t>(i) + 1, static_cast<std::uint64_t>(seed)});
            }
        }
    }
    return cases;
}

class Progress {
public:
    void expect(std::int64_t cases) { expected_ += cases; }
    void done(std::string_view workload, std::int64_t failures) {
        ++done_;
        auto const now = std::chrono::steady_clock::now();
        if (now - said_ < std::chrono::seconds(10)) return;
        said_ = now;
        auto const passed = std::chrono::duration<double>(now - began_).count();
        auto const left = passed / static_cast<double>(done_) * static_cast<double>(expected_ - done_);
        fmt::print("   {} of {} cases, {:.0f} a second, {} failed, about {:.0f} s left; at {}\n", done_, expected_,
                   static_cast<double>(done_) / passed, failures, left, workload);
        std::fflush(stdout);
    }
    [[nodiscard]] std::int64_t count() const { return done_; }
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
    }

private:
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point said_ = began_;
    std::int64_t done_ = 0;
    std::int64_t expected_ = 0;
};

constexpr std::uint64_t disk_seed = 1;

/// The reference of a workload, by a child, so that the bench that is kept is untouched.
Reference ask_reference(Bench& bench, Workload const& workload) {
    auto child = start_child({}, [&] {
        auto const reference = reference_of(bench, workload);
        std::string text;
        for (auto const operation : reference.changes)
            text += static_cast<char>('a' + static_cast<int>(operation));
        text += '\n';
        for (auto const operation : reference.reads)
            text += static_cast<char>('a' + static_cast<int>(operation));
        return text + '\n' + reference.problem + '\n' + reference.dump;
    });
    while (!read_child(child)) {
    }
    Reference reference;
    auto const first = child.text.find('\n');
    auto const second = child.text.find('\n', first + 1);
    auto const third = child.text.find('\n', second + 1);
    if (third == std::string::npos) {
        reference.problem = "the workload without faults: " + child.text;
        return reference;
    }
    for (char const letter : child.text.substr(0, first))
        reference.changes.push_back(static_cast<Operation>(letter - 'a'));
    for (char const letter : child.text.substr(first + 1, second - first - 1))
        reference.reads.push_back(static_cast<Operation>(letter - 'a'));
    reference.problem = child.text.substr(second + 1, third - second - 1);
    reference.dump = child.text.substr(third + 1);
    if (reference.problem.empty() && reference.dump.empty()) reference.problem = "nothing was committed";
    return reference;
}

std::string program_name;

struct Prepared {
    Workload const* workload;
    std::unique_ptr<Bench> bench;
    Reference reference;
};

/// Every workload that was asked for, ready to begin. Prints and ends the program when one fails without any fault.
std::vector<Prepared> prepare_all(Arguments const& arguments) {
    std::vector<Prepared> all;
    for (auto const& workload : workloads()) {
        if (!arguments.workloads.empty() && !arguments.workloads.contains(workload.name)) continue;
        Prepared each{&workload, std::make_unique<Bench>(disk_seed), {}};
        prepare(*each.bench, workload);
        each.reference = ask_reference(*each.bench, workload);
        if (!each.reference.problem.empty()) {
            fmt::print(stderr, "{} fails without any fault: {}\n", workload.name, each.reference.problem);
            std::exit(1);
        }
        all.push_back(std::move(each));
    }
    return all;
}

void print_failure(Child const& child) {
    fmt::print("FAILED {}: {}\n   again: {} --case {}\n", to_string(child.what), child.text, program_name, to_string(child.what));
    std::fflush(stdout);
}

/// Runs cases; gives the first failures.
std::vector<Child> run_cases(Prepared& prepared, std::vector<Case> const& cases, Arguments const& arguments, Progress* progress,
                             std::int64_t& failed) {
    std::vector<Child> failures;
    std::deque<Child> running;
    std::size_t next = 0;
    while (next < cases.size() || !running.empty()) {
        while (next < cases.size() && running.size() < static_cast<std::size_t>(arguments.jobs) && failed < arguments.failures) {
            auto const& each = cases[next++];
            running.push_back(start_child(each, [&] { return run_case(*prepared.bench, each, prepared.reference); }));
        }
        if (running.empty()) break;
        std::vector<pollfd> waits;
        for (auto const& child : running)
            waits.push_back({child.output, POLLIN, 0});
        ::poll(waits.data(), waits.size(), -1);
        for (std::size_t i = waits.size(); i-- > 0;) {
            if (waits[i].revents == 0 || !read_child(running[i])) continue;
            if (!running[i].text.empty()) {
                ++failed;
                if (progress != nullptr && arguments.planted.empty()) print_failure(running[i]);
                failures.push_back(std::move(running[i]));
            }
            running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
            if (progress != nullptr) progress->done(prepared.workload->name, failed);
        }
    }
    return failures;
}

int run_all(Arguments const& arguments) {
    Progress progress;
    auto prepared = prepare_all(arguments);
    std::vector<std::vector<Case>> cases;
    for (auto const& each : prepared) {
        cases.push_back(cases_of(*each.workload, each.reference, arguments));
        progress.expect(static_cast<std::int64_t>(cases.back().size()));
    }
    std::int64_t failed = 0;
    for (std::size_t i = 0; i < prepared.size(); ++i) {
        static_cast<void>(run_cases(prepared[i], cases[i], arguments, &progress, failed));
        if (!arguments.quiet) {
            fmt::print("{:20} {:5} changes {:5} reads {:6} cases   {}\n", prepared[i].workload->name,
                       prepared[i].reference.changes.size(), prepared[i].reference.reads.size(), cases[i].size(),
                       prepared[i].workload->what);
            std::fflush(stdout);
        }
        if (failed >= arguments.failures) break;
        prepared[i].bench.reset();
    }
    fmt::print("{} cases of {} workloads and {} ways in {:.0f} s: {} failed\n", progress.count(), prepared.size(), ways.size(),
               progress.seconds(), failed);
    return failed == 0 ? 0 : 1;
}

/// A hunt goes through the work that the bug is in, and not through all of it for every bug.
[[maybe_unused]] bool is_hunted_in(std::string_view bug, std::string_view workload) {
    bool const migrates = bug.starts_with("migration") || bug.starts_with("backup");
    if (migrates) return workload.starts_with("migrate-from");
    return workload == "one-row" || workload == "missed-while-down" || workload == "flip";
}

/// In an order that is drawn, so that every way comes early.
int hunt(Arguments const& arguments) {
#ifdef POSSYNC_PLANTED_BUGS
    int missed = 0;
    int hunted = 0;
    for (auto const& bug : base::planted_bugs_of_the_disk) {
        if (arguments.planted != "all" && arguments.planted != bug.name) continue;
        ++hunted;
        base::plant(bug.bug);
        std::int64_t tried = 0;
        std::optional<Child> found;
        std::string unfit;
        for (auto const& workload : workloads()) {
            if (!arguments.workloads.empty() && !arguments.workloads.contains(workload.name)) continue;
            if (arguments.workloads.empty() && !is_hunted_in(bug.name, workload.name)) continue;
            // Prepared with the bug too, as it would be; what it breaks without any fault is found by other tests.
            Prepared prepared{&workload, std::make_unique<Bench>(disk_seed), {}};
            prepare(*prepared.bench, workload);
            prepared.reference = ask_reference(*prepared.bench, workload);
            if (!prepared.reference.problem.empty()) {
                found = Child{0, -1, {&workload, ways.data(), 0, 0}, "without any fault: " + prepared.reference.problem};
                break;
            }
            auto cases = cases_of(workload, prepared.reference, arguments);
            base::Prng random(7);
            for (std::size_t i = cases.size(); i > 1; --i) {
                std::swap(cases[i - 1], cases[static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(i) - 1))]);
            }
            cases.resize(std::min<std::size_t>(cases.size(), 400));
            std::int64_t failed = 0;
            Arguments first = arguments;
            first.failures = 1;
            Progress progress;
            progress.expect(static_cast<std::int64_t>(cases.size()));
            auto failures = run_cases(prepared, cases, first, &progress, failed);
            tried += progress.count();
            if (!failures.empty()) {
                found = std::move(failures.front());
                break;
            }
        }
        base::plant(std::nullopt);
        if (found) {
            auto const line = found->text.substr(0, found->text.find('\n'));
            fmt::print("{:28} found by {} after {} cases: {}\n", bug.name, to_string(found->what), tried, line);
        } else {
            ++missed;
            fmt::print("{:28} NOT FOUND in {} cases ({})\n", bug.name, tried, bug.what);
        }
        std::fflush(stdout);
    }
    if (hunted == 0) {
        fmt::print(stderr, "there is no planted bug {} of the disk\n", arguments.planted);
        return 2;
    }
    fmt::print("{} of {} planted bugs of the disk found\n", hunted - missed, hunted);
    return missed == 0 ? 0 : 1;
#else
    static_cast<void>(arguments);
    fmt::print(stderr, "this build has no planted bugs; take the preset dev or planted\n");
    return 2;
#endif
}

int run_one(Arguments const& arguments) {
    std::vector<std::string> parts;
    for (std::size_t from = 0;;) {
        auto const slash = arguments.one_case.find('/', from);
        parts.push_back(arguments.one_case.substr(from, slash - from));
        if (slash == std::string::npos) break;
        from = slash + 1;
    }
    Case wanted;
    for (auto const& workload : workloads()) {
        if (workload.name == parts[0]) wanted.workload = &workload;
    }
    for (auto const& way : ways) {
        if (parts.size() > 1 && way.name == parts[1]) wanted.way = &way;
    }
    auto const number = [&](std::size_t index, auto& to) {
        if (index >= parts.size()) return false;
        auto const& text = parts[index];
        return std::from_chars(text.data(), text.data() + text.size(), to).ptr == text.data() + text.size();
    };
    if (wanted.workload == nullptr || wanted.way == nullptr || !number(2, wanted.at) || !number(3, wanted.seed)) {
        fmt::print(stderr, "a case is WORKLOAD/WAY/AT/SEED; see --list\n");
        return 2;
    }
#ifdef POSSYNC_PLANTED_BUGS
    for (auto const& bug : base::planted_bugs_of_the_disk) {
        if (bug.name == arguments.planted) base::plant(bug.bug);
    }
#endif
    auto bench = std::make_unique<Bench>(disk_seed);
    prepare(*bench, *wanted.workload);
    auto const reference = ask_reference(*bench, *wanted.workload);
    bench->disk.keep_log();
    auto const problem = run_case(*bench, wanted, reference);
    for (auto const& line : bench->disk.log())
        fmt::print("{}\n", line);
    for (auto const& line : bench->world().log) {
        if (line.level >= sync::LogLevel::warning) fmt::print("{}: {}\n", line.event, line.text);
    }
    fmt::print("{}\n", problem.empty() ? "passed" : "FAILED " + problem);
    std::fflush(stdout);
    ::_exit(problem.empty() ? 0 : 1);  // a bench in any state whatever need not be taken apart
}

int list() {
    fmt::print("workloads\n");
    for (auto const& workload : workloads())
        fmt::print("  {:20} {}\n", workload.name, workload.what);
    fmt::print("ways\n");
    for (auto const& way : ways)
        fmt::print("  {}\n", way.name);
    return 0;
}

int usage() {
    fmt::print(stderr, "usage: crash_test [--workload NAME]... [--way NAME]... [--every N] [--jobs N] [--quiet] | --case CASE | "
                       "--planted NAME|all | --list\n");
    return 2;
}

int run(int count, char** words) {
    program_name = words[0];
    Arguments arguments;
    for (int i = 1; i < count; ++i) {
        std::string const word = words[i];
        if (word == "--list") return list();
        if (word == "--quiet") {
            arguments.quiet = true;
            continue;
        }
        if (i + 1 == count) return usage();
        std::string const value = words[++i];
        auto const number = [&](auto& to) {
            return std::from_chars(value.data(), value.data() + value.size(), to).ptr == value.data() + value.size() && to > 0;
        };
        if (word == "--workload") {
            bool const known =
                std::any_of(workloads().begin(), workloads().end(), [&](auto const& each) { return each.name == value; });
            if (!known) return fmt::print(stderr, "there is no workload {}; see --list\n", value), 2;
            arguments.workloads.insert(value);
        } else if (word == "--way") {
            bool const known = std::any_of(ways.begin(), ways.end(), [&](auto const& each) { return each.name == value; });
            if (!known) return fmt::print(stderr, "there is no way {}; see --list\n", value), 2;
            arguments.ways.insert(value);
        } else if (word == "--case") {
            arguments.one_case = value;
        } else if (word == "--planted") {
            arguments.planted = value;
        } else if (word == "--every") {
            if (!number(arguments.every)) return usage();
        } else if (word == "--jobs") {
            if (!number(arguments.jobs)) return usage();
        } else {
            return usage();
        }
    }
    if (!arguments.one_case.empty()) return run_one(arguments);
    if (!arguments.planted.empty()) return hunt(arguments);
    return run_all(arguments);
}

}  // namespace
}  // namespace possync::crash

int main(int count, char** words) { return possync::crash::run(count, words); }
