// What somebody probably meant who wrote a word that does not exist: the known word with the fewest typing errors between them.
// Pure; for messages only, nothing is ever done with a guess.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace possync::app {

/// Letters added, left out, exchanged or swapped with their neighbour between two words.
[[nodiscard]] std::size_t typing_errors(std::string_view from, std::string_view to);

/// The known word that `word` is the beginning of (from three letters on), else the one with the fewest typing errors; empty
/// where even that has more than `at_most`. The first of several equally good ones.
[[nodiscard]] std::string nearest(std::string_view word, std::vector<std::string> const& known, std::size_t at_most);

}  // namespace possync::app
