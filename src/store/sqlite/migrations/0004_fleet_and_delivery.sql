-- Several services share a database, and committed changes leave it.

-- A service takes a gateway's lease before it connects: what kind of accounts the gateway serves is known only later.
ALTER TABLE gateway ADD COLUMN is_paper INTEGER;  -- NULL: nobody connected yet; remembered from then on, a mismatch is refused
UPDATE gateway SET is_paper = paper;
ALTER TABLE gateway DROP COLUMN paper;

-- One row per running service: which gateways it would serve, and until when it counts as alive.
CREATE TABLE service (
    owner TEXT PRIMARY KEY,              -- host:pid:start, as in gateway.owner
    started_at INTEGER NOT NULL,
    live_until INTEGER NOT NULL          -- a heartbeat moves it on
) STRICT, WITHOUT ROWID;
CREATE TABLE service_gateway (
    owner TEXT NOT NULL REFERENCES service (owner) ON DELETE CASCADE,
    gateway TEXT NOT NULL,
    PRIMARY KEY (owner, gateway)
) STRICT, WITHOUT ROWID;

-- With several services a request names the one that holds what it is about.
ALTER TABLE operator_request ADD COLUMN service TEXT;  -- NULL: whichever sees it first

-- What is committed from here on can be delivered: the notification knows its events by their numbers.
DELETE FROM outbox;
ALTER TABLE outbox ADD COLUMN first_event_id INTEGER;  -- NULL, with last_event_id: a revision without events
ALTER TABLE outbox ADD COLUMN last_event_id INTEGER;

-- Where changes are delivered to, by the configuration's name, and the last revision each has acknowledged. An account
-- that is newer than the sink has no row until its first delivery.
CREATE TABLE sink (
    name TEXT PRIMARY KEY,
    added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE sink_cursor (
    sink TEXT NOT NULL REFERENCES sink (name) ON DELETE CASCADE,
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    revision INTEGER NOT NULL,
    acknowledged_at INTEGER NOT NULL,
    PRIMARY KEY (sink, account_id)
) STRICT, WITHOUT ROWID;

-- A close knows the revision that wrote it, as its position does.
ALTER TABLE position_close ADD COLUMN revision INTEGER;  -- NULL: written before this column was
DROP VIEW position_closes_numeric;
DROP VIEW position_closes;
CREATE VIEW position_closes AS
SELECT
    c.close_id, c.position_id, a.code AS account, p.con_id, i.symbol, c.quantity_closed, c.side,
    c.entry_price, c.exit_price, c.realized_pnl, c.realized_pnl_pct, c.commissions, c.net_realized_pnl,
    c.estimated_realized_pnl, c.broker_realized_pnl, i.currency,
    strftime('%Y-%m-%dT%H:%M:%S', c.closed_at / 1000000, 'unixepoch')
        || printf('.%06dZ', c.closed_at % 1000000) AS closed_at,
    c.trade_date, c.is_full_close, c.cause, c.basis, c.exec_id, c.order_ref, c.revision
FROM position_close c
    JOIN position p ON p.position_id = c.position_id
    JOIN account a ON a.account_id = p.account_id
    JOIN instrument i ON i.con_id = p.con_id
WHERE c.superseded_at IS NULL AND p.superseded_at IS NULL;
CREATE VIEW position_closes_numeric AS
SELECT
    close_id, position_id, account, con_id, symbol, CAST(quantity_closed AS REAL) AS quantity_closed, side,
    CAST(entry_price AS REAL) AS entry_price, CAST(exit_price AS REAL) AS exit_price,
    CAST(realized_pnl AS REAL) AS realized_pnl, CAST(realized_pnl_pct AS REAL) AS realized_pnl_pct,
    CAST(commissions AS REAL) AS commissions, CAST(net_realized_pnl AS REAL) AS net_realized_pnl,
    CAST(estimated_realized_pnl AS REAL) AS estimated_realized_pnl,
    CAST(broker_realized_pnl AS REAL) AS broker_realized_pnl, currency, closed_at, trade_date, is_full_close,
    cause, basis, exec_id, order_ref, revision
FROM position_closes;
