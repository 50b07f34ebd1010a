#include "generator.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace possync::sim {

using gateway::SimulatedInstrument;

namespace {

std::vector<std::string> split_words(std::string const& line) {
    std::vector<std::string> words;
    std::size_t at = 0;
    while (at < line.size()) {
        if (line[at] == ' ') {
            ++at;
        } else if (line[at] == '"') {
            auto const end = line.find('"', at + 1);
            words.push_back(line.substr(at + 1, end - at - 1));
            at = end + 1;
        } else {
            auto const end = std::min(line.find(' ', at), line.size());
            words.push_back(line.substr(at, end - at));
            at = end;
        }
    }
    return words;
}

/// What is traded: stocks, two kinds of options on the first of them, futures, pence, a bond, a pair of currencies, a basket.
struct Kind {
    char const* form;  ///< of the scenario's `instrument` behind the name
    int price;
};
constexpr std::array<Kind, 16> kinds{{{"STK USD", 230},
                                      {"STK USD", 57},
                                      {"OPT USD multiplier 100 strike 240 right C expiry 20261125 under S0", 4},
                                      {"OPT USD multiplier 100 strike 220 right P expiry 20261124 under S0", 3},
                                      {"STK GBP magnifier 100", 712},
                                      {"FUT USD multiplier 50 expiry 20261126", 6025},
                                      {"STK EUR", 224},
                                      {"OPT USD multiplier 100 strike 60 right C expiry 20261127 under S1", 2},
                                      {"BOND USD multiplier 10 expiry 20261125", 99},
                                      {"CASH USD", 1},
                                      {"STK USD", 18},
                                      {"IND USD", 5800},
                                      {"OPT USD multiplier 100 strike 5800 right P expiry 20261124 under S11", 21},
                                      {"FUT USD multiplier 10 expiry 20270224", 2660},
                                      {"CRYPTO USD", 91000},
                                      {"BAG USD", 2}}};

}  // namespace

std::string Step::line() const {
    std::string text;
    for (auto const& word : words) {
        if (!text.empty()) text += ' ';
        text += word.find(' ') == std::string::npos ? word : '"' + word + '"';
    }
    return text;
}

Generator::Generator(Swarm const& swarm, std::uint64_t seed, gateway::Broker const& broker)
    : swarm_(swarm), broker_(broker), random_(seed ^ 0x57041E5) {}

Step Generator::step(std::string line, std::string account) {
    Step made;
    made.number = ++steps_;
    made.words = split_words(line);
    made.account = std::move(account);
    return made;
}

base::Duration Generator::pause() {
    if (random_.chance(300)) return base::Duration(0);
    if (random_.chance(20)) return swarm_.interval * 3;
    return base::Duration(random_.between(0, 2 * swarm_.gap.count()));
}

std::string const& Generator::some_account() {
    return accounts_[static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(accounts_.size()) - 1))];
}

SimulatedInstrument const* Generator::some_instrument() {
    for (int i = 0; i < 20; ++i) {
        auto const& name = names_[static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(names_.size()) - 1))];
        auto const* found = broker_.find(name);
        if (found != nullptr && found->sec_type != "IND" && found->sec_type != "BAG") return found;
    }
    return broker_.find(names_.front());
}

base::Decimal Generator::held(std::string const& account, gateway::ConId con_id) const {
    auto const holdings = broker_.holdings().find(account);
    if (holdings == broker_.holdings().end()) return {};
    auto const found = holdings->second.find(con_id);
    return found == holdings->second.end() ? Decimal(0) : found->second.quantity;
}

