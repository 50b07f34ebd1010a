// ExecutionOwners: whose an execution is. Commission reports name an execution and nothing else, and come before it, after it or
// never; pulls repeat each execution of the day. Pure; one object per gateway.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "model/observation.hpp"

namespace possync::sync {

struct ExecutionOwner {
    std::string account;
    model::ConId con_id = 0;
    bool operator==(ExecutionOwner const&) const = default;
};

class ExecutionOwners {
public:
    /// True when nobody knew of it.
    bool add(std::string const& exec_id, ExecutionOwner owner) { return owners_.try_emplace(exec_id, std::move(owner)).second; }
    [[nodiscard]] ExecutionOwner const* find(std::string const& exec_id) const {
        auto const found = owners_.find(exec_id);
        return found == owners_.end() ? nullptr : &found->second;
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
    void forget_owners() { owners_.clear(); }

private:
    std::map<std::string, ExecutionOwner> owners_;            ///< by exec_id
    std::map<std::string, model::CommissionReport> reports_;  ///< by exec_id
};

}  // namespace possync::sync
