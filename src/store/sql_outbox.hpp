// Outbox in SQL that SQLite and PostgreSQL both understand. Connections of both have the same calls; an engine adds transactions
// and a Reader.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "query/reader.hpp"
#include "store/outbox.hpp"

namespace possync::store {

/// Adds a line for each account whose notifications have a hole or do not reach its revision.
template <typename Connection>
base::Result<void> check_outbox(Connection& connection, std::vector<std::string>& wrong) {
    return connection.each(
        "SELECT a.code, a.revision, count(o.revision), coalesce(min(o.revision), 0), coalesce(max(o.revision), 0) "
        "FROM account a LEFT JOIN outbox o ON o.account_id = a.account_id GROUP BY a.account_id, a.code, a.revision ORDER BY a.code",
        [&](auto& row) {
            std::string const account = row.text();
            auto const revision = row.integer();
            auto const count = row.integer();
            auto const first = row.integer();
            auto const last = row.integer();
            // None at all: forgotten after their time, or migrated from a schema whose rows nobody delivers any more.
            bool const whole = count == 0 || (last == revision && count == last - first + 1);
            if (!whole) {
                wrong.push_back(fmt::format("account {} is at revision {}, its commits are {} from {} to {}", account, revision, count, first, last));
            }
        });
}

/// Engine: `transaction(body)` runs body(connection) and commits, `read(body)` runs it without writing, `reader()` gives the
/// query::Reader of the same database.
template <typename Engine>
class SqlOutbox final : public Outbox {
public:
    explicit SqlOutbox(Engine engine) : engine_(std::move(engine)) {}

    base::Result<void> add_sink(std::string const& sink, base::Timestamp now) override {
        return engine_.transaction([&](auto& connection) -> base::Result<void> {
            POSSYNC_TRY(auto const known, connection.integer("SELECT 1 FROM sink WHERE name = $1", sink));
            if (known) return {};
            POSSYNC_TRY_VOID(connection.run("INSERT INTO sink (name, added_at) VALUES ($1, $2) ON CONFLICT DO NOTHING", sink, now));
            POSSYNC_TRY_VOID(connection.run("INSERT INTO sink_cursor (sink, account_id, revision, acknowledged_at) "
                                            "SELECT $1, account_id, revision, $2 FROM account WHERE revision > 0 ON CONFLICT DO NOTHING",
                                            sink, now));
            return {};
        });
    }

    base::Result<std::vector<BehindAccount>> behind(std::string const& sink, std::string const& owner) override {
        return engine_.read([&](auto& connection) -> base::Result<std::vector<BehindAccount>> {
            std::vector<BehindAccount> found;
            POSSYNC_TRY_VOID(connection.each(
                "SELECT a.account_id, a.code, coalesce(c.revision, 0), a.revision FROM account a "
                "JOIN gateway g ON g.gateway_id = a.gateway_id "
                "LEFT JOIN sink_cursor c ON c.sink = $1 AND c.account_id = a.account_id "
                "WHERE g.owner = $2 AND a.revision > coalesce(c.revision, 0) ORDER BY a.code",
                [&](auto& row) {
                    BehindAccount account;
                    account.account_id = static_cast<model::AccountId>(row.integer());
                    account.account = row.text();
                    account.acknowledged = row.integer();
                    account.revision = row.integer();
                    found.push_back(std::move(account));
                },
                sink, owner));
            return found;
        });
    }

    base::Result<std::vector<Notification>> next(BehindAccount const& account, int limit) override {
        return engine_.read([&](auto& connection) -> base::Result<std::vector<Notification>> {
            std::vector<Notification> found;
            POSSYNC_TRY_VOID(connection.each(
                "SELECT revision, recorded_at, first_event_id, last_event_id FROM outbox "
                "WHERE account_id = $1 AND revision > $2 ORDER BY revision LIMIT $3",
                [&](auto& row) {
                    Notification notification;
                    notification.account_id = account.account_id;
                    notification.account = account.account;
                    notification.revision = row.integer();
                    notification.recorded_at = row.time();
                    notification.first_event_id = row.optional_integer();
                    notification.last_event_id = row.optional_integer();
                    found.push_back(std::move(notification));
                },
                static_cast<std::int64_t>(account.account_id), account.acknowledged, static_cast<std::int64_t>(limit)));
            return with_gaps(account, std::move(found), limit);
        });
    }

