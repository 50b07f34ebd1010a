#include "tws/decode.hpp"

#include "tws/fields.hpp"
#include "tws/generation.hpp"
#include "tws/outgoing.hpp"
#include "tws/protobuf.hpp"
#include "tws/protobuf_messages.hpp"

namespace possync::tws {

namespace {

using Decoded = std::expected<IncomingMessage, DecodeError>;


/// "20250620 08:30 US/Central" is date, time and zone.
std::string_view date_of(std::string_view last_trade) { return last_trade.substr(0, last_trade.find_first_of(" -")); }

/// symbol ... tradingClass as most messages carry them.
void read_contract(FieldCursor& fields, Contract& contract, bool primary_instead_of_exchange) {
    contract.con_id = fields.whole();
    contract.symbol = fields.text();
    contract.sec_type = fields.text();
    contract.last_trade_date = fields.text();
    contract.strike = fields.decimal();
    contract.right = fields.text();
    contract.multiplier = fields.decimal_or_nothing();
    (primary_instead_of_exchange ? contract.primary_exchange : contract.exchange) = fields.text();
    contract.currency = fields.text();
    contract.local_symbol = fields.text();
    contract.trading_class = fields.text();
}

/// The rest of a list is of use when it is known whose row of it is not.
DecodeError with_account(DecodeError error, std::string_view account) {
    error.account = account;
    return error;
}

Decoded decode_position(FieldCursor fields) {
    Decoded decoded(std::in_place, std::in_place_type<Position>);
    auto& message = std::get<Position>(*decoded);
    auto const version = fields.whole();
    message.account = fields.text();
    read_contract(fields, message.contract, false);
    message.position = fields.decimal();
    if (version >= 3) message.average_cost = fields.decimal();
    if (fields.failed()) decoded = std::unexpected(with_account(fields.error(), message.account));
    return decoded;
}

Decoded decode_account_value(FieldCursor fields) {
    Decoded decoded(std::in_place, std::in_place_type<AccountValue>);
    auto& message = std::get<AccountValue>(*decoded);
    fields.skip();
    message.key = fields.text();
    message.value = fields.text();
    message.currency = fields.text();
    message.account = fields.text();
    if (fields.failed()) decoded = std::unexpected(fields.error());
    return decoded;
}

Decoded decode_portfolio_value(FieldCursor fields) {
    Decoded decoded(std::in_place, std::in_place_type<PortfolioValue>);
    auto& message = std::get<PortfolioValue>(*decoded);
    fields.skip();
    read_contract(fields, message.contract, true);
    message.position = fields.decimal();
    message.market_price = fields.decimal();
    message.market_value = fields.decimal();
    message.average_cost = fields.decimal();
    message.unrealized_pnl = fields.decimal();
    message.realized_pnl = fields.decimal();
    message.account = fields.text();
    if (fields.failed()) decoded = std::unexpected(fields.error());
    return decoded;
}

Decoded decode_execution(FieldCursor fields, int server_version) {
    Decoded decoded(std::in_place, std::in_place_type<ExecutionDetails>);
    auto& message = std::get<ExecutionDetails>(*decoded);
    if (server_version < 136) fields.skip();
    message.request_id = fields.whole(-1);
    message.order_id = fields.whole();
    read_contract(fields, message.contract, false);
    message.exec_id = fields.text();
    message.time = fields.text();
    message.account = fields.text();
    message.exchange = fields.text();
    message.side = fields.text();
    message.shares = fields.decimal();
    message.price = fields.decimal();
    message.perm_id = fields.whole();
    message.client_id = fields.whole();
    message.liquidation = fields.whole();
    message.cum_qty = fields.decimal();
    message.average_price = fields.decimal();
    message.order_ref = fields.text();
    message.ev_rule = fields.text();
    message.ev_multiplier = fields.decimal();
    if (server_version >= 103) message.model_code = fields.text();
    if (server_version >= 136) message.last_liquidity = fields.whole();
    if (server_version >= 178) message.pending_price_revision = fields.boolean();
    if (server_version >= 198) message.submitter = fields.text();
    if (fields.failed()) decoded = std::unexpected(fields.error());
    return decoded;
}

Decoded decode_commission(FieldCursor fields) {
    Decoded decoded(std::in_place, std::in_place_type<CommissionReport>);
    auto& message = std::get<CommissionReport>(*decoded);
    fields.skip();
    message.exec_id = fields.text();
    message.commission = fields.decimal();
    message.currency = fields.text();
    message.realized_pnl = fields.decimal();
    if (fields.failed()) decoded = std::unexpected(fields.error());
    return decoded;
}

void skip_pairs(FieldCursor& fields) {
    auto const pairs = fields.whole();
    if (pairs < 0 || pairs > 100) return fields.fail("an impossible count");
    fields.skip(static_cast<int>(pairs) * 2);
}

Decoded decode_contract_data(FieldCursor fields, int server_version) {
    Decoded decoded(std::in_place, std::in_place_type<ContractData>);
    auto& message = std::get<ContractData>(*decoded);
    if (server_version < 164) fields.skip();
    message.request_id = fields.whole(-1);
    message.contract.symbol = fields.text();
    message.contract.sec_type = fields.text();
    message.contract.last_trade_date = date_of(fields.text());
    if (server_version >= 182) fields.skip();
    message.contract.strike = fields.decimal();
    message.contract.right = fields.text();
    message.contract.exchange = fields.text();
    message.contract.currency = fields.text();
    message.contract.local_symbol = fields.text();
    message.market_name = fields.text();
    message.contract.trading_class = fields.text();
    message.contract.con_id = fields.whole();
    message.min_tick = fields.decimal();
    if (server_version >= 110 && server_version < 164) fields.skip();
    message.contract.multiplier = fields.decimal_or_nothing();
    fields.skip(2);  // order types, valid exchanges
    message.price_magnifier = fields.whole(1);
    message.under_con_id = fields.whole();
    message.long_name = fields.text();
    message.contract.primary_exchange = fields.text();
    fields.skip(4);  // contract month, industry, category, subcategory
    message.time_zone = fields.text();
    fields.skip(4);  // trading hours, liquid hours, EV rule, EV multiplier
    skip_pairs(fields);
    if (server_version >= 121) fields.skip();
    if (server_version >= 122) {
        message.under_symbol = fields.text();
        message.under_sec_type = fields.text();
    }
    if (server_version >= 126) fields.skip();
    if (server_version >= 134) message.real_expiration_date = fields.text();
    if (fields.failed()) decoded = std::unexpected(fields.error());
    return decoded;  // what follows is not needed
}

Decoded decode_bond_data(FieldCursor fields, int server_version) {
    Decoded decoded(std::in_place, std::in_place_type<ContractData>);
    auto& message = std::get<ContractData>(*decoded);
    message.is_bond = true;
    if (server_version < 164) fields.skip();
    message.request_id = fields.whole(-1);
    message.contract.symbol = fields.text();
    message.contract.sec_type = fields.text();
    fields.skip(2);  // CUSIP, coupon
    message.contract.last_trade_date = date_of(fields.text());
    fields.skip(8);  // issue date ... description
    message.contract.exchange = fields.text();
    message.contract.currency = fields.text();
    message.market_name = fields.text();
    message.contract.trading_class = fields.text();
    message.contract.con_id = fields.whole();
    message.min_tick = fields.decimal();
    if (server_version >= 110 && server_version < 164) fields.skip();
    fields.skip(6);  // order types, valid exchanges, next option date/type/partial, notes
    message.long_name = fields.text();
    if (fields.more()) message.time_zone = fields.text();
    if (fields.failed()) decoded = std::unexpected(fields.error());
    return decoded;
}

Decoded decode_error(FieldCursor fields, int server_version) {
    Decoded decoded(std::in_place, std::in_place_type<ErrorMessage>);
    auto& message = std::get<ErrorMessage>(*decoded);
    if (server_version < 194) fields.skip();
    message.request_id = fields.whole(-1);
    message.code = fields.whole();
    message.text = fields.text();
    if (server_version >= 166 && fields.more()) message.advanced_reject = fields.text();
    if (server_version >= 194 && fields.more()) message.time_milliseconds = fields.whole();
    if (fields.failed()) decoded = std::unexpected(fields.error());
    return decoded;
}

Decoded decode_pnl_single(FieldCursor fields, int server_version) {
    Decoded decoded(std::in_place, std::in_place_type<PnlSingle>);
    auto& message = std::get<PnlSingle>(*decoded);
    message.request_id = fields.whole(-1);
    message.position = fields.decimal();
    message.daily_pnl = fields.decimal();
    if (server_version >= 129) message.unrealized_pnl = fields.decimal();
    if (server_version >= 135) message.realized_pnl = fields.decimal();
    message.value = fields.decimal();
    if (fields.failed()) decoded = std::unexpected(fields.error());
    return decoded;
}

template <typename Message, typename Member, typename Read>
Decoded decode_one(FieldCursor fields, Member Message::* member, Read read) {
    Decoded decoded(std::in_place, std::in_place_type<Message>);
    auto& message = std::get<Message>(*decoded);
    fields.skip();  // version
    message.*member = (fields.*read)();
    if (fields.failed()) decoded = std::unexpected(fields.error());
    return decoded;
}

template <typename Message>
Decoded decode_number(FieldCursor fields, std::int64_t Message::* member) {
    Decoded decoded(std::in_place, std::in_place_type<Message>);
    auto& message = std::get<Message>(*decoded);
    fields.skip();  // version
    message.*member = fields.whole();
    if (fields.failed()) decoded = std::unexpected(fields.error());
    return decoded;
}

Decoded decode_position_multi(FieldCursor fields) {
    Decoded decoded(std::in_place, std::in_place_type<PositionMulti>);
    auto& message = std::get<PositionMulti>(*decoded);
    fields.skip();
    message.request_id = fields.whole(-1);
    message.account = fields.text();
    read_contract(fields, message.contract, false);
    message.position = fields.decimal();
    message.average_cost = fields.decimal();
    message.model_code = fields.text();
    if (fields.failed()) decoded = std::unexpected(with_account(fields.error(), message.account));
    return decoded;
}

Decoded decode_account_summary(FieldCursor fields) {
    Decoded decoded(std::in_place, std::in_place_type<AccountSummary>);
    auto& message = std::get<AccountSummary>(*decoded);
    fields.skip();
    message.request_id = fields.whole(-1);
    message.account = fields.text();
    message.tag = fields.text();
    message.value = fields.text();
    message.currency = fields.text();
    if (fields.failed()) decoded = std::unexpected(fields.error());
    return decoded;
}

Decoded decode_account_update_multi(FieldCursor fields) {
    Decoded decoded(std::in_place, std::in_place_type<AccountUpdateMulti>);
    auto& message = std::get<AccountUpdateMulti>(*decoded);
    fields.skip();
    message.request_id = fields.whole(-1);
    message.account = fields.text();
    message.model_code = fields.text();
    message.key = fields.text();
    message.value = fields.text();
    message.currency = fields.text();
    if (fields.failed()) decoded = std::unexpected(fields.error());
    return decoded;
}

Decoded decode_family_codes(FieldCursor fields) {
    Decoded decoded(std::in_place, std::in_place_type<FamilyCodes>);
    auto& message = std::get<FamilyCodes>(*decoded);
    auto const count = fields.whole();
    if (count < 0 || count > 200) fields.fail("an impossible count");
    for (std::int64_t i = 0; i < count && !fields.failed(); ++i) {
        FamilyCode& code = message.codes.emplace_back();
        code.account = fields.text();
        code.family_code = fields.text();
    }
    if (fields.failed()) decoded = std::unexpected(fields.error());
    return decoded;
}

Decoded decode_pnl(FieldCursor fields, int server_version) {
    Decoded decoded(std::in_place, std::in_place_type<Pnl>);
    auto& message = std::get<Pnl>(*decoded);
    message.request_id = fields.whole(-1);
    message.daily_pnl = fields.decimal();
    if (server_version >= 129) message.unrealized_pnl = fields.decimal();
    if (server_version >= 135) message.realized_pnl = fields.decimal();
    if (fields.failed()) decoded = std::unexpected(fields.error());
    return decoded;
}

Decoded decode_current_time_in_millis(FieldCursor fields) {
    Decoded decoded(std::in_place, std::in_place_type<CurrentTimeInMillis>);
    auto& message = std::get<CurrentTimeInMillis>(*decoded);
    message.milliseconds = fields.whole();
    if (fields.failed()) decoded = std::unexpected(fields.error());
    return decoded;
}

Decoded decode_text(int id, FieldCursor const& cursor, int server_version) {
    switch (id) {
        case 4: return decode_error(cursor, server_version);
        case 6: return decode_account_value(cursor);
        case 7: return decode_portfolio_value(cursor);
        case 8: return decode_one(cursor, &AccountUpdateTime::time, &FieldCursor::text);
        case 9: return decode_number(cursor, &NextValidId::order_id);
        case 10: return decode_contract_data(cursor, server_version);
        case 11: return decode_execution(cursor, server_version);
        case 15: return decode_one(cursor, &ManagedAccounts::accounts, &FieldCursor::text);
        case 18: return decode_bond_data(cursor, server_version);
        case 49: return decode_number(cursor, &CurrentTime::seconds);
        case 52: return decode_number(cursor, &ContractDataEnd::request_id);
        case 54: return decode_one(cursor, &AccountDownloadEnd::account, &FieldCursor::text);
        case 55: return decode_number(cursor, &ExecutionDetailsEnd::request_id);
        case 59: return decode_commission(cursor);
        case 61: return decode_position(cursor);
        case 62: return PositionEnd{};
        case 63: return decode_account_summary(cursor);
        case 64: return decode_number(cursor, &AccountSummaryEnd::request_id);
        case 71: return decode_position_multi(cursor);
        case 72: return decode_number(cursor, &PositionMultiEnd::request_id);
        case 73: return decode_account_update_multi(cursor);
        case 74: return decode_number(cursor, &AccountUpdateMultiEnd::request_id);
        case 78: return decode_family_codes(cursor);
        case 94: return decode_pnl(cursor, server_version);
        case 95: return decode_pnl_single(cursor, server_version);
        case 109: return decode_current_time_in_millis(cursor);
        default: return UnknownMessage{id};
    }
}

template <typename Variant, typename Message, typename... Presets>
std::expected<Variant, DecodeError> read_binary(int id, std::string_view body, Presets const&... presets) {
    std::expected<Variant, DecodeError> decoded(std::in_place, std::in_place_type<Message>, presets...);
    ProtobufReader reader(body, id);
    if (!reader.read(*std::get_if<Message>(&*decoded))) decoded = std::unexpected(reader.error());
    return decoded;
}

template <typename Message>
Decoded read_binary_position(int id, std::string_view body) {
    Message message;
    ProtobufReader reader(body, id);
    if (!reader.read(message)) return std::unexpected(with_account(reader.error(), message.account));
    return message;
}

Decoded decode_binary_contract(int id, std::string_view body) {
    ContractData data;
    data.is_bond = id == 18;
    auto decoded = read_binary<IncomingMessage, ContractData>(id, body, data);
    if (!decoded) return decoded;
    auto& contract = std::get<ContractData>(*decoded).contract;
    contract.last_trade_date = date_of(contract.last_trade_date);
    return decoded;
}

Decoded decode_binary(int id, std::string_view body) {
    switch (id) {
        case 4: return read_binary<IncomingMessage, ErrorMessage>(id, body);
        case 6: return read_binary<IncomingMessage, AccountValue>(id, body);
        case 7: return read_binary<IncomingMessage, PortfolioValue>(id, body);
        case 8: return read_binary<IncomingMessage, AccountUpdateTime>(id, body);
        case 9: return read_binary<IncomingMessage, NextValidId>(id, body);
        case 10: case 18: return decode_binary_contract(id, body);
        case 11: return read_binary<IncomingMessage, ExecutionDetails>(id, body);
        case 15: return read_binary<IncomingMessage, ManagedAccounts>(id, body);
        case 49: return read_binary<IncomingMessage, CurrentTime>(id, body);
        case 52: return read_binary<IncomingMessage, ContractDataEnd>(id, body);
        case 54: return read_binary<IncomingMessage, AccountDownloadEnd>(id, body);
        case 55: return read_binary<IncomingMessage, ExecutionDetailsEnd>(id, body);
        case 59: return read_binary<IncomingMessage, CommissionReport>(id, body);
        case 61: return read_binary_position<Position>(id, body);
        case 62: return read_binary<IncomingMessage, PositionEnd>(id, body);
        case 63: return read_binary<IncomingMessage, AccountSummary>(id, body);
        case 64: return read_binary<IncomingMessage, AccountSummaryEnd>(id, body);
        case 71: return read_binary_position<PositionMulti>(id, body);
        case 72: return read_binary<IncomingMessage, PositionMultiEnd>(id, body);
        case 73: return read_binary<IncomingMessage, AccountUpdateMulti>(id, body);
        case 74: return read_binary<IncomingMessage, AccountUpdateMultiEnd>(id, body);
        case 78: return read_binary<IncomingMessage, FamilyCodes>(id, body);
        case 94: return read_binary<IncomingMessage, Pnl>(id, body);
        case 95: return read_binary<IncomingMessage, PnlSingle>(id, body);
        case 109: return read_binary<IncomingMessage, CurrentTimeInMillis>(id, body);
        case 110: return read_binary<IncomingMessage, GatewaySettings>(id, body);
        default: return UnknownMessage{id};
    }
}

using Request = std::expected<ClientRequest, DecodeError>;

Request decode_binary_request(int id, std::string_view body) {
    switch (id) {
        case 6: return read_binary<ClientRequest, RequestAccountUpdates>(id, body, RequestAccountUpdates{false, {}});
        case 7: return read_binary<ClientRequest, RequestExecutions>(id, body);
        case 9: return read_binary<ClientRequest, RequestContractData>(id, body);
        case 17: return RequestManagedAccounts{};
        case 49: return RequestCurrentTime{};
        case 61: return RequestPositions{};
        case 62: return read_binary<ClientRequest, RequestAccountSummary>(id, body);
        case 63: return read_binary<ClientRequest, CancelAccountSummary>(id, body);
        case 64: return CancelPositions{};
        case 71: return read_binary<ClientRequest, StartApi>(id, body);
        case 74: return read_binary<ClientRequest, RequestPositionsMulti>(id, body);
        case 75: return read_binary<ClientRequest, CancelPositionsMulti>(id, body);
        case 76: return read_binary<ClientRequest, RequestAccountUpdatesMulti>(id, body);
        case 77: return read_binary<ClientRequest, CancelAccountUpdatesMulti>(id, body);
        case 80: return RequestFamilyCodes{};
        case 92: return read_binary<ClientRequest, RequestPnl>(id, body);
        case 93: return read_binary<ClientRequest, CancelPnl>(id, body);
        case 94: return read_binary<ClientRequest, RequestPnlSingle>(id, body);
        case 95: return read_binary<ClientRequest, CancelPnlSingle>(id, body);
        case 105: return RequestCurrentTimeInMillis{};
        case 108: return read_binary<ClientRequest, RequestSettings>(id, body);
        default: return UnknownRequest{id};
    }
}

Request decode_text_request(int id, FieldCursor fields, int server_version) {
    auto finish_request = [&](auto const& message) -> Request {
        if (fields.failed()) return std::unexpected(fields.error());
        return message;
    };
    /// Version and number, as most cancelling requests are.
    auto numbered = [&](auto message, bool with_version) -> Request {
        if (with_version) fields.skip();
        message.request_id = fields.whole();
        return finish_request(message);
    };
    switch (id) {
        case 6: {
            RequestAccountUpdates message;
            fields.skip();
            message.subscribe = fields.boolean();
            message.account = fields.text();
            return finish_request(message);
        }
        case 7: {
            RequestExecutions message;
            fields.skip();
            message.request_id = fields.whole();
            message.client_id = fields.whole();
            message.account = fields.text();
            message.time = fields.text();
            message.symbol = fields.text();
            message.sec_type = fields.text();
            message.exchange = fields.text();
            message.side = fields.text();
            if (server_version >= 200) {
                message.last_days = fields.whole();
                auto const dates = fields.whole();
                if (dates < 0 || dates > 100) fields.fail("an impossible count");
                for (std::int64_t i = 0; i < dates && !fields.failed(); ++i) message.dates.push_back(fields.whole());
            }
            return finish_request(message);
        }
        case 9: {
            RequestContractData message;
            fields.skip();
            message.request_id = fields.whole();
            message.con_id = fields.whole();
            message.symbol = fields.text();
            message.sec_type = fields.text();
            message.last_trade_date = fields.text();
            message.strike = fields.decimal();
            message.right = fields.text();
            fields.skip();  // multiplier
            message.exchange = fields.text();
            fields.skip();  // primary exchange
            message.currency = fields.text();
            message.local_symbol = fields.text();
            fields.skip();  // trading class
            message.include_expired = fields.boolean();
            return finish_request(message);
        }
        case 17: return RequestManagedAccounts{};
        case 49: return RequestCurrentTime{};
        case 61: return RequestPositions{};
        case 62: {
            RequestAccountSummary message;
            fields.skip();
            message.request_id = fields.whole();
            message.group = fields.text();
            message.tags = fields.text();
            return finish_request(message);
        }
        case 63: return numbered(CancelAccountSummary{}, true);
        case 64: return CancelPositions{};
        case 71: {
            StartApi message;
            fields.skip();
            message.client_id = fields.whole();
            return finish_request(message);
        }
        case 74: {
            RequestPositionsMulti message;
            fields.skip();
            message.request_id = fields.whole();
            message.account = fields.text();
            message.model_code = fields.text();
            return finish_request(message);
        }
        case 75: return numbered(CancelPositionsMulti{}, true);
        case 76: {
            RequestAccountUpdatesMulti message;
            fields.skip();
            message.request_id = fields.whole();
            message.account = fields.text();
            message.model_code = fields.text();
            message.ledger_and_nlv = fields.boolean();
            return finish_request(message);
        }
        case 77: return numbered(CancelAccountUpdatesMulti{}, true);
        case 80: return RequestFamilyCodes{};
        case 92: {
            RequestPnl message;
            message.request_id = fields.whole();
            message.account = fields.text();
            message.model_code = fields.text();
            return finish_request(message);
        }
        case 93: return numbered(CancelPnl{}, false);
        case 94: {
            RequestPnlSingle message;
            message.request_id = fields.whole();
            message.account = fields.text();
            fields.skip();
            message.con_id = fields.whole();
            return finish_request(message);
        }
        case 95: return numbered(CancelPnlSingle{}, false);
        case 105: return RequestCurrentTimeInMillis{};
        default: return UnknownRequest{id};
    }
}

/// The four bytes in front of a frame from server version 201 on; empty when there are none.
std::optional<std::uint32_t> raw_id(std::string_view payload) {
    if (payload.size() < 4) return std::nullopt;
    std::uint32_t id = 0;
    for (int i = 0; i < 4; ++i) id = id << 8 | static_cast<unsigned char>(payload[static_cast<std::size_t>(i)]);
    return id;
}

std::expected<int, DecodeError> id_of(Fields const& fields) {
    std::string_view const first = fields.count() == 0 ? std::string_view{} : fields[0];
    int id = 0;
    auto const [stop, error] = std::from_chars(first.data(), first.data() + first.size(), id);
    if (first.empty() || error != std::errc{} || stop != first.data() + first.size() || id < 0) {
        return std::unexpected(DecodeError{0, 0, "the message id is not a number"});
    }
    return id;
}

/// Finds the id and the form, by the frame alone.
template <typename Result, typename ReadText, typename ReadBinary>
Result dispatch(std::string_view payload, int server_version, ReadText read_text, ReadBinary read_binary_form) {
    Fields fields;
    if (server_version < binary_ids_since) {
        if (!fields.split(payload)) return std::unexpected(DecodeError{0, 0, "the frame is not a list of fields"});
        auto const id = id_of(fields);
        if (!id) return std::unexpected(id.error());
        return read_text(*id, FieldCursor(fields, *id, 1));
    }
    auto const raw = raw_id(payload);
    if (!raw || *raw > 100'000) return std::unexpected(DecodeError{0, 0, "the message id is not a number"});
    int const id = static_cast<int>(*raw);
    std::string_view const body = payload.substr(4);
    if (id > binary_offset) return read_binary_form(id - binary_offset, body);
    if (!fields.split(body)) return std::unexpected(DecodeError{id, 0, "the frame is not a list of fields"});
    return read_text(id, FieldCursor(fields, id, 0));
}

}  // namespace

Decoded decode(std::string_view payload, int server_version) {
    return dispatch<Decoded>(
        payload, server_version, [&](int id, FieldCursor const& fields) { return decode_text(id, fields, server_version); },
        decode_binary);
}

Request decode_request(std::string_view payload, int server_version) {
    return dispatch<Request>(
        payload, server_version,
        [&](int id, FieldCursor const& fields) { return decode_text_request(id, fields, server_version); }, decode_binary_request);
}

std::optional<int> base_id(std::string_view payload) {
    if (payload.starts_with('\0')) {
        auto const raw = raw_id(payload);
        if (!raw || *raw > 100'000) return std::nullopt;
        int const id = static_cast<int>(*raw);
        return id > binary_offset ? id - binary_offset : id;
    }
    std::string_view const first = payload.substr(0, payload.find('\0'));
    int id = 0;
    auto const [stop, error] = std::from_chars(first.data(), first.data() + first.size(), id);
    if (first.empty() || error != std::errc{} || stop != first.data() + first.size() || id < 0) return std::nullopt;
    return id;
}

std::optional<ServerHello> decode_hello(std::string_view payload) {
    Fields fields;
    if (!fields.split(payload) || fields.count() != 2) return std::nullopt;
    ServerHello hello;
    std::string_view const version = fields[0];
    auto const [stop, error] = std::from_chars(version.data(), version.data() + version.size(), hello.server_version);
    if (error != std::errc{} || stop != version.data() + version.size()) return std::nullopt;
    hello.connection_time = fields[1];
    return hello;
}

std::optional<ClientHello> decode_client_hello(std::string_view payload) {
    if (payload.empty() || payload.front() != 'v') return std::nullopt;
    ClientHello hello;
    char const* const end = payload.data() + payload.size();
    auto const [dots, first] = std::from_chars(payload.data() + 1, end, hello.version_min);
    if (first != std::errc{}) return std::nullopt;
    hello.version_max = hello.version_min;
    if (end - dots >= 2 && dots[0] == '.' && dots[1] == '.') {
        auto const [stop, second] = std::from_chars(dots + 2, end, hello.version_max);
        if (second != std::errc{} || (stop != end && *stop != ' ')) return std::nullopt;
    } else if (dots != end && *dots != ' ') {
        return std::nullopt;
    }
    return hello;
}

std::string unescape(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned code = 0;
        bool const escape = text[i] == '\\' && i + 5 < text.size() && text[i + 1] == 'u' &&
                            std::from_chars(text.data() + i + 2, text.data() + i + 6, code, 16).ptr == text.data() + i + 6;
        if (!escape || (code >= 0xD800 && code < 0xE000)) {
            result += text[i];
            continue;
        }
        i += 5;
        if (code < 0x80) {
            result += static_cast<char>(code);
        } else if (code < 0x800) {
            result += static_cast<char>(0xC0 | (code >> 6));
            result += static_cast<char>(0x80 | (code & 0x3F));
        } else {
            result += static_cast<char>(0xE0 | (code >> 12));
            result += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
            result += static_cast<char>(0x80 | (code & 0x3F));
        }
    }
    return result;
}

}  // namespace possync::tws
