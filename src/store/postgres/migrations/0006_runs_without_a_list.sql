-- How many positions the broker showed is not known of a sync to which no whole list came: NULL, not 0.
ALTER TABLE sync_run ALTER COLUMN broker_positions DROP NOT NULL;
UPDATE sync_run SET broker_positions = NULL WHERE outcome = 'failed' AND broker_positions = 0;
