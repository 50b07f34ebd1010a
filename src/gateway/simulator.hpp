// Simulator: the gateway's side of the TWS socket protocol over a Broker. Bytes and time in, bytes out; a server
// puts it on sockets, tests on memory. It answers every request that reads, and behaves as the real gateway is known to; where
// it does, a comment names the official documentation (https://ibkrcampus.com, TWS API) or the public report it was seen in.
// Any request that could trade raises an alarm and is refused. Not thread-safe; owns no clock: call on_time() at next_deadline().
//
//   simulator.cpp           connections, handshake, requests by kind, notices, time
//   simulator_lists.cpp     positions, executions, contracts
//   simulator_accounts.cpp  account updates and summaries, P&L, settings
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/prng.hpp"
#include "base/time.hpp"
#include "gateway/broker.hpp"
#include "gateway/faults.hpp"
#include "gateway/subscriptions.hpp"
#include "tws/frame.hpp"
#include "tws/messages.hpp"

namespace possync::gateway {

/// In which zone execution times stand, from server version 174 on; before they are the gateway's, without a name.
enum class ExecutionTimes { gateway_zone, instrument_zone, utc };

/// What the gateway's operator has set, and which gateway it is.
struct SimulatorOptions {
    int server_version = 226;
    std::string zone = "UTC";                ///< IANA name; the day's midnight and all times without a zone are its
    std::string zone_text;                   ///< of the handshake, in any language and encoding; empty: `zone`
    base::ZoneRules const* zones = nullptr;  ///< null: every zone is UTC
    std::int64_t master_client_id = -1;      ///< receives every fill as it happens; -1: nobody
    int requests_per_second_max = 50;        ///< beyond it error 100, the third time the connection is closed
    bool reject_above_max_rate = true;       ///< false: all are answered
    ExecutionTimes execution_times = ExecutionTimes::gateway_zone;
    int days_of_executions = 0;         ///< before today; a TWS keeps up to 7, a gateway none
    bool virtual_fx_positions = false;  ///< positions in currency pairs are listed
    bool zero_rows_of_today_only = false;
    bool switch_subscription = false;  ///< a client's account updates take the place of another client's
    bool prepare_daily_pnl = true;
    bool round_account_values = false;
    bool newer_than_client = false;  ///< sends fields and messages that no client knows yet
    std::uint64_t start_seed = 0;    ///< of the order of what comes first; 0: accounts, order id, notices
    base::Duration account_interval = std::chrono::minutes(3);
    base::Duration pnl_interval = std::chrono::seconds(1);
};

/// What goes wrong on purpose. Counters and flags act until they are reset or used up.
struct SimulatorFaults {
    bool refuse_connections = false;
    bool stall = false;              ///< accepts, answers nothing
    int close_after_positions = -1;  ///< so many rows of a list, then the connection drops
    bool empty_lists = false;        ///< the list of positions names none, and ends well
    bool omit_position_end = false;  ///< the list stops in the middle; of PositionMulti the End alone is missing
    bool omit_executions_end = false;
    bool omit_account_end = false;
    bool omit_contract_end = false;
    bool omit_commissions = false;
    bool keep_summary_slots = false;          ///< cancelling a summary frees nothing
    std::set<std::int64_t> client_ids_taken;  ///< by programs that are not here
    std::string account_held;                 ///< whose updates another program receives
};

class Simulator {
public:
    Simulator(Broker& broker, SimulatorOptions initial)
        : options(std::move(initial)), broker_(broker), start_order_(options.start_seed) {}

    /// 0: refused.
    [[nodiscard]] int connect(base::Now now);
    void bytes(int connection, std::string_view bytes, base::Now now);
    void disconnected(int connection);
    /// What is to be written now, as the injector lets it through.
    [[nodiscard]] std::vector<Delivery> take_outputs(base::Now now);
    /// Steady time at which something is to be told without being asked; nothing: only when something happens.
    [[nodiscard]] std::optional<base::Duration> next_deadline() const;
    /// To be called at next_deadline() at the latest; calling it early or often is harmless.
    void on_time(base::Now now);

    // What happens at the broker, told to whom it concerns. Call after the Broker was changed.
    void push_fill(Fill const& fill, base::Now now);
    void push_commission(Fill const& fill);
    void push_position(std::string const& account, ConId con_id);
    /// As it stands before the last fill's commission is known.
    void push_position_before_commission(std::string const& account, ConId con_id);
    void push_portfolio(std::string const& account, ConId con_id, base::Now now);
    /// An error or notice to every connection: 1100, 1101, 1102, 2110, ... After 1300 the connections close.
    void notice(std::int64_t code, std::string const& text, base::Now now);
    /// AccountReady: false while the broker's servers reset; values are stale until it is true again.
    void set_account_ready(bool ready, base::Now now);
    void close_all();
    /// Encodes the lists of positions ahead, for clients of the newest version and those that asked before, so that whoever asks next waits
    /// for the sending alone.
    void encode_lists();

    SimulatorOptions options;  ///< may be changed while running, as in the gateway's settings dialog
    SimulatorFaults faults;
    FaultInjector injector;
    /// Ids outside the allow-list that some client sent: empty in every test of this program's own client.
    [[nodiscard]] std::set<int> const& alarms() const { return alarms_; }
    /// Ids that are not served here, and how often they came.
    [[nodiscard]] std::map<int, int> const& not_served() const { return not_served_; }
    [[nodiscard]] std::size_t connections() const { return connections_.size(); }

private:
    struct Connection {
        tws::FrameReader reader;
        std::string greeting;  ///< bytes until the handshake is whole
        int version = 0;       ///< 0: not shaken hands
        std::int64_t client_id = -1;
        bool started = false;
        Subscriptions subscriptions;
        int summary_slots = 0;
        std::vector<base::Duration> recent_requests;
        int strikes = 0;
        std::string out;
        bool closing = false;
    };

