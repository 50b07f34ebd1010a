#include "gateway/scenario.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace possync::gateway {

using base::Decimal;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::array<std::string_view, 32> verbs{
    "gateway", "combo",      "allocate", "account",  "instrument", "hold",  "fill",     "correct", "cancel",  "commission", "adjust",
    "entry",   "split",      "merge",    "spinoff",  "transfer",   "price", "push",     "notice",  "disconnect", "fault",    "start",
    "sync",    "wait",       "restart",  "expect",   "stop",       "explain", "exclude", "undo",    "statement",
    "clock"};

}  // namespace

Result<std::vector<ScenarioStep>> parse_scenario(std::string_view text, std::string const& name) {
    std::vector<ScenarioStep> steps;
    int line = 0;
    while (!text.empty()) {
        auto const end = text.find('\n');
        std::string_view rest = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        ++line;
        ScenarioStep step;
        step.line = line;
        while (!rest.empty()) {
            if (rest.front() == ' ' || rest.front() == '\t' || rest.front() == '\r') {
                rest.remove_prefix(1);
                continue;
            }
            if (rest.front() == '#') break;
            if (rest.front() == '"') {
                auto const close = rest.find('"', 1);
                if (close == std::string_view::npos) {
                    return base::fail(ErrorCode::invalid_input, fmt::format("{}:{}: a quote is not closed", name, line));
                }
                step.words.emplace_back(rest.substr(1, close - 1));
                rest.remove_prefix(close + 1);
                continue;
            }
            auto const stop = rest.find_first_of(" \t\r#");
            step.words.emplace_back(rest.substr(0, stop));
            rest = stop == std::string_view::npos ? std::string_view{} : rest.substr(stop);
        }
        if (step.words.empty()) continue;
        if (std::find(verbs.begin(), verbs.end(), step.words.front()) == verbs.end()) {
            std::string all;
            for (auto const verb : verbs)
                all += (all.empty() ? "" : " ") + std::string(verb);
            return base::fail(ErrorCode::invalid_input,
                              fmt::format("{}:{}: '{}' begins no step; the steps are {}", name, line, step.words.front(), all));
        }
        steps.push_back(std::move(step));
    }
    return steps;
}

/// The words of one step, taken in order; the first problem is kept.
class ScenarioPlayer::Words {
public:
    Words(ScenarioPlayer const& player, ScenarioStep const& step, std::string_view form)
        : player_(player), step_(step), form_(form) {}

    std::string text() {
        if (at_ >= step_.words.size()) {
            fail("words are missing");
            return {};
        }
        return step_.words[at_++];
    }
    Decimal number() {
        std::string const word = text();
        auto const value = Decimal::parse(word);
        if (!value) {
            fail(fmt::format("'{}' is not a number", word));
            return {};
        }
        return *value;
    }
    std::int64_t whole() {
        Decimal const value = number();
        if (value.scale() != 0) fail(fmt::format("{} is not whole", value.to_string()));
        return static_cast<std::int64_t>(value.coefficient());
    }
    bool next_is(std::string_view word) {
        if (at_ >= step_.words.size() || step_.words[at_] != word) return false;
        ++at_;
        return true;
    }
    [[nodiscard]] std::string_view peek() const { return more() ? std::string_view(step_.words[at_]) : std::string_view{}; }
    [[nodiscard]] bool next_is_whole() const {
        auto const word = peek();
        return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
    }
    void expect(std::string_view word) {
        if (!next_is(word)) fail(fmt::format("'{}' is missing", word));
    }
    [[nodiscard]] bool more() const { return at_ < step_.words.size(); }
    SimulatedInstrument const* instrument() {
        std::string const name = text();
        auto const* found = player_.broker_.find(name);
        if (found == nullptr) fail(fmt::format("there is no instrument {}", name));
        return found;
    }
    model::Ratio ratio() {
        auto const value = model::parse_ratio(text());
        if (!value) fail(value.error().message);
        return value.value_or(model::Ratio{});
    }
    void fail(std::string const& what) {
        if (problem_.empty()) problem_ = what;
    }
    [[nodiscard]] bool failed() const { return !problem_.empty(); }
    Result<void> result() {
        if (!failed() && more()) fail(fmt::format("'{}' is not understood", step_.words[at_]));
        if (!failed()) return {};
        return base::fail(ErrorCode::invalid_input,
                          fmt::format("{}:{}: {}; write: {}", player_.name_, step_.line, problem_, form_));
    }

private:
    ScenarioPlayer const& player_;
    ScenarioStep const& step_;
    std::string_view form_;
    std::size_t at_ = 1;
    std::string problem_;
};

