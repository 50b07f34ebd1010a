#include "gateway/broker_statement.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace possync::gateway {

using base::Date;
using base::Decimal;
using base::Timestamp;
using model::StatementTrade;

namespace {

class Writer {
public:
    Writer(Broker const& broker, std::string const& account, Date from, Date to, std::set<std::string> const& without)
        : broker_(broker), account_(account), without_(without) {
        statement_.account = account;
        statement_.from = from;
        statement_.to = to;
        statement_.query_name = "daily";
        statement_.base_currency = "USD";
        statement_.source = fmt::format("{}-{}.xml", base::to_string(from), base::to_string(to));
    }

    model::Statement write() {
        statement_.has_trades = has("trades");
        statement_.has_option_events = has("trades") && has("events");
        statement_.has_corporate_actions = has("actions");
        statement_.has_transfers = has("transfers");
        statement_.has_positions = has("positions");
        statement_.has_lots = has("positions") && has("lots");
        Books const books = replay(broker_, account_, statement_.to);
        for (auto const& booked : books.booked) {
            if (auto const* const* fill = std::get_if<Fill const*>(&booked.what)) {
                write(**fill, booked);
            } else {
                write(*std::get<BookEntry const*>(booked.what), booked);
            }
        }
        write_what_was_taken_back();
        for (auto const& [con_id, held] : books.holdings) write(con_id, held);
        for (auto const con_id : named_) statement_.instruments.push_back(describe(broker_.instruments().at(con_id)));
        return std::move(statement_);
    }

private:
    bool has(std::string const& section) const { return !without_.contains(section); }
    bool within(Date date) const { return date >= statement_.from && date <= statement_.to; }
    bool within(std::optional<Timestamp> const& time) const { return time && within(base::utc_local(*time).date); }

    Date date_of(BookEntry const& entry) const { return trade_date(entry.time.value_or(Timestamp{0}), broker_.instruments().at(entry.con_id)); }

    static model::Instrument describe(SimulatedInstrument const& simulated) {
        model::Instrument made;
        made.con_id = simulated.con_id;
        made.symbol = simulated.symbol;
        made.local_symbol = simulated.local_symbol;
        made.sec_type = simulated.sec_type;
        made.currency = simulated.currency;
        made.multiplier = simulated.multiplier;
        made.expiry = simulated.expiry;
        made.strike = simulated.strike;
        made.right = simulated.right;
        if (simulated.under_con_id != 0) made.under_con_id = simulated.under_con_id;
        return made;
    }

    StatementTrade trade_of(Fill const& fill) {
        auto const& instrument = broker_.instruments().at(fill.con_id);
        StatementTrade row;
        row.transaction_id = transaction_of(fill);
        row.trade_id = "T" + row.transaction_id;
        row.exec_id = fill.exec_id;
        row.con_id = fill.con_id;
        row.time = fill.time;
        row.trade_date = trade_date(fill, instrument);
        row.quantity = fill.quantity;
        row.price = fill.price;
        row.money = base::multiply_rounded(fill.price, fill.quantity.abs() * instrument.factor(), 10);
        row.commission = fill.commission.value_or(Decimal(0));
        row.commission_currency = instrument.currency;
        row.order_id = fill.perm_id;
        row.order_ref = fill.order_ref;
        named_.insert(fill.con_id);
        return row;
    }

    std::string transaction_of(Fill const& fill) const { return fmt::format("{}", 5'000'000 + (&fill - broker_.fills().data())); }

    void write(Fill const& fill, Booked const& booked) {
        StatementTrade row = trade_of(fill);
        bool const late = fill.stated_at && within(fill.stated_at) && row.trade_date < statement_.from;  // an earlier day, corrected
        if (!within(row.trade_date) && !late) return;
        row.realized_pnl = booked.movement.realized.value_or(Decimal(0));
        if (!fill.corrects.empty()) {
            row.corrects = true;
            row.original_trade_id = trade_id_of(fill.corrects);
        }
        write_closed_lots(row, booked);
        if (has("trades")) statement_.trades.push_back(std::move(row));
    }

    std::string trade_id_of(std::string const& exec_id) const {
        auto const found = std::find_if(broker_.fills().begin(), broker_.fills().end(), [&](Fill const& each) { return each.exec_id == exec_id; });
        return found == broker_.fills().end() ? "" : "T" + transaction_of(*found);
    }

    void write_closed_lots(StatementTrade const& trade, Booked const& booked) {
        if (!has("trades")) return;
        for (auto const& lot : booked.movement.closed) {
            model::StatementClosedLot row;
            row.con_id = trade.con_id;
            row.trade_date = trade.trade_date;
            row.opened_at = lot.opened_at;
            row.quantity = booked.long_before ? lot.quantity : -lot.quantity;
            row.cost = lot.cost;
            row.transaction_id = trade.transaction_id;
            statement_.closed_lots.push_back(std::move(row));
        }
    }

    /// Taken back in these days, from these days or earlier ones. A correction of the same days shows itself only.
    void write_what_was_taken_back() {
        if (!has("trades")) return;
        for (auto const& fill : broker_.fills()) {
            if (fill.account != account_ || !fill.superseded || !within(fill.superseded_at)) continue;
            bool const corrected = std::any_of(broker_.fills().begin(), broker_.fills().end(),
                                               [&](Fill const& other) { return other.corrects == fill.exec_id; });
            StatementTrade row = trade_of(fill);
            bool const listed_before = row.trade_date < statement_.from;
            if (corrected && !listed_before) continue;
            if (!listed_before) {
                row.realized_pnl = Decimal(0);
                statement_.trades.push_back(row);
            }
            row.original_trade_id = row.trade_id;
            row.transaction_id = "8" + row.transaction_id;
            row.trade_id = "T" + row.transaction_id;
            row.exec_id.clear();
            row.quantity = -row.quantity;
            row.commission = -*row.commission;
            row.cancels = true;
            statement_.trades.push_back(std::move(row));
        }
    }

