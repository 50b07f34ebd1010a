#include "swarm.hpp"

#include <array>

#include <fmt/format.h>

namespace possync::sim {

Swarm draw_swarm(std::uint64_t seed) {
    base::Prng random(seed ^ 0x5EED5EED);
    Swarm swarm;
    auto const weight = [&](int permille) { return random.chance(permille) ? static_cast<int>(random.between(3, 40)) : 0; };

    swarm.accounts = static_cast<int>(random.chance(600) ? 1 : random.between(2, 4));
    swarm.instruments = static_cast<int>(random.chance(700) ? random.between(3, 7) : random.between(8, 16));
    swarm.held = static_cast<int>(random.between(0, swarm.instruments));
    // Each generation of the protocol: text, text with zones, binary ids, binary messages.
    constexpr std::array<int, 14> versions{100, 142, 157, 173, 176, 187, 200, 201, 203, 207, 210, 214, 220, 226};
    swarm.server_version = random.chance(500) ? 226 : versions[static_cast<std::size_t>(random.between(0, 13))];
    swarm.master_client = random.chance(700);
    swarm.virtual_fx = random.chance(200);
    swarm.zero_rows_of_today_only = random.chance(200);
    swarm.days_of_executions = static_cast<int>(random.chance(300) ? random.between(1, 7) : 0);
    swarm.start_order = random.chance(300) ? static_cast<std::uint64_t>(random.between(1, 1'000'000)) : 0;

    swarm.services = static_cast<int>(random.chance(700) ? 1 : random.between(2, 3));
    constexpr std::array<int, 5> intervals{10, 30, 60, 300, 900};
    swarm.interval = std::chrono::seconds(intervals[static_cast<std::size_t>(random.between(0, 4))]);
    swarm.method = static_cast<model::CostBasis>(random.chance(500) ? 0 : random.between(0, 3));
    swarm.on_missing_warn = random.chance(100);
    swarm.marks = random.chance(700);
    swarm.on_updates = random.chance(900);
    swarm.store_latency_max = random.chance(500) ? base::Duration(0) : base::Duration(random.between(1'000, 3'000'000));
    swarm.splits_of_bytes = random.chance(300);

    swarm.late_commissions = weight(500);
    swarm.missing_commissions = weight(200);
    swarm.corrections = weight(400);
    swarm.statement_only = weight(150);
    swarm.unexplained = weight(250);
    swarm.splits = weight(200);
    swarm.option_ends = weight(350);
    swarm.combinations = weight(150);
    swarm.account_changes = weight(150);
    swarm.operators = weight(250);
    swarm.statements = weight(150);
    swarm.requests = weight(400);
    swarm.option_changes = weight(150);

    // A position that the broker only stops to show still stands in its statements.
    bool const calm = random.chance(80);
    auto const fault = [&](int permille) { return calm ? 0 : weight(permille); };
    swarm.network = fault(400);
    swarm.drops = swarm.network != 0 && random.chance(200);
    swarm.disconnects = fault(400);
    swarm.half_open = fault(150);
    swarm.notices = fault(250);
    swarm.missing_ends = fault(200);
    swarm.empty_lists = fault(200);
    swarm.vanishing = fault(150);
    if (swarm.vanishing != 0) swarm.statements = swarm.statement_only = 0;
    swarm.resets = fault(120);
    swarm.client_ids = fault(120);
    swarm.crashes = fault(350);
    swarm.disk = fault(250);
    swarm.power = fault(150);
    swarm.clocks = fault(150);
    swarm.pauses = fault(200);

    constexpr std::array<int, 4> gaps{50, 1'000, 8'000, 60'000};  // milliseconds
    swarm.gap = std::chrono::milliseconds(gaps[static_cast<std::size_t>(random.between(0, 3))]);
    return swarm;
}

std::string to_string(Swarm const& s) {
    std::string text = fmt::format("{} accounts, {} instruments, server {}, {} services, interval {}, gap {}, method {}", s.accounts, s.instruments,
                                   s.server_version, s.services, base::to_string(s.interval), base::to_string(s.gap), model::to_string(s.method));
    auto const add = [&](char const* name, int weight) {
        if (weight != 0) text += fmt::format(", {} {}", name, weight);
    };
    add("warns of missing", s.on_missing_warn);
    add("late commissions", s.late_commissions);
    add("missing commissions", s.missing_commissions);
    add("corrections", s.corrections);
    add("statement only", s.statement_only);
    add("unexplained", s.unexplained);
    add("splits", s.splits);
    add("option ends", s.option_ends);
    add("combinations", s.combinations);
    add("account changes", s.account_changes);
    add("operators", s.operators);
    add("statements", s.statements);
    add("requests", s.requests);
    add("option changes", s.option_changes);
    add("network", s.network);
    add("drops", s.drops);
    add("disconnects", s.disconnects);
    add("half open", s.half_open);
    add("notices", s.notices);
    add("missing ends", s.missing_ends);
    add("empty lists", s.empty_lists);
    add("vanishing", s.vanishing);
    add("resets", s.resets);
    add("client ids", s.client_ids);
    add("crashes", s.crashes);
    add("disk", s.disk);
    add("power", s.power);
    add("clocks", s.clocks);
    add("pauses", s.pauses);
    return text;
}

}  // namespace possync::sim
