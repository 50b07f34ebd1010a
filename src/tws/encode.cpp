#include "tws/encode.hpp"

#include <array>

#include "base/check.hpp"
#include "tws/decode.hpp"
#include "tws/frame.hpp"
#include "tws/generation.hpp"
#include "tws/outgoing.hpp"
#include "tws/protobuf.hpp"
#include "tws/protobuf_messages.hpp"

namespace possync::tws {

namespace {

constexpr std::string_view unset_double = "1.7976931348623157E308";

void append_number(std::string& out, std::uint32_t number) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>((number >> shift) & 0xFF));
}

/// Fills in the length of the frame that begins at `begin` and reaches to the end.
void write_length(std::string& out, std::size_t begin) {
    auto const length = static_cast<std::uint32_t>(out.size() - begin - 4);
    for (std::size_t i = 0; i < 4; ++i) out[begin + i] = static_cast<char>((length >> (24 - 8 * i)) & 0xFF);
}

template <typename Message>
void write_binary(std::string& out, int id, Message const& message) {
    std::size_t const begin = out.size();
    out.append(4, '\0');
    append_number(out, static_cast<std::uint32_t>(id + binary_offset));
    ProtobufWriter writer(out);
    describe(writer, message);
    write_length(out, begin);
}

/// One frame of text under construction: fields are appended, the length is filled in at the end.
class Frame {
public:
    Frame(std::string& out, int id, int server_version) : out_(out), begin_(out.size()) {
        out_.append(4, '\0');
        if (server_version < binary_ids_since) {
            add(std::int64_t{id});
        } else {
            append_number(out_, static_cast<std::uint32_t>(id));
        }
    }
    ~Frame() { write_length(out_, begin_); }
    Frame(Frame const&) = delete;
    Frame& operator=(Frame const&) = delete;

    Frame& add(std::string_view text) {
        out_.append(text);
        out_.push_back('\0');
        return *this;
    }
    Frame& add(char const* text) { return add(std::string_view(text)); }
    Frame& add(std::int64_t value) { return add(std::string_view(std::to_string(value))); }
    Frame& add(bool value) { return add(std::string_view(value ? "1" : "0")); }
    Frame& add(OptionalDecimal const& value, std::string_view unset = unset_double) {
        if (!value) return add(unset);
        std::array<char, 48> buffer;
        return add(std::string_view(buffer.data(), static_cast<std::size_t>(value->write(buffer.data()) - buffer.data())));
    }
    Frame& add(Contract const& contract, bool primary_instead_of_exchange) {
        return add(contract.con_id)
            .add(contract.symbol)
            .add(contract.sec_type)
            .add(contract.last_trade_date)
            .add(contract.strike, "0.0")
            .add(contract.right)
            .add(contract.multiplier, "")
            .add(primary_instead_of_exchange ? contract.primary_exchange : contract.exchange)
            .add(contract.currency)
            .add(contract.local_symbol)
            .add(contract.trading_class);
    }
    Frame& empty(int count) {
        while (count-- > 0) add(std::string_view{});
        return *this;
    }

private:
    std::string& out_;
    std::size_t begin_;
};

constexpr std::int64_t int_unset = 2147483647;

constexpr int id_of(StartApi const&) { return 71; }
constexpr int id_of(RequestManagedAccounts const&) { return 17; }
constexpr int id_of(RequestCurrentTime const&) { return 49; }
constexpr int id_of(RequestPositions const&) { return 61; }
constexpr int id_of(CancelPositions const&) { return 64; }
constexpr int id_of(RequestAccountUpdates const&) { return 6; }
constexpr int id_of(RequestExecutions const&) { return 7; }
constexpr int id_of(RequestContractData const&) { return 9; }
constexpr int id_of(RequestPnlSingle const&) { return 94; }
constexpr int id_of(CancelPnlSingle const&) { return 95; }
constexpr int id_of(RequestPositionsMulti const&) { return 74; }
constexpr int id_of(CancelPositionsMulti const&) { return 75; }
constexpr int id_of(RequestAccountSummary const&) { return 62; }
constexpr int id_of(CancelAccountSummary const&) { return 63; }
constexpr int id_of(RequestAccountUpdatesMulti const&) { return 76; }
constexpr int id_of(CancelAccountUpdatesMulti const&) { return 77; }
constexpr int id_of(RequestFamilyCodes const&) { return 80; }
constexpr int id_of(RequestPnl const&) { return 92; }
constexpr int id_of(CancelPnl const&) { return 93; }
constexpr int id_of(RequestCurrentTimeInMillis const&) { return 105; }
constexpr int id_of(RequestSettings const&) { return 108; }

/// The fields behind the id.
struct RequestEncoder {
    Frame& frame;
    int server_version;

