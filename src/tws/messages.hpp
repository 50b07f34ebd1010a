// The messages this program reads and writes, as plain structs, the same for the text and the binary protocol.
// Text fields are views into the frame: valid until the receive buffer is reused. Quantities, prices and money are
// exact decimals; the protocol's "unset" values (empty, DBL_MAX, INT_MAX, LLONG_MAX, Infinity) are empty optionals.
//
// Outgoing messages are a closed set without any order, exercise or configuration change: what is not here cannot
// be sent. Facts: TWS API server versions 100 to 226.
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
    OptionalDecimal multiplier;
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
struct PositionMulti {  // 71
    std::int64_t request_id = -1;
    std::string_view account;
    Contract contract;
    OptionalDecimal position;
    OptionalDecimal average_cost;
    std::string_view model_code;
    bool operator==(PositionMulti const&) const = default;
};
struct PositionMultiEnd {  // 72
    std::int64_t request_id = -1;
    bool operator==(PositionMultiEnd const&) const = default;
};
struct AccountSummary {  // 63
    std::int64_t request_id = -1;
    std::string_view account;
    std::string_view tag;
    std::string_view value;
    std::string_view currency;
    bool operator==(AccountSummary const&) const = default;
};
struct AccountSummaryEnd {  // 64
    std::int64_t request_id = -1;
    bool operator==(AccountSummaryEnd const&) const = default;
};
struct AccountUpdateMulti {  // 73
    std::int64_t request_id = -1;
    std::string_view account;
    std::string_view model_code;
    std::string_view key;
    std::string_view value;
    std::string_view currency;
    bool operator==(AccountUpdateMulti const&) const = default;
};
struct AccountUpdateMultiEnd {  // 74
    std::int64_t request_id = -1;
    bool operator==(AccountUpdateMultiEnd const&) const = default;
};
struct FamilyCode {
    std::string_view account;
    std::string_view family_code;
    bool operator==(FamilyCode const&) const = default;
};
struct FamilyCodes {  // 78
    std::vector<FamilyCode> codes;
    bool operator==(FamilyCodes const&) const = default;
};
struct Pnl {  // 94
    std::int64_t request_id = -1;
    OptionalDecimal daily_pnl;
    OptionalDecimal unrealized_pnl;
    OptionalDecimal realized_pnl;
    bool operator==(Pnl const&) const = default;
};
struct CurrentTimeInMillis {  // 109
    std::int64_t milliseconds = 0;
    bool operator==(CurrentTimeInMillis const&) const = default;
};
/// What the gateway's operator has set in its API settings; the part that matters to a reader.
struct ApiSettings {
    bool read_only_api = false;
    bool download_open_orders = false;
    bool include_virtual_fx_positions = false;
    bool prepare_daily_pnl = false;
    bool zero_positions_for_today_only = false;
    bool account_requests_switch_subscription = false;
    std::int64_t master_client_id = -1;
    std::int64_t bulk_data_timeout = 0;  ///< seconds
    bool round_account_values = false;
    bool reject_messages_above_max_rate = false;
    std::string_view instrument_time_zone;
    bool operator==(ApiSettings const&) const = default;
};
struct ApiConfiguration {
    ApiSettings settings;
    bool operator==(ApiConfiguration const&) const = default;
};
struct AutomaticLogoff {
    std::string_view time;    ///< HH:MM of the daily restart or logoff
    std::string_view period;  ///< AM, PM
    std::string_view kind;
    bool operator==(AutomaticLogoff const&) const = default;
};
struct GatewaySettings {  // 110, from server version 219 on
    std::int64_t request_id = -1;
    AutomaticLogoff logoff;
    ApiConfiguration api;
    bool operator==(GatewaySettings const&) const = default;
};
/// An id this program does not read. Counted and passed over.
struct UnknownMessage {
    int id = 0;
    bool operator==(UnknownMessage const&) const = default;
};

