#include "statement/flex_reader.hpp"

#include <expat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <map>

#include <fmt/format.h>

#include "statement/flex_names.hpp"
#include "statement/flex_values.hpp"

namespace possync::statement {

using base::Date;
using base::Decimal;
using base::ErrorCode;
using base::Result;
using base::Timestamp;
using model::ConId;

namespace {

enum class Section : std::uint8_t {
    none,
    unused,
    unknown,
    account,
    trades,
    option_events,
    corporate_actions,
    transfers,
    positions,
    cash,
    fx,
    securities,
    rates,
};

struct NamedSection {
    std::string_view name;
    Section section;
    std::string_view row;
};
constexpr std::array<NamedSection, 10> named_sections{{
    {"AccountInformation", Section::account, ""},
    {"Trades", Section::trades, "Trade"},
    {"OptionEAE", Section::option_events, "OptionEAE"},
    {"CorporateActions", Section::corporate_actions, "CorporateAction"},
    {"Transfers", Section::transfers, "Transfer"},
    {"OpenPositions", Section::positions, "OpenPosition"},
    {"CashTransactions", Section::cash, "CashTransaction"},
    {"FxTransactions", Section::fx, "FxTransaction"},
    {"SecuritiesInfo", Section::securities, "SecurityInfo"},
    {"ConversionRates", Section::rates, "ConversionRate"},
}};

/// Rows of a statement, gathered in pieces: growing one vector would hold a million trades twice. A piece is large enough to be
/// given back to the system the moment it is freed (glibc keeps what is below 32 MiB).
template <typename Row>
class Rows {
public:
    Row& add() {
        if (pieces_.empty() || pieces_.back().size() == piece) {
            pieces_.emplace_back();
            if (pieces_.size() > 1) pieces_.back().reserve(piece);
        }
        return pieces_.back().emplace_back();
    }
    [[nodiscard]] bool empty() const { return pieces_.empty(); }
    [[nodiscard]] Row const& last() const { return pieces_.back().back(); }
    std::vector<Row> take() {
        std::vector<Row> all;
        if (pieces_.size() == 1) {
            all = std::move(pieces_.front());
        } else if (!pieces_.empty()) {
            all.reserve((pieces_.size() - 1) * piece + pieces_.back().size());
            // Each piece is freed when it is moved over, and the memory behind `all` is first touched here.
            for (auto& rows : pieces_) {
                std::ranges::move(rows, std::back_inserter(all));
                std::vector<Row>().swap(rows);
            }
        }
        pieces_.clear();
        return all;
    }

private:
    static constexpr std::size_t piece = (std::size_t{33} << 20) / sizeof(Row);
    std::vector<std::vector<Row>> pieces_;
};

void append_json_text(std::string& out, std::string_view text) {
    out += '"';
    for (char const c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    }
    out += '"';
}

std::uint64_t fingerprint(std::uint64_t seed, std::string_view text) {  // FNV-1a
    for (char const c : text)
        seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
    return (seed ^ 0x1F) * 0x100000001B3ULL;
}

constexpr std::size_t slice = std::size_t{1} << 16;
/// Nothing that IBKR sends comes near; without a bound one attribute could fill the memory.
constexpr std::size_t silence_max = std::size_t{1} << 22;
constexpr std::size_t remainder_size_max = 4096;

}  // namespace

class FlexReader::Implementation {
public:
    Implementation(FlexOptions options, base::ZoneRules const& zones, Sink sink)
        : options_(std::move(options)), zones_(zones), sink_(std::move(sink)), parser_(XML_ParserCreate(nullptr)) {
        XML_SetUserData(parser_, this);
        XML_SetElementHandler(parser_, on_start, on_end);
        XML_SetStartDoctypeDeclHandler(parser_, on_doctype);
    }
    ~Implementation() { XML_ParserFree(parser_); }
    Implementation(Implementation const&) = delete;
    Implementation& operator=(Implementation const&) = delete;

    Result<void> feed(std::string_view bytes) {
        while (!error_ && !bytes.empty()) {
            std::string_view const part = bytes.substr(0, slice);
            bytes.remove_prefix(part.size());
            if (!started_) started_ = look_at_start(part);
            silence_ += part.size();
            parse(part, false);
            if (!error_ && silence_ > silence_max) {
                fail(fmt::format("one element is longer than {} MiB; this is not a Flex statement", silence_max >> 20));
            }
        }
        return outcome();
    }

    Result<void> finish() {
        if (!error_ && !finished_) {
            parse({}, true);
            finished_ = true;
            if (!error_ && response_) answer_of_service();
        }
        return outcome();
    }

    int statements = 0;

private:
    // ---- Expat
    // -----------------------------------------------------------------------------------------------------------------

