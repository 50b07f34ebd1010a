// AccountRotation: whose account updates (prices, values) are subscribed to, and until when. They serve one account per login at
// a time; with several the subscription goes round: each is subscribed to until all its values have come, then the next. Pure;
// one object per gateway.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"

namespace possync::sync {

class AccountRotation {
public:
    /// More accounts than this would see too old prices, and cost the gateway too much.
    static constexpr std::size_t accounts_max = 50;

    /// Begins anew with these accounts; with too many of them nobody has a turn. next() says who is first.
    void begin(std::vector<std::string> accounts) {
        accounts_ = std::move(accounts);
        if (accounts_.size() > accounts_max) accounts_.clear();
        next_at_.reset();
    }
    void end() { begin({}); }
    /// Whom to subscribe to now; nobody when there are no accounts, or the only one is subscribed to already.
    [[nodiscard]] std::optional<std::string> next(base::Duration now) {
        next_at_.reset();
        if (accounts_.empty()) return std::nullopt;
        std::string account = accounts_.front();
        if (accounts_.size() == 1) {
            accounts_.clear();  // it stays subscribed to
            return account;
        }
        std::rotate(accounts_.begin(), accounts_.begin() + 1, accounts_.end());
        next_at_ = now + at_latest;  // should its End not come
        return account;
    }
    /// All values of the account whose turn it is have come.
    void values_came(base::Duration now) {
        if (!accounts_.empty()) next_at_ = now + std::max(at_least, period / static_cast<std::int64_t>(accounts_.size()));
    }
    /// When (steady) the next one's turn is.
    [[nodiscard]] std::optional<base::Duration> next_at() const { return next_at_; }

private:
    /// Time at one account, at least and at most, and for the whole round.
    static constexpr base::Duration at_least = std::chrono::seconds(2);
    static constexpr base::Duration at_latest = std::chrono::seconds(30);
    static constexpr base::Duration period = std::chrono::seconds(60);

    std::vector<std::string> accounts_;  ///< whose turn is next stands first
    std::optional<base::Duration> next_at_;
};

}  // namespace possync::sync
