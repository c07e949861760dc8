-- One row an event, in each actor's order.
CREATE TABLE IF NOT EXISTS events
(
    site LowCardinality(String),
    kind Enum8('track' = 1, 'page' = 2, 'screen' = 3, 'identify' = 4, 'group' = 5, 'alias' = 6, 'mark' = 7),
    scope Enum8('browser' = 1, 'server' = 2, 'pixel' = 3),
    event LowCardinality(String),
    milestone LowCardinality(String),
    outcome_id UInt64 CODEC(LZ4),
    actor String CODEC(ZSTD(1)),
    actor_hash UInt64 CODEC(LZ4),
    anonymous_id String CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    account String CODEC(ZSTD(1)),
    account_hash UInt64 CODEC(LZ4),
    message_id String CODEC(ZSTD(1)),
    message_hash UInt64 CODEC(NONE),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    revenue Nullable(Decimal(38, 4)) CODEC(LZ4),
    currency LowCardinality(String),
    order_id String CODEC(ZSTD(1)),
    order_hash UInt64 CODEC(LZ4),
    referral_code String CODEC(ZSTD(1)),
    inviter_id String CODEC(ZSTD(1)),
    inviter_hash UInt64 CODEC(LZ4),
    nps Nullable(UInt8) CODEC(LZ4),
    rating Nullable(Float64) CODEC(LZ4),
    sentiment Nullable(Float64) CODEC(LZ4),
    touchpoint LowCardinality(String),
    touchpoint_kind LowCardinality(String),
    persona LowCardinality(String),
    campaign_source LowCardinality(String),
    campaign_medium LowCardinality(String),
    campaign_name LowCardinality(String),
    page_path String CODEC(ZSTD(1)),
    page_url String CODEC(ZSTD(1)),
    referrer String CODEC(ZSTD(1)),
    locale LowCardinality(String),
    device LowCardinality(String),
    country LowCardinality(String),
    bot LowCardinality(String),
    channel LowCardinality(String),
    properties String CODEC(ZSTD(1)),
    context String CODEC(ZSTD(1)),
    traits String CODEC(ZSTD(1)),
    topic LowCardinality(String),
    partition UInt32 CODEC(LZ4),
    offset UInt64 CODEC(Delta, LZ4),
    INDEX occurred_at_range occurred_at TYPE minmax GRANULARITY 256
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, actor_hash, occurred_at, partition, offset)
SETTINGS non_replicated_deduplication_window = 100000;

-- The narrow table: one row an event with the outcome of all models in it, in each site's order of
-- time. A restatement of a person writes rows of a higher revision.
CREATE TABLE IF NOT EXISTS stage_events
(
    site LowCardinality(String),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    actor_hash UInt64 CODEC(NONE),
    outcome_id UInt64 CODEC(LZ4),
    milestone LowCardinality(String),
    event LowCardinality(String),
    is_bot Bool CODEC(LZ4),
    revision UInt32 CODEC(LZ4),
    topic LowCardinality(String),
    partition UInt32 CODEC(LZ4),
    offset UInt64 CODEC(Delta, LZ4),
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, occurred_at, partition, offset)
SETTINGS non_replicated_deduplication_window = 100000;

-- Purchases, refunds and cancellations, order by order.
CREATE TABLE IF NOT EXISTS money
(
    site LowCardinality(String),
    order_key UInt64 CODEC(NONE),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    topic LowCardinality(String),
    partition UInt32 CODEC(LZ4),
    offset UInt64 CODEC(Delta, LZ4),
    milestone LowCardinality(String),
    scope Enum8('browser' = 1, 'server' = 2, 'pixel' = 3),
    is_view Bool CODEC(LZ4),
    actor_hash UInt64 CODEC(NONE),
    account_hash UInt64 CODEC(LZ4),
    order_id String CODEC(ZSTD(1)),
    amount_state Enum8('absent' = 0, 'read' = 1, 'unread' = 2, 'withheld' = 3) CODEC(LZ4),
    has_amount Bool CODEC(LZ4),
    amount Decimal(38, 4) CODEC(LZ4),
    currency LowCardinality(String),
    is_bot Bool CODEC(LZ4),
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, order_key, occurred_at, partition, offset)
SETTINGS non_replicated_deduplication_window = 100000;

-- What people said: scores, ratings, sentiment.
CREATE TABLE IF NOT EXISTS feedback
(
    site LowCardinality(String),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    topic LowCardinality(String),
    partition UInt32 CODEC(LZ4),
    offset UInt64 CODEC(Delta, LZ4),
    milestone LowCardinality(String),
    scope Enum8('browser' = 1, 'server' = 2, 'pixel' = 3),
    actor_hash UInt64 CODEC(NONE),
    outcome_id UInt64 CODEC(LZ4),
    nps Nullable(UInt8) CODEC(LZ4),
    rating Nullable(Float64) CODEC(LZ4),
    sentiment Nullable(Float64) CODEC(LZ4),
    touchpoint LowCardinality(String),
    is_bot Bool CODEC(LZ4),
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, occurred_at, partition, offset)
SETTINGS non_replicated_deduplication_window = 100000;

