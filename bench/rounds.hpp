// What is said of many measurements, and of rounds that alternate with their floor or peer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include "line.hpp"
#include "workload.hpp"

namespace possync::bench {

inline double quantile(std::vector<double> values, double share) {
    must(!values.empty(), "nothing was measured");
    std::sort(values.begin(), values.end());
    return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}
inline double median(std::vector<double> const& values) { return quantile(values, 0.5); }

/// Value and floor such that value / floor is the median of the rounds' ratios.
inline Beside beside(std::vector<double> const& values, std::vector<double> const& others, std::string_view what) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < values.size(); ++i) ratios.push_back(others[i] / values[i]);
    return {median(values) * median(ratios), what};
}

}  // namespace possync::bench
