#include "app/nearest.hpp"

#include <algorithm>
#include <array>

namespace possync::app {

std::size_t typing_errors(std::string_view from, std::string_view to) {
    // The distances of the beginnings of `from` to the beginnings of `to`, three rows of the table at a time: a swap looks two
    // back.
    std::array<std::vector<std::size_t>, 3> rows;
    for (auto& row : rows)
        row.resize(to.size() + 1);
    for (std::size_t j = 0; j <= to.size(); ++j)
        rows[0][j] = j;
    for (std::size_t i = 1; i <= from.size(); ++i) {
        auto& row = rows[i % 3];
        auto const& above = rows[(i - 1) % 3];
        row[0] = i;
        for (std::size_t j = 1; j <= to.size(); ++j) {
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1)});
            bool const swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
            if (swapped) row[j] = std::min(row[j], rows[(i - 2) % 3][j - 2] + 1);
        }
    }
    return rows[from.size() % 3][to.size()];
}

std::string nearest(std::string_view word, std::vector<std::string> const& known, std::size_t at_most) {
    std::string best;
    std::size_t fewest = at_most + 1;
    for (auto const& each : known) {
        if (word.size() >= 3 && each.starts_with(word)) return each;
        if (auto const errors = typing_errors(word, each); errors < fewest) {
            fewest = errors;
            best = each;
        }
    }
    return best;
}

}  // namespace possync::app
