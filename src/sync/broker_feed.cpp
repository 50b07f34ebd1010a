#include "sync/broker_feed.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/planted_bug.hpp"
#include "sync/execution_pulls.hpp"
#include "sync/execution_time.hpp"
#include "sync/repeated_rows.hpp"
#include "tws/generation.hpp"
#include "tws/session.hpp"

namespace possync::sync {

using base::Decimal;
using base::Now;
using model::Instrument;

namespace {

/// Seconds.
constexpr std::int64_t clock_tolerance = 60;

tws::SessionOptions session_options(EngineOptions const& options) {
    tws::SessionOptions session;
    session.port = options.port;
    session.client_id = options.client_id;
    session.version_min = options.min_server_version;
    session.version_max = options.max_server_version;
    session.request_timeout = options.timeout;
    session.reconnect = !options.one_shot;
    session.seed = options.seed;
    return session;
}

Instrument describe(tws::Contract const& contract) {
    Instrument instrument;
    instrument.con_id = contract.con_id;
    instrument.symbol = std::string(contract.symbol);
    instrument.local_symbol = std::string(contract.local_symbol);
    instrument.sec_type = std::string(contract.sec_type);
    instrument.currency = std::string(contract.currency);
    instrument.exchange = std::string(contract.exchange);
    instrument.primary_exchange = std::string(contract.primary_exchange);
    instrument.trading_class = std::string(contract.trading_class);
    if (contract.multiplier && contract.multiplier->is_positive()) instrument.multiplier = *contract.multiplier;
    instrument.expiry = std::string(contract.last_trade_date);
    if (contract.strike && !contract.strike->is_zero()) instrument.strike = contract.strike;
    if (contract.right == "C" || contract.right == "CALL") instrument.right = "C";
    if (contract.right == "P" || contract.right == "PUT") instrument.right = "P";
    return instrument;
}

std::vector<std::string> split_accounts(std::string_view list) {
    std::vector<std::string> accounts;
    while (!list.empty()) {
        auto const comma = list.find(',');
        std::string_view account = list.substr(0, comma);
        while (!account.empty() && account.front() == ' ') account.remove_prefix(1);
        while (!account.empty() && account.back() == ' ') account.remove_suffix(1);
        bool const repeated = std::find(accounts.begin(), accounts.end(), account) != accounts.end();
        if (!account.empty() && !repeated) accounts.emplace_back(account);
        list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    }
    return accounts;
}

}  // namespace

class BrokerFeed::Implementation final : public tws::SessionListener {
public:
    Implementation(EngineOptions const& options, base::ZoneRules const& zones, BrokerListener& listener)
        : options_(options), zones_(zones), listener_(listener), session_(session_options(options), *this) {}

    // --- what the session tells -----------------------------------------------------------------------------------

    void on_ready(std::string_view managed_accounts, std::string_view connection_time) override {
        gateway_zone_ = options_.time_zone.empty() ? zone_of_connection_time(connection_time, zones_) : options_.time_zone;
        accounts_ = split_accounts(managed_accounts);
        contracts_.clear();
        described_.clear();
        clock_told_ = false;
        listener_.on_ready(accounts_);
    }

    void on_disconnected(std::string const& reason, bool will_retry) override {
        contracts_.clear();
        executions_.clear();
        listener_.on_disconnected(reason, will_retry);
    }
    void on_position_lost(std::string_view account, std::string const& why) override { listener_.on_position_lost(account, why); }
    void on_execution_lost(std::string const& why) override {
        for (auto& [unused, problem] : executions_) problem = why;
    }
    void on_connectivity_lost(base::Duration since, std::string const& text) override { listener_.on_stale(since, text); }
    void on_connectivity_restored(bool data_lost, std::string const& text) override { listener_.on_restored(data_lost, text); }
    void on_account_updates_refused(std::string const& why) override { listener_.on_account_updates_refused(why); }
    void on_notice(bool warning, std::string const& event, std::string const& text) override {
        listener_.on_notice(warning ? LogLevel::warning : LogLevel::debug, event, text);
    }

