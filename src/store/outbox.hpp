// What commits have left to be delivered, and how far each sink has acknowledged it. A connection of its own: reading and
// acknowledging delay no commit but for SQLite's one writer at a time.
//
// A notification is named `account:revision` and is there exactly when its revision is, because both are of one transaction.
// Cursors only move on: a process that was paused and acknowledges late takes nothing back. Threading: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "model/change_set.hpp"
#include "query/reader.hpp"

namespace possync::store {

/// An account that a sink has not heard all of.
struct BehindAccount {
    model::AccountId account_id = 0;
    std::string account;
    model::Revision acknowledged = 0;
    model::Revision revision = 0;  ///< the account's
};

/// The next that a sink shall hear of an account.
struct Notification {
    model::AccountId account_id = 0;
    std::string account;
    model::Revision revision = 0;
    /// Set: this and what follows up to `revision` is no longer kept; the sink is told of a gap instead.
    std::optional<model::Revision> gap_from;
    std::optional<base::Timestamp> recorded_at;
    std::optional<std::int64_t> first_event_id;
    std::optional<std::int64_t> last_event_id;
};

struct QueueState {
    std::int64_t depth = 0;                  ///< revisions to be delivered
    std::optional<base::Timestamp> oldest;   ///< recorded_at of the first that is kept
};

class Outbox {
public:
    virtual ~Outbox() = default;
    /// Remembers a sink. One that was never seen hears of what is committed from now on; again, nothing changes.
    [[nodiscard]] virtual base::Result<void> add_sink(std::string const& sink, base::Timestamp now) = 0;
    /// Accounts of gateways that `owner` holds and of which the sink has not heard all, by account.
    [[nodiscard]] virtual base::Result<std::vector<BehindAccount>> behind(std::string const& sink, std::string const& owner) = 0;
    /// In the order of revisions, at most `limit`.
    [[nodiscard]] virtual base::Result<std::vector<Notification>> next(BehindAccount const& account, int limit) = 0;
    [[nodiscard]] virtual base::Result<query::RevisionRows> changed_rows(Notification const& notification) = 0;
    [[nodiscard]] virtual base::Result<void> acknowledge(std::string const& sink, model::AccountId account, model::Revision revision,
                                                         base::Timestamp now) = 0;
    [[nodiscard]] virtual base::Result<QueueState> queue(std::string const& sink, BehindAccount const& account) = 0;
    /// Forgets notifications recorded before `too_old`, and of those before `settled` the ones that every sink acknowledged.
    [[nodiscard]] virtual base::Result<void> prune(base::Timestamp too_old, base::Timestamp settled) = 0;
};

}  // namespace possync::store
