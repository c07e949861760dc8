-- The landing table. A batch is one insert into it. It stores nothing: the materialized views below
-- route its rows, and each table behind it has its own deduplication window. The columns `to_…`
-- name the tables that take the row. The writer decides that, because it must know it too when it
-- completes a batch after a crash; then a row goes to a single table. A row of the kind `mark` goes
-- to `marks` only.
CREATE TABLE IF NOT EXISTS arrivals
(
    site LowCardinality(String),
    kind Enum8('track' = 1, 'page' = 2, 'screen' = 3, 'identify' = 4, 'group' = 5, 'alias' = 6, 'mark' = 7),
    scope Enum8('browser' = 1, 'server' = 2, 'pixel' = 3),
    amount_state Enum8('absent' = 0, 'read' = 1, 'unread' = 2, 'withheld' = 3),
    is_view Bool,
    event LowCardinality(String),
    milestone LowCardinality(String),
    outcome_id UInt64,
    actor String,
    actor_hash UInt64,
    anonymous_id String,
    user_id String,
    previous_id String,
    account String,
    account_hash UInt64,
    message_id String,
    message_hash UInt64,
    occurred_at DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    revenue Nullable(Decimal(38, 4)),
    currency LowCardinality(String),
    order_id String,
    order_hash UInt64,
    referral_code String,
    inviter_id String,
    inviter_hash UInt64,
    nps Nullable(UInt8),
    rating Nullable(Float64),
    sentiment Nullable(Float64),
    touchpoint LowCardinality(String),
    touchpoint_kind LowCardinality(String),
    persona LowCardinality(String),
    campaign_source LowCardinality(String),
    campaign_medium LowCardinality(String),
    campaign_name LowCardinality(String),
    page_path String,
    page_url String,
    referrer String,
    locale LowCardinality(String),
    device LowCardinality(String),
    country LowCardinality(String),
    bot LowCardinality(String),
    channel LowCardinality(String),
    properties String,
    context String,
    traits String,
    topic LowCardinality(String),
    partition UInt32,
    offset UInt64,
    to_messages Bool,
    to_events Bool,
    to_stage_events Bool,
    to_money Bool,
    to_feedback Bool,
    to_referral_events Bool,
    to_identities Bool,
    to_duplicates Bool,
    to_marks Bool,
    to_actor_ids Bool
)
ENGINE = Null;

-- The landing table for batches that contain only marks. In quiet times one such batch per
-- partition arrives every second, and each view costs the server time even if it takes no row.
CREATE TABLE IF NOT EXISTS mark_arrivals AS arrivals ENGINE = Null;

-- Every message, including duplicates. It answers whether a message was stored before.
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

CREATE MATERIALIZED VIEW IF NOT EXISTS messages_from_arrivals TO messages AS
SELECT partition, message_hash, offset, received_at, topic
FROM arrivals
WHERE to_messages;

-- One row per event, ordered by actor.
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

CREATE MATERIALIZED VIEW IF NOT EXISTS events_from_arrivals TO events AS
SELECT
    site, kind, scope, event, milestone, outcome_id, actor, actor_hash, anonymous_id, user_id,
    account, account_hash, message_id, message_hash, occurred_at, received_at, revenue, currency,
    order_id, order_hash, referral_code, inviter_id, inviter_hash, nps, rating, sentiment,
    touchpoint, touchpoint_kind, persona, campaign_source, campaign_medium, campaign_name,
    page_path, page_url, referrer, locale, device, country, bot, channel, properties, context,
    traits, partition, offset, topic
FROM arrivals
WHERE to_events;

-- One narrow row per event with the outcome of all models, ordered by time. If a person is
-- classified again, the new rows have a higher revision.
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

CREATE MATERIALIZED VIEW IF NOT EXISTS stage_events_from_arrivals TO stage_events AS
SELECT
    site, occurred_at, actor_hash, outcome_id, milestone, event, bot != '' AS is_bot,
    toUInt32(0) AS revision, partition, offset, received_at, topic
FROM arrivals
WHERE to_stage_events;

-- Purchases, refunds and cancellations, ordered by order. A purchase without an order id is an
-- order of its own, identified by its message.
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

CREATE MATERIALIZED VIEW IF NOT EXISTS money_from_arrivals TO money AS
SELECT
    site, if(order_id = '', message_hash, order_hash) AS order_key, occurred_at, partition, offset,
    milestone, scope, is_view, actor_hash, account_hash, order_id, amount_state,
    revenue IS NOT NULL AS has_amount, ifNull(revenue, 0) AS amount, currency, bot != '' AS is_bot, received_at, topic