    void on_request_ended(tws::RequestKind kind, std::int64_t id, tws::RequestOutcome outcome, std::string const& why) override {
        bool const complete = outcome == tws::RequestOutcome::complete;
        switch (kind) {
            case tws::RequestKind::positions:
                list_.end();
                if (complete || (session_.ready() && POSSYNC_PLANTED_BUG(list_timeout_taken_as_complete))) return listener_.on_position_end();
                if (session_.ready()) listener_.on_positions_failed(why);
                return;  // a lost connection is told by on_disconnected
            case tws::RequestKind::executions: {
                std::string const problem = complete ? executions_[id] : why;
                executions_.erase(id);
                return listener_.on_executions_end(id, problem.empty(), problem);
            }
            case tws::RequestKind::contract:
                if (session_.ready()) contract_ended(id, complete, why);
                return;
            case tws::RequestKind::settings: return;  // of use, and not needed
        }
    }

    bool on_position_payload(std::string_view payload) override {
        payload_ = payload;
        auto const* known = list_.take_if_repeated(payload);
        if (known == nullptr) return false;
        listener_.on_position(known->account, known->row);
        return true;
    }

    void on_message(tws::IncomingMessage const& message) override {
        std::visit([this](auto const& each) { take(each); }, message);
    }

    // --- messages to model values ---------------------------------------------------------------------------------

    /// One description for all accounts that hold the instrument.
    model::SharedInstrument shared(Instrument described) {
        if (accounts_.size() < 2) return described;
        auto& known = described_[described.con_id];
        if (*known != described) known = std::move(described);
        return known;
    }

    template <typename Message>
    void take(Message const&) {}  // of no use to a book

    void take(tws::Position const& message) {
        auto position = std::make_shared<model::BrokerPosition>();
        position->instrument = shared(describe(message.contract));
        position->quantity = *message.position;
        position->average_cost = message.average_cost;
        list_.add(payload_, message.account, position);
        listener_.on_position(message.account, std::move(position));
    }

    void take(tws::ExecutionDetails const& message) {
        if (listener_.repeats_execution(message.exec_id)) return;
        auto refuse = [&](std::string const& why) {
            std::string const text = fmt::format("execution {}: {}", message.exec_id, why);
            on_execution_lost(text);
            listener_.on_notice(LogLevel::warning, "execution.unreadable", text);
        };
        if (!message.shares || !message.price || message.exec_id.empty()) return refuse("no quantity or price");
        bool const bought = message.side == "BOT" || message.side == "BUY";
        if (!bought && message.side != "SLD" && message.side != "SELL") return refuse("neither bought nor sold");
        auto const time = parse_execution_time(message.time, gateway_zone_, zones_);
        if (!time) return refuse(time.error().message);

        model::ObservedExecution observed;
        Instrument instrument = describe(message.contract);
        if (POSSYNC_PLANTED_BUG(instrument_keyed_by_symbol)) {
            instrument.con_id = by_symbol_.try_emplace(instrument.symbol, instrument.con_id).first->second;
        }
        observed.instrument = shared(std::move(instrument));
        model::Execution& execution = observed.execution;
        execution.exec_id = std::string(message.exec_id);
        execution.con_id = observed.instrument.con_id();
        execution.time = *time;
        execution.time_text = std::string(message.time);
        execution.side = bought ? model::Side::bought : model::Side::sold;
        execution.shares = *message.shares;
        execution.price = *message.price;
        execution.exchange = std::string(message.exchange);
        execution.order_id = message.order_id;
        execution.perm_id = message.perm_id;
        execution.client_id = message.client_id;
        execution.order_ref = std::string(message.order_ref);
        execution.model_code = std::string(message.model_code);
        execution.cum_qty = message.cum_qty.value_or(Decimal(0));
        execution.last_liquidity = static_cast<int>(message.last_liquidity);
        execution.liquidation = message.liquidation != 0;
        if (message.exercise_type) execution.exercise_type = static_cast<int>(*message.exercise_type);
        listener_.on_execution(message.account, std::move(observed));
    }

    void take(tws::CommissionReport const& message) {
        listener_.on_commission(
            {std::string(message.exec_id), 0, message.commission, std::string(message.currency), message.realized_pnl});
    }

