-- What a person is told: conditions that are or were raised, and the notes about them.

-- One row per condition of one subject. A restart finds here what is raised and neither repeats nor forgets it.
CREATE TABLE alert (
    condition TEXT NOT NULL,             -- quantity_break, stale, guard, ...
    account TEXT NOT NULL,               -- '': of the gateway as a whole
    subject TEXT NOT NULL,               -- what of it: a con_id, an execution, a date; '': nothing further
    gateway TEXT NOT NULL,
    text TEXT NOT NULL,
    raised_at INTEGER NOT NULL,
    cleared_at INTEGER,                  -- NULL: it still is so
    told_at INTEGER NOT NULL,            -- when a note was last made of it
    reminders INTEGER NOT NULL,          -- since it was raised
    returns INTEGER NOT NULL,            -- how often it came back soon after it had cleared
    PRIMARY KEY (condition, account, subject)
) STRICT, WITHOUT ROWID;

-- Notes that are to be delivered, one row for each receiver, in the transaction that raises or clears.
CREATE TABLE alert_note (
    note_id INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver TEXT NOT NULL,              -- name of the [[alert]]
    kind TEXT NOT NULL,                  -- raised, reminder, recovered, happened
    condition TEXT NOT NULL,
    account TEXT NOT NULL,
    subject TEXT NOT NULL,
    gateway TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    sent_at INTEGER                      -- NULL: not yet
) STRICT;
CREATE INDEX alert_note_waiting ON alert_note (receiver, note_id) WHERE sent_at IS NULL;

-- Up to which revision each account was looked through for what happens once: liquidations, assignments, closes of unknown P&L.
CREATE TABLE alert_account (
    account TEXT PRIMARY KEY,
    revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