FROM arrivals
WHERE to_money;

-- Scores, ratings and sentiment.
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

CREATE MATERIALIZED VIEW IF NOT EXISTS feedback_from_arrivals TO feedback AS
SELECT
    site, occurred_at, partition, offset, milestone, scope, actor_hash, outcome_id, nps, rating,
    sentiment, touchpoint, bot != '' AS is_bot, received_at, topic
FROM arrivals
WHERE to_feedback;

-- Invitations, and events with a referral code or an inviter.
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

CREATE MATERIALIZED VIEW IF NOT EXISTS referral_events_from_arrivals TO referral_events AS
SELECT
    site, occurred_at, partition, offset, milestone, scope, actor, actor_hash, referral_code,
    inviter_id, inviter_hash, bot != '' AS is_bot, received_at, topic
FROM arrivals
WHERE to_referral_events;

-- Identify, group and alias messages: they say who somebody is.
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

CREATE MATERIALIZED VIEW IF NOT EXISTS identities_from_arrivals TO identities AS
SELECT
    site, kind, scope, actor, actor_hash, anonymous_id, user_id, previous_id, account, account_hash,
    message_id, occurred_at, received_at, context, traits, partition, offset, topic
FROM arrivals
WHERE to_identities;

-- The actor that an id belongs to, for ids other than the actor's own, and the scope of the key
-- that said so. Rows repeat.
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

CREATE MATERIALIZED VIEW IF NOT EXISTS actor_ids_from_arrivals TO actor_ids AS
SELECT
    site, xxh3(id) AS id_hash, actor_hash, toString(arrivals.scope) AS scope, id, actor, received_at
FROM arrivals
ARRAY JOIN arrayFilter(x -> x != '' AND x != actor, [anonymous_id, user_id, previous_id]) AS id
WHERE to_actor_ids
LIMIT 1 BY site, id_hash, actor_hash, id, scope;

-- Messages that a client sent again. No KPI counts them.
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

CREATE MATERIALIZED VIEW IF NOT EXISTS duplicates_from_arrivals TO duplicates AS
SELECT
    site, kind, scope, event, message_id, message_hash, occurred_at, received_at, partition, offset,
    topic
FROM arrivals
WHERE to_duplicates;

-- Collectors' marks, at their positions in the log: all records that `collector` received before
-- `reached` come before the mark.
CREATE TABLE IF NOT EXISTS marks
(
    topic LowCardinality(String),
    partition UInt32 CODEC(LZ4),
    offset UInt64 CODEC(Delta, LZ4),
    collector LowCardinality(String),
    reached DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    written_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    state LowCardinality(String),
    received_at DateTime64(3, 'UTC') ALIAS written_at
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(written_at)
ORDER BY (topic, partition, offset)
SETTINGS non_replicated_deduplication_window = 100000;

CREATE MATERIALIZED VIEW IF NOT EXISTS marks_from_arrivals TO marks AS
SELECT
    topic, partition, offset, message_id AS collector, occurred_at AS reached,
    received_at AS written_at, event AS state
FROM arrivals
WHERE to_marks;

CREATE MATERIALIZED VIEW IF NOT EXISTS marks_from_mark_arrivals TO marks AS
SELECT
    topic, partition, offset, message_id AS collector, occurred_at AS reached,
    received_at AS written_at, event AS state
FROM mark_arrivals
WHERE to_marks;

-- What all rules together decided about an event. Events store only the id. Equal ids mean equal
-- content, so storing an outcome again is harmless.
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

-- The stages of an outcome. One row per model is main; if the model has no stage for the event, the
-- main row has an empty stage and the ordinal 0.
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

-- Actors that were merged after their events had been stored. Empty until such merges are recorded.
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

-- The stages of the journey models, for SQL clients. Rows of events name their stage, but not the
-- model's other stages, their labels and which of them are gates. The rows with the latest
-- `published_at` are in force; earlier ones are history.
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

-- How far the figures reach in each partition, as posted by its reader. The newest row counts.
CREATE TABLE IF NOT EXISTS watermarks
(
    topic LowCardinality(String),
    partition UInt32,
    partitions UInt32,
    reached DateTime64(3, 'UTC'),
    posted_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(posted_at)
ORDER BY (topic, partition);
