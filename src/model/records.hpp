// Last-value records that stand beside the book: freshness, marks, account values, runs, coverage. They have no
// history and no revision, and writing them never touches a row of the book.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/book.hpp"

namespace possync::model {

enum class Trigger { startup, scheduled, position_update, trade, manual, reconnect };
enum class Outcome { committed, unchanged, failed };
[[nodiscard]] std::string_view to_string(Trigger trigger);
[[nodiscard]] std::string_view to_string(Outcome outcome);

/// One sync of one account, as it is kept. A streak of unchanged runs is one record with a count.
struct SyncRun {
    std::int64_t sync_run_id = 0;  ///< 0: a new one, the store numbers it
    std::string gateway;
    AccountId account_id = 0;
    std::string account;
    Trigger trigger = Trigger::manual;
    base::Timestamp started_at;
    base::Timestamp finished_at;
    Outcome outcome = Outcome::unchanged;
    int positions_created = 0;
    int positions_updated = 0;
    int positions_closed = 0;
    std::optional<int> broker_positions;  ///< unset: no whole list came
    int repeats = 1;  ///< how many equal unchanged runs this record stands for
    std::string error;
    std::optional<Revision> revision;

    bool operator==(SyncRun const&) const = default;
};

/// Price, value and the broker's claims of one open position. unrealized_pnl is ours:
/// (price - average) * quantity * multiplier * scale.
struct MarkRecord {
    AccountId account_id = 0;
    ConId con_id = 0;
    std::optional<base::Decimal> broker_avg_cost;  ///< raw: with multiplier and commissions
    std::optional<base::Decimal> current_price;
    std::optional<base::Decimal> market_value;
    std::optional<base::Decimal> unrealized_pnl;
    std::optional<base::Decimal> unrealized_pnl_pct;  ///< of cost, 4 decimals
    std::optional<base::Decimal> broker_unrealized_pnl;
    std::optional<base::Timestamp> marked_at;
    std::string mark_source;  ///< portfolio, pnl_single, or empty

    bool operator==(MarkRecord const&) const = default;
};

struct AccountValue {
    AccountId account_id = 0;
    std::string key;
    std::string currency;
    std::string value;  ///< text as the broker sends it
    base::Timestamp updated_at;

    bool operator==(AccountValue const&) const = default;
};

struct CoverageWindow {
    AccountId account_id = 0;
    std::string stream;  ///< executions
    base::Timestamp from_time;
    base::Timestamp to_time;
    std::string state;   ///< complete, unknown, contradicted
    std::string source;  ///< pull, live, snapshot, statement

    bool operator==(CoverageWindow const&) const = default;
};

/// What a restart must know besides the book: the last marks, and until when executions are known.
struct LastRecords {
    std::vector<MarkRecord> marks;  ///< by con_id
    std::optional<base::Timestamp> covered_to;  ///< end of the last window of complete executions
};

/// When an account was last seen equal to the broker, stored once per account.
struct Freshness {
    AccountId account_id = 0;
    base::Timestamp last_synced_at;
    std::string base_currency;  ///< empty: unknown, keep what is stored

    bool operator==(Freshness const&) const = default;
};

}  // namespace possync::model
