-- What a person is told: conditions that are or were raised, and the notes about them.

-- One row per condition of one subject. A restart finds here what is raised and neither repeats nor forgets it.
CREATE TABLE alert (
    condition text COLLATE "C" NOT NULL,   -- quantity_break, stale, guard, ...
    account text COLLATE "C" NOT NULL,     -- '': of the gateway as a whole
    subject text COLLATE "C" NOT NULL,     -- what of it: a con_id, an execution, a date; '': nothing further
    gateway text COLLATE "C" NOT NULL,
    text text NOT NULL,
    raised_at timestamptz NOT NULL,
    cleared_at timestamptz,                -- NULL: it still is so
    told_at timestamptz NOT NULL,          -- when a note was last made of it
    reminders bigint NOT NULL,             -- since it was raised
    returns bigint NOT NULL,               -- how often it came back soon after it had cleared
    PRIMARY KEY (condition, account, subject)
);

-- Notes that are to be delivered, one row for each receiver, in the transaction that raises or clears.
CREATE TABLE alert_note (
    note_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    receiver text COLLATE "C" NOT NULL,    -- name of the [[alert]]
    kind text COLLATE "C" NOT NULL,        -- raised, reminder, recovered, happened
    condition text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    gateway text COLLATE "C" NOT NULL,
    text text NOT NULL,
    created_at timestamptz NOT NULL,
    sent_at timestamptz                    -- NULL: not yet
);
CREATE INDEX alert_note_waiting ON alert_note (receiver, note_id) WHERE sent_at IS NULL;

-- Up to which revision each account was looked through for what happens once: liquidations, assignments, closes of unknown P&L.
CREATE TABLE alert_account (
    account text COLLATE "C" PRIMARY KEY,
    revision bigint NOT NULL
);