    void operator()(StartApi const& m) const { frame.add("2").add(m.client_id).add(""); }
    void operator()(RequestManagedAccounts const&) const { frame.add("1"); }
    void operator()(RequestCurrentTime const&) const { frame.add("1"); }
    void operator()(RequestPositions const&) const { frame.add("1"); }
    void operator()(CancelPositions const&) const { frame.add("1"); }
    void operator()(RequestAccountUpdates const& m) const { frame.add("2").add(m.subscribe).add(m.account); }
    void operator()(RequestExecutions const& m) const {
        frame.add("3").add(m.request_id).add(m.client_id).add(m.account).add(m.time).add(m.symbol).add(m.sec_type).add(m.exchange).add(m.side);
        if (server_version < 200) return;
        // Both counts are mandatory: days before today, and single dates.
        frame.add(m.last_days > 0 ? m.last_days : int_unset).add(static_cast<std::int64_t>(m.dates.size()));
        for (auto const date : m.dates) frame.add(date);
    }
    void operator()(RequestContractData const& m) const {
        frame.add("8").add(m.request_id).add(m.con_id).add(m.symbol).add(m.sec_type).add(m.last_trade_date).add(m.strike, "").add(m.right);
        frame.empty(1).add(m.exchange).empty(1).add(m.currency).add(m.local_symbol).empty(1).add(m.include_expired).empty(2);
        if (server_version >= 176) frame.add("");
    }
    void operator()(RequestPnlSingle const& m) const { frame.add(m.request_id).add(m.account).add("").add(m.con_id); }
    void operator()(CancelPnlSingle const& m) const { frame.add(m.request_id); }
    void operator()(RequestPositionsMulti const& m) const { frame.add("1").add(m.request_id).add(m.account).add(m.model_code); }
    void operator()(CancelPositionsMulti const& m) const { frame.add("1").add(m.request_id); }
    void operator()(RequestAccountSummary const& m) const { frame.add("1").add(m.request_id).add(m.group).add(m.tags); }
    void operator()(CancelAccountSummary const& m) const { frame.add("1").add(m.request_id); }
    void operator()(RequestAccountUpdatesMulti const& m) const {
        frame.add("1").add(m.request_id).add(m.account).add(m.model_code).add(m.ledger_and_nlv);
    }
    void operator()(CancelAccountUpdatesMulti const& m) const { frame.add("1").add(m.request_id); }
    void operator()(RequestFamilyCodes const&) const {}
    void operator()(RequestPnl const& m) const { frame.add(m.request_id).add(m.account).add(m.model_code); }
    void operator()(CancelPnl const& m) const { frame.add(m.request_id); }
    void operator()(RequestCurrentTimeInMillis const&) const {}
    void operator()(RequestSettings const&) const {
        CHECK(false);  // newer than the text protocol: it has no text form
    }
};

struct MessageEncoder {
    std::string& out;
    int version;

