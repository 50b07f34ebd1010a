// Broker: the truth that the simulated gateway serves: accounts, instruments, what is held at what cost, every fill.
// Costs are kept as the real broker states them: average cost per unit contains multiplier and commissions.
// Pure; numbers are exact.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/decimal.hpp"
#include "base/time.hpp"
#include "model/facts.hpp"

namespace possync::gateway {

using ConId = std::int64_t;

struct SimulatedInstrument {
    ConId con_id = 0;
    std::string symbol;
    std::string sec_type = "STK";
    std::string currency = "USD";
    std::string exchange = "SMART";
    std::string primary_exchange = "NASDAQ";
    std::string local_symbol;
    std::string trading_class;
    std::string expiry;
    std::optional<base::Decimal> strike;
    std::string right;
    base::Decimal multiplier = 1;
    std::int64_t price_magnifier = 1;  ///< 100: quoted in hundredths of the currency
    ConId under_con_id = 0;
    std::string under_sec_type;
    base::Decimal price;                          ///< last, in the quoted unit
    std::optional<base::Decimal> previous_close;  ///< what the day's P&L counts from; unset: the first price known
    std::string time_zone = "US/Eastern";         ///< of its exchange

    /// What one unit of quantity is worth per quoted unit of price.
    [[nodiscard]] base::Decimal factor() const {
        return base::multiply_divide_rounded(multiplier, 1, base::Decimal(price_magnifier), 10);
    }
};

/// What is left of an opening fill; positive.
struct HeldLot {
    std::string exec_id;  ///< empty: held before the day, or adjusted
    base::Decimal quantity;
    base::Decimal cost;
    std::optional<base::Timestamp> opened_at = {};  ///< unset: nobody said
    bool operator==(HeldLot const&) const = default;
};

struct Holding {
    base::Decimal quantity;              ///< signed
    base::Decimal cost;                  ///< of what is held, commissions contained; positive
    std::vector<HeldLot> lots = {};      ///< oldest first: the broker realizes first in, first out
    base::Decimal last_commission = {};  ///< part of `cost` that the last fill's commission is
    std::optional<base::Timestamp> closed_at = {};
    bool operator==(Holding const&) const = default;
    [[nodiscard]] base::Decimal average_cost() const {
        if (quantity.is_zero()) return {};
        return base::divide_rounded(cost, quantity.abs(), 8);
    }
    /// As it is told before the last fill's commission is known.
    [[nodiscard]] base::Decimal average_cost_before_commission() const {
        if (quantity.is_zero()) return {};
        return base::divide_rounded(cost - last_commission, quantity.abs(), 8);
    }
};

struct Fill {
    std::string exec_id;
    std::string account;
    ConId con_id = 0;
    base::Timestamp time;
    base::Decimal quantity;  ///< signed
    base::Decimal price;
    std::optional<base::Decimal> commission;    ///< unset: not reported yet
    std::optional<base::Decimal> realized_pnl;  ///< of closing fills
    std::int64_t perm_id = 0;
    std::int64_t client_id = 0;
    std::int64_t order_id = 0;
    std::string order_ref;
    std::string model_code;
    std::optional<std::int64_t> exercise_type;  ///< 1 exercise, 2 lapse, 100 assigned, 101 exercised by clearing, 102 expired
    bool liquidation = false;
    bool moves_position = true;                 ///< false: a combination's own row, an adviser's master order
    bool superseded = false;                    ///< by a correction, or taken back
    bool served = true;                         ///< false: the gateway never hears of it, only the statement tells
    std::string corrects;                       ///< exec_id of the version before
    std::optional<base::Timestamp> stated_at = {};      ///< of a correction: when the broker made it
    std::optional<base::Timestamp> superseded_at = {};
};

/// A movement in the broker's books that is no execution. The gateway shows the position that comes of it; why, only a statement says.
struct BookEntry {
    enum class Kind {
        held,      ///< what was held before: `cost`
        adjusted,  ///< for no reason that anybody states; `cost` of all that is held afterwards
        event,     ///< end of an option or future, or what it delivered: `price`
        fraction,  ///< of a share, paid out: `price`
        split,     ///< by `ratio`
        exchange,  ///< into `quantity` of another instrument, which takes the cost
        spin_off,  ///< `quantity` of another instrument, which takes `cost` of it
        transfer,  ///< what comes has `cost`; what goes takes its own along
    };
    Kind kind = Kind::held;
    std::string account;
    ConId con_id = 0;
    std::optional<base::Timestamp> time;  ///< unset: before everything
    base::Decimal quantity;               ///< signed change; of an exchange or spin-off: of the other instrument
    base::Decimal price;
    base::Decimal cost;  ///< positive
    model::Cause cause = model::Cause::execution;
    model::Ratio ratio = {};
    ConId other = 0;                     ///< what comes of an exchange or spin-off; of a delivery: the option it is for
    std::string action_type = {};        ///< the statement's two letters: FS RS TC SO
    std::string id;                      ///< transaction id
    bool delivers = false;               ///< an event of an option whose delivery is the next entry
};

/// What few fills have.
struct FillDetails {
    std::string model_code;
    std::optional<std::int64_t> exercise_type;
    bool liquidation = false;  ///< the broker forced it
    bool leg = false;  ///< of a combination: its execution id has five parts
};

class Broker {
public:
    void add_account(std::string account) {
        holdings_[std::move(account)];
        ++changes_;
    }
    /// The login sees it no longer: neither listed nor served.
    void remove_account(std::string const& account) {
        holdings_.erase(account);
        ++changes_;
    }
    void add_instrument(SimulatedInstrument instrument);
    /// Held before the day begins; average_cost as the broker states it. With `since` it is one lot beside those that are held.
    void hold(std::string const& account, ConId con_id, base::Decimal quantity, base::Decimal average_cost,
              std::optional<base::Timestamp> since = {});