    base::Result<query::RevisionRows> changed_rows(Notification const& notification) override {
        POSSYNC_TRY(query::Reader* const reader, engine_.reader());
        query::RevisionKey key;
        key.revision = notification.revision;
        key.first_event_id = notification.first_event_id;
        key.last_event_id = notification.last_event_id;
        return reader->change(key);
    }

    base::Result<void> acknowledge(std::string const& sink, model::AccountId account, model::Revision revision,
                                   base::Timestamp now) override {
        return engine_.transaction([&](auto& connection) -> base::Result<void> {
            POSSYNC_TRY_VOID(connection.run("INSERT INTO sink_cursor (sink, account_id, revision, acknowledged_at) VALUES ($1, $2, $3, $4) "
                                            "ON CONFLICT (sink, account_id) DO UPDATE SET revision = excluded.revision, "
                                            "acknowledged_at = excluded.acknowledged_at WHERE sink_cursor.revision < excluded.revision",
                                            sink, static_cast<std::int64_t>(account), revision, now));
            return {};
        });
    }

    base::Result<QueueState> queue(std::string const&, BehindAccount const& account) override {
        return engine_.read([&](auto& connection) -> base::Result<QueueState> {
            QueueState state;
            state.depth = account.revision - account.acknowledged;
            POSSYNC_TRY_VOID(connection.each(
                "SELECT min(recorded_at) FROM outbox WHERE account_id = $1 AND revision > $2",
                [&](auto& row) { state.oldest = row.optional_time(); }, static_cast<std::int64_t>(account.account_id),
                account.acknowledged));
            return state;
        });
    }

    base::Result<void> prune(base::Timestamp too_old, base::Timestamp settled) override {
        return engine_.transaction([&](auto& connection) -> base::Result<void> {
            POSSYNC_TRY_VOID(connection.run("DELETE FROM outbox WHERE recorded_at < $1", too_old));
            // Up to the last that is old enough: where a clock was set back, an earlier revision may be recorded later.
            std::vector<std::pair<std::int64_t, std::int64_t>> settled_up_to;
            POSSYNC_TRY_VOID(connection.each(
                "SELECT account_id, max(revision) FROM outbox WHERE recorded_at < $1 GROUP BY account_id",
                [&](auto& row) {
                    auto const account = row.integer();
                    settled_up_to.emplace_back(account, row.integer());
                },
                settled));
            for (auto const& [account, revision] : settled_up_to) {
                POSSYNC_TRY_VOID(connection.run(
                    "DELETE FROM outbox WHERE account_id = $1 AND revision <= $2 AND revision <= (SELECT min(coalesce(c.revision, 0)) "
                    "FROM sink s LEFT JOIN sink_cursor c ON c.sink = s.name AND c.account_id = outbox.account_id)",
                    account, revision));
            }
            return {};
        });
    }

private:
    /// A gap stands where revisions are not kept any more: at the beginning, or between where a clock was set back.
    static std::vector<Notification> with_gaps(BehindAccount const& account, std::vector<Notification> found, int limit) {
        std::vector<Notification> all;
        auto reached = account.acknowledged;
        auto const up_to = [&](model::Revision revision) {
            if (revision <= reached) return;
            Notification gap;
            gap.account_id = account.account_id;
            gap.account = account.account;
            gap.gap_from = reached + 1;
            gap.revision = revision;
            all.push_back(std::move(gap));
        };
        bool const last = static_cast<int>(found.size()) < limit;
        for (auto& notification : found) {
            up_to(notification.revision - 1);
            reached = notification.revision;
            all.push_back(std::move(notification));
        }
        if (last) up_to(account.revision);
        return all;
    }

    Engine engine_;
};

}  // namespace possync::store
