-- What an option is on: options on an index are settled in cash.
ALTER TABLE instrument ADD COLUMN under_sec_type TEXT;
