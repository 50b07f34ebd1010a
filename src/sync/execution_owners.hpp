// ExecutionOwners: whose an execution is, and what was last said of its commission. Reports name an execution and nothing else, and
// come before it, after it or never; pulls repeat each execution of the day with its report, and a busy day has many. Pure; one object
// per gateway.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "model/observation.hpp"

namespace possync::sync {

struct ExecutionOwner {
    std::string account;
    model::ConId con_id = 0;
    base::Timestamp time;
    bool operator==(ExecutionOwner const&) const = default;
};

class ExecutionOwners {
public:
    /// True when nobody knew of it.
    bool add(std::string_view exec_id, ExecutionOwner owner) { return known_.try_emplace(std::string(exec_id), Known{std::move(owner), {}}).second; }
    /// As the book has it, with its commission; what came meanwhile counts.
    void add_booked(std::string const& account, model::Execution const& execution) {
        known_.try_emplace(execution.exec_id, Known{{account, execution.con_id, execution.time},
                                                    Said{execution.commission, execution.commission_currency, execution.broker_realized_pnl}});
    }
    [[nodiscard]] ExecutionOwner const* find(std::string_view exec_id) const {
        auto const found = known_.find(exec_id);
        return found == known_.end() ? nullptr : &found->second.owner;
    }
    struct Noted {
        ExecutionOwner const* owner = nullptr;  ///< null: nobody knows of the execution
        bool is_news = false;                   ///< it says what the last one of the same execution, or the book, did not
    };
    Noted note(model::CommissionReport const& report) {
        auto const known = known_.find(report.exec_id);
        if (known == known_.end()) return {};
        auto& [owner, last] = known->second;
        Said said{report.commission, report.currency, report.realized_pnl};
        bool const is_news = last != said;
        if (is_news) last = std::move(said);
        return {&owner, is_news};
    }
    /// A report whose execution has not come; the last one counts.
    void keep(model::CommissionReport report) {
        std::string exec_id = report.exec_id;
        reports_.insert_or_assign(std::move(exec_id), std::move(report));
    }
    [[nodiscard]] std::optional<model::CommissionReport> take_kept(std::string const& exec_id) {
        auto kept = reports_.extract(exec_id);
        return kept.empty() ? std::nullopt : std::optional(std::move(kept.mapped()));
    }
    /// With a connection: reports of accounts that nobody asked about never find their executions.
    void forget_kept() { reports_.clear(); }
    void forget_owners() { known_.clear(); }

private:
    struct Said {
        std::optional<base::Decimal> commission;
        std::string currency;
        std::optional<base::Decimal> realized_pnl;
        bool operator==(Said const&) const = default;
    };
    struct Known {
        ExecutionOwner owner;
        std::optional<Said> said;
    };
    std::map<std::string, Known, std::less<>> known_;         ///< by exec_id
    std::map<std::string, model::CommissionReport> reports_;  ///< by exec_id
};

}  // namespace possync::sync
