// What is raised, what a person is still to be told of it, and how far accounts were looked through. A connection of its own, as
// the outbox has: a few small transactions when something happens, none while nothing does.
//
// Raising and the notes about it are one transaction, so after a crash there is exactly the one where there is the other. Words
// are src/alert's. Threading: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace possync::store {

struct AlertRow {
    std::string condition;
    std::string account;
    std::string subject;
    std::string gateway;
    std::string text;
    base::Timestamp raised_at;
    std::optional<base::Timestamp> cleared_at;
    base::Timestamp told_at;
    std::int64_t reminders = 0;
    std::int64_t returns = 0;
    bool operator==(AlertRow const&) const = default;
};

struct AlertNote {
    std::int64_t note_id = 0;  ///< given by the log
    std::string receiver;
    std::string kind;
    std::string condition;
    std::string account;
    std::string subject;
    std::string gateway;
    std::string text;
    base::Timestamp created_at;
    bool operator==(AlertNote const&) const = default;
};

struct AlertState {
    std::vector<AlertRow> alerts;                   ///< raised, or cleared after `since`
    std::map<std::string, std::int64_t> revisions;  ///< accounts that were looked through, and how far
};

struct AlertEntry {
    std::vector<AlertRow> alerts;
    std::vector<AlertNote> notes;
    std::map<std::string, std::int64_t> revisions;
};

class AlertLog {
public:
    virtual ~AlertLog() = default;
    [[nodiscard]] virtual base::Result<AlertState> load(base::Timestamp since) = 0;
    [[nodiscard]] virtual base::Result<void> record(AlertEntry const& entry) = 0;
    /// Not sent yet, in the order of their making, of all gateways.
    [[nodiscard]] virtual base::Result<std::vector<AlertNote>> waiting(std::string const& receiver) = 0;
    [[nodiscard]] virtual base::Result<void> sent(std::vector<std::int64_t> const& note_ids, base::Timestamp now) = 0;
    /// Forgets what cleared and notes that were made before `too_old`, sent or not.
    [[nodiscard]] virtual base::Result<void> prune(base::Timestamp too_old) = 0;
};

}  // namespace possync::store
