#include "gateway/broker_books.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace possync::gateway {

using base::Date;
using base::Decimal;
using base::Timestamp;

namespace {

constexpr std::int64_t evening = std::int64_t{17} * 3'600'000'000;

/// Takes so much out of the oldest lots.
std::vector<HeldLot> take_first_in(Holding& held, Decimal left) {
    std::vector<HeldLot> taken;
    while (left.is_positive() && !held.lots.empty()) {
        HeldLot& lot = held.lots.front();
        if (lot.quantity.is_zero()) {  // a split left nothing of it
            held.lots.erase(held.lots.begin());
            continue;
        }
        Decimal const quantity = std::min(left, lot.quantity);
        Decimal const part = base::multiply_divide_rounded(lot.cost, quantity, lot.quantity, 10);
        taken.push_back({lot.exec_id, quantity, part, lot.opened_at});
        lot.cost -= part;
        lot.quantity -= quantity;
        left -= quantity;
        if (lot.quantity.is_zero()) held.lots.erase(held.lots.begin());
    }
    return taken;
}

Decimal cost_of(std::vector<HeldLot> const& lots) {
    Decimal cost;
    for (auto const& lot : lots) cost += lot.cost;
    return cost;
}

Timestamp end_of(Date date) { return base::from_utc_local({next_day(date), 0}); }

Date weekday_from(Date date) {
    while ((base::days_since_epoch(date) + 3) % 7 >= 5) date = next_day(date);
    return date;
}

void add_lot(Holding& held, Decimal const& quantity, HeldLot lot) {
    held.quantity += quantity;
    held.cost += lot.cost;
    held.lots.push_back(std::move(lot));
}

}  // namespace

Date next_day(Date date) { return base::date_of_days(base::days_since_epoch(date) + 1); }

Date trade_date(Timestamp time, SimulatedInstrument const& instrument) {
    auto const local = base::utc_local(time);
    bool const evening_session = instrument.sec_type == "FUT" || instrument.sec_type == "FOP";
    if (!evening_session) return local.date;
    return weekday_from(local.microseconds_of_day >= evening ? next_day(local.date) : local.date);
}

Date trade_date(Fill const& fill, SimulatedInstrument const& instrument) { return trade_date(fill.time, instrument); }

Movement book_trade(Holding& held, Decimal quantity, Decimal const& value, Decimal const& commission, std::string const& exec_id,
              Timestamp time) {
    Movement done;
    bool const reduces = !held.quantity.is_zero() && held.quantity.sign() != quantity.sign();
    if (!reduces) {
        // A long costs what was paid and the commission; a short stands at its proceeds less the commission.
        held.last_commission = quantity.is_positive() ? commission : -commission;
        add_lot(held, quantity, {exec_id, quantity.abs(), value + held.last_commission, time});
    } else {
        Decimal const closed = std::min(held.quantity.abs(), quantity.abs());
        done.closed = take_first_in(held, closed);
        Decimal const cost = cost_of(done.closed);
        Decimal const proceeds = base::multiply_divide_rounded(value, closed, quantity.abs(), 10);
        Decimal const paid_to_close = base::multiply_divide_rounded(commission, closed, quantity.abs(), 10);
        done.realized = (held.quantity.is_positive() ? proceeds - cost : cost - proceeds) - paid_to_close;
        held.cost -= cost;
        held.quantity += quantity;
        held.last_commission = Decimal(0);
        if (held.quantity.sign() == quantity.sign() && !held.quantity.is_zero()) {
            Decimal const paid_to_open = commission - paid_to_close;
            held.last_commission = quantity.is_positive() ? paid_to_open : -paid_to_open;
            held.cost = value - proceeds + held.last_commission;
            held.lots = {{exec_id, held.quantity.abs(), held.cost, time}};
        }
    }
    if (held.quantity.is_zero()) held.cost = Decimal(0);
    held.closed_at = held.quantity.is_zero() ? std::optional(time) : std::nullopt;
    return done;
}

