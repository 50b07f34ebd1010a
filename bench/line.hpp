// What the benchmark programs print: one JSON object per measured line, which bench/suite.py gathers into the table.
// `value` stands beside `floor`, the physical limit measured in the same run, and where there is one `peer`, the way it is
// done elsewhere. All three carry the same unit; less is better in every line.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace possync::bench {

struct Beside {
    double value = 0;
    std::string_view what;
};

inline void print_line(std::string_view name, double value, std::string_view unit, std::optional<Beside> floor = {},
                       std::optional<Beside> peer = {}, std::string_view note = {}) {
    std::printf(R"({"line": "%.*s", "value": %.6g, "unit": "%.*s")", static_cast<int>(name.size()), name.data(), value,
                static_cast<int>(unit.size()), unit.data());
    auto const beside = [](char const* key, std::optional<Beside> const& other) {
        if (!other) return;
        std::printf(R"(, "%s": %.6g, "%s_is": "%.*s")", key, other->value, key, static_cast<int>(other->what.size()), other->what.data());
    };
    beside("floor", floor);
    beside("peer", peer);
    if (!note.empty()) std::printf(R"(, "note": "%.*s")", static_cast<int>(note.size()), note.data());
    std::printf("}\n");
    std::fflush(stdout);
}

}  // namespace possync::bench