    void take(tws::PortfolioValue const& message) {
        if (!message.market_price || message.contract.con_id == 0) return;
        // 0 is what the gateway says of a price it does not have; only an option can be worth nothing.
        bool const may_be_worthless =
            message.contract.sec_type == "OPT" || message.contract.sec_type == "FOP" || message.contract.sec_type == "WAR";
        if (message.market_price->is_zero() && !may_be_worthless) return;
        model::Mark mark;
        mark.price = *message.market_price;
        mark.marked_at = now_.wall;
        mark.market_value = message.market_value;
        mark.broker_unrealized_pnl = message.unrealized_pnl;
        listener_.on_mark(message.account, message.contract.con_id, std::move(mark), message.average_cost);
    }

    void take(tws::AccountDownloadEnd const& message) { listener_.on_account_download_end(message.account); }

    /// Settings of the gateway that make what it says less than the truth, with what to do.
    void take(tws::GatewaySettings const& message) {
        auto const& settings = message.api.settings;
        auto advise = [&](LogLevel level, std::string const& text) { listener_.on_notice(level, "gateway.settings", text); };
        if (settings.round_account_values) {
            advise(LogLevel::warning, "the gateway rounds account values to whole numbers; switch that off in its API settings");
        }
        if (settings.bulk_data_timeout > 0 && settings.bulk_data_timeout < 10) {
            advise(LogLevel::warning,
                   fmt::format("the gateway cuts long lists off after {} s; raise the timeout for bulk data in its API "
                               "settings to 30 s or more",
                               settings.bulk_data_timeout));
        }
        if (!settings.read_only_api) {
            advise(LogLevel::info,
                   "the gateway's API accepts orders; possync never sends any, and works as well with Read-Only API on");
        }
        if (settings.master_client_id >= 0 && settings.master_client_id != session_.client_id()) {
            advise(LogLevel::info,
                   fmt::format("the gateway's master client id is {}, this program's {}: fills of other programs are seen by "
                               "asking, not as they happen",
                               settings.master_client_id, session_.client_id()));
        }
        if (!message.logoff.time.empty()) {
            auto const at = time_of_day(message.logoff.time, message.logoff.period);
            advise(LogLevel::info, fmt::format("the gateway restarts or logs off daily at {} {}{}", message.logoff.time,
                                               message.logoff.period, at ? "; executions are asked for shortly before" : ""));
            if (at) listener_.on_daily_restart(*at);
        }
    }

    /// The answer to a keep-alive also tells how far apart the clocks are.
    void take(tws::CurrentTime const& message) {
        std::int64_t const off = message.seconds - now_.wall.microseconds / 1'000'000;
        if (std::abs(off) <= clock_tolerance || clock_told_) return;
        clock_told_ = true;
        listener_.on_notice(LogLevel::warning, "gateway.clock",
                            fmt::format("the gateway's clock is {} s {} this one; set both by NTP", std::abs(off),
                                        off > 0 ? "ahead of" : "behind"));
    }

    void take(tws::AccountValue const& message) {
        listener_.on_account_value(message.account, message.key, message.currency, message.value);
    }

    void take(tws::ContractData const& message) {
        auto const asked = contracts_.find(message.request_id);
        if (asked == contracts_.end()) return;
        Instrument instrument = describe(message.contract);
        instrument.details_known = true;
        instrument.time_zone = std::string(message.time_zone);
        instrument.under_sec_type = std::string(message.under_sec_type);
        if (message.under_con_id > 0) instrument.under_con_id = message.under_con_id;
        if (message.price_magnifier > 0) {
            instrument.price_scale = base::divide_rounded(Decimal(1), Decimal(message.price_magnifier), 10);
        }
        contracts_.erase(asked);
        listener_.on_contract(std::move(instrument));
    }

    void contract_ended(std::int64_t id, bool complete, std::string const& why) {
        auto const asked = contracts_.find(id);
        if (asked == contracts_.end()) return;
        auto const con_id = asked->second;
        contracts_.erase(asked);
        listener_.on_contract_failed(con_id, complete ? "the gateway knows no such contract" : why);
    }

