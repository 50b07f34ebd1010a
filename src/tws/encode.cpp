#include "tws/encode.hpp"

#include <array>

#include "base/check.hpp"
#include "tws/decode.hpp"
#include "tws/frame.hpp"
#include "tws/outgoing.hpp"

namespace possync::tws {

namespace {

constexpr std::string_view unset_double = "1.7976931348623157E308";

/// One frame under construction: fields are appended, the length is filled in at the end.
class Frame {
public:
    Frame(std::string& out, int id) : out_(out), begin_(out.size()) {
        out_.append(4, '\0');
        add(std::int64_t{id});
    }
    ~Frame() {
        auto const length = static_cast<std::uint32_t>(out_.size() - begin_ - 4);
        for (int i = 0; i < 4; ++i) out_[begin_ + static_cast<std::size_t>(i)] = static_cast<char>((length >> (24 - 8 * i)) & 0xFF);
    }
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
            .add(contract.multiplier)
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

constexpr int id_of(OutgoingId id) { return static_cast<int>(id); }
constexpr std::int64_t int_unset = 2147483647;

struct RequestEncoder {
    std::string& out;
    int server_version;

    void operator()(StartApi const& m) const { Frame(out, id_of(OutgoingId::start_api)).add("2").add(m.client_id).add(""); }
    void operator()(RequestManagedAccounts const&) const { Frame(out, id_of(OutgoingId::request_managed_accounts)).add("1"); }
    void operator()(RequestCurrentTime const&) const { Frame(out, id_of(OutgoingId::request_current_time)).add("1"); }
    void operator()(RequestPositions const&) const { Frame(out, id_of(OutgoingId::request_positions)).add("1"); }
    void operator()(CancelPositions const&) const { Frame(out, id_of(OutgoingId::cancel_positions)).add("1"); }
    void operator()(RequestAccountUpdates const& m) const {
        Frame(out, id_of(OutgoingId::request_account_updates)).add("2").add(m.subscribe).add(m.account);
    }
    void operator()(RequestExecutions const& m) const {
        Frame frame(out, id_of(OutgoingId::request_executions));
        frame.add("3").add(m.request_id).add(m.client_id).add(m.account).add(m.time).empty(4);
        // Both counts are mandatory from 200 on: no last days, no dates.
        if (server_version >= 200) frame.add(int_unset).add("0");
    }
    void operator()(RequestContractData const& m) const {
        Frame frame(out, id_of(OutgoingId::request_contract_data));
        // conId alone identifies a contract; symbol ... trading class stay empty.
        frame.add("8").add(m.request_id).add(m.con_id).empty(11).add(false).empty(2);
        if (server_version >= 176) frame.add("");
    }
    void operator()(RequestPnlSingle const& m) const {
        Frame(out, id_of(OutgoingId::request_pnl_single)).add(m.request_id).add(m.account).add("").add(m.con_id);
    }
    void operator()(CancelPnlSingle const& m) const { Frame(out, id_of(OutgoingId::cancel_pnl_single)).add(m.request_id); }
};

struct MessageEncoder {
    std::string& out;
    int version;

    void operator()(UnknownMessage const& m) const { Frame(out, m.id); }
    void operator()(ManagedAccounts const& m) const { Frame(out, 15).add("1").add(m.accounts); }
    void operator()(NextValidId const& m) const { Frame(out, 9).add("1").add(m.order_id); }
    void operator()(Position const& m) const {
        Frame(out, 61).add("3").add(m.account).add(m.contract, false).add(m.position).add(m.average_cost);
    }
    void operator()(PositionEnd const&) const { Frame(out, 62).add("1"); }
    void operator()(AccountValue const& m) const { Frame(out, 6).add("2").add(m.key).add(m.value).add(m.currency).add(m.account); }
    void operator()(PortfolioValue const& m) const {
        Frame(out, 7)
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
    void operator()(AccountUpdateTime const& m) const { Frame(out, 8).add("1").add(m.time); }
    void operator()(AccountDownloadEnd const& m) const { Frame(out, 54).add("1").add(m.account); }
    void operator()(ExecutionDetails const& m) const {
        Frame frame(out, 11);
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
    void operator()(ExecutionDetailsEnd const& m) const { Frame(out, 55).add("1").add(m.request_id); }
    void operator()(CommissionReport const& m) const {
        Frame(out, 59).add("1").add(m.exec_id).add(m.commission).add(m.currency).add(m.realized_pnl).add(unset_double).add("");
    }
    void operator()(ContractData const& m) const {
        if (m.is_bond) return bond(m);
        Frame frame(out, 10);
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
        frame.add(m.contract.multiplier)
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
        Frame frame(out, 18);
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
    void operator()(ContractDataEnd const& m) const { Frame(out, 52).add("1").add(m.request_id); }
    void operator()(CurrentTime const& m) const { Frame(out, 49).add("1").add(m.seconds); }
    void operator()(ErrorMessage const& m) const {
        Frame frame(out, 4);
        if (version < 194) frame.add("2");
        frame.add(m.request_id).add(m.code).add(m.text);
        if (version >= 166) frame.add(m.advanced_reject);
        if (version >= 194) frame.add(m.time_milliseconds);
    }
    void operator()(PnlSingle const& m) const {
        Frame frame(out, 95);
        frame.add(m.request_id).add(m.position).add(m.daily_pnl);
        if (version >= 129) frame.add(m.unrealized_pnl);
        if (version >= 135) frame.add(m.realized_pnl);
        frame.add(m.value);
    }
};

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
    std::visit(RequestEncoder{out, server_version}, message);
}

void encode(std::string& out, IncomingMessage const& message, int server_version) {
    std::visit(MessageEncoder{out, server_version}, message);
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
        int id = 0;
        for (char const c : payload.substr(0, payload.find('\0'))) {
            if (c < '0' || c > '9' || id > 10'000) return false;
            id = id * 10 + (c - '0');
        }
        if (!is_allowed(id)) return false;
        bytes.remove_prefix(4 + length);
    }
    return true;
}

}  // namespace possync::tws