Result<void> ScenarioPlayer::instrument(Words& words) {
    SimulatedInstrument instrument;
    instrument.local_symbol = words.text();
    instrument.symbol = instrument.local_symbol.substr(0, instrument.local_symbol.find(' '));
    instrument.sec_type = words.text();
    instrument.currency = words.text();
    instrument.con_id = 0;
    while (words.more() && !words.failed()) {
        if (words.next_is("conid")) {
            instrument.con_id = words.whole();
        } else if (words.next_is("multiplier")) {
            instrument.multiplier = words.number();
        } else if (words.next_is("magnifier")) {
            instrument.price_magnifier = words.whole();
        } else if (words.next_is("strike")) {
            instrument.strike = words.number();
        } else if (words.next_is("right")) {
            instrument.right = words.text();
        } else if (words.next_is("expiry")) {
            instrument.expiry = words.text();
        } else if (words.next_is("under")) {
            auto const* underlying = words.instrument();
            if (underlying != nullptr) {
                instrument.under_con_id = underlying->con_id;
                instrument.under_sec_type = underlying->sec_type;
            }
        } else if (words.next_is("symbol")) {
            instrument.symbol = words.text();
        } else {
            break;
        }
    }
    POSSYNC_TRY_VOID(words.result());
    if (instrument.con_id == 0) instrument.con_id = next_con_id_++;
    broker_.add_instrument(std::move(instrument));
    return {};
}

Result<void> ScenarioPlayer::fill(Words& words, base::Now now) {
    auto const* instrument = words.instrument();
    bool const buy = words.next_is("buy");
    if (!buy) words.expect("sell");
    Decimal const quantity = words.number();
    words.expect("@");
    Decimal const price = words.number();
    std::optional<Decimal> commission;
    std::string account = account_;
    std::string label;
    std::string order_ref;
    std::int64_t client_id = 0;
    FillDetails details;
    bool pushed = true;
    while (words.more() && !words.failed()) {
        if (words.next_is("commission")) {
            commission = words.number();
        } else if (words.next_is("account")) {
            account = words.text();
        } else if (words.next_is("as")) {
            label = words.text();
        } else if (words.next_is("ref")) {
            order_ref = words.text();
        } else if (words.next_is("client")) {
            client_id = words.whole();
        } else if (words.next_is("model")) {
            details.model_code = words.text();
        } else if (words.next_is("exercise")) {
            details.exercise_type = words.whole();
        } else if (words.next_is("liquidation")) {
            details.liquidation = true;
        } else if (words.next_is("unpushed")) {
            pushed = false;  // the position lags behind the fill
        } else {
            break;
        }
    }
    if (!words.failed() && !broker_.holdings().contains(account)) words.fail("there is no account " + account);
    POSSYNC_TRY_VOID(words.result());
    Fill const& done = broker_.fill(account, instrument->con_id, buy ? quantity : -quantity, price, commission, now.wall,
                                    client_id, order_ref, details);
    if (!label.empty()) labels_[label] = done.exec_id;
    simulator_.push_fill(done, now);
    if (pushed) simulator_.push_position_before_commission(account, instrument->con_id);
    if (!commission) return {};
    simulator_.push_commission(done);
    if (pushed) simulator_.push_position(account, instrument->con_id);
    return {};
}