    static void on_start(void* self, XML_Char const* name, XML_Char const** attributes) {
        static_cast<Implementation*>(self)->guarded([&](Implementation& reader) { reader.start(name, attributes); });
    }
    static void on_end(void* self, XML_Char const* name) {
        static_cast<Implementation*>(self)->guarded([&](Implementation& reader) { reader.end(name); });
    }
    static void on_text(void* self, XML_Char const* text, int size) {
        auto& reader = *static_cast<Implementation*>(self);
        reader.silence_ = 0;
        if (reader.text_.size() < remainder_size_max) reader.text_.append(text, static_cast<std::size_t>(size));
    }
    static void on_doctype(void* self, XML_Char const*, XML_Char const*, XML_Char const*, int) {
        static_cast<Implementation*>(self)->fail("a document type declaration; Flex statements have none, and it is refused");
    }

    /// No exception may pass through Expat.
    template <typename Work>
    void guarded(Work const& work) {
        if (error_) return;
        silence_ = 0;
        try {
            work(*this);
        } catch (base::DecimalOverflow const&) {
            fail("a number is too large to calculate with");
        }
    }

    void parse(std::string_view bytes, bool last) {
        auto const status = XML_Parse(parser_, bytes.data(), static_cast<int>(bytes.size()), last ? XML_TRUE : XML_FALSE);
        if (status == XML_STATUS_ERROR && !error_) malformed(XML_GetErrorCode(parser_), last);
    }

    bool look_at_start(std::string_view part) {
        if (part.starts_with("\xEF\xBB\xBF")) part.remove_prefix(3);
        auto const first = part.find_first_not_of(" \t\r\n");
        if (first == std::string_view::npos) return false;
        // UTF-16 begins with a mark of two bytes above 0x7F.
        if (part[first] != '<' && static_cast<unsigned char>(part[first]) < 0x80) {
            fail(part.starts_with("PK") ? "this is a ZIP archive; unpack it first"
                                        : "this is not XML; choose the format XML in the Flex query (Delivery Configuration)");
        }
        return true;
    }

    void malformed(XML_Error code, bool last) {
        bool const cut = last || code == XML_ERROR_NO_ELEMENTS || code == XML_ERROR_UNCLOSED_TOKEN;
        fail(cut ? std::string(started_ ? "the file ends in the middle; it did not arrive whole, fetch it again"
                                        : "the file is empty")
                 : fmt::format("malformed XML: {}; fetch the statement again", XML_ErrorString(code)));
    }

    void fail(std::string const& message, ErrorCode code = ErrorCode::invalid_input) {
        if (error_) return;
        error_ = base::Error{code, fmt::format("{}:{}:{}: {}", options_.source, XML_GetCurrentLineNumber(parser_),
                                               XML_GetCurrentColumnNumber(parser_) + 1, message)};
        XML_StopParser(parser_, XML_FALSE);
    }

    Result<void> outcome() const {
        if (error_) return std::unexpected(*error_);
        return {};
    }

    // ---- Structure
    // -------------------------------------------------------------------------------------------------------------

    void start(char const* name, char const** attributes) {
        ++depth_;
        switch (depth_) {
        case 1: return root(name, attributes);
        case 2:
            inside_ = std::strcmp(name, "FlexStatements") == 0;
            if (response_) text_.clear();
            return;
        case 3:
            if (inside_ && std::strcmp(name, "FlexStatement") == 0) begin_statement(attributes);
            return;
        case 4:
            if (in_statement_) begin_section(name, attributes);
            return;
        default:
            if (in_statement_) row(name, attributes);
        }
    }

    void end(char const* name) {
        if (response_ && depth_ == 2) answers_[name] = text_;
        if (depth_ == 3 && in_statement_) end_statement();
        if (depth_ == 4 && in_statement_) end_section();
        --depth_;
    }

    void root(std::string_view name, char const** attributes) {
        if (name == "FlexStatementResponse") {
            response_ = true;
            XML_SetCharacterDataHandler(parser_, on_text);
            return;
        }
        if (name != "FlexQueryResponse") {
            return fail(
                fmt::format("the root element is {}, not FlexQueryResponse; this is not a Flex statement", name.substr(0, 60)));
        }
        for (; *attributes != nullptr; attributes += 2) {
            if (std::string_view(attributes[0]) == "queryName") query_name_ = attributes[1];
            if (std::string_view(attributes[0]) == "type" && std::string_view(attributes[1]) == "TCF") {
                return fail(
                    "this is a Trade Confirmation Flex query; make an Activity Flex query, which has positions and final trades");
            }
        }
    }

    /// The service's answer instead of a statement.
    void answer_of_service() {
        auto const code = answers_.find("ErrorCode");
        if (code != answers_.end()) {
            return fail(fmt::format("the Flex Web Service answered with error {} instead of a statement: {}", code->second,
                                    answers_["ErrorMessage"]),
                        ErrorCode::unavailable);
        }
        fail("this is the receipt of a request to the Flex Web Service, not the statement; fetch the statement by its reference "
             "code");
    }

