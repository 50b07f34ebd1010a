// Certification: what comparing the book with a statement found, per account and trade date, and what of the statement is kept for
// comparing again. Plain values beside the book: they change no position by themselves.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/statement.hpp"

namespace possync::model {

/// provisional: no statement speaks of the day yet. matched: executions, positions, lots and realized P&L agree with it (after
/// what it corrected). differs: something does not.
enum class CertificationState { provisional, matched, differs };

/// What differed. The words are those of the view `certification_differences`.
enum class DifferenceKind {
    execution_missing,           ///< in the statement, not in the book
    execution_not_in_statement,  ///< in the book, not in the statement
    execution_duplicated,        ///< counted twice in the book, under another id
    execution_price,
    execution_quantity,
    execution_side,
    execution_instrument,
    execution_trade_date,
    execution_cancelled,  ///< counted in the book, taken back by the broker
    execution_excluded,   ///< in the statement, excluded by the operator
    commission_missing,
    commission,
    commission_currency,
    realized_pnl,
    realized_pnl_unknown,
    event_missing,  ///< exercise, assignment, expiry, settlement: in the statement, not in the book
    event_cause,    ///< the book took it for something else
    event_price,
    event_not_in_statement,  ///< inferred or stated, and the statement knows nothing of it
    split_missing,
    split_ratio,
    corporate_action_missing,
    corporate_action_undecided,  ///< proposed through `explain`
    transfer_missing,
    transfer_price,
    opening_quantity,
    opening_price,
    position_quantity,
    position_missing,           ///< in the statement, not in the book
    position_not_in_statement,  ///< in the book, not in the statement
    position_cost,
    lot_missing,
    lot_not_in_statement,
    lot_quantity,
    lot_cost,
    lot_opened_at,
    multiplier,
    statement_gap,  ///< no statement covers a day with executions, between days that are covered
};
/// corrected: the book follows the statement now. open: it still differs.
enum class DifferenceState { corrected, open };

[[nodiscard]] std::string_view to_string(CertificationState state);
[[nodiscard]] std::string_view to_string(DifferenceKind kind);
[[nodiscard]] std::string_view to_string(DifferenceState state);
[[nodiscard]] base::Result<CertificationState> parse_certification_state(std::string_view text);
[[nodiscard]] base::Result<DifferenceKind> parse_difference_kind(std::string_view text);
[[nodiscard]] base::Result<DifferenceState> parse_difference_state(std::string_view text);

/// One difference, named. Unique by (trade_date, kind, con_id, subject).
struct CertificationDifference {
    base::Date trade_date;
    DifferenceKind kind = DifferenceKind::execution_missing;
    DifferenceState state = DifferenceState::open;
    ConId con_id = 0;
    std::string subject;          ///< execution id, transaction id, or when a lot was opened; empty: the position
    std::string statement_value;  ///< as text: a number, a word; empty: nothing
    std::string book_value;
    std::string cause;  ///< why, or what to do, where that can be told
    bool operator==(CertificationDifference const&) const = default;
};

/// One trade date of one account.
struct Certification {
    base::Date trade_date;
    CertificationState state = CertificationState::provisional;
    int executions = 0;  ///< of the statement, entries in the books included
    int positions = 0;   ///< compared at the end of the day; 0 where the statement lists none for it
    int lots = 0;
    std::optional<base::Decimal> statement_realized_pnl;  ///< sum of fifoPnlRealized, in the base currency where rates are given
    int corrected = 0;  ///< differences that the statement corrected in the book
    int open = 0;       ///< differences that remain
    bool operator==(Certification const&) const = default;
};

/// A trade as a statement counts it: what the book must have.
struct StatementTradeClaim {
    ConId con_id = 0;
    base::Date trade_date;
    std::string exec_id;         ///< as it is called in the book
    std::string transaction_id;  ///< or what stands for it
    base::Decimal quantity;      ///< signed
    std::optional<base::Decimal> realized_pnl;
    bool operator==(StatementTradeClaim const&) const = default;
};

/// That a statement was imported, and what it covers.
struct StatementRecord {
    base::Date from;
    base::Date to;
    std::optional<base::Timestamp> generated_at;
    std::string query_name;
    std::string source;
    std::string sections;  ///< those that it had, separated by spaces
    int trades = 0;
    bool operator==(StatementRecord const&) const = default;
};

/// What came out of what: shares of a merged company, the new conId after a change of symbol.
struct InstrumentSuccession {
    ConId old_con_id = 0;
    ConId new_con_id = 0;
    base::Date effective_date;
    std::string action_id;
    std::string type;                         ///< FS RS TC SO SD ...
    std::optional<Ratio> ratio;               ///< new for old, where both are whole
    std::optional<base::Decimal> cost_share;  ///< of the old cost that moved, 1 when all did
    bool operator==(InstrumentSuccession const&) const = default;
};

/// Everything about one account that an import writes beside its change set. Rows replace those of the same key.
struct StatementRecords {
    AccountId account_id = 0;
    base::Timestamp imported_at;
    std::vector<StatementRecord> statements;               ///< key (from, to)
    std::vector<base::Date> position_dates;                ///< all positions of these dates, and of those below, are replaced by:
    std::vector<StatementPosition> positions;
    std::vector<StatementTradeClaim> trades;               ///< key (con_id, trade_date, exec_id)
    std::vector<CashTransaction> cash;                     ///< key transaction_id
    std::vector<InstrumentSuccession> successions;         ///< key (action_id, old_con_id, new_con_id)
    std::vector<CurrencyRate> rates;                       ///< key (date, currency)
    std::vector<Certification> certifications;             ///< key trade_date
    std::vector<base::Date> judged_dates;                  ///< open differences of these dates are replaced; corrected ones stay
    std::vector<CertificationDifference> differences;      ///< key (trade_date, kind, con_id, subject)
    std::vector<StatementRemainder> remainders;            ///< added once per (section, content)
    std::string base_currency;                             ///< empty: unknown
    bool empty() const;
    bool operator==(StatementRecords const&) const = default;
};

/// The order in which positions are kept: by (date, con_id, is_lot, opened_at), then by everything else but the line.
[[nodiscard]] bool comes_before(StatementPosition const& a, StatementPosition const& b);

/// What is kept of an account once `written` is committed, in the order of the keys: the contract of every store. `kept` has no
/// position_dates and judged_dates; lines in files and imported_at are not kept.
void apply(StatementRecords& kept, StatementRecords const& written);

/// What `certify` compares a book with, and what an import has to know of the account, read back from the database.
struct StatementClaims {
    std::vector<StatementRecord> statements;           ///< by (from, to)
    std::vector<StatementPosition> positions;          ///< by (date, con_id, is_lot, opened_at)
    std::vector<StatementTradeClaim> trades;           ///< by (con_id, trade_date, exec_id)
    std::vector<Certification> certifications;         ///< by trade_date
    std::vector<CertificationDifference> differences;  ///< by key
    std::optional<base::Timestamp> last_synced_at;     ///< unset: no service ever followed the account
    std::optional<base::Timestamp> live_since;         ///< begin of the first coverage that no statement gave
    bool operator==(StatementClaims const&) const = default;
};

}  // namespace possync::model
