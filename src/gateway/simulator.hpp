// Simulator: the gateway's side of the TWS socket protocol over a Broker. Bytes and time in, bytes out; a server
// puts it on sockets, tests on memory. It behaves as the real gateway is known to: zero rows for closed positions,
// position pushes that repeat with and without commission, fills pushed only to their own client or the master,
// executions answered fills first, then commissions, then the End; one account-update subscription at a time.
// Any request that could trade raises an alarm. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "gateway/broker.hpp"
#include "tws/frame.hpp"
#include "tws/messages.hpp"

namespace possync::gateway {

struct SimulatorOptions {
    int server_version = 226;
    std::string zone = "UTC";             ///< of the handshake's time text
    std::int64_t master_client_id = -1;   ///< receives every fill as it happens; -1: nobody
    int requests_per_second_max = 50;     ///< beyond it error 100, the third time the connection is closed
};

/// What goes wrong on purpose. Counters and flags act until they are reset or used up.
struct SimulatorFaults {
    bool refuse_connections = false;
    bool stall = false;                  ///< accepts, answers nothing
    int close_after_positions = -1;      ///< so many rows of a list, then the connection drops
    bool omit_position_end = false;
    bool omit_executions_end = false;
    bool omit_commissions = false;
};

class Simulator {
public:
    struct Output {
        int connection = 0;
        std::string bytes;
        bool close = false;  ///< after the bytes
    };

    Simulator(Broker& broker, SimulatorOptions options) : broker_(broker), options_(std::move(options)) {}

    /// 0: refused.
    [[nodiscard]] int connect(base::Now now);
    void bytes(int connection, std::string_view bytes, base::Now now);
    void disconnected(int connection);
    [[nodiscard]] std::vector<Output> take_outputs();

    // What happens at the broker, told to whom it concerns. Call after the Broker was changed.
    void push_fill(Fill const& fill, base::Now now);
    void push_commission(Fill const& fill);
    void push_position(std::string const& account, ConId con_id);
    void push_portfolio(std::string const& account, ConId con_id, base::Now now);
    /// An error or notice to every connection: 1100, 1101, 1102, 2110, ...
    void notice(std::int64_t code, std::string const& text, base::Now now);
    void close_all();

    SimulatorFaults faults;
    /// Ids outside the allow-list that some client sent: empty in every test of this program's own client.
    [[nodiscard]] std::set<int> const& alarms() const { return alarms_; }
    [[nodiscard]] std::size_t connections() const { return connections_.size(); }

private:
    struct Connection {
        tws::FrameReader reader;
        std::string greeting;  ///< bytes until the handshake is whole
        int version = 0;       ///< 0: not shaken hands
        std::int64_t client_id = -1;
        bool started = false;
        bool positions = false;
        std::string account_updates;
        std::vector<base::Duration> recent_requests;
        int strikes = 0;
        std::string out;
        bool closing = false;
    };

    void request(int id, Connection& connection, tws::ClientRequest const& request, base::Now now);
    void start(int id, Connection& connection, std::int64_t client_id, base::Now now);
    void send_positions(Connection& connection);
    void send_position(Connection& connection, std::string const& account, SimulatedInstrument const& instrument,
                       Holding const& holding);
    void send_executions(Connection& connection, tws::RequestExecutions const& request, base::Now now);
    void send_execution(Connection& connection, Fill const& fill, std::int64_t request_id);
    void send_commission(Connection& connection, Fill const& fill);
    void send_account_updates(Connection& connection, std::string const& account, base::Now now);
    void send_portfolio(Connection& connection, std::string const& account, ConId con_id);
    void send_error(Connection& connection, std::int64_t request_id, std::int64_t code, std::string const& text, base::Now now);
    template <typename Message>
    void send(Connection& connection, Message const& message);

    /// A row of a list as it was last encoded; a holding that did not change is not encoded again.
    struct EncodedRow {
        int version = 0;
        Holding holding;
        std::string bytes;
    };
    /// The whole list as it was last sent, so that a load test measures the client and not the simulator.
    struct EncodedList {
        int version = 0;
        std::int64_t changes = -1;
        std::string bytes;
    };

    Broker& broker_;
    SimulatorOptions options_;
    std::map<std::pair<std::string, ConId>, EncodedRow> encoded_;
    EncodedList list_;
    std::map<int, Connection> connections_;
    int next_connection_ = 1;
    std::set<int> alarms_;
};

}  // namespace possync::gateway