    void begin_statement(char const** attributes) {
        in_statement_ = true;
        statement_ = {};
        take(attributes, "FlexStatement", statement_fields_);
        statement_.source = options_.source;
        statement_.query_name = query_name_;
        statement_.account = text(Field::account_id);
        row_name_ = "FlexStatement";
        day_order_ = DayOrder::unknown;
        for (Field const field : {Field::from_date, Field::to_date, Field::when_generated}) {
            if (auto const order = day_order_of(view(field)); order != DayOrder::unknown) day_order_ = order;
        }
        if (statement_.account.empty() || is_unset(statement_.account)) {
            return fail(
                "FlexStatement has no accountId; add Account ID to the Flex query's account information and run it again");
        }
        auto const from = moment(Field::from_date);
        auto const to = moment(Field::to_date);
        auto const generated = moment(Field::when_generated);
        if (error_) return;
        if (!from || !to) return fail("FlexStatement has no fromDate and toDate; it cannot be told which days it speaks of");
        statement_.from = from->date;
        statement_.to = to->date;
        if (statement_.to < statement_.from) return fail("FlexStatement ends before it begins: toDate is before fromDate");
        if (generated) statement_.generated_at = instant(*generated);
    }

    void end_statement() {
        statement_.trades = trades_.take();
        statement_.option_events = option_events_.take();
        statement_.closed_lots = closed_lots_.take();
        statement_.positions = positions_.take();
        // Rows at level SUMMARY repeat what those at level DETAIL say.
        if (cash_.empty()) cash_ = std::move(cash_summaries_);
        if (corporate_actions_.empty()) corporate_actions_ = std::move(action_summaries_);
        statement_.cash = std::move(cash_);
        statement_.corporate_actions = std::move(corporate_actions_);
        name_deliveries();
        if (remainders_left_out_ > 0) {
            statement_.remainders.push_back({"more", remainder_line_, fmt::format("{{\"not kept\": {}}}", remainders_left_out_)});
        }
        cash_.clear(), cash_summaries_.clear(), corporate_actions_.clear(), action_summaries_.clear();
        instruments_.clear();
        made_ids_.clear();
        reported_.clear();
        remainders_left_out_ = 0;
        in_statement_ = false;
        ++statements;
        if (auto const taken = sink_(std::exchange(statement_, {})); !taken) {
            error_ = taken.error();
            XML_StopParser(parser_, XML_FALSE);
        }
    }

    void begin_section(std::string_view name, char const** attributes) {
        auto const found = std::ranges::find(named_sections, name, &NamedSection::name);
        section_name_ = name;
        executions_seen_ = rows_seen_ = summaries_seen_ = lots_seen_ = false;
        if (found == named_sections.end()) {
            section_ = is_unused_section(name) ? Section::unused : Section::unknown;
            expected_row_ = {};
            if (section_ == Section::unknown && *attributes != nullptr) remain(section_name_, attributes);
            return;
        }
        section_ = found->section;
        expected_row_ = found->row;
        if (section_ == Section::account) {
            take(attributes, "AccountInformation", section_fields_[static_cast<std::size_t>(section_)]);
            statement_.base_currency = text(Field::currency);
        }
    }

    void end_section() {
        // A section that has rows, but none at the level that counts, says nothing.
        switch (section_) {
        case Section::trades:
            if (executions_seen_ || !rows_seen_)
                statement_.has_trades = true;
            else
                remain_note("Trades", "has no rows at level EXECUTION; tick Executions in the Flex query");
            break;
        case Section::positions:
            if (summaries_seen_ || !rows_seen_) statement_.has_positions = true;
            if (lots_seen_ || !rows_seen_) statement_.has_lots = true;
            if (rows_seen_ && !summaries_seen_) {
                remain_note("OpenPositions", "has no rows at level SUMMARY; tick Summary in the Flex query");
            }
            break;
        case Section::option_events: statement_.has_option_events = true; break;
        case Section::corporate_actions: statement_.has_corporate_actions = true; break;
        case Section::transfers: statement_.has_transfers = true; break;
        default: break;
        }
        section_ = Section::none;
    }

    void row(std::string_view name, char const** attributes) {
        rows_seen_ = true;
        switch (section_) {
        case Section::none:
        case Section::unused: return;
        case Section::unknown: return remain(section_name_, attributes);
        default: break;
        }
        bool const expected = name == expected_row_ && depth_ == 5;
        if (section_ == Section::trades && depth_ == 5) {
            if (name == "Order" || name == "SymbolSummary" || name == "AssetSummary" || name == "WashSale") return;
            if (name == "Lot") {
                begin_row(name, attributes, lot_fields_);
                if (!error_) closed_lot();
                return;
            }
        }
        if (!expected) return remain(section_name_ + "/" + std::string(name), attributes);
        begin_row(name, attributes, section_fields_[static_cast<std::size_t>(section_)]);
        if (error_) return;
        switch (section_) {
        case Section::trades: return trade();
        case Section::option_events: return option_event();
        case Section::corporate_actions: return corporate_action();
        case Section::transfers: return transfer();
        case Section::positions: return position();
        case Section::cash: return cash();
        case Section::fx: return currency_profit();
        case Section::securities: return security();
        case Section::rates: return rate();
        default: return;
        }
    }

    // ---- Attributes of the element at hand
    // ---------------------------------------------------------------------------------------

    /// What attributes the last element of a kind had, in order. The next one mostly has the same.
    struct Remembered {
        std::string name;
        Field field;
    };
    using Shape = std::vector<Remembered>;

