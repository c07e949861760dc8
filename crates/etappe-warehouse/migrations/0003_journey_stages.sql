-- What the journey models are, for those who read with SQL: rows say which stages an event is in, but
-- not which stages a model has, what they are called and which of them everybody passes. The rows
-- of the latest `published_at` are the ones in force; earlier ones are what the models were.
CREATE TABLE IF NOT EXISTS published_stages
(
    published_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    model LowCardinality(String),
    ordinal UInt8,
    stage LowCardinality(String),
    gate Bool,
    own_hit Bool,
    label_en String,
    label_nl String
)
ENGINE = MergeTree
ORDER BY (published_at, model, ordinal)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
