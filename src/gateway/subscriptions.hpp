// Subscriptions: what one connection has asked to be told of, and when the next telling is due. Values remember what was said
// last, because the gateway repeats only what changed. Pure; the Simulator fills and reads it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "gateway/broker.hpp"

namespace possync::gateway {

/// What was said last, by key; and when it is looked at again.
struct Told {
    std::map<std::string, std::string> values;
    base::Duration due{0};

    /// True when it is new, and remembers it.
    bool changes(std::string const& key, std::string const& value) {
        auto const [at, added] = values.try_emplace(key, value);
        if (!added && at->second == value) return false;
        at->second = value;
        return true;
    }
};

struct Subscriptions {
    struct AccountUpdates {
        std::string account;
        Told told;
    };
    struct OfModel {  // positions of an account or of one of its models
        std::string account;
        std::string model_code;
    };
    struct Summary {
        std::string group;
        std::string tags;
        Told told;
    };
    struct Values {
        std::string account;
        std::string model_code;
        bool ledger_and_net_liquidation = false;
        Told told;
    };
    struct ProfitAndLoss {
        std::string account;
        std::string model_code;
        ConId con_id = 0;  ///< 0: of the whole account
        base::Duration due{0};
        bool told_once = false;
    };

    bool positions = false;
    std::map<std::int64_t, OfModel> positions_of_model;
    std::optional<AccountUpdates> account_updates;
    std::map<std::int64_t, Summary> summaries;
    std::map<std::int64_t, Values> values;
    std::map<std::int64_t, ProfitAndLoss> pnl;

    [[nodiscard]] std::optional<base::Duration> next_due() const {
        std::optional<base::Duration> next;
        auto consider = [&](base::Duration due) {
            if (!next || due < *next) next = due;
        };
        if (account_updates) consider(account_updates->told.due);
        for (auto const& [unused, each] : summaries)
            consider(each.told.due);
        for (auto const& [unused, each] : values)
            consider(each.told.due);
        for (auto const& [unused, each] : pnl)
            consider(each.due);
        return next;
    }
};

}  // namespace possync::gateway