/// The settings of the gateway, by the words of `possync simulate`.
Result<void> ScenarioPlayer::gateway(ScenarioStep const& step, base::Now now) {
    Words words(*this, step,
                "gateway virtual-fx|zero-rows-of-today|switch-subscription|newer|account-ready on|off, gateway master-client N, "
                "gateway days-of-executions N, gateway execution-times gateway|instrument|utc, gateway account-held CODE|nobody");
    SimulatorOptions& options = simulator_.options;
    std::string const name = words.text();
    auto const on_or_off = [&] {
        bool const on = words.next_is("on");
        if (!on) words.expect("off");
        return on;
    };
    if (name == "virtual-fx") {
        options.virtual_fx_positions = on_or_off();
    } else if (name == "zero-rows-of-today") {
        options.zero_rows_of_today_only = on_or_off();
    } else if (name == "switch-subscription") {
        options.switch_subscription = on_or_off();
    } else if (name == "newer") {
        options.newer_than_client = on_or_off();
    } else if (name == "account-ready") {
        simulator_.set_account_ready(on_or_off(), now);
    } else if (name == "master-client") {
        options.master_client_id = words.whole();
    } else if (name == "days-of-executions") {
        options.days_of_executions = static_cast<int>(words.whole());
    } else if (name == "execution-times") {
        std::string const zone = words.text();
        if (zone != "gateway" && zone != "instrument" && zone != "utc") words.fail("no such zone: " + zone);
        options.execution_times = zone == "utc"          ? ExecutionTimes::utc
                                  : zone == "instrument" ? ExecutionTimes::instrument_zone
                                                         : ExecutionTimes::gateway_zone;
    } else if (name == "account-held") {
        std::string const account = words.text();
        simulator_.faults.account_held = account == "nobody" ? "" : account;
    } else {
        words.fail("no such setting: " + name);
    }
    return words.result();
}

/// A combination: its own row, which moves no position, and a fill of each leg. Execution ids of legs have five parts.
Result<void> ScenarioPlayer::combo(ScenarioStep const& step, base::Now now) {
    Words words(*this, step, "combo NAME buy|sell QUANTITY @ PRICE leg NAME buy|sell RATIO @ PRICE leg ... [commission C]");
    struct Leg {
        SimulatedInstrument const* instrument = nullptr;
        Decimal quantity;
        Decimal price;
    };
    auto const traded = [&] {
        Leg leg;
        leg.instrument = words.instrument();
        bool const buy = words.next_is("buy");
        if (!buy) words.expect("sell");
        leg.quantity = buy ? words.number() : -words.number();
        words.expect("@");
        leg.price = words.number();
        return leg;
    };
    Leg const whole = traded();
    std::vector<Leg> legs;
    while (words.next_is("leg"))
        legs.push_back(traded());
    std::optional<Decimal> commission;
    if (words.next_is("commission")) commission = words.number();
    if (legs.empty()) words.fail("it has no leg");
    POSSYNC_TRY_VOID(words.result());
    Fill row;
    row.account = account_;
    row.con_id = whole.instrument->con_id;
    row.time = now.wall;
    row.quantity = whole.quantity;
    row.price = whole.price;
    simulator_.push_fill(broker_.row(row), now);
    FillDetails details;
    details.leg = true;
    for (auto const& leg : legs) {
        Decimal const quantity = base::multiply_rounded(whole.quantity, leg.quantity, 10);
        Fill const& fill =
            broker_.fill(account_, leg.instrument->con_id, quantity, leg.price, commission, now.wall, 0, "", details);
        simulator_.push_fill(fill, now);
        simulator_.push_position_before_commission(account_, leg.instrument->con_id);
        simulator_.push_commission(fill);
        simulator_.push_position(account_, leg.instrument->con_id);
    }
    return {};
}

/// An adviser's order for several accounts: a row for the master account, pushed; fills of the accounts, which have to be asked
/// for (official documentation, allocation and reqExecutions).
Result<void> ScenarioPlayer::allocate(ScenarioStep const& step, base::Now now) {
    Words words(*this, step, "allocate NAME buy|sell QUANTITY @ PRICE master ACCOUNT to ACCOUNT QUANTITY ... [commission C]");
    auto const* instrument = words.instrument();
    bool const buy = words.next_is("buy");
    if (!buy) words.expect("sell");
    Decimal const quantity = words.number();
    words.expect("@");
    Decimal const price = words.number();
    words.expect("master");
    std::string const master = words.text();
    words.expect("to");
    std::vector<std::pair<std::string, Decimal>> shares;
    Decimal sum;
    while (words.more() && words.peek() != "commission") {
        std::string account = words.text();
        Decimal const share = words.number();
        if (!words.failed() && !broker_.holdings().contains(account)) words.fail("there is no account " + account);
        shares.emplace_back(std::move(account), share);
        sum += share;
    }
    std::optional<Decimal> commission;
    if (words.next_is("commission")) commission = words.number();
    if (!words.failed() && sum != quantity)
        words.fail(fmt::format("the shares are {}, not {}", sum.to_string(), quantity.to_string()));
    POSSYNC_TRY_VOID(words.result());
    Fill row;
    row.account = master;
    row.con_id = instrument->con_id;
    row.time = now.wall;
    row.quantity = buy ? quantity : -quantity;
    row.price = price;
    simulator_.push_fill(broker_.row(row), now);
    for (auto const& [account, share] : shares) {
        broker_.fill(account, instrument->con_id, buy ? share : -share, price, commission, now.wall, 0, "");
        simulator_.push_position_before_commission(account, instrument->con_id);
        simulator_.push_position(account, instrument->con_id);
    }
    return {};
}

