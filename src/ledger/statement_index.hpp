// StatementIndex: one statement, sorted by instrument, with what the broker took back already taken out. Pure; keeps pointers into the
// statement, which must outlive it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ledger/fold.hpp"
#include "model/certification.hpp"
#include "model/statement.hpp"

namespace possync::ledger {

/// What a statement says of one instrument. Rows in order of the file.
struct StatementOfInstrument {
    model::Instrument const* described = nullptr;
    std::vector<model::StatementTrade const*> trades;   ///< that count; events of OptionEAE included which Trades do not repeat
    std::vector<model::StatementTrade const*> cancels;  ///< that take back a trade of an earlier statement
    std::vector<model::StatementTrade const*> taken_back;  ///< trades that the same statement cancels
    std::vector<model::StatementClosedLot const*> closed_lots;
    std::vector<model::StatementPosition const*> totals;  ///< at level SUMMARY
    std::vector<model::StatementPosition const*> lots;
    std::vector<model::StatementCorporateAction const*> actions;
    std::vector<model::StatementTransfer const*> transfers;

    /// What it lists at the end of `date`, null when it lists nothing.
    [[nodiscard]] model::StatementPosition const* total_on(base::Date date) const;
};

/// The first moment after a day in the report zone.
[[nodiscard]] base::Timestamp end_of_day(base::Date date, FoldOptions const& options);
/// From here on a fill may belong to the next trade date: 17:00 in the report zone.
[[nodiscard]] base::Timestamp evening_of(base::Date date, FoldOptions const& options);

/// Shares and their options in dollars trade by day: their trade date is the date in New York. Others have sessions at night, whose
/// fills of one evening are of the next trade date.
[[nodiscard]] bool trades_by_calendar_day(model::Instrument const& instrument);

/// `days` later; earlier where negative.
[[nodiscard]] base::Date day_after(base::Date date, std::int64_t days = 1);
/// Monday to Friday.
[[nodiscard]] bool is_weekday(base::Date date);
/// Not on weekends, nor on holidays of the New York exchanges by their rules.
[[nodiscard]] bool is_business_day(base::Date date);

/// Between two days, neither of them included.
[[nodiscard]] bool has_business_day(base::Date after, base::Date before);

/// Whether it lists what was held at its end.
[[nodiscard]] bool lists_positions(model::StatementRecord const& statement);
/// Whether it tells what was traded: only such a statement covers its days.
[[nodiscard]] bool lists_trades(model::StatementRecord const& statement);

class StatementIndex {
public:
    /// `options` give the zone in which days begin and end (report zone). Precondition: it has zone rules.
    StatementIndex(model::Statement const& statement, FoldOptions const& options);

    [[nodiscard]] model::Statement const& statement() const { return statement_; }
    [[nodiscard]] std::map<model::ConId, StatementOfInstrument> const& instruments() const { return instruments_; }
    [[nodiscard]] StatementOfInstrument const& of(model::ConId con_id) const;
    /// Rows of corporate actions that belong together, by what they share.
    [[nodiscard]] std::map<std::string, std::vector<model::StatementCorporateAction const*>> const& actions() const { return actions_; }
    /// What names a trade in the book: its execution id, else one made from the transaction, else from what the row says.
    [[nodiscard]] std::string exec_id_of(model::StatementTrade const& trade) const;
    /// As the trade says, or as OptionEAE says of the same event.
    [[nodiscard]] model::Cause cause_of(model::StatementTrade const& trade) const;
    /// The first moment of its first day, and the first after its last.
    [[nodiscard]] base::Timestamp begin() const { return begin_; }
    [[nodiscard]] base::Timestamp end() const { return end_; }
    /// The day at whose end it lists positions: the last one that any of them names, else its last day.
    [[nodiscard]] base::Date position_date() const { return position_date_; }
    /// What it cannot know: what came after it was made, or in the evening of its last day.
    [[nodiscard]] base::Timestamp known_until() const { return known_until_; }
    /// Of its last day.
    [[nodiscard]] base::Timestamp evening() const { return evening_; }
    /// The statement's time, or the end of trading on its date where it names the date only.
    [[nodiscard]] base::Timestamp time_of(std::optional<base::Timestamp> const& time, base::Date date) const;

private:
    void name_trades();
    void sort_trades();
    void add_option_events();

    model::Statement const& statement_;
    FoldOptions const& options_;
    base::Timestamp begin_;
    base::Timestamp end_;
    base::Timestamp evening_;
    base::Timestamp known_until_;
    base::Date position_date_;
    std::map<model::ConId, StatementOfInstrument> instruments_;
    std::map<std::string, std::vector<model::StatementCorporateAction const*>> actions_;
    std::map<model::StatementTrade const*, std::string> names_;    ///< of rows that nothing numbers
    std::map<model::StatementTrade const*, model::Cause> causes_;  ///< told by OptionEAE
};

/// The price as printed, or what an entry without one implies; unset: unknown.
[[nodiscard]] std::optional<base::Decimal> stated_price(model::StatementTrade const& trade);

}  // namespace possync::ledger