    void take(char const** attributes, std::string_view row_name, Shape& shape) {
        values_.fill(nullptr);
        row_name_ = row_name;
        for (std::size_t i = 0; *attributes != nullptr; attributes += 2, ++i) {
            if (i >= shape.size() || shape[i].name != attributes[0]) {
                shape.resize(std::min(i, shape.size()));
                shape.push_back({attributes[0], field_named(attributes[0])});
            }
            Field const field = shape[i].field;
            if (field < Field::count) {
                values_[static_cast<std::size_t>(field)] = attributes[1];
            } else if (field == Field::unknown && !is_unset(attributes[1])) {
                report_attribute(attributes[0], attributes[1]);
            }
        }
    }

    void begin_row(std::string_view name, char const** attributes, Shape& shape) {
        take(attributes, name, shape);
        line_ = static_cast<int>(XML_GetCurrentLineNumber(parser_));
        std::string_view const account = view(Field::account_id);
        // The commodities segment of an account bears its code and an F.
        bool const own =
            is_unset(account) || account == statement_.account ||
            (account.size() == statement_.account.size() + 1 && account.starts_with(statement_.account) && account.back() == 'F');
        if (!own) {
            fail_row(fmt::format("is of account {}, in the statement of {}; let the Flex query break out accounts "
                                 "(Delivery Configuration, \"Breakout by Day/Account\") and run it again",
                                 account, statement_.account));
        }
    }

    [[nodiscard]] std::string_view view(Field field) const {
        char const* value = values_[static_cast<std::size_t>(field)];
        return value == nullptr ? std::string_view{} : std::string_view(value);
    }
    /// Unset is empty.
    [[nodiscard]] std::string text(Field field) const {
        std::string_view const value = view(field);
        return is_unset(value) ? std::string{} : std::string(value);
    }

    void fail_row(std::string const& what) { fail(fmt::format("{} {} {}", row_name_, view(Field::symbol), what)); }
    void fail_field(Field field, base::Error const& error) {
        fail(fmt::format("{} {}: {}: {}", row_name_, view(Field::symbol), name_of(field), error.message));
    }