BookEntry ScenarioPlayer::entry_of(BookEntry::Kind kind, SimulatedInstrument const& instrument, base::Now now) const {
    BookEntry entry;
    entry.kind = kind;
    entry.account = account_;
    entry.con_id = instrument.con_id;
    entry.time = now.wall;
    return entry;
}

Decimal ScenarioPlayer::held(ConId con_id) const {
    auto const& holdings = broker_.holdings().at(account_);
    auto const found = holdings.find(con_id);
    return found == holdings.end() ? Decimal(0) : found->second.quantity;
}

/// The end of an option or future; the delivery of an exercise or assignment goes with it.
Result<void> ScenarioPlayer::entry(Words& words, base::Now now) {
    auto const* instrument = words.instrument();
    std::string const word = words.text();
    auto const cause = model::parse_cause(word);
    using model::Cause;
    bool const ends = cause && (*cause == Cause::expiry || *cause == Cause::exercise || *cause == Cause::assignment || *cause == Cause::cash_settlement);
    if (!ends) words.fail("no such entry: " + word);
    Decimal const quantity = words.number();
    Decimal price;
    if (words.next_is("@")) price = words.number();
    if (!words.failed() && held(instrument->con_id).abs() < quantity) words.fail("so many are not held");
    POSSYNC_TRY_VOID(words.result());
    BookEntry ended = entry_of(BookEntry::Kind::event, *instrument, now);
    ended.quantity = held(instrument->con_id).is_positive() ? -quantity : quantity;
    ended.price = price;
    ended.cause = *cause;
    ended.delivers = (*cause == Cause::exercise || *cause == Cause::assignment) && instrument->under_sec_type == "STK";
    broker_.enter(ended);
    simulator_.push_position(account_, instrument->con_id);
    if (!ended.delivers) return {};
    BookEntry delivered = entry_of(BookEntry::Kind::event, broker_.instruments().at(instrument->under_con_id), now);
    Decimal const units = base::multiply_rounded(ended.quantity, instrument->multiplier, 8);
    delivered.quantity = instrument->right == "C" ? -units : units;
    delivered.price = instrument->strike.value_or(Decimal(0));
    delivered.cause = *cause;
    delivered.other = instrument->con_id;
    broker_.enter(delivered);
    simulator_.push_position(account_, delivered.con_id);
    return {};
}

/// A fraction that a split or merger leaves is paid out.
void ScenarioPlayer::pay_fraction(SimulatedInstrument const& instrument, Decimal const& price, base::Now now) {
    Decimal const quantity = held(instrument.con_id);
    Decimal const whole = base::divide_rounded(quantity, Decimal(1), 0);
    Decimal const kept = whole.abs() > quantity.abs() ? whole - Decimal(quantity.sign()) : whole;
    if (kept == quantity) return;
    BookEntry fraction = entry_of(BookEntry::Kind::fraction, instrument, now);
    fraction.quantity = kept - quantity;
    fraction.price = price;
    broker_.enter(fraction);
}

Result<void> ScenarioPlayer::exchange(Words& words, std::string const& type, base::Now now) {
    auto const* instrument = words.instrument();
    SimulatedInstrument const* into = nullptr;
    if (type == "TC") into = words.instrument();
    model::Ratio const ratio = words.ratio();
    if (words.next_is("into")) into = words.instrument();
    std::optional<Decimal> price;
    if (words.next_is("fraction")) {
        words.expect("@");
        price = words.number();
    }
    POSSYNC_TRY_VOID(words.result());
    Decimal const before = held(instrument->con_id);
    Decimal const after = base::multiply_divide_rounded(before, Decimal(ratio.to), Decimal(ratio.from), 8);
    BookEntry entry = entry_of(into == nullptr ? BookEntry::Kind::split : BookEntry::Kind::exchange, *instrument, now);
    entry.ratio = ratio;
    entry.quantity = into == nullptr ? after - before : after;
    entry.other = into == nullptr ? 0 : into->con_id;
    entry.action_type = type != "split" ? type : ratio.to > ratio.from ? "FS" : "RS";
    broker_.enter(entry);
    if (price) pay_fraction(into == nullptr ? *instrument : *into, *price, now);
    simulator_.push_position(account_, instrument->con_id);
    if (into != nullptr) simulator_.push_position(account_, into->con_id);
    return {};
}