using IncomingMessage =
    std::variant<UnknownMessage, ManagedAccounts, NextValidId, Position, PositionEnd, AccountValue, PortfolioValue,
                 AccountUpdateTime, AccountDownloadEnd, ExecutionDetails, ExecutionDetailsEnd, CommissionReport, ContractData,
                 ContractDataEnd, CurrentTime, ErrorMessage, PnlSingle, PositionMulti, PositionMultiEnd, AccountSummary,
                 AccountSummaryEnd, AccountUpdateMulti, AccountUpdateMultiEnd, FamilyCodes, Pnl, CurrentTimeInMillis,
                 GatewaySettings>;

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
    std::int64_t last_days = 0;  ///< days before today, at most 7; from server version 200 on
    // What follows this program does not ask for; other programs do, and the simulator answers.
    std::string_view symbol = {};
    std::string_view sec_type = {};
    std::string_view exchange = {};
    std::string_view side = {};                ///< BUY, SELL
    std::vector<std::int64_t> dates = {};      ///< YYYYMMDD, within the past week; from server version 200 on
    bool operator==(RequestExecutions const&) const = default;
};
struct RequestContractData {  // 9
    std::int64_t request_id = 0;
    std::int64_t con_id = 0;
    // What follows this program does not send, for conId is enough; other programs do, and the simulator answers.
    std::string_view symbol = {};
    std::string_view sec_type = {};
    std::string_view last_trade_date = {};
    OptionalDecimal strike = {};
    std::string_view right = {};
    std::string_view exchange = {};
    std::string_view currency = {};
    std::string_view local_symbol = {};
    bool include_expired = false;
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

struct RequestPositionsMulti {  // 74, where one list of all accounts is refused
    std::int64_t request_id = 0;
    std::string_view account;
    std::string_view model_code;
    bool operator==(RequestPositionsMulti const&) const = default;
};
struct CancelPositionsMulti {  // 75
    std::int64_t request_id = 0;
    bool operator==(CancelPositionsMulti const&) const = default;
};
struct RequestAccountSummary {  // 62
    std::int64_t request_id = 0;
    std::string_view group;  ///< "All"
    std::string_view tags;   ///< comma list
    bool operator==(RequestAccountSummary const&) const = default;
};
struct CancelAccountSummary {  // 63
    std::int64_t request_id = 0;
    bool operator==(CancelAccountSummary const&) const = default;
};
struct RequestAccountUpdatesMulti {  // 76
    std::int64_t request_id = 0;
    std::string_view account;
    std::string_view model_code;
    bool ledger_and_nlv = false;
    bool operator==(RequestAccountUpdatesMulti const&) const = default;
};
struct CancelAccountUpdatesMulti {  // 77
    std::int64_t request_id = 0;
    bool operator==(CancelAccountUpdatesMulti const&) const = default;
};
struct RequestFamilyCodes {  // 80
    bool operator==(RequestFamilyCodes const&) const = default;
};
struct RequestPnl {  // 92
    std::int64_t request_id = 0;
    std::string_view account;
    std::string_view model_code;
    bool operator==(RequestPnl const&) const = default;
};
struct CancelPnl {  // 93
    std::int64_t request_id = 0;
    bool operator==(CancelPnl const&) const = default;
};
struct RequestCurrentTimeInMillis {  // 105, from server version 197 on
    bool operator==(RequestCurrentTimeInMillis const&) const = default;
};
struct RequestSettings {  // 108, from server version 219 on; reads them, nothing here can change them
    std::int64_t request_id = 0;
    bool operator==(RequestSettings const&) const = default;
};

using OutgoingMessage = std::variant<StartApi, RequestManagedAccounts, RequestCurrentTime, RequestPositions, CancelPositions,
                                     RequestAccountUpdates, RequestExecutions, RequestContractData, RequestPnlSingle,
                                     CancelPnlSingle, RequestPositionsMulti, CancelPositionsMulti, RequestAccountSummary,
                                     CancelAccountSummary, RequestAccountUpdatesMulti, CancelAccountUpdatesMulti,
                                     RequestFamilyCodes, RequestPnl, CancelPnl, RequestCurrentTimeInMillis, RequestSettings>;

/// Something a client asked of a gateway that is not in the set above. Seen by the simulator only.
struct UnknownRequest {
    int id = 0;
    bool operator==(UnknownRequest const&) const = default;
};
using ClientRequest =
    std::variant<UnknownRequest, StartApi, RequestManagedAccounts, RequestCurrentTime, RequestPositions, CancelPositions,
                 RequestAccountUpdates, RequestExecutions, RequestContractData, RequestPnlSingle, CancelPnlSingle,
                 RequestPositionsMulti, CancelPositionsMulti, RequestAccountSummary, CancelAccountSummary,
                 RequestAccountUpdatesMulti, CancelAccountUpdatesMulti, RequestFamilyCodes, RequestPnl, CancelPnl,
                 RequestCurrentTimeInMillis, RequestSettings>;

/// "\u4e2d\u6587" -> UTF-8; other text unchanged. Malformed escapes stay as they are.
[[nodiscard]] std::string unescape(std::string_view text);

}  // namespace possync::tws