    std::optional<Decimal> number(Field field) {
        auto const value = parse_number(view(field));
        if (value) return *value;
        fail_field(field, value.error());
        return std::nullopt;
    }
    /// A number that the row must have.
    Decimal required(Field field) {
        auto const value = number(field);
        if (!value && !error_) {
            fail_row(fmt::format("has no {}; add it to the section {} of the Flex query and run it again", name_of(field),
                                 section_name_));
        }
        return value.value_or(Decimal());
    }
    std::int64_t whole(Field field) {
        std::string_view const digits = view(field);
        std::int64_t value = 0;
        auto const [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return error == std::errc{} && stop == digits.data() + digits.size() ? value : 0;
    }

    std::optional<Moment> moment(Field field) {
        auto const value = parse_moment(view(field), day_order_);
        if (value) return *value;
        fail_field(field, value.error());
        return std::nullopt;
    }
    std::optional<Date> date(Field field) {
        auto const value = moment(field);
        return value ? std::optional(value->date) : std::nullopt;
    }
    /// The first of these fields that is set.
    Date required_date(std::initializer_list<Field> fields) {
        for (Field const field : fields) {
            if (auto const value = date(field)) return *value;
            if (error_) return {};
        }
        fail_row(fmt::format("has no date; add {} to the section {} of the Flex query and run it again", name_of(*fields.begin()),
                             section_name_));
        return {};
    }

    std::optional<Timestamp> instant(Field field) {
        auto const value = moment(field);
        return value ? instant(*value) : std::nullopt;
    }
    std::optional<Timestamp> instant(Moment const& moment) {
        if (!moment.microseconds_of_day) return std::nullopt;
        base::LocalTime const local{moment.date, *moment.microseconds_of_day};
        std::int64_t const day = base::days_since_epoch(moment.date);
        // A day on which the clocks do not change has one offset; asking for it once a day instead of once a row.
        auto found = offsets_.find(day);
        if (found == offsets_.end()) {
            auto const offset_at = [&](Date date) -> std::optional<base::Duration> {
                auto const at = zones_.to_utc(options_.zone, {date, 0});
                if (!at) return std::nullopt;
                return *at - base::from_utc_local({date, 0});
            };
            auto const before = offset_at(moment.date);
            auto const after = offset_at(base::date_of_days(day + 1));
            found = offsets_.emplace(day, before == after ? before : std::nullopt).first;
        }
        if (found->second) return base::from_utc_local(local) + *found->second;
        auto const time = zones_.to_utc(options_.zone, local);
        if (time) return *time;
        fail(fmt::format("{} {}: {}; check the zone of the statement's times ([flex] zone)", row_name_, view(Field::symbol),
                         time.error().message));
        return std::nullopt;
    }

    // ---- Rows
    // ------------------------------------------------------------------------------------------------------------------

    /// The row's instrument, which it must name when a quantity of it moves.
    ConId instrument(bool needed) {
        std::string_view const digits = view(Field::conid);
        ConId const con_id = whole(Field::conid);
        if (con_id <= 0) {
            if (!is_unset(digits) && digits != "0")
                fail_row(fmt::format("has the conid '{}', which is not a number", digits.substr(0, 40)));
            if (needed && !error_) {
                fail_row(
                    fmt::format("has no conid, so nobody can tell which instrument moved; add Conid to the section {} of the "
                                "Flex query and run it again (or write the attribute conid into the file)",
                                section_name_));
            }
            return 0;
        }
        auto const [found, is_new] = instruments_.try_emplace(con_id);
        auto const mask = 1U << static_cast<unsigned>(section_);
        if ((found->second.sections & mask) == 0) {
            found->second.sections |= mask;
            if (is_new) {
                found->second.index = statement_.instruments.size();
                statement_.instruments.emplace_back().con_id = con_id;
            }
            describe(statement_.instruments[found->second.index], found->second);
        }
        return con_id;
    }

    struct Described {
        std::size_t index = 0;
        unsigned sections = 0;  ///< that have told what they know of it
        bool multiplier = false;
    };

    /// Adds what this row knows of an instrument to what others said; what was said first stays.
    void describe(model::Instrument& to, Described& described) {
        std::string const sec_type(sec_type_of(text(Field::asset_category)));
        auto keep = [](std::string& target, std::string value) {
            if (target.empty()) target = std::move(value);
        };
        keep(to.sec_type, sec_type);
        std::string const underlying = text(Field::underlying_symbol);
        keep(to.symbol, named_by_underlying(to.sec_type) && !underlying.empty() ? underlying : text(Field::symbol));
        keep(to.local_symbol, text(Field::symbol));
        keep(to.currency, text(Field::currency));
        keep(to.primary_exchange, text(Field::listing_exchange));
        if (named_by_underlying(to.sec_type)) keep(to.exchange, to.primary_exchange);
        if (auto const expiry = date(Field::expiry)) {
            keep(to.expiry, fmt::format("{:04}{:02}{:02}", expiry->year, expiry->month, expiry->day));
        }
        // IBKR prints strike 0 where there is none.
        if (auto const strike = number(Field::strike); strike && !to.strike && !strike->is_zero()) to.strike = strike;
        std::string const put_call = text(Field::put_call);
        keep(to.right, put_call.empty() ? std::string{} : put_call.substr(0, 1));
        keep(to.under_sec_type, text(Field::underlying_category));
        if (auto const under = whole(Field::underlying_conid); under > 0 && !to.under_con_id) to.under_con_id = under;
        if (auto const multiplier = number(Field::multiplier); multiplier && !described.multiplier && multiplier->is_positive()) {
            to.multiplier = *multiplier;
            described.multiplier = true;
        }
    }

    void trade() {
        std::string_view const level = view(Field::level_of_detail);
        if (level == "CLOSED_LOT") return closed_lot();
        if (!is_unset(level) && level != "EXECUTION") return;
        executions_seen_ = true;
        ConId const con_id = instrument(true);
        Decimal const quantity = required(Field::quantity);
        Decimal const price = required(Field::trade_price);
        auto const at = moment_of_trade();
        Date const day = required_date({Field::trade_date, Field::date_time, Field::report_date});
        auto money = number(Field::trade_money);
        if (!money) money = number(Field::proceeds);
        auto const pnl = number(Field::fifo_pnl_realized);
        auto commission = number(Field::ib_commission);
        auto const taxes = number(Field::taxes);
        if (error_) return;
        auto& row = trades_.add();
        row.con_id = con_id;
        row.line = line_;
        row.time = at;
        row.trade_date = day;
        std::string_view const buy_sell = view(Field::buy_sell);
        std::string_view const notes = view(is_unset(view(Field::notes)) ? Field::code : Field::notes);
        auto const codes = trade_codes(notes, view(Field::transaction_type), buy_sell, sec_type_of(view(Field::asset_category)),
                                       quantity.is_negative(), price.is_zero());
        row.cause = codes.cause;
        row.cancels = codes.cancels;
        row.corrects = codes.corrects;
        row.quantity = codes.cancels ? quantity : signed_by(buy_sell, quantity);
        row.price = price;
        if (money) row.money = money->abs();
        row.realized_pnl = pnl;
        row.commission_currency = text(Field::ib_commission_currency);
        std::string_view const currency = view(Field::currency);
        if (taxes && !taxes->is_zero()) {
            // Taxes are in the currency of the trade; the commission may be in another, and there is no adding the two.
            if (!commission || commission->is_zero() || is_unset(view(Field::ib_commission_currency)) ||
                view(Field::ib_commission_currency) == currency) {
                commission = commission.value_or(Decimal()) + *taxes;
                row.commission_currency = currency;
            } else {
                report_attribute("taxes", view(Field::taxes));
            }
        }
        if (commission) row.commission = -*commission;
        if (row.commission_currency.empty() && commission) row.commission_currency = currency;
        row.transaction_id = text(Field::transaction_id);
        row.trade_id = text(Field::trade_id);
        row.exec_id = text(Field::ib_exec_id);
        row.original_trade_id = text(Field::orig_trade_id);
        row.order_id = whole(Field::ib_order_id);
        row.order_ref = text(Field::order_reference);
        row.exchange = text(Field::exchange);
        if (!is_unset(notes)) row.notes = notes;
    }

    /// dateTime, or tradeDate with tradeTime.
    std::optional<Timestamp> moment_of_trade() {
        auto const at = moment(Field::date_time);
        if (at && at->microseconds_of_day) return instant(*at);
        std::string_view const time = view(Field::trade_time);
        std::string_view const day = view(Field::trade_date);
        if (is_unset(time) || !moment(Field::trade_date)) return std::nullopt;
        auto const joined = parse_moment(std::string(day) + ";" + std::string(time), day_order_);
        if (!joined) fail_field(Field::trade_time, joined.error());
        return joined && *joined ? instant(**joined) : std::nullopt;
    }

    /// Old statements print the quantity of a sale without its sign.
    static Decimal signed_by(std::string_view buy_sell, Decimal const& quantity) {
        if (buy_sell == "SELL" && quantity.is_positive()) return -quantity;
        if (buy_sell == "BUY" && quantity.is_negative()) return -quantity;
        return quantity;
    }

    void closed_lot() {
        if (std::string_view const level = view(Field::level_of_detail); !is_unset(level) && level != "CLOSED_LOT") return;
        ConId const con_id = instrument(true);
        Decimal const quantity = required(Field::quantity);
        Date const day = required_date({Field::trade_date, Field::date_time, Field::report_date});
        auto const opened_at = instant(Field::open_date_time);
        auto const cost = number(Field::cost);
        auto const pnl = number(Field::fifo_pnl_realized);
        if (error_) return;
        auto& row = closed_lots_.add();
        row.con_id = con_id;
        row.line = line_;
        row.trade_date = day;
        row.opened_at = opened_at;
        // buySell is the closing trade's: what was sold was long.
        std::string_view const buy_sell = view(Field::buy_sell);
        row.quantity = buy_sell.starts_with("SELL") ? quantity.abs() : buy_sell.starts_with("BUY") ? -quantity.abs() : quantity;
        if (cost) row.cost = cost->abs();
        row.realized_pnl = pnl;
        row.transaction_id = text(Field::transaction_id);
        // The lots of a closing trade follow it.
        if (row.transaction_id.empty() && !trades_.empty() && trades_.last().con_id == con_id &&
            trades_.last().trade_date == day) {
            row.transaction_id = trades_.last().transaction_id;
        }
    }

    void option_event() {
        ConId const con_id = instrument(true);
        Decimal const quantity = required(Field::quantity);
        Date const day = required_date({Field::date, Field::trade_date, Field::date_time, Field::report_date});
        auto const at = instant(Field::date_time);
        auto const price = number(Field::trade_price);
        auto const money = number(Field::proceeds);
        auto const commission = number(Field::commission_and_tax);
        auto const pnl = number(Field::realized_pnl);
        if (error_) return;
        auto& row = option_events_.add();
        row.con_id = con_id;
        row.line = line_;
        row.trade_date = day;
        row.time = at;
        row.quantity = quantity;
        row.price = price;
        if (money) row.money = money->abs();
        if (commission) row.commission = -*commission;
        if (commission) row.commission_currency = text(Field::currency);
        row.realized_pnl = pnl;
        row.cause = option_event_cause(view(Field::transaction_type)).value_or(model::Cause::execution);
        row.transaction_id = text(Field::transaction_id);
        row.trade_id = text(Field::trade_id);
        row.notes = text(Field::transaction_type);
    }

    /// The delivery of the underlying ("Buy", "Sell") is of the cause of the options of that day that it was made for. Where both
    /// long and short ones were, the row does not say whose it is.
    void name_deliveries() {
        struct Causes {
            bool exercise = false;
            bool assignment = false;
        };
        std::map<std::pair<Date, ConId>, Causes> by_underlying;
        std::map<std::pair<Date, std::string>, Causes> by_symbol;
        auto const instrument_of = [&](ConId con_id) -> model::Instrument const& {
            return statement_.instruments[instruments_.at(con_id).index];
        };
        for (auto const& row : statement_.option_events) {
            auto const& contract = instrument_of(row.con_id);
            auto& causes = contract.under_con_id ? by_underlying[{row.trade_date, *contract.under_con_id}]
                                                 : by_symbol[{row.trade_date, contract.symbol}];
            causes.exercise |= row.cause == model::Cause::exercise;
            causes.assignment |= row.cause == model::Cause::assignment;
        }
        for (auto& row : statement_.option_events) {
            if (row.notes != "Buy" && row.notes != "Sell") continue;
            Causes causes;
            if (auto const found = by_underlying.find({row.trade_date, row.con_id}); found != by_underlying.end())
                causes = found->second;
            if (auto const found = by_symbol.find({row.trade_date, instrument_of(row.con_id).symbol}); found != by_symbol.end()) {
                causes.exercise |= found->second.exercise;
                causes.assignment |= found->second.assignment;
            }
            if (causes.exercise != causes.assignment)
                row.cause = causes.exercise ? model::Cause::exercise : model::Cause::assignment;
        }
    }

    void corporate_action() {
        auto const quantity = number(Field::quantity);
        ConId const con_id = instrument(quantity && !quantity->is_zero());
        auto const at = instant(Field::date_time);
        Date const day = required_date({Field::report_date, Field::date_time, Field::date});
        auto const proceeds = number(Field::proceeds);
        auto const value = number(Field::value);
        auto const pnl = number(Field::fifo_pnl_realized);
        if (error_) return;
        auto& row = (view(Field::level_of_detail) == "SUMMARY" ? action_summaries_ : corporate_actions_).emplace_back();
        row.transaction_id = text(Field::transaction_id);
        row.action_id = text(Field::action_id);
        row.type = text(Field::type);
        row.con_id = con_id;
        row.line = line_;
        row.time = at;
        row.report_date = day;
        row.quantity = quantity.value_or(Decimal());
        row.proceeds = proceeds;
        row.value = value;
        row.realized_pnl = pnl;
        row.currency = text(Field::currency);
        row.description = text(Field::description);
    }

    void transfer() {
        auto const quantity = number(Field::quantity);
        ConId const con_id = instrument(quantity && !quantity->is_zero() && view(Field::asset_category) != "CASH");
        auto const at = instant(Field::date_time);
        Date const day = required_date({Field::date, Field::date_time, Field::report_date});
        auto const price = number(Field::transfer_price);
        auto const amount = number(Field::position_amount);
        auto const cash = number(Field::cash_transfer);
        if (error_) return;
        auto& row = statement_.transfers.emplace_back();
        row.transaction_id = text(Field::transaction_id);
        row.type = text(Field::type);
        row.direction = text(Field::direction);
        row.con_id = con_id;
        row.line = line_;
        row.time = at;
        row.date = day;
        row.quantity = quantity.value_or(Decimal());
        row.price = price;
        row.position_amount = amount;
        row.cash = cash;
        row.currency = text(Field::currency);
    }

    void position() {
        bool const is_lot = view(Field::level_of_detail) == "LOT";
        (is_lot ? lots_seen_ : summaries_seen_) = true;
        ConId const con_id = instrument(true);
        Decimal const quantity = required(Field::position);
        auto const day = date(Field::report_date);
        auto const cost_price = number(Field::cost_basis_price);
        auto const cost_money = number(Field::cost_basis_money);
        auto const mark = number(Field::mark_price);
        auto const fx_rate = number(Field::fx_rate_to_base);
        auto const opened_at = is_lot ? instant(Field::open_date_time) : std::nullopt;
        if (error_) return;
        auto& row = positions_.add();
        row.con_id = con_id;
        row.line = line_;
        row.date = day.value_or(statement_.to);
        row.is_lot = is_lot;
        row.quantity = quantity;
        row.cost_price = cost_price;
        row.cost_money = cost_money;
        row.mark_price = mark;
        row.fx_rate_to_base = fx_rate;
        row.opened_at = opened_at;
        if (is_lot) row.originating_transaction_id = text(Field::originating_transaction_id);
    }

    void cash() {
        Decimal const amount = required(Field::amount);
        auto const at = instant(Field::date_time);
        auto const settle_date = date(Field::settle_date);
        Date const day = required_date({Field::report_date, Field::date_time, Field::settle_date});
        auto const ex_date = date(Field::ex_date);
        auto const fx_rate = number(Field::fx_rate_to_base);
        ConId const con_id = instrument(false);
        if (error_) return;
        auto& row = (view(Field::level_of_detail) == "SUMMARY" ? cash_summaries_ : cash_).emplace_back();
        row.type = text(Field::type);
        row.con_id = con_id;
        row.symbol = text(Field::symbol);
        row.currency = text(Field::currency);
        row.amount = amount;
        row.fx_rate_to_base = fx_rate;
        row.time = at;
        row.report_date = day;
        row.settle_date = settle_date;
        row.ex_date = ex_date;
        row.action_id = text(Field::action_id);
        row.description = text(Field::description);
        row.transaction_id = text(Field::transaction_id);
        if (row.transaction_id.empty()) row.transaction_id = made_id(row, view(Field::level_of_detail));
    }

    void currency_profit() {
        std::string_view const level = view(Field::level_of_detail);
        if (!is_unset(level) && level != "TRANSACTION" && level != "DETAIL") return;
        auto const amount = number(Field::realized_pl);
        auto const at = instant(Field::date_time);
        Date const day = required_date({Field::report_date, Field::date_time});
        if (error_ || !amount || amount->is_zero()) return;
        auto& row = cash_.emplace_back();
        row.type = "Forex P&L";
        row.symbol = text(Field::fx_currency);
        row.currency = text(Field::functional_currency);
        row.amount = *amount;
        row.time = at;
        row.report_date = day;
        row.description = text(Field::activity_description);
        row.transaction_id = made_id(row, view(Field::quantity));
    }

    /// A name for a row that has none: the same in every statement that has the row, and another for its twin.
    std::string made_id(model::CashTransaction const& row, std::string_view more) {
        std::uint64_t print = 0xCBF29CE484222325ULL;
        for (std::string const& part :
             {row.type, row.symbol, row.currency, row.amount.to_string(), row.description, row.action_id,
              row.time ? base::to_rfc3339(*row.time) : std::string{}, base::to_string(row.report_date)}) {
            print = fingerprint(print, part);
        }
        std::string id = fmt::format("row:{}:{:016x}", base::to_string(row.report_date), fingerprint(print, more));
        if (int const twin = made_ids_[id]++; twin > 0) id += fmt::format(":{}", twin + 1);
        return id;
    }

    void security() { (void)instrument(false); }

    void rate() {
        Decimal const value = required(Field::rate);
        Date const day = required_date({Field::report_date, Field::date});
        if (error_) return;
        auto& row = statement_.rates.emplace_back();
        row.date = day;
        row.currency = text(Field::from_currency);
        row.rate = value;
        if (statement_.base_currency.empty()) statement_.base_currency = text(Field::to_currency);
    }

    // ---- Remainders
    // ------------------------------------------------------------------------------------------------------------

    /// An attribute that nobody knows, once for each section.
    void report_attribute(std::string_view name, std::string_view value) {
        std::string section = std::string(row_name_ == "FlexStatement" ? row_name_ : section_name_) + "/@" + std::string(name);
        if (!reported_.try_emplace(section).second) return;
        std::string json = "{";
        append_json_text(json, name);
        json += ": ";
        append_json_text(json, value.substr(0, whole_characters(value, remainder_size_max)));
        keep_remainder(std::move(section), json + "}");
    }

    void remain(std::string const& section, char const** attributes) {
        std::string json = "{";
        for (; *attributes != nullptr && json.size() < remainder_size_max; attributes += 2) {
            if (json.size() > 1) json += ", ";
            append_json_text(json, attributes[0]);
            json += ": ";
            append_json_text(json,
                             std::string_view(attributes[1]).substr(0, whole_characters(attributes[1], remainder_size_max)));
        }
        keep_remainder(section, json + "}");
    }
    void remain_note(std::string section, std::string_view note) {
        std::string json = "{\"note\": ";
        append_json_text(json, note);
        keep_remainder(std::move(section), json + "}");
    }

    /// At most `most` bytes of `text`, without cutting a character.
    static std::size_t whole_characters(std::string_view text, std::size_t most) {
        if (text.size() <= most) return text.size();
        while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80)
            --most;
        return most;
    }