    void write(BookEntry const& entry, Booked const& booked) {
        if (!entry.time || !within(date_of(entry))) return;
        named_.insert(entry.con_id);
        switch (entry.kind) {
            case BookEntry::Kind::event:
            case BookEntry::Kind::fraction: write_event(entry, booked); break;
            case BookEntry::Kind::split: write_action(entry, entry.con_id, entry.quantity); break;
            case BookEntry::Kind::exchange: {
                Decimal gone;
                for (auto const& lot : booked.movement.closed) gone += lot.quantity;
                write_action(entry, entry.con_id, booked.long_before ? -gone : gone);
                write_action(entry, entry.other, entry.quantity);
                break;
            }
            case BookEntry::Kind::spin_off: write_action(entry, entry.other, entry.quantity); break;
            case BookEntry::Kind::transfer: write_transfer(entry); break;
            case BookEntry::Kind::held:
            case BookEntry::Kind::adjusted: break;  // nobody says why
        }
    }

    void write_event(BookEntry const& entry, Booked const& booked) {
        if (!has("trades")) return;
        auto const& instrument = broker_.instruments().at(entry.con_id);
        StatementTrade row;
        row.transaction_id = entry.id;
        row.trade_id = "T" + entry.id;
        row.con_id = entry.con_id;
        row.time = entry.time;
        row.trade_date = date_of(entry);
        row.quantity = entry.quantity;
        row.price = entry.price;
        row.money = base::multiply_rounded(entry.price, entry.quantity.abs() * instrument.factor(), 10);
        row.commission = Decimal(0);
        row.commission_currency = instrument.currency;
        row.realized_pnl = booked.movement.realized.value_or(Decimal(0));
        row.cause = entry.cause;
        write_closed_lots(row, booked);
        if (statement_.has_option_events && instrument.strike) {
            StatementTrade event = row;
            event.transaction_id.clear();
            statement_.option_events.push_back(std::move(event));
        }
        statement_.trades.push_back(std::move(row));
    }

    void write_action(BookEntry const& entry, ConId con_id, Decimal const& quantity) {
        if (!has("actions")) return;
        auto const& old = broker_.instruments().at(entry.con_id);
        named_.insert(con_id);
        model::StatementCorporateAction row;
        row.transaction_id = entry.id + (con_id == entry.con_id ? "" : "1");
        row.action_id = entry.id;
        row.type = entry.action_type;
        row.con_id = con_id;
        row.time = entry.time;
        row.report_date = date_of(entry);
        row.quantity = quantity;
        row.currency = old.currency;
        row.description = fmt::format("{}(US0000000000) {} {} FOR {} ({}, US0000000000)", old.symbol,
                                      entry.action_type == "SO" ? "SPINOFF" : entry.action_type == "TC" ? "MERGED" : "SPLIT", entry.ratio.to,
                                      entry.ratio.from, old.symbol);
        statement_.corporate_actions.push_back(std::move(row));
    }

    void write_transfer(BookEntry const& entry) {
        if (!has("transfers")) return;
        model::StatementTransfer row;
        row.transaction_id = entry.id;
        row.type = "ACATS";
        row.direction = entry.quantity.is_positive() ? "IN" : "OUT";
        row.con_id = entry.con_id;
        row.time = entry.time;
        row.date = date_of(entry);
        row.quantity = entry.quantity;
        row.currency = broker_.instruments().at(entry.con_id).currency;
        statement_.transfers.push_back(std::move(row));
    }

    void write(ConId con_id, Holding const& held) {
        if (!has("positions") || held.quantity.is_zero()) return;
        auto const& instrument = broker_.instruments().at(con_id);
        named_.insert(con_id);
        bool const short_held = held.quantity.is_negative();
        auto const row_of = [&](Decimal const& quantity, Decimal const& cost) {
            model::StatementPosition row;
            row.con_id = con_id;
            row.date = statement_.to;
            row.quantity = short_held ? -quantity : quantity;
            row.cost_money = short_held ? -cost : cost;
            row.cost_price = base::divide_rounded(cost, quantity * instrument.factor(), 8);
            row.mark_price = instrument.price;
            return row;
        };
        statement_.positions.push_back(row_of(held.quantity.abs(), held.cost));
        if (!has("lots")) return;
        for (auto const& lot : held.lots) {
            auto row = row_of(lot.quantity, lot.cost);
            row.is_lot = true;
            row.opened_at = lot.opened_at;
            statement_.positions.push_back(std::move(row));
        }
    }

    Broker const& broker_;
    std::string account_;
    std::set<std::string> const& without_;
    std::set<ConId> named_;
    model::Statement statement_;
};

}  // namespace

bool is_statement_section(std::string const& name) {
    return name == "trades" || name == "events" || name == "actions" || name == "transfers" || name == "positions" || name == "lots";
}

model::Statement write_statement(Broker const& broker, std::string const& account, Date from, Date to, std::set<std::string> const& without) {
    return Writer(broker, account, from, to, without).write();
}

}  // namespace possync::gateway