base::Decimal Generator::quantity_of(SimulatedInstrument const& instrument) {
    if (instrument.sec_type == "CRYPTO" || (instrument.sec_type == "STK" && random_.chance(100))) {
        return Decimal::from_parts(random_.between(1, 40'000), 4);
    }
    if (instrument.sec_type != "STK") return Decimal(random_.between(1, 6));
    return Decimal(random_.chance(500) ? random_.between(1, 20) * 10 : random_.between(1, 300));
}

base::Decimal Generator::price_near(SimulatedInstrument const& instrument) {
    Decimal const price = instrument.price.is_positive() ? instrument.price : Decimal(1);
    Decimal const moved = base::multiply_rounded(price, Decimal::from_parts(random_.between(960, 1040), 3), 2);
    return moved.is_positive() ? moved : Decimal::from_parts(1, 2);
}

std::string Generator::duration(std::int64_t low_ms, std::int64_t high_ms) {
    return fmt::format("{}ms", random_.between(low_ms, high_ms));
}

std::string Generator::host() { return std::to_string(random_.between(1, swarm_.services)); }

std::vector<Step> Generator::beginning() {
    std::vector<Step> steps;
    for (int i = 0; i < swarm_.accounts; ++i) {
        accounts_.push_back(fmt::format("DU{}", 101 + i));
        steps.push_back(step("account " + accounts_.back()));
    }
    std::vector<int> prices;
    for (int i = 0; i < swarm_.instruments; ++i) {
        Kind const& kind = kinds[static_cast<std::size_t>(i) % kinds.size()];
        names_.push_back(fmt::format("S{}", i));
        // Two of them have one symbol: nothing may go by it.
        std::string const symbol = i % 5 == 2 ? " symbol S0" : "";
        steps.push_back(step(fmt::format("instrument {} {}{}", names_.back(), kind.form, symbol)));
        prices.push_back(kind.price);
    }
    for (auto const& account : accounts_) {
        for (int i = 0; i < swarm_.instruments; ++i) {
            std::string const form = kinds[static_cast<std::size_t>(i) % kinds.size()].form;
            if (form.starts_with("IND") || form.starts_with("BAG") || form.starts_with("CASH")) continue;
            if (i >= swarm_.held && random_.chance(800)) continue;
            auto const size = random_.between(1, 60);
            bool const is_short = random_.chance(300);
            steps.push_back(step(fmt::format("hold S{} {} @ {}", i, is_short ? -size : size, prices[static_cast<std::size_t>(i)]), account));
        }
    }
    for (int i = 0; i < swarm_.instruments; ++i) steps.push_back(step(fmt::format("price S{} {}", i, prices[static_cast<std::size_t>(i)]), accounts_[0]));
    // The day may have begun without the service.
    for (auto trades = random_.chance(500) ? random_.between(1, 8) : 0; trades > 0; --trades) {
        auto const index = static_cast<std::size_t>(random_.between(0, swarm_.instruments - 1));
        std::string const form = kinds[index % kinds.size()].form;
        if (form.starts_with("IND") || form.starts_with("BAG")) continue;
        std::string const label = fmt::format("f{}", ++fills_);
        labels_.push_back(label);
        bool const buys = random_.chance(500);
        auto const size = random_.between(1, 50);
        steps.push_back(step(fmt::format("fill S{} {} {} @ {} commission 1 account {} as {}", index, buys ? "buy" : "sell", size, prices[index],
                                         some_account(), label),
                             accounts_[0]));
        steps.back().wait = std::chrono::seconds(random_.between(0, 100));
    }
    // A book may begin with a statement: the accounts are known, and no list of what they hold has come.
    bool const begins_with_a_statement = swarm_.statements != 0 && random_.chance(100);
    bool const begins_with_half_a_list = begins_with_a_statement || (swarm_.missing_ends != 0 && random_.chance(200));
    if (begins_with_half_a_list) steps.push_back(step("fault no-position-end on"));
    for (int i = 1; i <= swarm_.services; ++i) {
        steps.push_back(step(fmt::format("service {} start", i)));
        if (i > 1) steps.back().wait = base::Duration(random_.between(0, 40'000'000));
    }
    if (begins_with_a_statement) {
        auto const day = random_.between(22, 23);
        std::string const line = fmt::format("statement 2026-11-{}{}", day, random_.chance(700) ? " without positions" : "");
        steps.push_back(step(line, some_account()));
        steps.back().wait = std::chrono::seconds(random_.between(2, 20));
    }
    if (begins_with_half_a_list) {
        steps.push_back(step("fault no-position-end off"));
        steps.back().wait = std::chrono::seconds(random_.between(0, begins_with_a_statement ? 20 : 90));
    }
    return steps;
}

Step Generator::next(base::Timestamp now) {
    if (!planned_.empty() && random_.chance(planned_.size() > 3 ? 700 : 250)) {
        Step made = std::move(planned_.front());
        planned_.pop_front();
        made.number = ++steps_;
        return made;
    }
    struct Choice {
        int weight;
        Step (Generator::*make)();
    };
    std::array<Choice, 22> const choices{{{swarm_.trades, &Generator::trade},
                                          {15, &Generator::price},
                                          {swarm_.late_commissions, &Generator::commission},
                                          {swarm_.corrections, &Generator::correction},
                                          {swarm_.unexplained, &Generator::unexplained},
                                          {swarm_.splits / 2, &Generator::split},
                                          {swarm_.option_ends, &Generator::option_end},
                                          {swarm_.combinations, &Generator::combination},
                                          {swarm_.account_changes / 4, &Generator::account_change},
                                          {swarm_.operators, &Generator::operator_verb},
                                          {swarm_.option_changes / 3, &Generator::option_change},
                                          {swarm_.network, &Generator::network},
                                          {swarm_.notices, &Generator::notice},
                                          {swarm_.missing_ends, &Generator::missing_end},
                                          {swarm_.empty_lists, &Generator::empty_list},
                                          {swarm_.vanishing / 2, &Generator::vanish},
                                          {swarm_.resets, &Generator::reset},
                                          {swarm_.client_ids, &Generator::client_id},
                                          {swarm_.crashes, &Generator::crash},
                                          {swarm_.disk + swarm_.power / 2, &Generator::disk},
                                          {swarm_.clocks / 2, &Generator::clock},
                                          {swarm_.pauses, &Generator::pause_service}}};
    // Those that need more than a weight.
    int const others = swarm_.statement_only + swarm_.statements / 2 + swarm_.requests + swarm_.disconnects + swarm_.half_open;
    int sum = others;
    for (auto const& choice : choices) sum += choice.weight;
    auto drawn = static_cast<int>(random_.between(0, sum - 1));
    Step made;
    if (drawn < others) {
        if ((drawn -= swarm_.statement_only) < 0) {
            made = statement_only(now);
        } else if ((drawn -= swarm_.statements / 2) < 0) {
            made = statement(now);
        } else if ((drawn -= swarm_.requests) < 0) {
            std::string const which = host();
            made = step("sync " + which + (random_.chance(200) ? " " + some_account() : random_.chance(200) ? " dry" : ""));
        } else if ((drawn -= swarm_.disconnects) < 0) {
            made = step(random_.chance(500) ? "disconnect" : "disconnect " + duration(100, 40'000));
        } else {
            made = step(fmt::format("half-open {}", host()));
        }
    } else {
        drawn -= others;
        for (auto const& choice : choices) {
            if ((drawn -= choice.weight) >= 0) continue;
            made = (this->*choice.make)();
            break;
        }
    }
    made.wait = pause();
    return made;
}

Step Generator::trade() {
    auto const* instrument = some_instrument();
    std::string const account = some_account();
    Decimal const now = held(account, instrument->con_id);
    Decimal quantity = quantity_of(*instrument);
    bool buy = random_.chance(500);
    if (!now.is_zero()) {
        auto const what = random_.between(0, 9);
        if (what < 3) {  // a part
            Decimal const part = base::multiply_rounded(now.abs(), Decimal::from_parts(random_.between(1, 9), 1), now.scale() == 0 ? 0 : 4);
            if (part.is_positive()) quantity = part;
            buy = now.is_negative();
        } else if (what < 5) {  // all
            quantity = now.abs();
            buy = now.is_negative();
        } else if (what < 7) {  // through zero
            quantity += now.abs();
            buy = now.is_negative();
        } else {
            buy = now.is_positive();
        }
    }
    std::string const label = fmt::format("f{}", ++fills_);
    labels_.push_back(label);
    std::string commission;
    if (swarm_.late_commissions != 0 && random_.chance(400)) {
        unpaid_.push_back(label);
    } else if (swarm_.missing_commissions == 0 || random_.chance(800)) {
        commission = " commission " + Decimal::from_parts(random_.between(-20, 400), 2).to_string();
    }
    std::string extra;
    if (random_.chance(100)) extra += " ref algo" + std::to_string(random_.between(1, 3));
    if (random_.chance(150)) extra += " unpushed";
    if (random_.chance(200)) extra += " client 71";
    return step(fmt::format("fill {} {} {} @ {}{} account {} as {}{}", instrument->local_symbol, buy ? "buy" : "sell", quantity.to_string(),
                            price_near(*instrument).to_string(), commission, account, label, extra),
                account);
}

Step Generator::price() {
    auto const* instrument = some_instrument();
    if (random_.chance(200)) return step("push " + instrument->local_symbol, some_account());
    Decimal const price = price_near(*instrument);
    return step(fmt::format("price {} {}", instrument->local_symbol, price.to_string()), some_account());
}

Step Generator::correction() {
    if (labels_.empty()) return trade();
    auto const recent = std::min<std::int64_t>(static_cast<std::int64_t>(labels_.size()), 12);
    auto const& label = labels_[labels_.size() - static_cast<std::size_t>(random_.between(1, recent))];
    return step(fmt::format("correct {} price {}", label, Decimal::from_parts(random_.between(100, 30'000), 2).to_string()));
}

Step Generator::commission() {
    if (unpaid_.empty()) return trade();
    std::size_t const index = static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(unpaid_.size()) - 1));
    std::string const label = unpaid_[index];
    unpaid_.erase(unpaid_.begin() + static_cast<std::ptrdiff_t>(index));
    return step(fmt::format("commission {} {}", label, Decimal::from_parts(random_.between(1, 500), 2).to_string()));
}

Step Generator::statement_only(base::Timestamp at) {
    std::string const account = some_account();
    auto const* instrument = some_instrument();
    if (!labels_.empty() && random_.chance(600)) {
        auto const& label = labels_[static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(labels_.size()) - 1))];
        if (random_.chance(500)) return step(fmt::format("correct {} price {} unserved", label, random_.between(1, 300)));
        // The statement that tells of it soon follows, for whoever's it is.
        if (random_.chance(500)) {
            for (auto const& each : accounts_) planned_.push_back(step("statement " + base::to_string(base::utc_local(at).date), each));
        }
        return step("cancel " + label);
    }
    Decimal const now = held(account, instrument->con_id);
    if (now.is_negative()) return trade();
    Decimal const quantity(random_.between(1, 50));
    return step(fmt::format("transfer {} {} @ {}", instrument->local_symbol, quantity.to_string(), price_near(*instrument).to_string()), account);
}

Step Generator::unexplained() {
    auto const* instrument = some_instrument();
    std::string const account = some_account();
    Decimal const now = held(account, instrument->con_id);
    Decimal quantity = random_.chance(500) ? quantity_of(*instrument) : -quantity_of(*instrument);
    if (!now.is_zero() && random_.chance(300)) quantity = -now;
    return step(fmt::format("adjust {} {} @ {}", instrument->local_symbol, quantity.to_string(), price_near(*instrument).to_string()), account);
}

Step Generator::split() {
    constexpr std::array<char const*, 5> ratios{"2:1", "4:1", "3:2", "1:10", "1:3"};
    for (int i = 0; i < 10; ++i) {
        auto const* instrument = some_instrument();
        std::string const account = some_account();
        if (instrument->sec_type != "STK" || held(account, instrument->con_id).is_zero()) continue;
        return step(fmt::format("split {} {}", instrument->local_symbol, ratios[static_cast<std::size_t>(random_.between(0, 4))]), account);
    }
    return trade();
}

Step Generator::option_end() {
    for (int i = 0; i < 10; ++i) {
        auto const* option = some_instrument();
        std::string const account = some_account();
        Decimal const quantity = held(account, option->con_id);
        bool const ends = option->sec_type == "OPT" || option->sec_type == "FUT" || option->sec_type == "BOND";
        if (!ends || quantity.is_zero()) continue;
        if (random_.chance(150)) {  // the last hour's price, then its end a day later
            Step told = step(fmt::format("price {} {}", option->local_symbol, random_.chance(500) ? "0.01" : "5.2"), account);
            planned_.push_back(step(fmt::format("entry {} {} {}", option->local_symbol, option->sec_type == "OPT" ? "expiry" : "cash_settlement",
                                                quantity.abs().to_string()),
                                    account));
            planned_.back().wait = std::chrono::hours(random_.between(1, 20));
            return told;
        }
        if (option->sec_type != "OPT") {
            return step(fmt::format("entry {} cash_settlement {} @ {}", option->local_symbol, quantity.abs().to_string(), option->price.to_string()), account);
        }
        bool const served = random_.chance(400);
        if (served) {  // as a fill with an exercise type
            constexpr std::array<int, 5> types{1, 2, 100, 101, 102};
            return step(fmt::format("fill {} {} {} @ 0 commission 0 account {} as f{} exercise {}", option->local_symbol,
                                    quantity.is_positive() ? "sell" : "buy", quantity.abs().to_string(), account, ++fills_,
                                    types[static_cast<std::size_t>(random_.between(0, 4))]),
                        account);
        }
        char const* const end = option->under_sec_type == "IND" ? "cash_settlement"
                                : random_.chance(400)             ? "expiry"
                                : quantity.is_positive()          ? "exercise"
                                                                  : "assignment";
        Decimal const part = random_.chance(300) && quantity.abs() > Decimal(1) ? Decimal(1) : quantity.abs();
        return step(fmt::format("entry {} {} {}", option->local_symbol, end, part.to_string()), account);
    }
    return trade();
}

Step Generator::combination() {
    auto const* basket = broker_.find("S15");
    auto const* first = broker_.find("S2");
    auto const* second = broker_.find("S3");
    if (basket == nullptr || first == nullptr || second == nullptr) return trade();
    bool const buys = random_.chance(500);
    auto const size = random_.between(1, 4);
    return step(fmt::format("combo S15 {} {} @ 1 leg S2 buy 1 @ 3 leg S3 sell 1 @ 2 commission 0.65", buys ? "buy" : "sell", size), some_account());
}

Step Generator::account_change() {
    if (accounts_.size() > 1 && random_.chance(400)) {
        std::size_t const index = static_cast<std::size_t>(random_.between(1, static_cast<std::int64_t>(accounts_.size()) - 1));
        std::string const gone = accounts_[index];
        accounts_.erase(accounts_.begin() + static_cast<std::ptrdiff_t>(index));
        planned_.push_back(step("disconnect"));  // the list of accounts is told at the start of a connection
        return step(fmt::format("account {} leaves", gone));
    }
    std::string const code = fmt::format("DU{}", 501 + joined_++);
    accounts_.push_back(code);
    planned_.push_back(step("disconnect"));
    return step("account " + code, code);
}

Step Generator::operator_verb() {
    auto const* instrument = some_instrument();
    std::string const account = some_account();
    auto const what = random_.between(0, 9);
    if (what < 5) {
        constexpr std::array<char const*, 7> causes{"manual", "transfer", "reinvestment", "expiry", "corporate_action", "exercise", "split"};
        std::string const cause = causes[static_cast<std::size_t>(random_.between(0, 6))];
        std::string const more = cause == "split" ? " ratio 2:1" : random_.chance(600) ? " price " + price_near(*instrument).to_string() : "";
        return step(fmt::format("explain {} cause {}{}", instrument->local_symbol, cause, more), account);
    }
    if (what < 7 && !labels_.empty()) {
        auto const& label = labels_[static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(labels_.size()) - 1))];
        if (random_.chance(700)) planned_.push_back(step("undo " + label, account));
        return step("exclude " + label, account);
    }
    return step("undo " + instrument->local_symbol, account);
}

Step Generator::statement(base::Timestamp now) {
    std::int64_t const today = base::days_since_epoch(base::utc_local(now).date);
    std::int64_t const day = today - (random_.chance(500) ? 0 : random_.between(0, 2));
    constexpr std::array<char const*, 6> sections{"trades", "events", "actions", "transfers", "positions", "lots"};
    std::string line = "statement " + base::to_string(base::date_of_days(day));
    if (random_.chance(150)) line += std::string(" without ") + sections[static_cast<std::size_t>(random_.between(0, 5))];
    return step(line, some_account());
}

Step Generator::option_change() {
    constexpr std::array<char const*, 5> changes{"cost_basis=fifo", "cost_basis=average", "on_missing=warn", "on_missing=close", "interval=30s"};
    std::string const which = host();
    return step(fmt::format("service {} restart {}", which, changes[static_cast<std::size_t>(random_.between(0, 4))]));
}

Step Generator::network() {
    constexpr std::array<char const*, 8> ways{"split", "merge", "delay", "duplicate", "garbage", "close", "stall", "restart"};
    constexpr std::array<int, 8> limits{1000, 500, 300, 300, 60, 30, 20, 10};  // of a thousand
    constexpr std::array<char const*, 8> times{"", "", " 2s", "", "", "", " 70s", " 20s"};
    auto const what = random_.between(0, swarm_.drops ? 10 : 9);
    if (what < 3) return step("fault none");
    if (what == 10) return step(fmt::format("fault drop 0.0{}", random_.between(1, 9)));
    auto const kind = static_cast<std::size_t>(random_.between(0, 7));
    if (what < 6) return step(fmt::format("fault next {} {}{}", ways[kind], random_.between(1, 3), times[kind]));
    return step(fmt::format("fault {} {}{}", ways[kind], Decimal::from_parts(random_.between(1, limits[kind]), 3).to_string(), times[kind]));
}

Step Generator::notice() {
    struct Notice {
        int code;
        char const* text;
    };
    constexpr std::array<Notice, 9> notices{{{1100, "Connectivity between IB and Trader Workstation has been lost."},
                                             {1101, "Connectivity between IB and TWS has been restored - data lost."},
                                             {1102, "Connectivity between IB and TWS has been restored - data maintained."},
                                             {1300, "Socket port has been reset and this connection is being dropped. Please reconnect on the new port - 4002"},
                                             {2103, "Market data farm connection is broken:usfarm"},
                                             {2105, "HMDS data farm connection is broken:ushmds"},
                                             {2110, "Connectivity between Trader Workstation and server is broken. It will be restored automatically."},
                                             {2104, "Market data farm connection is OK:usfarm"},
                                             {2157, "Sec-def data farm connection is broken:secdefil"}}};
    auto const& chosen = notices[static_cast<std::size_t>(random_.between(0, 8))];
    if (chosen.code == 1100 || chosen.code == 2110) {
        auto const& back = notices[random_.chance(500) ? 1 : 2];
        planned_.push_back(step(fmt::format("notice {} \"{}\"", back.code, back.text)));
    }
    return step(fmt::format("notice {} \"{}\"", chosen.code, chosen.text));
}

Step Generator::missing_end() {
    constexpr std::array<char const*, 5> flags{"no-position-end", "no-executions-end", "no-account-end", "no-commissions", "stall"};
    if (random_.chance(250)) return step(fmt::format("fault close-after {}", random_.between(0, 6)));
    if (random_.chance(200)) {
        planned_.push_back(step("fault refuse off"));
        return step("fault refuse on");
    }
    std::string const flag = flags[static_cast<std::size_t>(random_.between(0, 4))];
    planned_.push_back(step("fault " + flag + " off"));
    planned_.back().wait = base::Duration(random_.between(0, 60'000'000));
    return step("fault " + flag + " on");
}

Step Generator::empty_list() {
    planned_.push_back(step("fault empty-list off"));
    planned_.back().wait = base::Duration(random_.between(0, 120'000'000));
    return step("fault empty-list on");
}

Step Generator::vanish() {
    auto const* instrument = some_instrument();
    return step("fault vanish " + instrument->local_symbol, some_account());
}

Step Generator::reset() {
    planned_.push_back(step("gateway account-ready on"));
    return step("gateway account-ready off");
}

Step Generator::client_id() {
    planned_.push_back(step("fault client-id 71 off"));
    planned_.push_back(step("disconnect"));
    return step("fault client-id 71 on");
}

Step Generator::crash() {
    if (random_.chance(400)) return step(fmt::format("service {} kill", host()));
    if (random_.chance(150)) return step(fmt::format("service {} stop", host()));
    constexpr std::array<char const*, 3> ways{"crash_before", "crash_after", "crash_torn"};
    char const* const way = ways[static_cast<std::size_t>(random_.between(0, 2))];
    return step(fmt::format("disk {} at {}", way, random_.between(1, 60)));
}

Step Generator::disk() {
    if (swarm_.power != 0 && random_.chance(swarm_.disk != 0 ? 400 : 1000)) return step("disk power-cut");
    if (random_.chance(300)) {
        planned_.push_back(step("disk room"));
        planned_.back().wait = base::Duration(random_.between(0, 90'000'000));
        return step("disk full");
    }
    constexpr std::array<char const*, 5> ways{"error_before", "error_after", "short_write", "disk_full", "sync_forgets"};
    std::int64_t const last = swarm_.power != 0 ? 3 : 4;  // a disk that forgets what a sync failed on, and then loses power: see test/crash
    char const* const way = ways[static_cast<std::size_t>(random_.between(0, last))];
    auto const at = random_.between(1, 40);
    return step(fmt::format("disk {} at {} times {}", way, at, random_.chance(700) ? 1 : random_.between(2, 20)));
}

Step Generator::clock() {
    std::int64_t const seconds = random_.chance(500) ? random_.between(-90, 90) : random_.between(-200'000, 200'000);
    return step(fmt::format("clock {}s", seconds));
}

Step Generator::pause_service() {
    std::string const which = host();
    planned_.push_back(step(fmt::format("service {} resume", which)));
    planned_.back().wait = base::Duration(random_.between(0, 120'000'000));
    return step(fmt::format("service {} pause", which));
}

}  // namespace possync::sim