    EngineOptions const& options_;
    base::ZoneRules const& zones_;
    BrokerListener& listener_;
    tws::Session session_;
    Now now_;
    std::string gateway_zone_;
    std::vector<std::string> accounts_;
    bool clock_told_ = false;
    RepeatedRows list_;
    std::map<std::string, model::ConId> by_symbol_;  ///< for a planted bug alone
    std::map<model::ConId, model::SharedInstrument> described_;  ///< of this connection, where it serves several accounts
    std::string_view payload_;  ///< of the position being decoded
    std::map<std::int64_t, std::string> executions_;  ///< requests under way -> what of their answers cannot be read
    std::map<std::int64_t, model::ConId> contracts_;  ///< request -> what was asked for
};

BrokerFeed::BrokerFeed(EngineOptions const& options, base::ZoneRules const& zones, BrokerListener& listener)
    : implementation_(std::make_unique<Implementation>(options, zones, listener)) {}
BrokerFeed::~BrokerFeed() = default;

void BrokerFeed::start(Now now) { implementation_->session_.start(now); }
void BrokerFeed::stop(Now now) { implementation_->session_.stop(now); }
void BrokerFeed::suspend(Now now, std::string const& why) { implementation_->session_.suspend(now, why); }
void BrokerFeed::drop_connection(Now now, std::string const& why) { implementation_->session_.drop(now, why); }
void BrokerFeed::socket_opened(Now now) { implementation_->session_.on_socket_open(now); }
void BrokerFeed::socket_failed(Now now, std::string const& reason) { implementation_->session_.on_socket_failed(now, reason); }
void BrokerFeed::socket_closed(Now now, std::string const& reason) { implementation_->session_.on_socket_closed(now, reason); }
void BrokerFeed::bytes(Now now, std::string_view bytes) {
    implementation_->now_ = now;
    implementation_->session_.on_bytes(now, bytes);
}
void BrokerFeed::tick(Now now) {
    implementation_->now_ = now;
    implementation_->session_.on_time(now);
}
std::optional<base::Duration> BrokerFeed::next_deadline() const { return implementation_->session_.next_deadline(); }

Effects BrokerFeed::take_actions() {
    Effects effects;
    for (auto& action : implementation_->session_.take_actions()) {
        switch (action.kind) {
            case tws::SessionAction::Kind::open:
                effects.push_back(OpenSocket{implementation_->options_.host, action.port});
                break;
            case tws::SessionAction::Kind::close: effects.push_back(CloseSocket{}); break;
            case tws::SessionAction::Kind::send: effects.push_back(SendBytes{std::move(action.bytes)}); break;
        }
    }
    return effects;
}

void BrokerFeed::request_positions(Now now, std::vector<std::string> const& accounts) {
    bool const one_by_one = implementation_->accounts_.size() > tws::accounts_in_one_list;
    if (one_by_one) {
        implementation_->list_.end();  // its rows carry the number of their request: none comes again byte for byte
    } else {
        implementation_->list_.begin();
    }
    implementation_->session_.request_positions(now, one_by_one ? accounts : std::vector<std::string>{});
}
std::int64_t BrokerFeed::request_executions(Now now, int last_days) {
    auto const id = implementation_->session_.request_executions(now, last_days);
    implementation_->executions_[id];
    return id;
}
void BrokerFeed::request_contract(Now now, model::ConId con_id) {
    implementation_->contracts_[implementation_->session_.request_contract(now, con_id)] = con_id;
}
void BrokerFeed::request_account_updates(Now now, std::string const& account) {
    implementation_->session_.request_account_updates(now, true, account);
}

int BrokerFeed::server_version() const { return implementation_->session_.server_version(); }
bool BrokerFeed::serves_days_of_executions() const { return server_version() >= tws::days_of_executions_since; }
bool BrokerFeed::doubtful() const { return implementation_->session_.doubtful(); }
base::Duration BrokerFeed::last_heard() const { return implementation_->session_.last_heard(); }
std::int64_t BrokerFeed::connection_number() const { return implementation_->session_.connection_number(); }
std::size_t BrokerFeed::managed_accounts() const { return implementation_->accounts_.size(); }
std::string const& BrokerFeed::gateway_zone() const { return implementation_->gateway_zone_; }

}  // namespace possync::sync
