// The fields of each binary message, once for reading and writing: number and kind, in the order they are written. Internal to
// the codec. Facts: TWS API server versions 201 to 226. A field that is not here is passed over.
#pragma once

#include "tws/messages.hpp"

namespace possync::tws {

/// The message itself, or a const one: `describe` serves readers and writers.
template <typename T, typename Message>
concept Is = std::same_as<std::remove_const_t<T>, Message>;

template <typename Visitor>
void describe(Visitor& v, Is<Contract> auto& m) {
    v.integer(1, m.con_id);
    v.text(2, m.symbol);
    v.text(3, m.sec_type);
    v.text(4, m.last_trade_date);
    v.real(5, m.strike);
    v.text(6, m.right);
    v.real(7, m.multiplier);
    v.text(8, m.exchange);
    v.text(9, m.primary_exchange);
    v.text(10, m.currency);
    v.text(11, m.local_symbol);
    v.text(12, m.trading_class);
}

// --- gateway -> client ---------------------------------------------------------------------------------------------

template <typename Visitor>
void describe(Visitor& v, Is<ManagedAccounts> auto& m) {
    v.text(1, m.accounts);
}
template <typename Visitor>
void describe(Visitor& v, Is<NextValidId> auto& m) {
    v.integer(1, m.order_id);
}
template <typename Visitor>
void describe(Visitor& v, Is<Position> auto& m) {
    v.text(1, m.account);
    v.message(2, m.contract);
    v.decimal_text(3, m.position);
    v.real(4, m.average_cost);
}
template <typename Visitor>
void describe(Visitor&, Is<PositionEnd> auto&) {}
template <typename Visitor>
void describe(Visitor& v, Is<AccountValue> auto& m) {
    v.text(1, m.key);
    v.text(2, m.value);
    v.text(3, m.currency);
    v.text(4, m.account);
}
template <typename Visitor>
void describe(Visitor& v, Is<PortfolioValue> auto& m) {
    v.message(1, m.contract);
    v.decimal_text(2, m.position);
    v.real(3, m.market_price);
    v.real(4, m.market_value);
    v.real(5, m.average_cost);
    v.real(6, m.unrealized_pnl);
    v.real(7, m.realized_pnl);
    v.text(8, m.account);
}
template <typename Visitor>
void describe(Visitor& v, Is<AccountUpdateTime> auto& m) {
    v.text(1, m.time);
}
template <typename Visitor>
void describe(Visitor& v, Is<AccountDownloadEnd> auto& m) {
    v.text(1, m.account);
}

/// The fill inside a message of an execution, whose contract stands beside it.
template <typename Details>
struct FillOf {
    Details& details;
};
template <typename Visitor, typename Details>
void describe(Visitor& v, FillOf<Details> const& fill) {
    auto& m = fill.details;
    v.integer(1, m.order_id);
    v.text(2, m.exec_id);
    v.text(3, m.time);
    v.text(4, m.account);
    v.text(5, m.exchange);
    v.text(6, m.side);
    v.decimal_text(7, m.shares);
    v.real(8, m.price);
    v.long_integer(9, m.perm_id);
    v.integer(10, m.client_id);
    v.boolean(11, m.liquidation);
    v.decimal_text(12, m.cum_qty);
    v.real(13, m.average_price);
    v.text(14, m.order_ref);
    v.text(15, m.ev_rule);
    v.real(16, m.ev_multiplier);
    v.text(17, m.model_code);
    v.optional_integer(18, m.last_liquidity);
    v.boolean(19, m.pending_price_revision);
    v.text(20, m.submitter);
    v.optional_integer(21, m.exercise_type);
}
template <typename Visitor, Is<ExecutionDetails> Details>
void describe(Visitor& v, Details& m) {
    v.integer(1, m.request_id);
    v.message(2, m.contract);
    FillOf<Details> const fill{m};
    v.message(3, fill);
}
template <typename Visitor>
void describe(Visitor& v, Is<ExecutionDetailsEnd> auto& m) {
    v.integer(1, m.request_id);
}
template <typename Visitor>
void describe(Visitor& v, Is<CommissionReport> auto& m) {
    v.text(1, m.exec_id);
    v.real(2, m.commission);
    v.text(3, m.currency);
    v.real(4, m.realized_pnl);
}

template <typename Data>
struct DetailsOf {
    Data& data;
};
template <typename Visitor, typename Data>
void describe(Visitor& v, DetailsOf<Data> const& details) {
    auto& m = details.data;
    v.text(1, m.market_name);
    v.decimal_text(2, m.min_tick);
    v.integer(5, m.price_magnifier);
    v.optional_integer(6, m.under_con_id);
    v.text(7, m.long_name);
    v.text(12, m.time_zone);
    v.text(19, m.under_symbol);
    v.text(20, m.under_sec_type);
    v.text(22, m.real_expiration_date);
}
template <typename Visitor, Is<ContractData> Data>
void describe(Visitor& v, Data& m) {
    v.integer(1, m.request_id);
    v.message(2, m.contract);
    DetailsOf<Data> const details{m};
    v.message(3, details);
}
template <typename Visitor>
void describe(Visitor& v, Is<ContractDataEnd> auto& m) {
    v.integer(1, m.request_id);
}
template <typename Visitor>
void describe(Visitor& v, Is<CurrentTime> auto& m) {
    v.long_integer(1, m.seconds);
}
template <typename Visitor>
void describe(Visitor& v, Is<CurrentTimeInMillis> auto& m) {
    v.long_integer(1, m.milliseconds);
}
template <typename Visitor>
void describe(Visitor& v, Is<ErrorMessage> auto& m) {
    v.integer(1, m.request_id);
    v.optional_long_integer(2, m.time_milliseconds);
    v.integer(3, m.code);
    v.text(4, m.text);
    v.text(5, m.advanced_reject);
}
template <typename Visitor>
void describe(Visitor& v, Is<PnlSingle> auto& m) {
    v.integer(1, m.request_id);
    v.decimal_text(2, m.position);
    v.real(3, m.daily_pnl);
    v.real(4, m.unrealized_pnl);
    v.real(5, m.realized_pnl);
    v.real(6, m.value);
}
template <typename Visitor>
void describe(Visitor& v, Is<PositionMulti> auto& m) {
    v.integer(1, m.request_id);
    v.text(2, m.account);
    v.message(3, m.contract);
    v.decimal_text(4, m.position);
    v.real(5, m.average_cost);
    v.text(6, m.model_code);
}
template <typename Visitor>
void describe(Visitor& v, Is<PositionMultiEnd> auto& m) {
    v.integer(1, m.request_id);
}
template <typename Visitor>
void describe(Visitor& v, Is<AccountSummary> auto& m) {
    v.integer(1, m.request_id);
    v.text(2, m.account);
    v.text(3, m.tag);
    v.text(4, m.value);
    v.text(5, m.currency);
}
template <typename Visitor>
void describe(Visitor& v, Is<AccountSummaryEnd> auto& m) {
    v.integer(1, m.request_id);
}
template <typename Visitor>
void describe(Visitor& v, Is<AccountUpdateMulti> auto& m) {
    v.integer(1, m.request_id);
    v.text(2, m.account);
    v.text(3, m.model_code);
    v.text(4, m.key);
    v.text(5, m.value);
    v.text(6, m.currency);
}
template <typename Visitor>
void describe(Visitor& v, Is<AccountUpdateMultiEnd> auto& m) {
    v.integer(1, m.request_id);
}
template <typename Visitor>
void describe(Visitor& v, Is<FamilyCode> auto& m) {
    v.text(1, m.account);
    v.text(2, m.family_code);
}
template <typename Visitor>
void describe(Visitor& v, Is<FamilyCodes> auto& m) {
    v.messages(1, m.codes);
}
template <typename Visitor>
void describe(Visitor& v, Is<Pnl> auto& m) {
    v.integer(1, m.request_id);
    v.real(2, m.daily_pnl);
    v.real(3, m.unrealized_pnl);
    v.real(4, m.realized_pnl);
}
template <typename Visitor>
void describe(Visitor& v, Is<ApiSettings> auto& m) {
    v.boolean(1, m.read_only_api);
    v.boolean(3, m.download_open_orders);
    v.boolean(4, m.include_virtual_fx_positions);
    v.boolean(5, m.prepare_daily_pnl);
    v.boolean(14, m.zero_positions_for_today_only);
    v.boolean(15, m.account_requests_switch_subscription);
    v.integer(18, m.master_client_id);
    v.optional_integer(19, m.bulk_data_timeout);
    v.boolean(23, m.round_account_values);
    v.boolean(26, m.reject_messages_above_max_rate);
    v.text(29, m.instrument_time_zone);
}
template <typename Visitor>
void describe(Visitor& v, Is<ApiConfiguration> auto& m) {
    v.message(2, m.settings);
}
template <typename Visitor>
void describe(Visitor& v, Is<AutomaticLogoff> auto& m) {
    v.text(1, m.time);
    v.text(2, m.period);
    v.text(3, m.kind);
}
template <typename Visitor>
void describe(Visitor& v, Is<GatewaySettings> auto& m) {
    v.integer(1, m.request_id);
    v.message(2, m.logoff);
    v.message(4, m.api);
}

// --- client -> gateway ---------------------------------------------------------------------------------------------

template <typename T>
concept RequestWithoutFields =
    Is<T, RequestManagedAccounts> || Is<T, RequestCurrentTime> || Is<T, RequestCurrentTimeInMillis> || Is<T, RequestPositions> ||
    Is<T, CancelPositions> || Is<T, RequestFamilyCodes>;
template <typename Visitor>
void describe(Visitor&, RequestWithoutFields auto&) {}

template <typename T>
concept RequestWithIdOnly = Is<T, CancelPositionsMulti> || Is<T, CancelAccountSummary> || Is<T, CancelAccountUpdatesMulti> ||
                            Is<T, CancelPnl> || Is<T, CancelPnlSingle> || Is<T, RequestSettings>;
template <typename Visitor>
void describe(Visitor& v, RequestWithIdOnly auto& m) {
    v.integer(1, m.request_id);
}

template <typename Visitor>
void describe(Visitor& v, Is<StartApi> auto& m) {
    v.integer(1, m.client_id);
}
template <typename Visitor>
void describe(Visitor& v, Is<RequestAccountUpdates> auto& m) {
    v.boolean(1, m.subscribe);
    v.text(2, m.account);
}
template <typename Request>
struct FilterOf {
    Request& request;
};
template <typename Visitor, typename Request>
void describe(Visitor& v, FilterOf<Request> const& filter) {
    auto& m = filter.request;
    v.optional_integer(1, m.client_id);
    v.text(2, m.account);
    v.text(3, m.time);
    v.text(4, m.symbol);
    v.text(5, m.sec_type);
    v.text(6, m.exchange);
    v.text(7, m.side);
    v.optional_integer(8, m.last_days);
    v.integers(9, m.dates);
}
template <typename Visitor, Is<RequestExecutions> Request>
void describe(Visitor& v, Request& m) {
    v.integer(1, m.request_id);
    FilterOf<Request> const filter{m};
    v.required_message(2, filter);
}
/// The contract that is asked for.
template <typename Request>
struct ContractOf {
    Request& request;
};
template <typename Visitor, typename Request>
void describe(Visitor& v, ContractOf<Request> const& contract) {
    auto& m = contract.request;
    v.integer(1, m.con_id);
    v.text(2, m.symbol);
    v.text(3, m.sec_type);
    v.text(4, m.last_trade_date);
    v.real(5, m.strike);
    v.text(6, m.right);
    v.text(8, m.exchange);
    v.text(10, m.currency);
    v.text(11, m.local_symbol);
    v.boolean(18, m.include_expired);
}
template <typename Visitor, Is<RequestContractData> Request>
void describe(Visitor& v, Request& m) {
    v.integer(1, m.request_id);
    ContractOf<Request> const contract{m};
    v.message(2, contract);
}
template <typename Visitor>
void describe(Visitor& v, Is<RequestPnlSingle> auto& m) {
    v.integer(1, m.request_id);
    v.text(2, m.account);
    v.integer(4, m.con_id);
}
template <typename Visitor>
void describe(Visitor& v, Is<RequestPnl> auto& m) {
    v.integer(1, m.request_id);
    v.text(2, m.account);
    v.text(3, m.model_code);
}
template <typename Visitor>
void describe(Visitor& v, Is<RequestPositionsMulti> auto& m) {
    v.integer(1, m.request_id);
    v.text(2, m.account);
    v.text(3, m.model_code);
}
template <typename Visitor>
void describe(Visitor& v, Is<RequestAccountUpdatesMulti> auto& m) {
    v.integer(1, m.request_id);
    v.text(2, m.account);
    v.text(3, m.model_code);
    v.boolean(4, m.ledger_and_nlv);
}
template <typename Visitor>
void describe(Visitor& v, Is<RequestAccountSummary> auto& m) {
    v.integer(1, m.request_id);
    v.text(2, m.group);
    v.text(3, m.tags);
}

}  // namespace possync::tws