    void operator()(UnknownMessage const& m) const { Frame(out, m.id, version); }
    void operator()(ManagedAccounts const& m) const { Frame(out, 15, version).add("1").add(m.accounts); }
    void operator()(NextValidId const& m) const { Frame(out, 9, version).add("1").add(m.order_id); }
    void operator()(Position const& m) const {
        Frame(out, 61, version).add("3").add(m.account).add(m.contract, false).add(m.position).add(m.average_cost);
    }
    void operator()(PositionEnd const&) const { Frame(out, 62, version).add("1"); }
    void operator()(AccountValue const& m) const { Frame(out, 6, version).add("2").add(m.key).add(m.value).add(m.currency).add(m.account); }
    void operator()(PortfolioValue const& m) const {
        Frame(out, 7, version)
            .add("8")
            .add(m.contract, true)
            .add(m.position)
            .add(m.market_price)
            .add(m.market_value)
            .add(m.average_cost)
            .add(m.unrealized_pnl)
            .add(m.realized_pnl)
            .add(m.account);
    }
    void operator()(AccountUpdateTime const& m) const { Frame(out, 8, version).add("1").add(m.time); }
    void operator()(AccountDownloadEnd const& m) const { Frame(out, 54, version).add("1").add(m.account); }
    void operator()(ExecutionDetails const& m) const {
        Frame frame(out, 11, version);
        if (version < 136) frame.add("10");
        frame.add(m.request_id)
            .add(m.order_id)
            .add(m.contract, false)
            .add(m.exec_id)
            .add(m.time)
            .add(m.account)
            .add(m.exchange)
            .add(m.side)
            .add(m.shares)
            .add(m.price)
            .add(m.perm_id)
            .add(m.client_id)
            .add(m.liquidation)
            .add(m.cum_qty)
            .add(m.average_price)
            .add(m.order_ref)
            .add(m.ev_rule)
            .add(m.ev_multiplier, "");
        if (version >= 103) frame.add(m.model_code);
        if (version >= 136) frame.add(m.last_liquidity);
        if (version >= 178) frame.add(m.pending_price_revision);
        if (version >= 198) frame.add(m.submitter);
    }
    void operator()(ExecutionDetailsEnd const& m) const { Frame(out, 55, version).add("1").add(m.request_id); }
    void operator()(CommissionReport const& m) const {
        Frame(out, 59, version).add("1").add(m.exec_id).add(m.commission).add(m.currency).add(m.realized_pnl).add(unset_double).add("");
    }
    void operator()(ContractData const& m) const {
        if (m.is_bond) return bond(m);
        Frame frame(out, 10, version);
        if (version < 164) frame.add("8");
        frame.add(m.request_id).add(m.contract.symbol).add(m.contract.sec_type).add(m.contract.last_trade_date);
        if (version >= 182) frame.add(m.contract.last_trade_date);
        frame.add(m.contract.strike, "0.0")
            .add(m.contract.right)
            .add(m.contract.exchange)
            .add(m.contract.currency)
            .add(m.contract.local_symbol)
            .add(m.market_name)
            .add(m.contract.trading_class)
            .add(m.contract.con_id)
            .add(m.min_tick);
        if (version >= 110 && version < 164) frame.add("1");
        frame.add(m.contract.multiplier, "")
            .empty(2)
            .add(m.price_magnifier)
            .add(m.under_con_id)
            .add(m.long_name)
            .add(m.contract.primary_exchange)
            .empty(4)
            .add(m.time_zone)
            .empty(4)
            .add("0");
        if (version >= 121) frame.add("1");
        if (version >= 122) frame.add(m.under_symbol).add(m.under_sec_type);
        if (version >= 126) frame.add("26");
        if (version >= 134) frame.add(m.real_expiration_date);
        if (version >= 152) frame.add("");
        if (version == 163) frame.add("1");
        if (version >= 164) frame.add("1").add("1").add("1");
        if (version >= 186) frame.add("0");
    }
    void bond(ContractData const& m) const {
        Frame frame(out, 18, version);
        if (version < 164) frame.add("6");
        frame.add(m.request_id).add(m.contract.symbol).add(m.contract.sec_type).empty(2).add(m.contract.last_trade_date).empty(4);
        frame.add("0").add("0").add("0").add("");
        frame.add(m.contract.exchange)
            .add(m.contract.currency)
            .add(m.market_name)
            .add(m.contract.trading_class)
            .add(m.contract.con_id)
            .add(m.min_tick);
        if (version >= 110 && version < 164) frame.add("1");
        frame.empty(4).add("0").add("").add(m.long_name).add(m.time_zone).empty(2);
        frame.empty(2).add("0");
        if (version >= 121) frame.add("1");
        if (version >= 126) frame.add("26");
        if (version >= 164) frame.add("1").add("1").add("1");
    }
    void operator()(ContractDataEnd const& m) const { Frame(out, 52, version).add("1").add(m.request_id); }
    void operator()(CurrentTime const& m) const { Frame(out, 49, version).add("1").add(m.seconds); }
    void operator()(ErrorMessage const& m) const {
        Frame frame(out, 4, version);
        if (version < 194) frame.add("2");
        frame.add(m.request_id).add(m.code).add(m.text);
        if (version >= 166) frame.add(m.advanced_reject);
        if (version >= 194) frame.add(m.time_milliseconds);
    }
    void operator()(PnlSingle const& m) const {
        Frame frame(out, 95, version);
        frame.add(m.request_id).add(m.position).add(m.daily_pnl);
        if (version >= 129) frame.add(m.unrealized_pnl);
        if (version >= 135) frame.add(m.realized_pnl);
        frame.add(m.value);
    }
    void operator()(PositionMulti const& m) const {
        Frame(out, 71, version)
            .add("1")
            .add(m.request_id)
            .add(m.account)
            .add(m.contract, false)
            .add(m.position)
            .add(m.average_cost)
            .add(m.model_code);
    }
    void operator()(PositionMultiEnd const& m) const { Frame(out, 72, version).add("1").add(m.request_id); }
    void operator()(AccountSummary const& m) const {
        Frame(out, 63, version).add("1").add(m.request_id).add(m.account).add(m.tag).add(m.value).add(m.currency);
    }
    void operator()(AccountSummaryEnd const& m) const { Frame(out, 64, version).add("1").add(m.request_id); }
    void operator()(AccountUpdateMulti const& m) const {
        Frame(out, 73, version).add("1").add(m.request_id).add(m.account).add(m.model_code).add(m.key).add(m.value).add(m.currency);
    }
    void operator()(AccountUpdateMultiEnd const& m) const { Frame(out, 74, version).add("1").add(m.request_id); }
    void operator()(FamilyCodes const& m) const {
        Frame frame(out, 78, version);
        frame.add(static_cast<std::int64_t>(m.codes.size()));
        for (auto const& code : m.codes) frame.add(code.account).add(code.family_code);
    }
    void operator()(Pnl const& m) const {
        Frame frame(out, 94, version);
        frame.add(m.request_id).add(m.daily_pnl);
        if (version >= 129) frame.add(m.unrealized_pnl);
        if (version >= 135) frame.add(m.realized_pnl);
    }
    void operator()(CurrentTimeInMillis const& m) const { Frame(out, 109, version).add(m.milliseconds); }
    void operator()(GatewaySettings const&) const {
        CHECK(false);  // newer than the text protocol: it has no text form
    }
};

