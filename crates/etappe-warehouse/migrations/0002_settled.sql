-- Journeys are folded from rows up to the settled offset of each partition, and found by their
-- position in the log.
ALTER TABLE watermarks ADD COLUMN IF NOT EXISTS settled UInt64 AFTER reached;

ALTER TABLE stage_events ADD INDEX IF NOT EXISTS positions (partition, offset) TYPE minmax GRANULARITY 1;

ALTER TABLE stage_events MATERIALIZE INDEX positions;
