-- The journey index follows `events`, which has what people can be split by.
ALTER TABLE events ADD INDEX IF NOT EXISTS positions (partition, offset) TYPE minmax GRANULARITY 1;

ALTER TABLE events MATERIALIZE INDEX positions;

ALTER TABLE stage_events DROP INDEX IF EXISTS positions;
