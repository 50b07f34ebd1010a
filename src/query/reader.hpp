// Reader: how commands, API and page see committed state. Every store has one, over a read-only connection of
// its own, so that a slow reader never delays a commit. It never creates, migrates or writes a database.
//
// Flow: filter (checked) -> SELECT from the contract's views -> typed rows -> json / csv / table.
// Each call sees one committed state; a ReadSnapshot makes several calls see the same one.
// Threading: one reader belongs to one thread at a time; open one per thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "query/filter.hpp"
#include "query/pnl.hpp"
#include "query/result.hpp"
#include "query/views.hpp"

namespace possync::query {

struct RevisionRows {
    std::vector<PositionRow> positions;
    std::vector<EventRow> events;
    std::vector<CloseRow> closes;
};

/// Errors of every call: not_found (a filter names an account that the database does not have; the message
/// lists those it has), invalid_input (a filter that does not apply), unavailable (locked, busy), io
/// (unreadable, corrupt), internal (a view that is not as this program expects it).
class Reader {
public:
    Reader() = default;
    Reader(Reader const&) = delete;
    Reader& operator=(Reader const&) = delete;
    virtual ~Reader() = default;

    /// Version of the database's schema; equal to the program's, or opening would have failed.
    [[nodiscard]] virtual base::Result<int> schema_version() = 0;

    [[nodiscard]] virtual base::Result<std::vector<AccountRow>> accounts(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<InstrumentRow>> instruments(Filter const& filter = {}) = 0;
    /// With filter.at: as they were at that time; see positions_at in time_travel.hpp.
    [[nodiscard]] virtual base::Result<std::vector<PositionRow>> positions(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<CloseRow>> closes(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<EventRow>> events(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<ExecutionRow>> executions(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<LotRow>> lots(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<RunRow>> runs(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<BreakRow>> breaks(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<CoverageRow>> coverage(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<AccountValueRow>>
    account_values(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<AdjustmentRow>> adjustments(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<HistoryRow>> history(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<StatementRow>> statements(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<CertificationRow>> certifications(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<CertificationDifferenceRow>>
    certification_differences(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<CashTransactionRow>> cash_transactions(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<SuccessionRow>> successions(Filter const& filter = {}) = 0;
    [[nodiscard]] virtual base::Result<std::vector<CurrencyRateRow>> currency_rates(Filter const& filter = {}) = 0;

    /// Gateways that ever wrote here, with their leases. `connected` stays unset: a database cannot tell.
    [[nodiscard]] virtual base::Result<std::vector<GatewayStatus>> gateways() = 0;

    /// Since when runs are counted: the last reset of the counters. Unset: there was none, all runs count.
    [[nodiscard]] virtual base::Result<std::optional<base::Timestamp>> statistics_since() = 0;

    /// A number that is another one as soon as anybody committed since this reader was last asked: the cheap question before
    /// reading again. Numbers of different readers say nothing to each other.
    [[nodiscard]] virtual base::Result<std::int64_t> committed_state() = 0;

    /// What one revision changed. Events are exactly the revision's; positions and closes are those it wrote as they stand now.
    [[nodiscard]] virtual base::Result<RevisionRows> change(RevisionKey const& key) = 0;

    /// Holds one committed state until end_snapshot(); use ReadSnapshot.
    [[nodiscard]] virtual base::Result<void> begin_snapshot() = 0;
    virtual void end_snapshot() = 0;
};

/// While it lives, all calls to the reader answer from one committed state. Keep it short: it holds back the
/// cleaning of the write-ahead log.
class ReadSnapshot {
public:
    [[nodiscard]] static base::Result<ReadSnapshot> begin(Reader& reader) {
        POSSYNC_TRY_VOID(reader.begin_snapshot());
        return ReadSnapshot(reader);
    }
    ReadSnapshot(ReadSnapshot&& other) noexcept : reader_(std::exchange(other.reader_, nullptr)) {}
    ReadSnapshot& operator=(ReadSnapshot&&) = delete;
    ~ReadSnapshot() {
        if (reader_ != nullptr) reader_->end_snapshot();
    }

private:
    explicit ReadSnapshot(Reader& reader) : reader_(&reader) {}
    Reader* reader_;
};

/// The rows of one view by type, for code that is a template over views.
template <typename Row>
[[nodiscard]] base::Result<std::vector<Row>> read_rows(Reader& reader, Filter const& filter);
#define POSSYNC_READ_ROWS(Row, call)                                                                      \
    template <>                                                                                           \
    [[nodiscard]] inline base::Result<std::vector<Row>> read_rows(Reader& reader, Filter const& filter) { \
        return reader.call(filter);                                                                       \
    }
POSSYNC_READ_ROWS(AccountRow, accounts)
POSSYNC_READ_ROWS(InstrumentRow, instruments)
POSSYNC_READ_ROWS(PositionRow, positions)
POSSYNC_READ_ROWS(CloseRow, closes)
POSSYNC_READ_ROWS(EventRow, events)
POSSYNC_READ_ROWS(ExecutionRow, executions)
POSSYNC_READ_ROWS(LotRow, lots)
POSSYNC_READ_ROWS(RunRow, runs)
POSSYNC_READ_ROWS(BreakRow, breaks)
POSSYNC_READ_ROWS(CoverageRow, coverage)
POSSYNC_READ_ROWS(AccountValueRow, account_values)
POSSYNC_READ_ROWS(AdjustmentRow, adjustments)
POSSYNC_READ_ROWS(HistoryRow, history)
POSSYNC_READ_ROWS(StatementRow, statements)
POSSYNC_READ_ROWS(CertificationRow, certifications)
POSSYNC_READ_ROWS(CertificationDifferenceRow, certification_differences)
POSSYNC_READ_ROWS(CashTransactionRow, cash_transactions)
POSSYNC_READ_ROWS(SuccessionRow, successions)
POSSYNC_READ_ROWS(CurrencyRateRow, currency_rates)
#undef POSSYNC_READ_ROWS

/// Freshness, coverage, breaks and counters since the last reset from one committed state. `account` unset: all.
[[nodiscard]] base::Result<Status> read_status(Reader& reader, base::Timestamp now,
                                               std::optional<std::string> const& account = {});

/// The same for one who asks every second and counts by himself: `statistics` is taken as it is, and of the runs only the newest are
/// read.
[[nodiscard]] base::Result<Status> read_live_status(Reader& reader, base::Timestamp now, Statistics statistics,
                                                    std::optional<std::string> const& account = {});

/// Realized P&L from the closes under `filter`, grouped; see pnl.hpp.
[[nodiscard]] base::Result<std::vector<PnlRow>> read_pnl(Reader& reader, Filter const& filter,
                                                         PnlGrouping grouping);

}  // namespace possync::query
