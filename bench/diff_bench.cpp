// Planning: what the ledger makes of a list of positions. Unchanged list, a tenth changed by fills, everything new; 1,000 to
// 100,000 positions, nanoseconds per position, the best of several runs.
//
//   floor   the least that finds the difference: two sorted arrays of (conId, quantity) walked side by side
//   peer    the usual way: a std::unordered_map by conId, each row looked up and compared
//
// Wrong answers end it: an unchanged list must plan nothing, and what is planned must make the book equal to the list.
// usage: diff_bench [MOST_POSITIONS]
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <unordered_map>
#include <vector>

#include "line.hpp"
#include "workload.hpp"

namespace {

using namespace possync;
using namespace possync::bench;

/// Of the processor, so that what else runs on the machine counts less.
double now() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

template <typename Run>
double best(int times, Run run) {
    double least = 1e300;
    for (int i = 0; i < times; ++i) {
        double const begun = now();
        run();
        least = std::min(least, now() - begun);
    }
    return least;
}

using Row = std::pair<model::ConId, base::Decimal>;

std::vector<Row> held(model::AccountBook const& book) {
    std::vector<Row> rows;
    for (auto const& [con_id, instrument] : book.instruments) {
        if (!instrument.positions.empty() && instrument.positions.back().open()) rows.emplace_back(con_id, instrument.positions.back().quantity);
    }
    return rows;
}
std::vector<Row> listed(model::Observation const& look) {
    std::vector<Row> rows;
    for (auto const& row : look.snapshot->rows()) rows.emplace_back(row->instrument.con_id(), row->quantity);
    return rows;
}

std::size_t merge(std::vector<Row> const& a, std::vector<Row> const& b) {
    std::size_t differences = 0;
    auto left = a.begin();
    auto right = b.begin();
    while (left != a.end() && right != b.end()) {
        if (left->first == right->first) {
            differences += left->second != right->second;
            ++left;
            ++right;
        } else {
            ++differences;
            left->first < right->first ? ++left : ++right;
        }
    }
    return differences + static_cast<std::size_t>((a.end() - left) + (b.end() - right));
}

std::size_t look_up(std::unordered_map<model::ConId, base::Decimal> const& known, std::vector<Row> const& rows) {
    std::size_t differences = 0;
    std::size_t found = 0;
    for (auto const& [con_id, quantity] : rows) {
        auto const at = known.find(con_id);
        found += at != known.end();
        differences += at == known.end() || at->second != quantity;
    }
    return differences + known.size() - found;
}

void print(int positions, char const* phase, double took, std::vector<Row> const& before, std::vector<Row> const& after, std::size_t differences) {
    double const each = static_cast<double>(positions);
    std::unordered_map<model::ConId, base::Decimal> const known(before.begin(), before.end());
    double const floor = best(20, [&] { must(merge(before, after) == differences, "the merge found other differences"); });
    double const peer = best(20, [&] { must(look_up(known, after) == differences, "the map found other differences"); });
    print_line(fmt::format("diff.{}.{}", positions, phase), took / each, "ns/position", Beside{floor / each, "merge of sorted arrays"},
               Beside{peer / each, "std::unordered_map"});
}

void run(int positions) {
    Workload workload("DU1", positions);
    model::AccountBook book;
    book.account_id = 1;
    book.account = "DU1";
    auto const first = workload.look();
    ledger::Plan plan;
    int const times = positions > 10'000 ? 3 : 7;
    double took = best(times, [&] { plan = or_die(ledger::plan(book, first, policy())); });
    print(positions, "new", took, held(book), listed(first), static_cast<std::size_t>(positions));
    model::apply(book, plan.change_set);
    must(held(book) == listed(first), "the book after the first sight is not the list");

    auto const same = workload.look();
    took = best(times, [&] {
        auto const again = or_die(ledger::plan(book, same, policy()));
        must(!again.commits(), "an unchanged list is planned");
    });
    print(positions, "unchanged", took, held(book), listed(same), 0);

    auto const before = held(book);
    auto const changed = workload.trade(static_cast<std::size_t>(positions / 10), false);
    took = best(times, [&] { plan = or_die(ledger::plan(book, changed, policy())); });
    print(positions, "tenth", took, before, listed(changed), merge(before, listed(changed)));
    model::apply(book, plan.change_set);
    must(held(book) == listed(changed), "the book after the fills is not the list");
}

}  // namespace

int main(int count, char** words) {
    int const most = count > 1 ? std::atoi(words[1]) : 100'000;
    for (int positions = 1000; positions <= most; positions *= 10) run(positions);
}