-- Every message, duplicates too, for the question "was it stored before?".
CREATE TABLE IF NOT EXISTS messages
(
    topic LowCardinality(String),
    partition UInt32 CODEC(LZ4),
    message_hash UInt64 CODEC(NONE),
    offset UInt64 CODEC(Delta, LZ4),
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (partition, message_hash, offset)
SETTINGS non_replicated_deduplication_window = 100000, index_granularity = 1024;

-- Messages that a client sent again: counted, and in no KPI.
CREATE TABLE IF NOT EXISTS duplicates
(
    site LowCardinality(String),
    kind Enum8('track' = 1, 'page' = 2, 'screen' = 3, 'identify' = 4, 'group' = 5, 'alias' = 6, 'mark' = 7),
    scope Enum8('browser' = 1, 'server' = 2, 'pixel' = 3),
    event LowCardinality(String),
    message_id String CODEC(ZSTD(1)),
    message_hash UInt64 CODEC(NONE),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    topic LowCardinality(String),
    partition UInt32 CODEC(LZ4),
    offset UInt64 CODEC(Delta, LZ4)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, received_at, partition, offset)
SETTINGS non_replicated_deduplication_window = 100000;

-- Who someone is: identify, group and alias messages.
CREATE TABLE IF NOT EXISTS identities
(
    site LowCardinality(String),
    kind Enum8('track' = 1, 'page' = 2, 'screen' = 3, 'identify' = 4, 'group' = 5, 'alias' = 6, 'mark' = 7),
    scope Enum8('browser' = 1, 'server' = 2, 'pixel' = 3),
    actor String CODEC(ZSTD(1)),
    actor_hash UInt64 CODEC(LZ4),
    anonymous_id String CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    previous_id String CODEC(ZSTD(1)),
    account String CODEC(ZSTD(1)),
    account_hash UInt64 CODEC(LZ4),
    message_id String CODEC(ZSTD(1)),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    context String CODEC(ZSTD(1)),
    traits String CODEC(ZSTD(1)),
    topic LowCardinality(String),
    partition UInt32 CODEC(LZ4),
    offset UInt64 CODEC(Delta, LZ4)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, actor_hash, occurred_at, partition, offset)
SETTINGS non_replicated_deduplication_window = 100000;

-- Which actor an id belongs to, for ids that are not the actor's own, and by whose word; rows repeat.
CREATE TABLE IF NOT EXISTS actor_ids
(
    site LowCardinality(String),
    id_hash UInt64 CODEC(NONE),
    actor_hash UInt64 CODEC(NONE),
    scope LowCardinality(String),
    id String CODEC(ZSTD(1)),
    actor String CODEC(ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4)
)
ENGINE = ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, id_hash, actor_hash, id, scope)
SETTINGS non_replicated_deduplication_window = 100000;

-- What is known of invitations and of who came by them.
CREATE TABLE IF NOT EXISTS referral_events
(
    site LowCardinality(String),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    topic LowCardinality(String),
    partition UInt32 CODEC(LZ4),
    offset UInt64 CODEC(Delta, LZ4),
    milestone LowCardinality(String),
    scope Enum8('browser' = 1, 'server' = 2, 'pixel' = 3),
    actor String CODEC(ZSTD(1)),
    actor_hash UInt64 CODEC(NONE),
    referral_code String CODEC(ZSTD(1)),
    inviter_id String CODEC(ZSTD(1)),
    inviter_hash UInt64 CODEC(LZ4),
    is_bot Bool CODEC(LZ4),
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, occurred_at, partition, offset)
SETTINGS non_replicated_deduplication_window = 100000;

-- What all rules together said about an event; an event stores the id alone. Equal ids mean equal
-- content, so a repeated insert is harmless.
CREATE TABLE IF NOT EXISTS outcomes
(
    id UInt64,
    milestone LowCardinality(String),
    vocabulary LowCardinality(String),
    vocabulary_version LowCardinality(String),
    vocabulary_rule LowCardinality(String)
)
ENGINE = ReplacingMergeTree
ORDER BY id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- The stages of an outcome. Of each model one row is main: its stage is empty, and its ordinal 0,
-- where the model has no stage for the event.
CREATE TABLE IF NOT EXISTS outcome_stages
(
    id UInt64,
    model LowCardinality(String),
    version LowCardinality(String),
    stage LowCardinality(String),
    ordinal UInt8,
    rule LowCardinality(String),
    is_main Bool
)
ENGINE = ReplacingMergeTree
ORDER BY (id, model, is_main, stage, rule)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Merges of actors that came after their events; empty until such merges are recorded.
CREATE TABLE IF NOT EXISTS actor_overrides
(
    site LowCardinality(String),
    from_hash UInt64,
    to_hash UInt64,
    to_actor String,
    revision UInt32
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (site, from_hash);