Result<void> ScenarioPlayer::spinoff(Words& words, base::Now now) {
    auto const* parent = words.instrument();
    auto const* child = words.instrument();
    model::Ratio const ratio = words.ratio();
    words.expect("cost");
    Decimal const cost = words.number();
    POSSYNC_TRY_VOID(words.result());
    BookEntry entry = entry_of(BookEntry::Kind::spin_off, *parent, now);
    entry.ratio = ratio;
    entry.quantity = base::multiply_divide_rounded(held(parent->con_id), Decimal(ratio.to), Decimal(ratio.from), 8);
    entry.cost = cost;
    entry.other = child->con_id;
    entry.action_type = "SO";
    broker_.enter(entry);
    simulator_.push_position(account_, parent->con_id);
    simulator_.push_position(account_, child->con_id);
    return {};
}

Result<void> ScenarioPlayer::fault(ScenarioStep const& step) {
    Words words(*this, step,
                "fault refuse|stall|empty-list|no-position-end|no-executions-end|no-account-end|no-commissions on|off, fault close-after N, "
                "fault vanish NAME, fault client-id N on|off, fault KIND RATE [TIME], fault next KIND [COUNT] [TIME], fault seed "
                "N, fault none "
                "(kinds: split merge delay duplicate drop garbage close stall restart)");
    std::string const name = words.text();
    auto const time = [&](Fault fault) {
        if (!words.more()) return default_fault_time(fault);
        auto const given = base::parse_duration(words.text());
        if (!given) words.fail(given.error().message);
        return given.value_or(base::Duration(0));
    };
    struct Flag {
        std::string_view name;
        bool SimulatorFaults::* member;
    };
    static constexpr Flag flags[] = {
        {"refuse", &SimulatorFaults::refuse_connections},         {"stall", &SimulatorFaults::stall},
        {"empty-list", &SimulatorFaults::empty_lists}, {"no-position-end", &SimulatorFaults::omit_position_end}, {"no-executions-end", &SimulatorFaults::omit_executions_end},
        {"no-account-end", &SimulatorFaults::omit_account_end},   {"no-commissions", &SimulatorFaults::omit_commissions}};
    auto const on_or_off = [&] {
        bool const on = words.next_is("on");
        if (!on) words.expect("off");
        return on;
    };
    if (name == "close-after") {
        simulator_.faults.close_after_positions = static_cast<int>(words.whole());
    } else if (name == "vanish") {
        auto const* instrument = words.instrument();
        if (instrument != nullptr) broker_.forget(account_, instrument->con_id);
    } else if (name == "client-id") {
        auto const id = words.whole();
        if (on_or_off()) {
            simulator_.faults.client_ids_taken.insert(id);
        } else {
            simulator_.faults.client_ids_taken.erase(id);
        }
    } else if (name == "none") {
        simulator_.injector.stop();
    } else if (name == "seed") {
        simulator_.injector.seed(static_cast<std::uint64_t>(words.whole()));
    } else if (name == "next") {
        auto const fault = parse_fault(words.text());
        if (!fault) words.fail("no such kind of fault");
        int frames = 1;
        if (words.next_is_whole()) frames = static_cast<int>(words.whole());
        if (fault) simulator_.injector.next(*fault, frames, time(*fault));
    } else if (auto const flag =
                   std::find_if(std::begin(flags), std::end(flags), [&](auto const& each) { return each.name == name; });
               flag != std::end(flags) && (words.peek() == "on" || words.peek() == "off")) {
        simulator_.faults.*(flag->member) = on_or_off();
    } else if (auto const fault = parse_fault(name)) {
        auto const rate = parse_fault_rate(words.text());
        if (!rate) words.fail(rate.error().message);
        if (rate) simulator_.injector.rate(*fault, {*rate, time(*fault)});
    } else {
        words.fail("no such fault: " + name);
    }
    return words.result();
}