    /// Books a fill; returns it with its execution id. Precondition: account and instrument exist.
    Fill const& fill(std::string const& account, ConId con_id, base::Decimal quantity, base::Decimal price,
                     std::optional<base::Decimal> commission, base::Timestamp time, std::int64_t client_id, std::string order_ref,
                     FillDetails const& details = {});
    /// A row among the executions that moves no position; an execution id is given to it.
    Fill const& row(Fill row);
    /// What a model of an account holds; part of what the account holds.
    void hold_in_model(std::string const& account, std::string const& model_code, ConId con_id, base::Decimal quantity,
                       base::Decimal average_cost);
    /// A correction of an earlier fill: the same root, the next number. The holding follows.
    /// `stated_at`: when the broker makes it. `served`: false when the gateway does not hear of it. Null: no such fill, or it does
    /// not stand any more.
    Fill const* correct(std::string const& exec_id, base::Decimal price, std::optional<base::Timestamp> stated_at = {}, bool served = true);
    /// The commission of a fill that was made without one. Null: no such fill.
    /// `realized`: what the broker claims instead of what it should.
    Fill const* report_commission(std::string const& exec_id, base::Decimal commission,
                                  std::optional<base::Decimal> realized = {});
    /// The broker no longer shows the holding at all, not even with quantity 0.
    void forget(std::string const& account, ConId con_id) {
        holdings_[account].erase(con_id);
        ++changes_;
    }
    /// A change of quantity without a fill (transfer, assignment, somebody's mistake).
    void adjust(std::string const& account, ConId con_id, base::Decimal quantity, base::Decimal average_cost, base::Timestamp time);
    void set_price(ConId con_id, base::Decimal price);

    /// Enters a movement and moves the positions by it; returns its transaction id.
    std::string enter(BookEntry entry);
    /// Takes a fill back. Null: no such fill, or it does not stand any more.
    Fill const* cancel(std::string const& exec_id, base::Timestamp time);
    /// In the order they were made; times need not ascend.
    [[nodiscard]] std::vector<BookEntry> const& entries() const { return entries_; }

    [[nodiscard]] std::map<std::string, std::map<ConId, Holding>> const& holdings() const { return holdings_; }
    [[nodiscard]] std::map<ConId, SimulatedInstrument> const& instruments() const { return instruments_; }
    [[nodiscard]] std::vector<Fill> const& fills() const { return fills_; }
    /// By (account, model code).
    [[nodiscard]] std::map<std::pair<std::string, std::string>, std::map<ConId, Holding>> const& models() const {
        return models_;
    }
    [[nodiscard]] SimulatedInstrument const* find(std::string_view local_symbol) const;
    [[nodiscard]] std::string account_list() const;
    /// Counts changes of instruments and holdings: equal numbers, equal lists.
    [[nodiscard]] std::int64_t changes() const { return changes_; }
    /// Counts how often an instrument that was there was stated anew.
    [[nodiscard]] std::int64_t instruments_restated() const { return instruments_restated_; }

private:
    /// Works the holdings of an account out again from all fills and entries.
    void rebook(std::string const& account, ConId con_id);

    std::vector<BookEntry> entries_;
    std::map<std::string, std::map<ConId, Holding>> holdings_;  ///< closed ones stay, with quantity 0
    std::map<ConId, SimulatedInstrument> instruments_;
    std::map<std::pair<std::string, std::string>, std::map<ConId, Holding>> models_;
    std::vector<Fill> fills_;
    std::int64_t next_fill_ = 1;
    std::int64_t changes_ = 0;
    std::int64_t instruments_restated_ = 0;
};

}  // namespace possync::gateway