constexpr int id_of(ManagedAccounts const&) { return 15; }
constexpr int id_of(NextValidId const&) { return 9; }
constexpr int id_of(Position const&) { return 61; }
constexpr int id_of(PositionEnd const&) { return 62; }
constexpr int id_of(AccountValue const&) { return 6; }
constexpr int id_of(PortfolioValue const&) { return 7; }
constexpr int id_of(AccountUpdateTime const&) { return 8; }
constexpr int id_of(AccountDownloadEnd const&) { return 54; }
constexpr int id_of(ExecutionDetails const&) { return 11; }
constexpr int id_of(ExecutionDetailsEnd const&) { return 55; }
constexpr int id_of(CommissionReport const&) { return 59; }
constexpr int id_of(ContractData const& m) { return m.is_bond ? 18 : 10; }
constexpr int id_of(ContractDataEnd const&) { return 52; }
constexpr int id_of(CurrentTime const&) { return 49; }
constexpr int id_of(ErrorMessage const&) { return 4; }
constexpr int id_of(PnlSingle const&) { return 95; }
constexpr int id_of(PositionMulti const&) { return 71; }
constexpr int id_of(PositionMultiEnd const&) { return 72; }
constexpr int id_of(AccountSummary const&) { return 63; }
constexpr int id_of(AccountSummaryEnd const&) { return 64; }
constexpr int id_of(AccountUpdateMulti const&) { return 73; }
constexpr int id_of(AccountUpdateMultiEnd const&) { return 74; }
constexpr int id_of(FamilyCodes const&) { return 78; }
constexpr int id_of(Pnl const&) { return 94; }
constexpr int id_of(CurrentTimeInMillis const&) { return 109; }
constexpr int id_of(GatewaySettings const&) { return 110; }

}  // namespace

void encode_client_hello(std::string& out, int version_min, int version_max) {
    out.append("API\0", 4);
    std::string range = "v" + std::to_string(version_min);
    if (version_max != version_min) range += ".." + std::to_string(version_max);
    append_frame(out, range);
}

void encode_server_hello(std::string& out, int server_version, std::string_view connection_time) {
    std::string payload = std::to_string(server_version);
    payload += '\0';
    payload += connection_time;
    payload += '\0';
    append_frame(out, payload);
}

void encode(std::string& out, OutgoingMessage const& message, int server_version) {
    std::visit(
        [&](auto const& each) {
            constexpr int id = id_of(std::remove_cvref_t<decltype(each)>{});
            static_assert(is_allowed(id));
            if (server_version >= requests_binary_since(id)) return write_binary(out, id, each);
            Frame frame(out, id, server_version);
            RequestEncoder{frame, server_version}(each);
        },
        message);
}

void encode(std::string& out, IncomingMessage const& message, int server_version) {
    std::visit(
        [&](auto const& each) {
            if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(each)>, UnknownMessage>) {
                if (server_version >= answers_binary_since(id_of(each))) return write_binary(out, id_of(each), each);
            }
            MessageEncoder{out, server_version}(each);
        },
        message);
}

bool may_be_sent(std::string_view bytes) {
    if (bytes.starts_with(std::string_view("API\0", 4))) {
        FrameReader reader;
        reader.append(bytes.substr(4));
        auto const hello = reader.next();
        return hello && *hello && decode_client_hello(**hello) && reader.buffered() == 0;
    }
    while (!bytes.empty()) {
        if (bytes.size() < 5) return false;
        std::size_t length = 0;
        for (int i = 0; i < 4; ++i) length = (length << 8) | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
        if (bytes.size() - 4 < length) return false;
        std::string_view const payload = bytes.substr(4, length);
        auto const id = base_id(payload);
        if (!id || !is_allowed(*id)) return false;
        bytes.remove_prefix(4 + length);
    }
    return true;
}

}  // namespace possync::tws
