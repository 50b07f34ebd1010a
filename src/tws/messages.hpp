// The messages this program reads and writes, as plain structs, the same for the text and the binary protocol.
// Text fields are views into the frame: valid until the receive buffer is reused. Quantities, prices and money are
// exact decimals; the protocol's "unset" values (empty, DBL_MAX, INT_MAX, LLONG_MAX, Infinity) are empty optionals.
//
// Outgoing messages are a closed set without any order, exercise or configuration change: what is not here cannot
// be sent. Facts: TWS API server versions 100 to 200.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/decimal.hpp"

namespace possync::tws {

using OptionalDecimal = std::optional<base::Decimal>;

struct Contract {
    std::int64_t con_id = 0;
    std::string_view symbol;
    std::string_view sec_type;
    std::string_view last_trade_date;  ///< YYYYMMDD or YYYYMM
    OptionalDecimal strike;
    std::string_view right;
    std::string_view multiplier;
    std::string_view exchange;
    std::string_view primary_exchange;
    std::string_view currency;
    std::string_view local_symbol;
    std::string_view trading_class;
    bool operator==(Contract const&) const = default;
};

// --- gateway -> client ---------------------------------------------------------------------------------------------

struct ManagedAccounts {  // 15
    std::string_view accounts;  ///< comma list
    bool operator==(ManagedAccounts const&) const = default;
};
struct NextValidId {  // 9
    std::int64_t order_id = 0;
    bool operator==(NextValidId const&) const = default;
};
struct Position {  // 61
    std::string_view account;
    Contract contract;
    OptionalDecimal position;
    OptionalDecimal average_cost;
    bool operator==(Position const&) const = default;
};
struct PositionEnd {  // 62
    bool operator==(PositionEnd const&) const = default;
};
struct AccountValue {  // 6
    std::string_view key;
    std::string_view value;
    std::string_view currency;
    std::string_view account;
    bool operator==(AccountValue const&) const = default;
};
struct PortfolioValue {  // 7; carries the primary exchange, not the exchange
    Contract contract;
    OptionalDecimal position;
    OptionalDecimal market_price;
    OptionalDecimal market_value;
    OptionalDecimal average_cost;
    OptionalDecimal unrealized_pnl;
    OptionalDecimal realized_pnl;
    std::string_view account;
    bool operator==(PortfolioValue const&) const = default;
};
struct AccountUpdateTime {  // 8
    std::string_view time;  ///< HH:MM in the gateway's zone
    bool operator==(AccountUpdateTime const&) const = default;
};
struct AccountDownloadEnd {  // 54
    std::string_view account;
    bool operator==(AccountDownloadEnd const&) const = default;
};
struct ExecutionDetails {  // 11
    std::int64_t request_id = -1;  ///< -1: pushed, not asked for
    std::int64_t order_id = 0;
    Contract contract;  ///< exchange: the venue of the fill
    std::string_view exec_id;
    std::string_view time;
    std::string_view account;
    std::string_view exchange;
    std::string_view side;  ///< BOT, SLD
    OptionalDecimal shares;
    OptionalDecimal price;
    std::int64_t perm_id = 0;
    std::int64_t client_id = 0;
    std::int64_t liquidation = 0;
    OptionalDecimal cum_qty;
    OptionalDecimal average_price;
    std::string_view order_ref;
    std::string_view ev_rule;
    OptionalDecimal ev_multiplier;
    std::string_view model_code;
    std::int64_t last_liquidity = 0;
    bool pending_price_revision = false;
    std::string_view submitter;
    std::optional<std::int64_t> exercise_type;  ///< binary protocol only
    bool operator==(ExecutionDetails const&) const = default;
};
struct ExecutionDetailsEnd {  // 55
    std::int64_t request_id = -1;
    bool operator==(ExecutionDetailsEnd const&) const = default;
};
struct CommissionReport {  // 59
    std::string_view exec_id;
    OptionalDecimal commission;
    std::string_view currency;
    OptionalDecimal realized_pnl;
    bool operator==(CommissionReport const&) const = default;
};
struct ContractData {  // 10, and 18 for bonds
    std::int64_t request_id = -1;
    bool is_bond = false;
    Contract contract;
    std::string_view market_name;
    OptionalDecimal min_tick;
    std::int64_t price_magnifier = 1;
    std::int64_t under_con_id = 0;
    std::string_view long_name;
    std::string_view time_zone;
    std::string_view under_symbol;
    std::string_view under_sec_type;
    std::string_view real_expiration_date;
    bool operator==(ContractData const&) const = default;
};
struct ContractDataEnd {  // 52
    std::int64_t request_id = -1;
    bool operator==(ContractDataEnd const&) const = default;
};
struct CurrentTime {  // 49
    std::int64_t seconds = 0;
    bool operator==(CurrentTime const&) const = default;
};
struct ErrorMessage {  // 4
    std::int64_t request_id = -1;  ///< -1: of the connection, not of a request
    std::int64_t code = 0;
    std::string_view text;  ///< may hold \uXXXX escapes, see unescape()
    std::string_view advanced_reject;
    std::int64_t time_milliseconds = 0;  ///< 0 below server version 194
    bool operator==(ErrorMessage const&) const = default;
};
struct PnlSingle {  // 95
    std::int64_t request_id = -1;
    OptionalDecimal position;
    OptionalDecimal daily_pnl;
    OptionalDecimal unrealized_pnl;
    OptionalDecimal realized_pnl;
    OptionalDecimal value;
    bool operator==(PnlSingle const&) const = default;
};
/// An id this program does not read. Counted and passed over.
struct UnknownMessage {
    int id = 0;
    bool operator==(UnknownMessage const&) const = default;
};

using IncomingMessage =
    std::variant<UnknownMessage, ManagedAccounts, NextValidId, Position, PositionEnd, AccountValue, PortfolioValue,
                 AccountUpdateTime, AccountDownloadEnd, ExecutionDetails, ExecutionDetailsEnd, CommissionReport, ContractData,
                 ContractDataEnd, CurrentTime, ErrorMessage, PnlSingle>;

// --- client -> gateway ---------------------------------------------------------------------------------------------

struct StartApi {  // 71
    std::int64_t client_id = 0;
    bool operator==(StartApi const&) const = default;
};
struct RequestManagedAccounts {  // 17
    bool operator==(RequestManagedAccounts const&) const = default;
};
struct RequestCurrentTime {  // 49
    bool operator==(RequestCurrentTime const&) const = default;
};
struct RequestPositions {  // 61
    bool operator==(RequestPositions const&) const = default;
};
struct CancelPositions {  // 64
    bool operator==(CancelPositions const&) const = default;
};
struct RequestAccountUpdates {  // 6
    bool subscribe = true;
    std::string_view account;
    bool operator==(RequestAccountUpdates const&) const = default;
};
struct RequestExecutions {  // 7
    std::int64_t request_id = 0;
    std::int64_t client_id = 0;  ///< 0: all clients
    std::string_view account;    ///< empty: all accounts
    std::string_view time;       ///< lower bound, YYYYMMDD-HH:mm:ss UTC; empty: the gateway's day
    bool operator==(RequestExecutions const&) const = default;
};
struct RequestContractData {  // 9
    std::int64_t request_id = 0;
    std::int64_t con_id = 0;
    bool operator==(RequestContractData const&) const = default;
};
struct RequestPnlSingle {  // 94
    std::int64_t request_id = 0;
    std::string_view account;
    std::int64_t con_id = 0;
    bool operator==(RequestPnlSingle const&) const = default;
};
struct CancelPnlSingle {  // 95
    std::int64_t request_id = 0;
    bool operator==(CancelPnlSingle const&) const = default;
};

using OutgoingMessage = std::variant<StartApi, RequestManagedAccounts, RequestCurrentTime, RequestPositions, CancelPositions,
                                     RequestAccountUpdates, RequestExecutions, RequestContractData, RequestPnlSingle,
                                     CancelPnlSingle>;

/// Something a client asked of a gateway that is not in the set above. Seen by the simulator only.
struct UnknownRequest {
    int id = 0;
    bool operator==(UnknownRequest const&) const = default;
};
using ClientRequest = std::variant<UnknownRequest, StartApi, RequestManagedAccounts, RequestCurrentTime, RequestPositions,
                                   CancelPositions, RequestAccountUpdates, RequestExecutions, RequestContractData,
                                   RequestPnlSingle, CancelPnlSingle>;

/// "\u4e2d\u6587" -> UTF-8; other text unchanged. Malformed escapes stay as they are.
[[nodiscard]] std::string unescape(std::string_view text);

}  // namespace possync::tws