Result<bool> ScenarioPlayer::play(ScenarioStep const& step, base::Now now) {
    std::string const& verb = step.words.front();
    static constexpr std::array<std::string_view, 11> of_an_account{"combo",   "hold",     "entry",  "split", "merge", "spinoff",
                                                                    "transfer", "adjust", "price", "push",  "allocate"};
    if (std::find(of_an_account.begin(), of_an_account.end(), verb) != of_an_account.end() && !broker_.holdings().contains(account_)) {
        return base::fail(ErrorCode::invalid_input, fmt::format("{}:{}: whose is that? write before it: account CODE", name_, step.line));
    }
    if (verb == "account") {
        Words words(*this, step, "account CODE [leaves]");
        std::string const account = words.text();
        bool const leaves = words.next_is("leaves");
        POSSYNC_TRY_VOID(words.result());
        if (leaves) {
            broker_.remove_account(account);
        } else {
            account_ = account;
            // Naming an account again only speaks of it.
            if (!broker_.holdings().contains(account)) broker_.add_account(account);
        }
    } else if (verb == "gateway") {
        POSSYNC_TRY_VOID(gateway(step, now));
    } else if (verb == "combo") {
        POSSYNC_TRY_VOID(combo(step, now));
    } else if (verb == "allocate") {
        POSSYNC_TRY_VOID(allocate(step, now));
    } else if (verb == "instrument") {
        Words words(*this, step,
                    "instrument NAME KIND CURRENCY [conid N] [multiplier N] [magnifier N] [strike N] [right C|P] [expiry D] "
                    "[symbol S] [under NAME]");
        POSSYNC_TRY_VOID(instrument(words));
    } else if (verb == "hold") {
        Words words(*this, step, "hold NAME QUANTITY @ PRICE [model M] [since TIME]");
        auto const* instrument = words.instrument();
        Decimal const quantity = words.number();
        words.expect("@");
        Decimal const price = words.number();
        std::string model;
        if (words.next_is("model")) model = words.text();
        std::optional<base::Timestamp> since;
        if (words.next_is("since")) {
            auto const time = base::parse_rfc3339(words.text());
            time ? void(since = *time) : words.fail(time.error().message);
        }
        POSSYNC_TRY_VOID(words.result());
        Decimal const average_cost = base::multiply_rounded(price, instrument->factor(), 10);
        if (model.empty()) {
            broker_.hold(account_, instrument->con_id, quantity, average_cost, since);
        } else {
            broker_.hold_in_model(account_, model, instrument->con_id, quantity, average_cost);
        }
    } else if (verb == "fill") {
        Words words(*this, step,
                    "fill NAME buy|sell QUANTITY @ PRICE [commission C] [account A] [as LABEL] [ref TEXT] [client N] [model M] "
                    "[exercise N] [liquidation] [unpushed]");
        POSSYNC_TRY_VOID(fill(words, now));
    } else if (verb == "correct") {
        Words words(*this, step, "correct LABEL price PRICE [unserved]");
        std::string const label = words.text();
        words.expect("price");
        Decimal const price = words.number();
        bool const unserved = words.next_is("unserved");
        if (!labels_.contains(label)) words.fail("no fill is called " + label);
        POSSYNC_TRY_VOID(words.result());
        Fill const* corrected = broker_.correct(labels_[label], price, now.wall, !unserved);
        if (corrected == nullptr) words.fail(label + " was taken back");
        POSSYNC_TRY_VOID(words.result());
        labels_[label] = corrected->exec_id;
        if (!unserved) simulator_.push_fill(*corrected, now);
    } else if (verb == "cancel") {
        Words words(*this, step, "cancel LABEL");
        std::string const label = words.text();
        if (!labels_.contains(label)) words.fail("no fill is called " + label);
        POSSYNC_TRY_VOID(words.result());
        Fill const* cancelled = broker_.cancel(labels_[label], now.wall);
        if (cancelled == nullptr) words.fail(label + " was taken back");
        POSSYNC_TRY_VOID(words.result());
        simulator_.push_position(cancelled->account, cancelled->con_id);
    } else if (verb == "entry") {
        Words words(*this, step, "entry NAME expiry|exercise|assignment|cash_settlement QUANTITY [@ PRICE]");
        POSSYNC_TRY_VOID(entry(words, now));
    } else if (verb == "split") {
        Words words(*this, step, "split NAME RATIO [into NAME] [fraction @ PRICE]");
        POSSYNC_TRY_VOID(exchange(words, "split", now));
    } else if (verb == "merge") {
        Words words(*this, step, "merge NAME NAME RATIO [fraction @ PRICE]");
        POSSYNC_TRY_VOID(exchange(words, "TC", now));
    } else if (verb == "spinoff") {
        Words words(*this, step, "spinoff NAME NAME RATIO cost MONEY");
        POSSYNC_TRY_VOID(spinoff(words, now));
    } else if (verb == "transfer") {
        Words words(*this, step, "transfer NAME QUANTITY [@ PRICE]");
        auto const* instrument = words.instrument();
        Decimal const quantity = words.number();
        Decimal price;
        if (words.next_is("@")) price = words.number();
        POSSYNC_TRY_VOID(words.result());
        BookEntry entry = entry_of(BookEntry::Kind::transfer, *instrument, now);
        entry.quantity = quantity;
        entry.cost = base::multiply_rounded(price, quantity.abs() * instrument->factor(), 10);
        broker_.enter(entry);
        simulator_.push_position(account_, instrument->con_id);
    } else if (verb == "commission") {
        Words words(*this, step, "commission LABEL AMOUNT [realized R]");
        std::string const label = words.text();
        Decimal const amount = words.number();
        std::optional<Decimal> realized;
        if (words.next_is("realized")) realized = words.number();
        if (!labels_.contains(label)) words.fail("no fill is called " + label);
        POSSYNC_TRY_VOID(words.result());
        Fill const* reported = broker_.report_commission(labels_[label], amount, realized);
        if (reported == nullptr) return true;
        simulator_.push_commission(*reported);
        auto const held = broker_.holdings().find(reported->account);
        if (held != broker_.holdings().end() && held->second.contains(reported->con_id)) {
            simulator_.push_position(reported->account, reported->con_id);
        }
    } else if (verb == "adjust") {
        Words words(*this, step, "adjust NAME QUANTITY @ PRICE");
        auto const* instrument = words.instrument();
        Decimal const quantity = words.number();
        words.expect("@");
        Decimal const price = words.number();
        POSSYNC_TRY_VOID(words.result());
        broker_.adjust(account_, instrument->con_id, quantity, base::multiply_rounded(price, instrument->factor(), 10), now.wall);
        simulator_.push_position(account_, instrument->con_id);
    } else if (verb == "price") {
        Words words(*this, step, "price NAME PRICE");
        auto const* instrument = words.instrument();
        Decimal const price = words.number();
        POSSYNC_TRY_VOID(words.result());
        broker_.set_price(instrument->con_id, price);
        if (broker_.holdings().at(account_).contains(instrument->con_id)) {
            simulator_.push_portfolio(account_, instrument->con_id, now);
        }
    } else if (verb == "push") {
        Words words(*this, step, "push NAME");
        auto const* instrument = words.instrument();
        auto const holdings = broker_.holdings().find(account_);
        bool const shown = instrument != nullptr && holdings != broker_.holdings().end() && holdings->second.contains(instrument->con_id);
        if (!shown) words.fail("it was never held");
        POSSYNC_TRY_VOID(words.result());
        simulator_.push_position(account_, instrument->con_id);
    } else if (verb == "notice") {
        Words words(*this, step, "notice CODE \"TEXT\"");
        auto const code = words.whole();
        std::string const text = words.text();
        POSSYNC_TRY_VOID(words.result());
        simulator_.notice(code, text, now);
    } else if (verb == "disconnect") {
        Words words(*this, step, "disconnect [TIME]");
        if (words.more()) {
            auto const outage = base::parse_duration(words.text());
            if (!outage) words.fail(outage.error().message);
            POSSYNC_TRY_VOID(words.result());
            simulator_.injector.restart(*outage, now);
        } else {
            simulator_.close_all();
        }
    } else if (verb == "fault") {
        POSSYNC_TRY_VOID(fault(step));
    } else {
        return false;
    }
    return true;
}

}  // namespace possync::gateway
