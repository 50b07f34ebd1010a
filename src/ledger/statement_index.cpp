#include "ledger/statement_index.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/check.hpp"

namespace possync::ledger {

using base::Date;
using base::Timestamp;
using model::ConId;
using model::StatementTrade;

namespace {

constexpr std::int64_t hour_in_microseconds = 3'600'000'000;
constexpr int evening_hour = 17;  ///< trading in futures passes to the next trade date
constexpr int close_hour = 16;

Date next_day(Date date) { return base::date_of_days(base::days_since_epoch(date) + 1); }

Timestamp at(Date date, int hour, FoldOptions const& options) {
    CHECK(options.zones != nullptr);
    base::LocalTime const local{date, hour * hour_in_microseconds};
    auto const time = options.zones->to_utc(options.report_zone, local);
    return time ? *time : base::from_utc_local(local);
}

/// Both of one instrument.
bool takes_back(StatementTrade const& cancel, StatementTrade const& trade) {
    if (trade.quantity != -cancel.quantity) return false;
    if (!cancel.original_trade_id.empty() && !trade.trade_id.empty()) return cancel.original_trade_id == trade.trade_id;
    if (!cancel.exec_id.empty() && !trade.exec_id.empty()) return model::execution_root(cancel.exec_id) == model::execution_root(trade.exec_id);
    return cancel.price == trade.price;
}

/// Trades lists most entries in the books too: the same contract, cause and quantity within a day is the same event.
bool same_event(StatementTrade const& event, StatementTrade const& trade) {
    if (!event.trade_id.empty() && event.trade_id == trade.trade_id) return true;
    bool const booked = trade.cause != model::Cause::execution || trade.exec_id.empty();  // no fill at an exchange
    return booked && event.quantity == trade.quantity &&
           std::abs(base::days_since_epoch(event.trade_date) - base::days_since_epoch(trade.trade_date)) <= 1;
}

}  // namespace

bool trades_by_calendar_day(model::Instrument const& instrument) {
    auto const& type = instrument.sec_type;
    return instrument.currency == "USD" && (type == "STK" || type == "OPT" || type == "WAR");
}

namespace {

/// 0 is Monday.
std::int64_t weekday(Date date) { return ((base::days_since_epoch(date) + 3) % 7 + 7) % 7; }

/// The n-th such weekday of a month; n = 0: the last one, of any month but December.
Date nth_weekday(int year, unsigned month, std::int64_t day, int n) {
    if (n == 0) {
        Date date = base::date_of_days(base::days_since_epoch({year, month + 1, 1}) - 1);
        while (weekday(date) != day) date = base::date_of_days(base::days_since_epoch(date) - 1);
        return date;
    }
    Date date{year, month, 1};
    while (weekday(date) != day) date = next_day(date);
    return base::date_of_days(base::days_since_epoch(date) + 7 * (n - 1));
}

/// On a Saturday it is kept the Friday before, on a Sunday the Monday after.
Date observed(Date date) {
    auto const day = weekday(date);
    return base::date_of_days(base::days_since_epoch(date) + (day == 5 ? -1 : day == 6 ? 1 : 0));
}

/// Good Friday: two days before Easter by the Gregorian calendar's rule.
Date good_friday(int year) {
    int const a = year % 19, b = year / 100, c = year % 100;
    int const d = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    int const e = (32 + 2 * (b % 4) + 2 * (c / 4) - d - c % 4) % 7;
    int const f = d + e - 7 * ((a + 11 * d + 22 * e) / 451) + 114;
    Date const easter{year, static_cast<unsigned>(f / 31), static_cast<unsigned>(f % 31 + 1)};
    return base::date_of_days(base::days_since_epoch(easter) - 2);
}

}  // namespace

Date day_after(Date date, std::int64_t days) { return base::date_of_days(base::days_since_epoch(date) + days); }

bool is_weekday(Date date) { return weekday(date) < 5; }

bool lists_positions(model::StatementRecord const& statement) { return statement.sections.find("OpenPositions") != std::string::npos; }
bool lists_trades(model::StatementRecord const& statement) { return statement.sections.find("Trades") != std::string::npos; }

bool is_business_day(Date date) {
    if (!is_weekday(date)) return false;
    int const year = date.year;
    bool const new_year = date == observed({year, 1, 1});  // of a Saturday's nothing is kept: the Friday is of another year
    return !new_year && date != nth_weekday(year, 1, 0, 3) && date != nth_weekday(year, 2, 0, 3) && date != good_friday(year) &&
           date != nth_weekday(year, 5, 0, 0) && !(year >= 2022 && date == observed({year, 6, 19})) && date != observed({year, 7, 4}) &&
           date != nth_weekday(year, 9, 0, 1) && date != nth_weekday(year, 11, 3, 4) && date != observed({year, 12, 25});
}

bool has_business_day(Date after, Date before) {
    for (Date date = next_day(after); date < before; date = next_day(date)) {
        if (is_business_day(date)) return true;
    }
    return false;
}

Timestamp end_of_day(Date date, FoldOptions const& options) { return at(next_day(date), 0, options); }

Timestamp evening_of(Date date, FoldOptions const& options) { return at(date, evening_hour, options); }

std::string StatementIndex::exec_id_of(StatementTrade const& trade) const {
    if (!trade.exec_id.empty()) return trade.exec_id;
    if (!trade.transaction_id.empty()) return model::statement_exec_id(trade.transaction_id);
    auto const named = names_.find(&trade);
    CHECK(named != names_.end());
    return named->second;
}

model::Cause StatementIndex::cause_of(StatementTrade const& trade) const {
    auto const told = causes_.find(&trade);
    return told == causes_.end() ? trade.cause : told->second;
}

/// Queries without ids, and OptionEAE, number nothing: what a row says is its name, and equal rows are counted.
void StatementIndex::name_trades() {
    std::map<std::string, int> seen;
    auto name = [&](StatementTrade const& trade) {
        if (!trade.exec_id.empty() || !trade.transaction_id.empty()) return;
        std::string says = base::to_string(trade.trade_date) + "-" + std::to_string(trade.con_id) + "-" + trade.quantity.to_string();
        if (trade.price) says += "@" + trade.price->to_string();
        if (trade.time) says += "-" + std::to_string(trade.time->microseconds / 1'000'000);
        std::replace(says.begin(), says.end(), '.', ',');  // a dot would make it a version of another fill
        int const again = ++seen[says];
        names_[&trade] = model::statement_exec_id(again == 1 ? says : says + "#" + std::to_string(again));
    };
    for (auto const& trade : statement_.trades) name(trade);
    for (auto const& event : statement_.option_events) name(event);
}

std::optional<base::Decimal> stated_price(StatementTrade const& trade) {
    if (trade.price) return trade.price;
    // What ends by exercise, assignment or expiry goes for nothing; what is settled in cash for an amount that must be named.
    bool const delivers = trade.notes == "Buy" || trade.notes == "Sell";  // of OptionEAE: the underlying, at a price that must be named
    bool const for_nothing = !delivers && (trade.cause == model::Cause::exercise || trade.cause == model::Cause::assignment || trade.cause == model::Cause::expiry);
    return for_nothing ? std::optional(base::Decimal(0)) : std::nullopt;
}

model::StatementPosition const* StatementOfInstrument::total_on(Date date) const {
    for (auto const* total : totals) {
        if (total->date == date) return total;
    }
    return nullptr;
}

StatementIndex::StatementIndex(model::Statement const& statement, FoldOptions const& options)
    : statement_(statement), options_(options), begin_(at(statement.from, 0, options)), end_(end_of_day(statement.to, options)),
      evening_(evening_of(statement.to, options)), known_until_(evening_), position_date_(statement.to) {
    if (statement.generated_at && *statement.generated_at < known_until_) known_until_ = *statement.generated_at;
    std::optional<Date> last;
    for (auto const& position : statement.positions) {
        bool const of_it = !position.is_lot && position.date <= statement.to;
        if (of_it && (!last || position.date > *last)) last = position.date;
    }
    if (last) position_date_ = *last;
    for (auto const& instrument : statement.instruments) instruments_[instrument.con_id].described = &instrument;
    name_trades();
    sort_trades();
    add_option_events();
    for (auto const& lot : statement.closed_lots) instruments_[lot.con_id].closed_lots.push_back(&lot);
    for (auto const& position : statement.positions) {
        auto& of = instruments_[position.con_id];
        (position.is_lot ? of.lots : of.totals).push_back(&position);
    }
    for (auto const& action : statement.corporate_actions) {
        if (action.con_id == 0) continue;
        instruments_[action.con_id].actions.push_back(&action);
        actions_[action.action_id.empty() ? action.type + " " + base::to_string(action.report_date) : action.action_id].push_back(&action);
    }
    for (auto const& transfer : statement.transfers) {
        if (transfer.con_id != 0) instruments_[transfer.con_id].transfers.push_back(&transfer);
    }
}

StatementOfInstrument const& StatementIndex::of(ConId con_id) const {
    static StatementOfInstrument const nothing;
    auto const found = instruments_.find(con_id);
    return found == instruments_.end() ? nothing : found->second;
}

Timestamp StatementIndex::time_of(std::optional<Timestamp> const& time, Date date) const {
    return time ? *time : at(date, close_hour, options_);
}

void StatementIndex::sort_trades() {
    std::map<ConId, std::vector<StatementTrade const*>> cancels;
    for (auto const& trade : statement_.trades) {
        if (trade.cancels) {
            cancels[trade.con_id].push_back(&trade);
        } else {
            instruments_[trade.con_id].trades.push_back(&trade);
        }
    }
    for (auto const& [con_id, of_instrument] : cancels) {
        auto& says = instruments_[con_id];
        for (auto const* cancel : of_instrument) {
            auto const original = std::find_if(says.trades.begin(), says.trades.end(),
                                               [&](StatementTrade const* trade) { return takes_back(*cancel, *trade); });
            if (original == says.trades.end()) {
                says.cancels.push_back(cancel);
            } else {
                says.taken_back.push_back(*original);
                says.trades.erase(original);
            }
        }
    }
}

void StatementIndex::add_option_events() {
    std::set<StatementTrade const*> paired;
    for (auto const& event : statement_.option_events) {
        if (event.quantity.is_zero() || !stated_price(event)) continue;
        auto& trades = instruments_[event.con_id].trades;
        auto const same = std::find_if(trades.begin(), trades.end(), [&](StatementTrade const* trade) {
            return !paired.contains(trade) && same_event(event, *trade);
        });
        if (same != trades.end()) {
            paired.insert(*same);
            if ((*same)->cause == model::Cause::execution) causes_[*same] = event.cause;
        } else {
            trades.push_back(&event);
            paired.insert(&event);
        }
    }
}

}  // namespace possync::ledger
