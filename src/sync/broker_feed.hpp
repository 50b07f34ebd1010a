// BrokerFeed: the session with the gateway on one side, model values on the other. It turns decoded messages into
// what they mean for a book (instruments, positions, executions, marks) and requests into messages; it decides
// nothing. The engine listens to it. Not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/observation.hpp"
#include "sync/protocol.hpp"

namespace possync::sync {

/// What the engine hears. Called during BrokerFeed's own calls only.
class BrokerListener {
public:
    virtual ~BrokerListener() = default;
    /// Handshake done, accounts and next order id came: requests may be sent.
    virtual void on_ready(std::vector<std::string> const& managed_accounts) = 0;
    virtual void on_disconnected(std::string const& reason, bool will_retry) = 0;
    /// What the gateway says may be old, since then (steady): it lost its own connection to the broker, or does not answer. May
    /// come before on_ready, and again while it lasts.
    virtual void on_stale(base::Duration since, std::string const& text) = 0;
    virtual void on_restored(bool data_lost, std::string const& text) = 0;
    virtual void on_notice(LogLevel level, std::string const& event, std::string const& text) = 0;

    virtual void on_position(std::string_view account, model::BrokerRow row) = 0;
    virtual void on_position_end() = 0;
    /// A row was lost, of the running list or pushed after it: what the account holds is not known. Empty: of any account.
    virtual void on_position_lost(std::string_view account, std::string const& why) = 0;
    virtual void on_positions_failed(std::string const& why) = 0;
    /// An execution came; whether it is known: each pull repeats those of the day, and they are not built again. What the pull reaches
    /// is told by the time that the book has for it.
    [[nodiscard]] virtual bool repeats_execution(std::string_view exec_id) = 0;
    virtual void on_execution(std::string_view account, model::ObservedExecution execution) = 0;
    virtual void on_commission(model::CommissionReport report) = 0;
    /// `complete` only when the End message of this request came, and nothing before it was unreadable.
    virtual void on_executions_end(std::int64_t request, bool complete, std::string const& problem) = 0;
    /// The gateway restarts or logs off every day at this time of day in its zone.
    virtual void on_daily_restart(base::Duration time_of_day) = 0;
    virtual void on_contract(model::Instrument instrument) = 0;
    virtual void on_contract_failed(model::ConId con_id, std::string const& why) = 0;
    virtual void on_mark(std::string_view account, model::ConId con_id, model::Mark mark,
                         std::optional<base::Decimal> average_cost) = 0;
    /// All values and portfolio rows of the account that was subscribed to have come once.
    virtual void on_account_download_end(std::string_view account) = 0;
    /// Another program took the subscription to account updates, or holds it.
    virtual void on_account_updates_refused(std::string const& why) = 0;
    virtual void on_account_value(std::string_view account, std::string_view key, std::string_view currency,
                                  std::string_view value) = 0;
};

class BrokerFeed {
public:
    BrokerFeed(EngineOptions const& options, base::ZoneRules const& zones, BrokerListener& listener);
    ~BrokerFeed();
    BrokerFeed(BrokerFeed const&) = delete;
    BrokerFeed& operator=(BrokerFeed const&) = delete;

    void start(base::Now now);
    void stop(base::Now now);
    /// Closes the connection until start().
    void suspend(base::Now now, std::string const& why);
    /// Closes the connection and lets the session reconnect in its own time.
    void drop_connection(base::Now now, std::string const& why);
    void socket_opened(base::Now now);
    void socket_failed(base::Now now, std::string const& reason);
    void socket_closed(base::Now now, std::string const& reason);
    void bytes(base::Now now, std::string_view bytes);
    void tick(base::Now now);
    [[nodiscard]] std::optional<base::Duration> next_deadline() const;
    /// OpenSocket, CloseSocket and SendBytes that gathered, in order.
    [[nodiscard]] Effects take_actions();

    /// The whole list anew: cancels the running subscription first. Answered by on_position, on_position_end. `accounts` are
    /// those whose positions are wanted; on a login with very many they are asked for one by one.
    void request_positions(base::Now now, std::vector<std::string> const& accounts);
    /// All fills of the gateway's day, of all clients; of so many days before too where the gateway can be asked for them.
    /// Returns the number on_executions_end will carry.
    std::int64_t request_executions(base::Now now, int last_days = 0);
    void request_contract(base::Now now, model::ConId con_id);
    void request_account_updates(base::Now now, std::string const& account);

    [[nodiscard]] int server_version() const;
    /// Whether request_executions may reach back before today.
    [[nodiscard]] bool serves_days_of_executions() const;
    /// What comes may be old (on_stale was told and its end not yet); and when the last frame came, steady.
    [[nodiscard]] bool doubtful() const;
    [[nodiscard]] base::Duration last_heard() const;
    [[nodiscard]] std::int64_t connection_number() const;
    [[nodiscard]] std::size_t managed_accounts() const;
    /// IANA zone of the gateway's own times; empty when it is neither configured nor recognised.
    [[nodiscard]] std::string const& gateway_zone() const;

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace possync::sync