Movement apply(std::map<ConId, Holding>& holdings, BookEntry const& entry, SimulatedInstrument const& instrument, Decimal const& premium) {
    Holding& held = holdings[entry.con_id];
    Timestamp const time = entry.time.value_or(Timestamp{0});
    switch (entry.kind) {
        case BookEntry::Kind::held:
            if (!entry.quantity.is_zero()) add_lot(held, entry.quantity, {"", entry.quantity.abs(), entry.cost, entry.time});
            return {};
        case BookEntry::Kind::adjusted:
            held.quantity += entry.quantity;
            held.cost = entry.cost;
            held.lots.clear();
            if (!held.quantity.is_zero()) held.lots = {{"", held.quantity.abs(), held.cost}};
            return {};
        case BookEntry::Kind::event:
        case BookEntry::Kind::fraction: {
            Decimal const value = base::multiply_rounded(entry.price, entry.quantity.abs() * instrument.factor(), 10);
            // What the option brought makes a purchase cheaper and a sale dearer.
            return book_trade(held, entry.quantity, entry.quantity.is_positive() ? value - premium : value + premium, Decimal(0), "", time);
        }
        case BookEntry::Kind::split:
            held.quantity = base::multiply_divide_rounded(held.quantity, Decimal(entry.ratio.to), Decimal(entry.ratio.from), 8);
            for (Decimal left = held.quantity.abs(); auto& lot : held.lots) {
                bool const last = &lot == &held.lots.back();  // takes the remainder of the roundings
                lot.quantity = last ? left : base::multiply_divide_rounded(lot.quantity, Decimal(entry.ratio.to), Decimal(entry.ratio.from), 8);
                left -= lot.quantity;
            }
            return {};
        case BookEntry::Kind::exchange: {
            Movement done;
            done.closed = take_first_in(held, held.quantity.abs());
            held = {};
            held.closed_at = time;
            // Each lot goes over with its cost and the day it was bought on, as the broker's statements keep it.
            Decimal const went = entry.quantity.abs();
            Decimal all;
            for (auto const& lot : done.closed) all += lot.quantity;
            Decimal left = went;
            for (std::size_t i = 0; i < done.closed.size(); ++i) {
                auto const& lot = done.closed[i];
                Decimal const part = i + 1 == done.closed.size() ? left : base::multiply_divide_rounded(went, lot.quantity, all, 8);
                left -= part;
                add_lot(holdings[entry.other], entry.quantity.is_negative() ? -part : part, {"", part, lot.cost, lot.opened_at ? lot.opened_at : time});
            }
            return done;
        }
        case BookEntry::Kind::spin_off: {
            Decimal left = entry.cost;
            for (std::size_t i = 0; i < held.lots.size(); ++i) {
                Decimal const share = i + 1 == held.lots.size()
                                          ? left
                                          : base::multiply_divide_rounded(entry.cost, held.lots[i].cost, held.cost, 10);
                held.lots[i].cost -= share;
                left -= share;
            }
            held.cost -= entry.cost;
            add_lot(holdings[entry.other], entry.quantity, {"", entry.quantity.abs(), entry.cost, time});
            return {};
        }
        case BookEntry::Kind::transfer: {
            bool const goes = !held.quantity.is_zero() && held.quantity.sign() != entry.quantity.sign();
            if (!goes) {
                add_lot(held, entry.quantity, {"", entry.quantity.abs(), entry.cost, time});
                return {};
            }
            Movement done;
            done.closed = take_first_in(held, entry.quantity.abs());
            held.cost -= cost_of(done.closed);
            held.quantity += entry.quantity;
            if (held.quantity.is_zero()) held.closed_at = time;
            return done;
        }
    }
    return {};
}

Books replay(Broker const& broker, std::string const& account, std::optional<Date> until) {
    struct Fact {
        Timestamp time;
        std::size_t order;  ///< among those of one time
        std::variant<Fill const*, BookEntry const*> what;
    };
    auto const known = [&](std::optional<Timestamp> const& time) { return !until || !time || *time < end_of(*until); };
    auto const of_these_days = [&](Timestamp time, ConId con_id) { return !until || trade_date(time, broker.instruments().at(con_id)) <= *until; };
    std::vector<Fact> facts;
    for (auto const& entry : broker.entries()) {
        bool const counts = entry.account == account && (!entry.time || of_these_days(*entry.time, entry.con_id));
        if (counts) facts.push_back({entry.time.value_or(Timestamp{0}), facts.size(), &entry});
    }
    for (auto const& fill : broker.fills()) {
        if (fill.account != account || !fill.moves_position || !known(fill.stated_at)) continue;
        if (fill.superseded && known(fill.superseded_at)) continue;
        if (!of_these_days(fill.time, fill.con_id)) continue;
        facts.push_back({fill.time, facts.size(), &fill});
    }
    std::sort(facts.begin(), facts.end(), [](Fact const& a, Fact const& b) { return std::tie(a.time, a.order) < std::tie(b.time, b.order); });
    Books books;
    Decimal premium;
    for (auto const& fact : facts) {
        Booked booked;
        booked.what = fact.what;
        if (auto const* const* fill = std::get_if<Fill const*>(&fact.what)) {
            auto const& instrument = broker.instruments().at((*fill)->con_id);
            Holding& held = books.holdings[(*fill)->con_id];
            booked.long_before = held.quantity.is_positive();
            Decimal const value = base::multiply_rounded((*fill)->price, (*fill)->quantity.abs() * instrument.factor(), 10);
            booked.movement =
                book_trade(held, (*fill)->quantity, value, (*fill)->commission.value_or(Decimal(0)), (*fill)->exec_id, (*fill)->time);
        } else {
            auto const& entry = *std::get<BookEntry const*>(fact.what);
            booked.long_before = books.holdings[entry.con_id].quantity.is_positive();
            bool const delivery = entry.kind == BookEntry::Kind::event && entry.other != 0;
            booked.movement = apply(books.holdings, entry, broker.instruments().at(entry.con_id), delivery ? premium : Decimal(0));
            if (entry.delivers) premium = std::exchange(booked.movement.realized, Decimal(0)).value_or(Decimal(0));
        }
        books.booked.push_back(std::move(booked));
    }
    return books;
}

}  // namespace possync::gateway
