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
#include "tws/messages.hpp"

namespace possync::tws {

/// A double as the decimal it stands for: the shortest that reads back as the same double; unset for the values that say
/// "unset".
inline OptionalDecimal decimal_of(double value) {
    // Nearly all prices are whole hundredths or so. r / 10^k is rounded once and correctly, so equality proves the digits;
    // below 10^15 no other decimal of so many digits reads back as the same double.
    double power = 1;
    for (int scale = 0; scale <= 8; ++scale, power *= 10) {
        double const scaled = std::nearbyint(value * power);
        if (!(std::fabs(scaled) < 1e15)) break;
        if (scaled / power == value) return base::Decimal::from_parts(static_cast<std::int64_t>(scaled), scale);
    }
    auto const exact = base::Decimal::from_double_shortest(value);
    return exact ? OptionalDecimal(*exact) : std::nullopt;
}

class ProtobufReader {
public:
    ProtobufReader(std::string_view body, int message_id)
        : at_(body.data()), end_(body.data() + body.size()), error_{message_id, 0, ""} {}

    /// False when the bytes are no message; error() says where. `describe` names the fields, in protobuf_messages.hpp.
    template <typename Message>
    bool read(Message& message) {
        while (at_ != end_) {
            std::uint64_t const key = varint();
            field_ = static_cast<int>(key >> 3);
            kind_ = static_cast<int>(key & 7);
            current_ = field_;
            if (failed() || key >> 32 != 0 || field_ == 0) return fail("not a field number");
            describe(*this, message);
            if (field_ != 0) skip(0);
            if (failed()) return false;
        }
        return true;
    }
    [[nodiscard]] DecodeError error() const { return error_; }

    // One per kind of field; each acts when it is the field that was just met, and has the wire type it should.
    void text(int number, std::string_view& value) {
        if (is(number, 2)) value = bytes();
    }
    void integer(int number, std::int64_t& value) {
        if (is(number, 0)) value = static_cast<std::int32_t>(varint());
    }
    void optional_integer(int number, std::int64_t& value) { integer(number, value); }
    void optional_integer(int number, std::optional<std::int64_t>& value) {
        if (is(number, 0)) value = static_cast<std::int32_t>(varint());
    }
    void long_integer(int number, std::int64_t& value) {
        if (is(number, 0)) value = static_cast<std::int64_t>(varint());
    }
    void optional_long_integer(int number, std::int64_t& value) { long_integer(number, value); }
    void boolean(int number, bool& value) {
        if (is(number, 0)) value = varint() != 0;
    }
    void boolean(int number, std::int64_t& value) {
        if (is(number, 0)) value = varint() != 0 ? 1 : 0;
    }
    void real(int number, OptionalDecimal& value) {
        if (is(number, 1)) value = decimal_of(fixed());
    }
    /// A decimal written as text: quantities, and a few more.
    void decimal_text(int number, OptionalDecimal& value) {
        if (!is(number, 2)) return;
        std::string_view const digits = bytes();
        value.reset();
        if (digits.empty() || is_unset(digits)) return;
        auto const parsed = base::Decimal::parse(digits);
        if (!parsed) {
            fail("not a decimal number");
            return;
        }
        value = *parsed;
    }
    template <typename Message>
    void message(int number, Message& value) {
        if (!is(number, 2)) return;
        ProtobufReader inner(bytes(), error_.message_id);
        if (!failed() && !inner.read(value)) error_ = inner.error_;
    }
    /// Empty submessages are written as well; reading makes no difference.
    template <typename Message>
    void required_message(int number, Message& value) {
        message(number, value);
    }
    template <typename Message>
    void messages(int number, std::vector<Message>& values) {
        if (number == field_ && kind_ == 2) message(number, values.emplace_back());
    }

private:
    static bool is_unset(std::string_view digits) {
        return digits.size() >= 10 && (digits == "2147483647" || digits == "9223372036854775807" || digits == "-9223372036854775808" ||
                                       digits == "1.7976931348623157E308" || digits == "Infinity" || digits == "-Infinity");
    }
    bool is(int number, int kind) {
        if (number != field_ || kind != kind_) return false;
        field_ = 0;
        return true;
    }
    [[nodiscard]] bool failed() const { return error_.what[0] != '\0'; }
    bool fail(char const* what) {
        if (!failed()) error_.what = what, error_.field = current_;
        at_ = end_;
        return false;
    }
    std::uint64_t varint() {
        if (at_ != end_ && static_cast<unsigned char>(*at_) < 0x80) return static_cast<unsigned char>(*at_++);
        std::uint64_t value = 0;
        for (int shift = 0; shift < 70 && at_ != end_; shift += 7) {
            auto const byte = static_cast<unsigned char>(*at_++);
            value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
            if (byte < 0x80) return value;
        }
        fail("a number breaks off");
        return 0;
    }
    std::string_view bytes() {
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
        switch (kind_) {
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
        int const group = field_ != 0 ? field_ : current_;
        if (depth == 32) return void(fail("groups too deep"));
        while (at_ != end_) {
            std::uint64_t const key = varint();
            field_ = static_cast<int>(key >> 3);
            kind_ = static_cast<int>(key & 7);
            if (failed() || key >> 32 != 0 || field_ == 0) return void(fail("not a field number"));
            if (kind_ == 4) {
                if (field_ != group) fail("a group ends that was not begun");
                return;
            }
            skip(depth + 1);
        }
        fail("a group breaks off");
    }

    char const* at_;
    char const* end_;
    int field_ = 0;    ///< just met and not taken yet
    int current_ = 0;  ///< for errors
    int kind_ = 0;
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
