// A value that must never leave the process: it has no formatter, no stream operator and no comparison, so
// that printing one does not compile. reveal() is the only way out, and is easy to search for.
#pragma once

#include <string>
#include <utility>

namespace possync::base {

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    [[nodiscard]] bool empty() const { return value_.empty(); }
    [[nodiscard]] std::string const& reveal() const { return value_; }

private:
    std::string value_;
};

}  // namespace possync::base
