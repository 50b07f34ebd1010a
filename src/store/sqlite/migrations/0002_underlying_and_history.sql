-- What an option is on: options on an index are settled in cash.
ALTER TABLE instrument ADD COLUMN under_sec_type TEXT;

-- The same history, its times written in half the time: "as it was" over a year reads them all.
DROP VIEW position_history_numeric;
DROP VIEW position_history;
CREATE VIEW position_history AS
SELECT
    h.position_id, a.code AS account, p.con_id, i.symbol, h.quantity, h.average_price, h.realized_pnl,
    h.commissions,
    replace(datetime(h.valid_from / 1000000, 'unixepoch'), ' ', 'T')
        || printf('.%06dZ', h.valid_from % 1000000) AS valid_from,
    replace(datetime(h.valid_to / 1000000, 'unixepoch'), ' ', 'T')
        || printf('.%06dZ', h.valid_to % 1000000) AS valid_to,
    replace(datetime(h.recorded_from / 1000000, 'unixepoch'), ' ', 'T')
        || printf('.%06dZ', h.recorded_from % 1000000) AS recorded_from,
    replace(datetime(h.recorded_to / 1000000, 'unixepoch'), ' ', 'T')
        || printf('.%06dZ', h.recorded_to % 1000000) AS recorded_to
FROM position_version h
    JOIN position p ON p.position_id = h.position_id
    JOIN account a ON a.account_id = p.account_id
    JOIN instrument i ON i.con_id = p.con_id;
CREATE VIEW position_history_numeric AS
SELECT
    position_id, account, con_id, symbol, CAST(quantity AS REAL) AS quantity,
    CAST(average_price AS REAL) AS average_price, CAST(realized_pnl AS REAL) AS realized_pnl,
    CAST(commissions AS REAL) AS commissions, valid_from, valid_to, recorded_from, recorded_to
FROM position_history;
