#include "gateway/broker.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.hpp"
#include "gateway/broker_books.hpp"

namespace possync::gateway {

using base::Decimal;

void Broker::add_instrument(SimulatedInstrument instrument) {
    ++changes_;
    if (instruments_.contains(instrument.con_id)) ++instruments_restated_;
    if (instrument.local_symbol.empty()) instrument.local_symbol = instrument.symbol;
    if (instrument.trading_class.empty()) instrument.trading_class = instrument.symbol;
    if (!instrument.price.is_zero() && !instrument.previous_close) instrument.previous_close = instrument.price;
    instruments_[instrument.con_id] = std::move(instrument);
}

void Broker::set_price(ConId con_id, Decimal price) {
    SimulatedInstrument& instrument = instruments_.at(con_id);
    instrument.price = price;
    if (!instrument.previous_close) instrument.previous_close = price;
}

void Broker::hold_in_model(std::string const& account, std::string const& model_code, ConId con_id, Decimal quantity,
                           Decimal average_cost) {
    CHECK(instruments_.contains(con_id));
    ++changes_;
    Decimal const cost = base::multiply_rounded(average_cost, quantity.abs(), 10);
    models_[{account, model_code}][con_id] = {quantity, cost, {{"", quantity.abs(), cost}}};
}

Fill const& Broker::row(Fill row) {
    std::int64_t const number = next_fill_++;
    row.exec_id = fmt::format("{:08x}.{:08x}.01.01", 0xe0d5, 0x69dd0000 + number);
    row.perm_id = 1'800'000'000 + number;
    row.moves_position = false;
    fills_.push_back(std::move(row));
    return fills_.back();
}

void Broker::hold(std::string const& account, ConId con_id, Decimal quantity, Decimal average_cost,
                  std::optional<base::Timestamp> since) {
    CHECK(instruments_.contains(con_id));
    if (!since) {
        std::erase_if(entries_, [&](BookEntry const& entry) { return entry.account == account && entry.con_id == con_id; });
        holdings_[account][con_id] = {};
    }
    BookEntry entry;
    entry.account = account;
    entry.con_id = con_id;
    entry.time = since;
    entry.quantity = quantity;
    entry.cost = base::multiply_rounded(average_cost, quantity.abs(), 10);
    apply(holdings_[account], entry, instruments_.at(con_id));
    ++changes_;
    entries_.push_back(std::move(entry));
}

Fill const& Broker::fill(std::string const& account, ConId con_id, Decimal quantity, Decimal price,
                         std::optional<Decimal> commission, base::Timestamp time, std::int64_t client_id, std::string order_ref,
                         FillDetails const& details) {
    CHECK(holdings_.contains(account));
    SimulatedInstrument const& instrument = instruments_.at(con_id);
    ++changes_;
    Holding& held = holdings_[account][con_id];
    Fill fill;
    std::int64_t const number = next_fill_++;
    fill.exec_id = fmt::format("{:08x}.{:08x}.01.01", 0xe0d5 + number / 1000, 0x69dd0000 + number) + (details.leg ? ".01" : "");
    fill.model_code = details.model_code;
    fill.exercise_type = details.exercise_type;
    fill.liquidation = details.liquidation;
    fill.account = account;
    fill.con_id = con_id;
    fill.time = time;
    fill.quantity = quantity;
    fill.price = price;
    fill.commission = commission;
    fill.perm_id = 1'800'000'000 + number;
    fill.client_id = client_id;
    fill.order_id = client_id == 0 ? 0 : number;
    fill.order_ref = std::move(order_ref);

    Decimal const paid = commission.value_or(Decimal(0));
    Decimal const value = base::multiply_rounded(price, quantity.abs() * instrument.factor(), 10);
    fill.realized_pnl = book_trade(held, quantity, value, paid, fill.exec_id, time).realized;
    set_price(con_id, price);
    fills_.push_back(std::move(fill));
    return fills_.back();
}

Fill const* Broker::correct(std::string const& exec_id, Decimal price, std::optional<base::Timestamp> stated_at, bool served) {
    auto const found = std::find_if(fills_.begin(), fills_.end(), [&](Fill const& fill) { return fill.exec_id == exec_id; });
    if (found == fills_.end() || found->superseded) return nullptr;
    Fill corrected = *found;
    auto const dot = corrected.exec_id.rfind('.');
    int const number = std::stoi(corrected.exec_id.substr(dot + 1)) + 1;
    corrected.exec_id = fmt::format("{}.{:02}", corrected.exec_id.substr(0, dot), number);
    Decimal const change = base::multiply_rounded(price - corrected.price,
                                                  corrected.quantity.abs() * instruments_.at(corrected.con_id).factor(), 10);
    ++changes_;
    Holding& held = holdings_[corrected.account][corrected.con_id];
    if (held.quantity.sign() == corrected.quantity.sign()) held.cost += change;
    for (auto& lot : held.lots) {
        if (lot.exec_id == exec_id) lot.cost += change, lot.exec_id = corrected.exec_id;
    }
    corrected.price = price;
    corrected.corrects = exec_id;
    corrected.stated_at = stated_at;
    corrected.served = served;
    found->superseded = true;
    found->superseded_at = stated_at;
    fills_.push_back(std::move(corrected));
    return &fills_.back();
}

Fill const* Broker::report_commission(std::string const& exec_id, Decimal commission, std::optional<Decimal> realized) {
    for (auto& fill : fills_) {
        if (fill.exec_id != exec_id) continue;
        // What was charged for an opening is part of the cost of what is held; a repeated report changes nothing.
        Decimal const more = commission - fill.commission.value_or(Decimal(0));
        fill.commission = commission;
        if (fill.realized_pnl) fill.realized_pnl = *fill.realized_pnl - more;
        if (realized) fill.realized_pnl = realized;
        Holding& held = holdings_[fill.account][fill.con_id];
        for (auto& lot : held.lots) {
            if (lot.exec_id != exec_id) continue;
            Decimal const share =
                base::multiply_divide_rounded(fill.quantity.is_positive() ? more : -more, lot.quantity, fill.quantity.abs(), 10);
            lot.cost += share;
            held.cost += share;
            ++changes_;
        }
        return &fill;
    }
    return nullptr;
}

void Broker::adjust(std::string const& account, ConId con_id, Decimal quantity, Decimal average_cost, base::Timestamp time) {
    BookEntry entry;
    entry.kind = BookEntry::Kind::adjusted;
    entry.account = account;
    entry.con_id = con_id;
    entry.time = time;
    entry.quantity = quantity;
    entry.cost = base::multiply_rounded(average_cost, (holdings_[account][con_id].quantity + quantity).abs(), 10);
    apply(holdings_[account], entry, instruments_.at(con_id));
    ++changes_;
    entries_.push_back(std::move(entry));
}

std::string Broker::enter(BookEntry entry) {
    ++changes_;
    entry.id = fmt::format("{}", 7'000'000 + entries_.size());
    std::string const account = entry.account;
    std::string id = entry.id;
    ConId const con_id = entry.con_id;
    ConId const other = entry.other;
    entries_.push_back(std::move(entry));
    rebook(account, con_id);
    if (other != 0) rebook(account, other);
    return id;
}

Fill const* Broker::cancel(std::string const& exec_id, base::Timestamp time) {
    auto const found = std::find_if(fills_.begin(), fills_.end(), [&](Fill const& fill) { return fill.exec_id == exec_id; });
    if (found == fills_.end() || found->superseded) return nullptr;
    ++changes_;
    found->superseded = true;
    found->superseded_at = time;
    found->served = false;
    rebook(found->account, found->con_id);
    return &*found;
}

void Broker::rebook(std::string const& account, ConId con_id) {
    auto books = replay(*this, account, {});
    holdings_[account][con_id] = std::move(books.holdings[con_id]);
}

SimulatedInstrument const* Broker::find(std::string_view local_symbol) const {
    for (auto const& [unused, instrument] : instruments_) {
        if (instrument.local_symbol == local_symbol) return &instrument;
    }
    return nullptr;
}

std::string Broker::account_list() const {
    std::string list;
    for (auto const& [account, unused] : holdings_)
        list += (list.empty() ? "" : ",") + account;
    return list;
}

}  // namespace possync::gateway
