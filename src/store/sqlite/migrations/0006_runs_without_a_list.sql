-- How many positions the broker showed is not known of a sync to which no whole list came: NULL, not 0.
DROP VIEW sync_runs_numeric;
DROP VIEW sync_runs;
ALTER TABLE sync_run RENAME COLUMN broker_positions TO counted;
ALTER TABLE sync_run ADD COLUMN broker_positions INTEGER;  -- NULL: no whole list came
UPDATE sync_run SET broker_positions = counted WHERE outcome <> 'failed' OR counted <> 0;
ALTER TABLE sync_run DROP COLUMN counted;

CREATE VIEW sync_runs AS
SELECT
    r.sync_run_id, r.gateway, r.account, r."trigger",
    strftime('%Y-%m-%dT%H:%M:%S', r.started_at / 1000000, 'unixepoch')
        || printf('.%06dZ', r.started_at % 1000000) AS started_at,
    strftime('%Y-%m-%dT%H:%M:%S', r.finished_at / 1000000, 'unixepoch')
        || printf('.%06dZ', r.finished_at % 1000000) AS finished_at,
    r.outcome, r.positions_created, r.positions_updated, r.positions_closed, r.broker_positions, r.error,
    r.revision, r.repeats
FROM sync_run r;

CREATE VIEW sync_runs_numeric AS
SELECT
    sync_run_id, gateway, account, "trigger", started_at, finished_at, outcome, positions_created,
    positions_updated, positions_closed, broker_positions, error, revision, repeats
FROM sync_runs;
