#include "gateway/trading_day.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace possync::gateway {

using base::Decimal;

namespace {

struct Template {
    char const* symbol;
    char const* sec_type;
    char const* local_symbol;
    char const* currency;
    char const* expiry;
    int strike;
    char const* right;
    int multiplier;
    int magnifier;
    int price_cents;
};

constexpr std::array<Template, 18> templates{{
    {"AAPL", "STK", "", "USD", "", 0, "", 1, 1, 23150},
    {"MSFT", "STK", "", "USD", "", 0, "", 1, 1, 43410},
    {"NVDA", "STK", "", "USD", "", 0, "", 1, 1, 14275},
    {"AMZN", "STK", "", "USD", "", 0, "", 1, 1, 19840},
    {"AAPL", "OPT", "AAPL  270115C00240000", "USD", "20270115", 240, "C", 100, 1, 865},
    {"SPY", "OPT", "SPY   270115P00570000", "USD", "20270115", 570, "P", 100, 1, 1210},
    {"ES", "FUT", "ESH7", "USD", "20270319", 0, "", 50, 1, 602550},
    {"VOD", "STK", "", "GBP", "", 0, "", 1, 100, 7120},
    {"SAP", "STK", "", "EUR", "", 0, "", 1, 1, 22405},
    {"TSLA", "STK", "", "USD", "", 0, "", 1, 1, 24880},
    {"META", "STK", "", "USD", "", 0, "", 1, 1, 57630},
    {"GOOG", "STK", "", "USD", "", 0, "", 1, 1, 17105},
    {"JPM", "STK", "", "USD", "", 0, "", 1, 1, 24460},
    {"KO", "STK", "", "USD", "", 0, "", 1, 1, 6315},
    {"MGC", "FUT", "MGCG7", "USD", "20270224", 0, "", 10, 1, 266340},
    {"QQQ", "OPT", "QQQ   270115C00510000", "USD", "20270115", 510, "C", 100, 1, 1475},
    {"BRK B", "STK", "", "USD", "", 0, "", 1, 1, 46780},
    {"VOO", "STK", "", "USD", "", 0, "", 1, 1, 54630},
}};

/// What the invented trader's programs write on their orders; by hand nothing is written.
constexpr std::array<char const*, 5> order_refs{"momentum", "", "pairs", "overnight", ""};

}  // namespace