    void request(int id, Connection& connection, std::string_view frame, tws::ClientRequest const& request, base::Now now);
    void refuse(Connection& connection, std::string_view frame, int message_id, base::Now now);
    void start(int id, Connection& connection, std::int64_t client_id, base::Now now);
    template <typename Message>
    void send(Connection& connection, Message const& message);
    void send_error(Connection& connection, std::int64_t request_id, std::int64_t code, std::string const& text, base::Now now);

    // Requests, each by its kind.
    struct Asked {
        int id;
        Connection& connection;
        base::Now now;
    };
    void answer(Asked const& asked, tws::RequestManagedAccounts const& request);
    void answer(Asked const& asked, tws::RequestCurrentTime const& request);
    void answer(Asked const& asked, tws::RequestCurrentTimeInMillis const& request);
    void answer(Asked const& asked, tws::RequestPositions const& request);
    void answer(Asked const& asked, tws::CancelPositions const& request);
    void answer(Asked const& asked, tws::RequestPositionsMulti const& request);
    void answer(Asked const& asked, tws::CancelPositionsMulti const& request);
    void answer(Asked const& asked, tws::RequestExecutions const& request);
    void answer(Asked const& asked, tws::RequestContractData const& request);
    void answer(Asked const& asked, tws::RequestAccountUpdates const& request);
    void answer(Asked const& asked, tws::RequestAccountSummary const& request);
    void answer(Asked const& asked, tws::CancelAccountSummary const& request);
    void answer(Asked const& asked, tws::RequestAccountUpdatesMulti const& request);
    void answer(Asked const& asked, tws::CancelAccountUpdatesMulti const& request);
    void answer(Asked const& asked, tws::RequestFamilyCodes const& request);
    void answer(Asked const& asked, tws::RequestPnl const& request);
    void answer(Asked const& asked, tws::CancelPnl const& request);
    void answer(Asked const& asked, tws::RequestPnlSingle const& request);
    void answer(Asked const& asked, tws::CancelPnlSingle const& request);
    void answer(Asked const& asked, tws::RequestSettings const& request);

    void send_position(Connection& connection, std::string const& account, SimulatedInstrument const& instrument,
                       Holding const& holding);
    void send_positions(Connection& connection);
    /// Nothing goes wrong with a list, and it is the same to every client of a version: what was encoded can be sent again.
    [[nodiscard]] bool lists_are_plain() const;
    void append_position(std::string& out, int version, std::string const& account, SimulatedInstrument const& instrument,
                         Holding const& holding);
    /// The rows that are shown, in the form of a server version.
    [[nodiscard]] std::string const& encoded_list(int version);
    void send_positions_of_model(Connection& connection, std::int64_t request_id, std::string const& account,
                                 std::string const& model_code);
    void send_execution(Connection& connection, Fill const& fill, std::int64_t request_id);
    void send_commission(Connection& connection, Fill const& fill);
    void send_portfolio(Connection& connection, std::string const& account, ConId con_id);
    void send_account_updates(Connection& connection, base::Now now);
    void send_summary(Connection& connection, std::int64_t request_id, Subscriptions::Summary& summary, base::Now now);
    void send_values(Connection& connection, std::int64_t request_id, Subscriptions::Values& values, base::Now now);
    void send_pnl(Connection& connection, std::int64_t request_id, Subscriptions::ProfitAndLoss& pnl, base::Now now);
    /// The account a request means: its own, or the only one when it names none. Else error 321 is sent and nothing comes back.
    [[nodiscard]] std::optional<std::string> account_of(Asked const& asked, std::int64_t request_id, std::string_view account);
    [[nodiscard]] std::vector<std::string> accounts_of_group(std::string_view group) const;

    [[nodiscard]] bool shown(SimulatedInstrument const& instrument, Holding const& holding) const;
    [[nodiscard]] base::LocalTime local(base::Timestamp time) const;
    [[nodiscard]] base::Timestamp midnight(base::Now now) const;
    [[nodiscard]] std::string execution_time(Fill const& fill, int version) const;

    /// A row of a list as it was last encoded; a holding that did not change is not encoded again.
    struct EncodedRow {
        Holding holding;
        std::string bytes;
    };
    /// The whole list as it was last encoded, so that a load test measures the client and not the simulator.
    struct EncodedList {
        std::int64_t changes = -1;
        bool with_currency_pairs = false;
        std::string bytes;
    };

    Broker& broker_;
    base::Prng start_order_;
    bool account_ready_ = true;
    base::Timestamp now_;  ///< of the last call
    /// By protocol version: clients of different versions that ask in turn do not make each other wait.
    std::map<std::tuple<int, std::string, ConId>, EncodedRow> encoded_;
    std::map<int, EncodedList> lists_;
    std::int64_t restated_when_encoded_ = 0;  ///< Broker::instruments_restated() that `encoded_` goes by
    std::map<int, Connection> connections_;
    int next_connection_ = 1;
    std::set<int> alarms_;
    std::map<int, int> not_served_;
};

/// Accounts above this number get no common list, and no group of all of them (official documentation, reqPositions and
/// reqAccountSummary: 50 sub-accounts).
inline constexpr std::size_t accounts_in_one_list = 50;

}  // namespace possync::gateway