    void keep_remainder(std::string section, std::string content) {
        int const line = static_cast<int>(XML_GetCurrentLineNumber(parser_));
        if (statement_.remainders.size() < remainders_max) {
            statement_.remainders.push_back({std::move(section), line, std::move(content)});
            return;
        }
        if (remainders_left_out_++ == 0) remainder_line_ = line;
    }

    FlexOptions options_;
    base::ZoneRules const& zones_;
    Sink sink_;
    XML_Parser parser_;
    std::optional<base::Error> error_;
    std::size_t silence_ = 0;  ///< bytes since something was told by Expat
    bool started_ = false;
    bool finished_ = false;

    int depth_ = 0;
    bool inside_ = false;    ///< FlexStatements
    bool response_ = false;  ///< the root is the service's own answer
    std::string text_;
    std::map<std::string, std::string> answers_;

    std::string query_name_;
    bool in_statement_ = false;
    DayOrder day_order_ = DayOrder::unknown;
    std::map<std::int64_t, std::optional<base::Duration>> offsets_;
    model::Statement statement_;
    Rows<model::StatementTrade> trades_;
    Rows<model::StatementTrade> option_events_;
    Rows<model::StatementClosedLot> closed_lots_;
    Rows<model::StatementPosition> positions_;
    std::vector<model::CashTransaction> cash_;
    std::vector<model::CashTransaction> cash_summaries_;
    std::vector<model::StatementCorporateAction> corporate_actions_;
    std::vector<model::StatementCorporateAction> action_summaries_;
    std::map<ConId, Described> instruments_;
    std::map<std::string, int> made_ids_;
    std::map<std::string, bool> reported_;
    std::uint64_t remainders_left_out_ = 0;
    int remainder_line_ = 0;

    Section section_ = Section::none;
    std::string section_name_;
    std::string_view expected_row_;
    bool rows_seen_ = false;
    bool executions_seen_ = false;
    bool summaries_seen_ = false;
    bool lots_seen_ = false;

    std::array<char const*, field_count> values_{};
    std::string_view row_name_;
    int line_ = 0;
    Shape statement_fields_;
    Shape lot_fields_;
    std::array<Shape, 16> section_fields_;
};

FlexReader::FlexReader(FlexOptions options, base::ZoneRules const& zones, Sink sink)
    : implementation_(std::make_unique<Implementation>(std::move(options), zones, std::move(sink))) {}
FlexReader::~FlexReader() = default;

Result<void> FlexReader::feed(std::string_view bytes) { return implementation_->feed(bytes); }
Result<void> FlexReader::finish() { return implementation_->finish(); }
int FlexReader::statements() const { return implementation_->statements; }

}  // namespace possync::statement
