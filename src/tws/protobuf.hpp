// The binary form of single messages: proto3 with explicit presence, read and written by hand because a list of positions
// is the hottest path there is. A message's fields stand once, in protobuf_messages.hpp, for both directions. Internal to the
// codec. What readers owe: unknown fields of any wire type are passed over, the last of a repeated scalar wins, a submessage
// that comes twice is merged, texts need not be UTF-8. Facts: the protobuf encoding's public specification.
#pragma once

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>

#include "tws/decode.hpp"
#include "tws/fields.hpp"
#include "tws/messages.hpp"

namespace possync::tws {

/// A double as the decimal it stands for: the shortest that reads back as the same double; unset for the values that say
/// "unset".
inline void read_double(double value, OptionalDecimal& result) {
    if (value == 0) {
        result = base::Decimal();
        return;
    }
    // Below 10^15 no two decimals of eight places read back as the same double, and whole / 10^8 is rounded once and correctly:
    // equality proves the digits, and what is left without its zeros is the shortest.
    double const product = value * 1e8;
    if (std::fabs(product) < 1e15) [[likely]] {
        auto const whole = static_cast<std::int64_t>(product + std::copysign(0.5, product));
        if (static_cast<double>(whole) / 1e8 == value) [[likely]] {
            result = base::Decimal::from_small_parts(whole, 8);
            return;
        }
    }
    result.reset();
    if (auto const exact = base::Decimal::from_double_shortest(value)) result = *exact;
}

class ProtobufReader {
public:
    ProtobufReader(std::string_view body, int message_id)
        : at_(body.data()), end_(body.data() + body.size()), error_{message_id, 0, ""} {}

    /// False when the bytes are no message; error() says where. `describe` names the fields, in protobuf_messages.hpp. Writers
    /// write them in that order, so that one pass over the names usually takes them all.
    template <typename Message>
    [[gnu::always_inline]] bool read(Message& message) {
        next_field();
        while (key_ != 0) {
            taken_ = false;
            describe(*this, message);
            if (!taken_) {
                skip(0);
                next_field();
            }
        }
        return !failed();
    }
    [[nodiscard]] DecodeError error() const { return error_; }

    // One per kind of field; each acts when it is the field that stands next, and has the wire type it should.
    [[gnu::always_inline]] void text(int number, std::string_view& value) {
        take(number, 2, [&] { value = bytes(); });
    }
    [[gnu::always_inline]] void integer(int number, std::int64_t& value) {
        take(number, 0, [&] { value = static_cast<std::int32_t>(varint()); });
    }
    void optional_integer(int number, std::int64_t& value) { integer(number, value); }
    void optional_integer(int number, std::optional<std::int64_t>& value) {
        take(number, 0, [&] { value = static_cast<std::int32_t>(varint()); });
    }
    /// Packed into one field, or one by one.
    void integers(int number, std::vector<std::int64_t>& values) {
        while (key_ == key(number, 0)) integer(number, values.emplace_back());
        take(number, 2, [&] {
            ProtobufReader packed(bytes(), error_.message_id);
            while (packed.at_ != packed.end_) values.push_back(static_cast<std::int32_t>(packed.varint()));
            if (packed.failed()) fail(packed.error_.what);
        });
    }
    void long_integer(int number, std::int64_t& value) {
        take(number, 0, [&] { value = static_cast<std::int64_t>(varint()); });
    }
    void optional_long_integer(int number, std::int64_t& value) { long_integer(number, value); }
    void boolean(int number, bool& value) {
        take(number, 0, [&] { value = varint() != 0; });
    }
    void boolean(int number, std::int64_t& value) {
        take(number, 0, [&] { value = varint() != 0 ? 1 : 0; });
    }
    [[gnu::always_inline]] void real(int number, OptionalDecimal& value) {
        take(number, 1, [&] { read_double(fixed(), value); });
    }
    /// A decimal written as text: quantities, and a few more.
    [[gnu::always_inline]] void decimal_text(int number, OptionalDecimal& value) {
        take(number, 2, [&] { read_decimal(bytes(), value); });
    }
    template <typename Message>
    void message(int number, Message& value) {
        take(number, 2, [&] { read_message(bytes(), value); });
    }
    /// Empty submessages are written as well; reading makes no difference.
    template <typename Message>
    void required_message(int number, Message& value) {
        message(number, value);
    }
    template <typename Message>
    void messages(int number, std::vector<Message>& values) {
        while (key_ == key(number, 2)) message(number, values.emplace_back());
    }

private:
    template <typename Read>
    [[gnu::always_inline]] void take(int number, int kind, Read read_value) {
        if (key_ != key(number, kind)) [[unlikely]] return;
        taken_ = true;
        read_value();
        next_field();
    }
    [[gnu::always_inline]] void next_field() {
        key_ = at_ == end_ ? 0 : read_key();
    }
    [[gnu::always_inline]] std::uint64_t read_key() {
        std::uint64_t const next = varint();
        if (next - key(1, 0) <= 0xFFFF'FFFF - key(1, 0)) [[likely]] return next;
        key_ = next;
        fail("not a field number");
        return 0;
    }
    static constexpr std::uint64_t key(int number, int kind) { return static_cast<std::uint64_t>(number) << 3 | static_cast<std::uint64_t>(kind); }
    [[nodiscard]] int field() const { return static_cast<int>(key_ >> 3); }
    void read_decimal(std::string_view digits, OptionalDecimal& value) {
        value.reset();
        if (digits.empty()) return;
        if (!base::Decimal::parse_plain(digits, value.emplace())) {
            auto const parsed = base::Decimal::parse(digits);
            if (!parsed) {
                value.reset();
                if (digits != "1.7976931348623157E308" && digits != "Infinity" && digits != "-Infinity") fail("not a decimal number");
                return;
            }
            value = *parsed;
        }
        if (says_unset(*value)) [[unlikely]] value.reset();
    }
    template <typename Message>
    [[gnu::always_inline]] void read_message(std::string_view body, Message& value) {
        if (failed()) return;
        ProtobufReader inner(body, error_.message_id);
        if (inner.read(value)) return;
        error_ = inner.error_;
        at_ = end_;
    }
    [[nodiscard]] bool failed() const { return error_.what[0] != '\0'; }
    bool fail(char const* what) {
        if (!failed()) error_.what = what, error_.field = field();
        at_ = end_;
        key_ = 0;
        return false;
    }
    [[gnu::always_inline]] std::uint64_t varint() {
        if (at_ != end_ && static_cast<unsigned char>(*at_) < 0x80) [[likely]] return static_cast<unsigned char>(*at_++);
        return long_varint();
    }
    std::uint64_t long_varint() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 70 && at_ != end_; shift += 7) {
            auto const byte = static_cast<unsigned char>(*at_++);
            value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
            if (byte < 0x80) return value;
        }
        fail("a number breaks off");
        return 0;
    }
    [[gnu::always_inline]] std::string_view bytes() {
        std::uint64_t const length = varint();
        if (length > static_cast<std::uint64_t>(end_ - at_)) {
            fail("a text breaks off");
            return {};
        }
        std::string_view const result(at_, length);
        at_ += length;
        return result;
    }
    double fixed() {
        if (end_ - at_ < 8) {
            fail("a number breaks off");
            return 0;
        }
        std::uint64_t bits = 0;
        std::memcpy(&bits, at_, 8);
        if constexpr (std::endian::native == std::endian::big) bits = __builtin_bswap64(bits);
        at_ += 8;
        return std::bit_cast<double>(bits);
    }
    void skip(int depth) {
        switch (key_ & 7) {
            case 0: varint(); return;
            case 1: fixed(); return;
            case 2: bytes(); return;
            case 3: return skip_group(depth);
            case 5:
                if (end_ - at_ < 4) return void(fail("a number breaks off"));
                at_ += 4;
                return;
            default: fail("an impossible wire type");
        }
    }
    void skip_group(int depth) {
        int const group = field();
        if (depth == 32) return void(fail("groups too deep"));
        while (at_ != end_) {
            key_ = read_key();
            if (failed()) return;
            if ((key_ & 7) == 4) {
                if (field() != group) fail("a group ends that was not begun");
                return;
            }
            skip(depth + 1);
        }
        fail("a group breaks off");
    }

