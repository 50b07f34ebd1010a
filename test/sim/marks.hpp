// Marks: named situations that the simulation must have been in to be worth anything. Each is told from outside (a log line, a
// kind of commit, a fault that struck, what the auditor saw), so that the product carries none of it. What no seed reaches is
// reported by name.
#pragma once

#include <bitset>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace possync::sim {

inline constexpr std::size_t marks_max = 256;
using MarkSet = std::bitset<marks_max>;

class Marks {
public:
    /// A name that is not listed is passed over: log lines and words come as they are.
    void hit(std::string_view name);
    void hit(std::string_view group, std::string_view word);
    [[nodiscard]] MarkSet const& set() const { return set_; }
    void clear() { set_.reset(); }

private:
    MarkSet set_;
};

/// All names, in order.
[[nodiscard]] std::span<std::string_view const> mark_names();

}  // namespace possync::sim
