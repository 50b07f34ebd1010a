// One table of words per enum: to_string and parse_* of the whole module come from it, so that C++, SQL, JSON and
// configuration cannot disagree. Internal to model/*.cpp.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.hpp"
#include "base/result.hpp"

namespace possync::model {

template <typename Enum, std::size_t size>
using Words = std::array<std::pair<Enum, std::string_view>, size>;

template <typename Enum, std::size_t size>
std::string_view word_of(Words<Enum, size> const& words, Enum value) {
    for (auto const& [candidate, word] : words) {
        if (candidate == value) return word;
    }
    bool const every_enumerator_has_a_word = false;
    CHECK(every_enumerator_has_a_word);
    return {};
}

template <typename Enum, std::size_t size>
base::Result<Enum> parse_word(Words<Enum, size> const& words, std::string_view what, std::string_view text) {
    for (auto const& [candidate, word] : words) {
        if (word == text) return candidate;
    }
    std::string message = "'" + std::string(text.substr(0, 40)) + "' is not a " + std::string(what) + "; one of";
    for (auto const& [unused, word] : words) message += " " + std::string(word);
    return base::fail(base::ErrorCode::not_found, std::move(message));
}

}  // namespace possync::model
