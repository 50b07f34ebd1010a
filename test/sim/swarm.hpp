// Swarm: what one seed is about. The seed first draws which faults exist at all and how often, how large the world is and how
// the service is configured; most seeds know few faults, so that what one of them leads to is not drowned by the others.
#pragma once

#include <cstdint>
#include <string>

#include "base/prng.hpp"
#include "base/time.hpp"
#include "model/book.hpp"

namespace possync::sim {

struct Swarm {
    // the world
    int accounts = 1;
    int instruments = 4;
    int held = 3;             ///< positions at the start, per account
    int server_version = 226;
    bool master_client = true;  ///< fills are pushed; else they have to be asked for
    bool virtual_fx = false;
    bool zero_rows_of_today_only = false;
    int days_of_executions = 0;
    std::uint64_t start_order = 0;

    // the service
    int services = 1;
    base::Duration interval = std::chrono::minutes(1);
    model::CostBasis method = model::CostBasis::average;
    bool on_missing_warn = false;
    bool marks = true;
    bool on_updates = true;  ///< pushes are acted upon, not only lists
    base::Duration store_latency_max{0};
    bool splits_of_bytes = false;  ///< what arrives is cut at random

    // what happens, in weights of 0 (never) to 100
    int trades = 100;
    int late_commissions = 0;
    int missing_commissions = 0;
    int corrections = 0;
    int statement_only = 0;  ///< corrections, busts and transfers that the gateway never tells
    int unexplained = 0;     ///< movements without a fill
    int splits = 0;
    int option_ends = 0;
    int combinations = 0;
    int account_changes = 0;
    int operators = 0;
    int statements = 0;
    int requests = 0;  ///< syncs by hand
    int option_changes = 0;

    // what goes wrong
    int network = 0;       ///< bursts of byte faults
    bool drops = false;    ///< whole frames vanish: the gateway lies by omission
    int disconnects = 0;
    int half_open = 0;
    int notices = 0;
    int missing_ends = 0;
    int empty_lists = 0;
    int vanishing = 0;
    int resets = 0;  ///< AccountReady false for a while
    int client_ids = 0;
    int crashes = 0;
    int disk = 0;
    int power = 0;
    int clocks = 0;
    int pauses = 0;

    base::Duration gap{0};  ///< typical time between two steps
};

[[nodiscard]] Swarm draw_swarm(std::uint64_t seed);
/// One line, for people.
[[nodiscard]] std::string to_string(Swarm const& swarm);

}  // namespace possync::sim