    char const* at_;
    char const* end_;
    std::uint64_t key_ = 0;  ///< number and wire type of the field that stands next; 0: there is none
    bool taken_ = false;
    DecodeError error_;
};

/// Presence as real gateways write it: absent are empty texts, false, and unknown numbers; whole numbers stand even as 0,
/// except where the message's fields say otherwise.
class ProtobufWriter {
public:
    explicit ProtobufWriter(std::string& out) : out_(out) {}

    void text(int number, std::string_view value) {
        if (!value.empty()) bytes(number, value);
    }
    void integer(int number, std::int64_t value) {
        key(number, 0);
        varint(static_cast<std::uint64_t>(value));
    }
    void optional_integer(int number, std::int64_t value) {
        if (value != 0) integer(number, value);
    }
    void optional_integer(int number, std::optional<std::int64_t> const& value) {
        if (value) integer(number, *value);
    }
    void integers(int number, std::vector<std::int64_t> const& values) {
        if (values.empty()) return;
        std::string packed;
        ProtobufWriter writer(packed);
        for (auto const value : values) writer.varint(static_cast<std::uint64_t>(value));
        bytes(number, packed);
    }
    void long_integer(int number, std::int64_t value) { integer(number, value); }
    void optional_long_integer(int number, std::int64_t value) { optional_integer(number, value); }
    void boolean(int number, std::int64_t value) {
        if (value != 0) integer(number, 1);
    }
    void real(int number, OptionalDecimal const& value) {
        if (!value) return;
        std::string const digits = value->to_string();
        double number_of = 0;
        std::from_chars(digits.data(), digits.data() + digits.size(), number_of);
        key(number, 1);
        auto bits = std::bit_cast<std::uint64_t>(number_of);
        for (int i = 0; i < 8; ++i, bits >>= 8) out_.push_back(static_cast<char>(bits & 0xFF));
    }
    void decimal_text(int number, OptionalDecimal const& value) {
        if (value) bytes(number, value->to_string());
    }
    template <typename Message>
    void message(int number, Message const& value) {
        std::string inner;
        ProtobufWriter writer(inner);
        describe(writer, value);
        if (!inner.empty()) bytes(number, inner);
    }
    template <typename Message>
    void required_message(int number, Message const& value) {
        std::string inner;
        ProtobufWriter writer(inner);
        describe(writer, value);
        bytes(number, inner);
    }
    template <typename Message>
    void messages(int number, std::vector<Message> const& values) {
        for (auto const& value : values) required_message(number, value);
    }

private:
    void key(int number, unsigned kind) { varint(static_cast<std::uint64_t>(number) << 3 | kind); }
    void varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>(value | 0x80));
        out_.push_back(static_cast<char>(value));
    }
    void bytes(int number, std::string_view value) {
        key(number, 2);
        varint(value.size());
        out_.append(value);
    }

    std::string& out_;
};

}  // namespace possync::tws