TradingDay::TradingDay(Broker& broker, TradingDayOptions options) : broker_(broker), random_(options.seed) {
    for (int i = 0; i < options.accounts; ++i) {
        accounts_.push_back(fmt::format("DU{:07}", options.first_account + i));
        broker_.add_account(accounts_.back());
    }
    int const instruments = std::max(options.instruments, options.positions);
    for (int i = 0; i < instruments; ++i) {
        SimulatedInstrument instrument;
        instrument.con_id = 265598 + 977 * i;
        if (static_cast<std::size_t>(i) < templates.size()) {
            auto const& from = templates[static_cast<std::size_t>(i)];
            instrument.symbol = from.symbol;
            instrument.sec_type = from.sec_type;
            instrument.local_symbol = from.local_symbol;
            instrument.currency = from.currency;
            instrument.expiry = from.expiry;
            if (from.strike != 0) instrument.strike = Decimal(from.strike);
            instrument.right = from.right;
            instrument.multiplier = Decimal(from.multiplier);
            instrument.price_magnifier = from.magnifier;
            instrument.price = Decimal::from_parts(from.price_cents, 2);
        } else {
            instrument.symbol = fmt::format("S{:05}", i);
            instrument.price = Decimal::from_parts(random_.between(500, 50'000), 2);
        }
        con_ids_.push_back(instrument.con_id);
        broker_.add_instrument(std::move(instrument));
    }
    for (auto const& account : accounts_) {
        for (int i = 0; i < options.positions; ++i) {
            auto const& instrument = broker_.instruments().at(con_ids_[static_cast<std::size_t>(i)]);
            Decimal quantity = Decimal(random_.between(1, 40) * (instrument.multiplier == Decimal(1) ? 10 : 1));
            if (random_.chance(200)) quantity = -quantity;
            broker_.hold(account, instrument.con_id, quantity, base::multiply_rounded(instrument.price, instrument.factor(), 8));
        }
    }
}

std::string TradingDay::happen(Simulator& simulator, base::Now now) {
    std::string text;
    if (random_.chance(600)) {
        trade(simulator, now, text);
    } else {
        move_price(text);
    }
    return text;
}

void TradingDay::burst(Simulator& simulator, base::Now now, int fills) {
    std::string const& account = accounts_.front();
    std::size_t const stride = std::max<std::size_t>(1, con_ids_.size() / static_cast<std::size_t>(std::max(fills, 1)));
    for (int i = 0; i < fills; ++i) {
        ConId const con_id = con_ids_[static_cast<std::size_t>(i) * stride % con_ids_.size()];
        auto const& instrument = broker_.instruments().at(con_id);
        Decimal const held = broker_.holdings().at(account).at(con_id).quantity;
        Decimal quantity = Decimal(random_.between(1, 9));
        if (i % 10 == 8 && !held.is_zero()) quantity = -held;
        if (i % 10 == 9 && !held.is_zero()) quantity = -held - (held.is_positive() ? quantity : -quantity);
        Decimal const price = nudged(instrument.price);
        Fill const& fill = broker_.fill(account, con_id, quantity, price, Decimal(1), now.wall, 0, "");
        simulator.push_fill(fill, now);
        simulator.push_position(account, con_id);
        simulator.push_commission(fill);
    }
}

Decimal TradingDay::nudged(Decimal const& price) {
    Decimal const moved = base::multiply_divide_rounded(price, Decimal(random_.between(985, 1015)), Decimal(1000), 2);
    return moved.is_positive() ? moved : price;
}

void TradingDay::trade(Simulator& simulator, base::Now now, std::string& text) {
    auto const& account =
        accounts_[static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(accounts_.size()) - 1))];
    ConId const con_id = con_ids_[static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(con_ids_.size()) - 1))];
    auto const& instrument = broker_.instruments().at(con_id);
    Decimal held;
    if (auto const found = broker_.holdings().at(account).find(con_id); found != broker_.holdings().at(account).end()) {
        held = found->second.quantity;
    }
    Decimal const size = Decimal(random_.between(1, 20) * (instrument.multiplier == Decimal(1) ? 10 : 1));
    Decimal quantity = random_.chance(700) ? size : -size;
    if (!held.is_zero()) {
        Decimal const away = held.is_positive() ? Decimal(-1) : Decimal(1);
        auto const what = random_.between(0, 99);
        if (what < 30) {
            quantity = held.is_positive() ? size : -size;  // more of it
        } else if (what < 65) {
            Decimal const part = std::max(Decimal(1), base::multiply_divide_rounded(held.abs(), random_.between(20, 80), 100, 0));
            quantity = away * std::min(part, held.abs());
        } else if (what < 88) {
            quantity = -held;
        } else {
            quantity = away * (held.abs() + size);  // through zero
        }
    }
    Decimal const price = nudged(instrument.price);
    Decimal const commission =
        base::multiply_divide_rounded(quantity.abs(), Decimal::from_parts(35, 4), 1, 4) + Decimal::from_parts(35, 2);
    char const* const order_ref = order_refs[static_cast<std::size_t>(con_id) % order_refs.size()];
    Fill const& fill = broker_.fill(account, con_id, quantity, price, commission, now.wall, 0, order_ref);
    simulator.push_fill(fill, now);
    simulator.push_position_before_commission(account, con_id);
    simulator.push_commission(fill);
    simulator.push_position(account, con_id);
    simulator.push_portfolio(account, con_id, now);
    text = fmt::format("{} {} {} {} @ {}", account, quantity.is_positive() ? "buys" : "sells", quantity.abs().to_string(),
                       instrument.local_symbol, price.to_string());
}

void TradingDay::move_price(std::string& text) {
    ConId const con_id = con_ids_[static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(con_ids_.size()) - 1))];
    broker_.set_price(con_id, nudged(broker_.instruments().at(con_id).price));
    text = fmt::format("{} trades at {}", broker_.instruments().at(con_id).local_symbol,
                       broker_.instruments().at(con_id).price.to_string());
}

}  // namespace possync::gateway
