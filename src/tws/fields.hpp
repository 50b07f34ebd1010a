// The NUL-terminated fields of one text frame, found in one pass. Internal to the codec.
#pragma once

#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "tws/decode.hpp"

namespace possync::tws {

inline constexpr std::int64_t unset_int = std::numeric_limits<std::int32_t>::max();
inline constexpr std::int64_t unset_long = std::numeric_limits<std::int64_t>::max();

/// Values of other types that say "unset" and turn up where a decimal is expected, however they are written.
[[nodiscard]] inline bool says_unset(base::Decimal const& value) {
    return value.scale() == 0 && (value.coefficient() == unset_int || value.coefficient() == unset_long ||
                                  value.coefficient() == std::numeric_limits<std::int64_t>::min());
}

class Fields {
public:
    static constexpr std::size_t count_max = 400;

    /// False when the frame has too many fields or does not end in NUL. No bytes at all are no fields.
    [[nodiscard]] bool split(std::string_view payload) {
        data_ = payload.data();
        count_ = 0;
        if (payload.empty()) return true;
        if (payload.back() != '\0') return false;
        std::size_t at = 0;
#if defined(__SSE2__)
        __m128i const zero = _mm_setzero_si128();
        for (; at + 16 <= payload.size(); at += 16) {
            __m128i const chunk = _mm_loadu_si128(reinterpret_cast<__m128i const*>(data_ + at));
            auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(chunk, zero)));
            while (mask != 0) {
                if (count_ == count_max) return false;
                ends_[count_++] = static_cast<std::uint32_t>(at + static_cast<unsigned>(std::countr_zero(mask)));
                mask &= mask - 1;
            }
        }
#endif
        for (; at < payload.size(); ++at) {
            if (data_[at] != '\0') continue;
            if (count_ == count_max) return false;
            ends_[count_++] = static_cast<std::uint32_t>(at);
        }
        return true;
    }

    [[nodiscard]] std::size_t count() const { return count_; }
    [[nodiscard]] std::string_view operator[](std::size_t index) const {
        std::uint32_t const begin = index == 0 ? 0 : ends_[index - 1] + 1;
        return {data_ + begin, ends_[index] - begin};
    }

private:
    char const* data_ = nullptr;
    std::size_t count_ = 0;
    std::array<std::uint32_t, count_max> ends_;  // written before read
};

/// Reads fields in order; remembers the first problem and gives defaults after it.
class FieldCursor {
public:
    /// `first`: index of the first field behind the id.
    FieldCursor(Fields const& fields, int message_id, std::size_t first)
        : fields_(fields), message_id_(message_id), first_(first), at_(first) {}

    std::string_view text() {
        if (at_ >= fields_.count()) {
            fail("a field is missing");
            return {};
        }
        return fields_[at_++];
    }
    void skip(int count = 1) {
        while (count-- > 0) text();
    }
    [[nodiscard]] bool more() const { return at_ < fields_.count(); }

    /// Whole number; empty and the "unset" values are `unset`.
    std::int64_t whole(std::int64_t unset = 0) {
        std::string_view const field = text();
        if (field.size() < 10 && !field.empty()) {  // short and plain, as nearly all are
            std::int64_t value = 0;
            bool const negative = field[0] == '-';
            for (std::size_t i = negative; i < field.size(); ++i) {
                auto const digit = static_cast<unsigned>(field[i] - '0');
                if (digit > 9) return not_whole(unset);
                value = value * 10 + digit;
            }
            return negative && field.size() == 1 ? not_whole(unset) : negative ? -value : value;
        }
        if (field.empty() || field == "1.7976931348623157E308") return unset;
        std::int64_t value = 0;
        auto const [stop, error] = std::from_chars(field.data(), field.data() + field.size(), value);
        if (error != std::errc{} || stop != field.data() + field.size()) return not_whole(unset);
        return value == unset_int || value == unset_long ? unset : value;
    }
    bool boolean() { return whole() != 0; }

    OptionalDecimal decimal() {
        std::string_view const field = text();
        if (field.empty()) return std::nullopt;
        OptionalDecimal result(std::in_place);
        if (base::Decimal::parse_plain(field, *result)) {
            if (says_unset(*result)) [[unlikely]] return std::nullopt;
            return result;
        }
        if (auto value = base::Decimal::parse(field)) return says_unset(*value) ? std::nullopt : OptionalDecimal(*value);
        if (field == "1.7976931348623157E308" || field == "Infinity" || field == "-Infinity" || field == "NaN") return std::nullopt;
        --at_;
        fail("not a decimal number");
        ++at_;
        return std::nullopt;
    }

    /// Where something else than a number says that there is none.
    OptionalDecimal decimal_or_nothing() {
        std::string_view const field = text();
        if (field.empty()) return std::nullopt;
        auto const value = base::Decimal::parse(field);
        return value ? OptionalDecimal(*value) : std::nullopt;
    }

    [[nodiscard]] bool failed() const { return error_.what[0] != '\0'; }
    [[nodiscard]] DecodeError error() const { return error_; }
    void fail(char const* what) {
        if (!failed()) error_ = {message_id_, static_cast<int>(at_ - first_), what};
    }

private:
    std::int64_t not_whole(std::int64_t unset) {
        --at_;
        fail("not a whole number");
        ++at_;
        return unset;
    }

    Fields const& fields_;
    int message_id_;
    std::size_t first_;
    std::size_t at_;
    DecodeError error_;
};

}  // namespace possync::tws
