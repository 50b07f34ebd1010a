// AlertLog in SQL that SQLite and PostgreSQL both understand (parameters in the order in which they stand: SQLite counts them
// so); Engine as in sql_outbox.hpp.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "store/alert_log.hpp"

namespace possync::store {

template <typename Engine>
class SqlAlertLog final : public AlertLog {
public:
    explicit SqlAlertLog(Engine engine) : engine_(std::move(engine)) {}

    base::Result<AlertState> load(base::Timestamp since) override {
        return engine_.read([&](auto& connection) -> base::Result<AlertState> {
            AlertState state;
            POSSYNC_TRY_VOID(connection.each(
                "SELECT condition, account, subject, gateway, text, raised_at, cleared_at, told_at, reminders, returns FROM "
                "alert "
                "WHERE cleared_at IS NULL OR cleared_at > $1 ORDER BY condition, account, subject",
                [&](auto& row) {
                    AlertRow alert;
                    alert.condition = row.text();
                    alert.account = row.text();
                    alert.subject = row.text();
                    alert.gateway = row.text();
                    alert.text = row.text();
                    alert.raised_at = row.time();
                    alert.cleared_at = row.optional_time();
                    alert.told_at = row.time();
                    alert.reminders = row.integer();
                    alert.returns = row.integer();
                    state.alerts.push_back(std::move(alert));
                },
                since));
            POSSYNC_TRY_VOID(connection.each("SELECT account, revision FROM alert_account", [&](auto& row) {
                std::string account(row.text());
                state.revisions[std::move(account)] = row.integer();
            }));
            return state;
        });
    }

    base::Result<void> record(AlertEntry const& entry) override {
        return engine_.transaction([&](auto& connection) -> base::Result<void> {
            for (auto const& alert : entry.alerts) {
                POSSYNC_TRY_VOID(connection.run(
                    "INSERT INTO alert (condition, account, subject, gateway, text, raised_at, cleared_at, told_at, reminders, "
                    "returns) "
                    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (condition, account, subject) DO UPDATE SET "
                    "gateway = excluded.gateway, text = excluded.text, raised_at = excluded.raised_at, cleared_at = "
                    "excluded.cleared_at, "
                    "told_at = excluded.told_at, reminders = excluded.reminders, returns = excluded.returns",
                    alert.condition, alert.account, alert.subject, alert.gateway, alert.text, alert.raised_at, alert.cleared_at,
                    alert.told_at, alert.reminders, alert.returns));
            }
            for (auto const& note : entry.notes) {
                POSSYNC_TRY_VOID(connection.run(
                    "INSERT INTO alert_note (receiver, kind, condition, account, subject, gateway, text, created_at) "
                    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                    note.receiver, note.kind, note.condition, note.account, note.subject, note.gateway, note.text,
                    note.created_at));
            }
            for (auto const& [account, revision] : entry.revisions) {
                POSSYNC_TRY_VOID(connection.run("INSERT INTO alert_account (account, revision) VALUES ($1, $2) "
                                                "ON CONFLICT (account) DO UPDATE SET revision = excluded.revision",
                                                account, revision));
            }
            return {};
        });
    }

    base::Result<std::vector<AlertNote>> waiting(std::string const& receiver) override {
        return engine_.read([&](auto& connection) -> base::Result<std::vector<AlertNote>> {
            std::vector<AlertNote> found;
            POSSYNC_TRY_VOID(connection.each(
                "SELECT note_id, kind, condition, account, subject, gateway, text, created_at FROM alert_note "
                "WHERE receiver = $1 AND sent_at IS NULL ORDER BY note_id",
                [&](auto& row) {
                    AlertNote note;
                    note.receiver = receiver;
                    note.note_id = row.integer();
                    note.kind = row.text();
                    note.condition = row.text();
                    note.account = row.text();
                    note.subject = row.text();
                    note.gateway = row.text();
                    note.text = row.text();
                    note.created_at = row.time();
                    found.push_back(std::move(note));
                },
                receiver));
            return found;
        });
    }

    base::Result<void> sent(std::vector<std::int64_t> const& note_ids, base::Timestamp now) override {
        return engine_.transaction([&](auto& connection) -> base::Result<void> {
            for (auto const note_id : note_ids) {
                POSSYNC_TRY_VOID(connection.run("UPDATE alert_note SET sent_at = $1 WHERE note_id = $2", now, note_id));
            }
            return {};
        });
    }

    base::Result<void> prune(base::Timestamp too_old) override {
        return engine_.transaction([&](auto& connection) -> base::Result<void> {
            POSSYNC_TRY_VOID(connection.run("DELETE FROM alert_note WHERE created_at < $1", too_old));
            POSSYNC_TRY_VOID(connection.run("DELETE FROM alert WHERE cleared_at < $1", too_old));
            return {};
        });
    }

private:
    Engine engine_;
};

}  // namespace possync::store
