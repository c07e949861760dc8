-- The landing table: one insert per batch goes here, materialized views route its rows. Nothing is
-- stored in it; every target keeps its own deduplication window. `only` names the one table that a
-- row is for when a batch is completed after a crash; it is empty otherwise.
CREATE TABLE IF NOT EXISTS inbox
(
    site LowCardinality(String),
    kind Enum8('track' = 1, 'page' = 2, 'screen' = 3, 'identify' = 4, 'group' = 5, 'alias' = 6),
    scope Enum8('browser' = 1, 'server' = 2, 'pixel' = 3),
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
    revenue Nullable(Decimal(18, 4)),
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
    partition UInt32,
    offset UInt64,
    duplicate Bool,
    only LowCardinality(String)
)
ENGINE = Null;

-- One row an event, in each actor's order.
CREATE TABLE IF NOT EXISTS events
(
    site LowCardinality(String),
    kind Enum8('track' = 1, 'page' = 2, 'screen' = 3, 'identify' = 4, 'group' = 5, 'alias' = 6),
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
    revenue Nullable(Decimal(18, 4)) CODEC(LZ4),
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
    partition UInt32 CODEC(LZ4),
    offset UInt64 CODEC(Delta, LZ4),
    INDEX occurred_at_range occurred_at TYPE minmax GRANULARITY 256
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, actor_hash, occurred_at, partition, offset)
SETTINGS non_replicated_deduplication_window = 100000;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_from_inbox TO events AS
SELECT
    site, kind, scope, event, milestone, outcome_id, actor, actor_hash, anonymous_id, user_id,
    account, account_hash, message_id, message_hash, occurred_at, received_at, revenue, currency,
    order_id, order_hash, referral_code, inviter_id, inviter_hash, nps, rating, sentiment,
    touchpoint, touchpoint_kind, persona, campaign_source, campaign_medium, campaign_name,
    page_path, page_url, referrer, locale, device, country, bot, channel, properties, context,
    traits, partition, offset
FROM inbox
WHERE only IN ('', 'events') AND NOT duplicate AND kind IN ('track', 'page', 'screen');

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
    partition UInt32 CODEC(LZ4),
    offset UInt64 CODEC(Delta, LZ4),
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, occurred_at, partition, offset)
SETTINGS non_replicated_deduplication_window = 100000;

CREATE MATERIALIZED VIEW IF NOT EXISTS stage_events_from_inbox TO stage_events AS
SELECT
    site,
    occurred_at,
    actor_hash,
    outcome_id,
    milestone,
    event,
    bot != '' AS is_bot,
    toUInt32(0) AS revision,
    partition,
    offset,
    received_at
FROM inbox
WHERE only IN ('', 'stage_events') AND NOT duplicate AND kind IN ('track', 'page', 'screen');

-- Purchases and refunds, order by order.
CREATE TABLE IF NOT EXISTS money
(
    site LowCardinality(String),
    order_key UInt64 CODEC(NONE),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    partition UInt32 CODEC(LZ4),
    offset UInt64 CODEC(Delta, LZ4),
    milestone LowCardinality(String),
    actor_hash UInt64 CODEC(NONE),
    account_hash UInt64 CODEC(LZ4),
    order_id String CODEC(ZSTD(1)),
    has_amount Bool CODEC(LZ4),
    amount Decimal(18, 4) CODEC(LZ4),
    currency LowCardinality(String),
    is_bot Bool CODEC(LZ4),
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, order_key, occurred_at, partition, offset)
SETTINGS non_replicated_deduplication_window = 100000;

-- A purchase without an order id is an order of its own, known by its message.
CREATE MATERIALIZED VIEW IF NOT EXISTS money_from_inbox TO money AS
SELECT
    site,
    if(order_id = '', message_hash, order_hash) AS order_key,
    occurred_at,
    partition,
    offset,
    milestone,
    actor_hash,
    account_hash,
    order_id,
    revenue IS NOT NULL AS has_amount,
    ifNull(revenue, 0) AS amount,
    currency,
    bot != '' AS is_bot,
    received_at
FROM inbox
WHERE only IN ('', 'money')
  AND NOT duplicate
  AND kind IN ('track', 'page', 'screen')
  AND milestone IN ('purchase', 'repeat_purchase', 'referred_purchase', 'refund');

-- What people said: scores, ratings, sentiment.
CREATE TABLE IF NOT EXISTS feedback
(
    site LowCardinality(String),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    partition UInt32 CODEC(LZ4),
    offset UInt64 CODEC(Delta, LZ4),
    milestone LowCardinality(String),
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

CREATE MATERIALIZED VIEW IF NOT EXISTS feedback_from_inbox TO feedback AS
SELECT
    site,
    occurred_at,
    partition,
    offset,
    milestone,
    actor_hash,
    outcome_id,
    nps,
    rating,
    sentiment,
    touchpoint,
    bot != '' AS is_bot,
    received_at
FROM inbox
WHERE only IN ('', 'feedback')
  AND NOT duplicate
  AND kind IN ('track', 'page', 'screen')
  AND (nps IS NOT NULL OR rating IS NOT NULL OR sentiment IS NOT NULL);

-- Every message, duplicates too, for the question "was it stored before?".
CREATE TABLE IF NOT EXISTS messages
(
    partition UInt32 CODEC(LZ4),
    message_hash UInt64 CODEC(NONE),
    offset UInt64 CODEC(Delta, LZ4),
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (partition, message_hash, offset)
SETTINGS non_replicated_deduplication_window = 100000, index_granularity = 1024;

CREATE MATERIALIZED VIEW IF NOT EXISTS messages_from_inbox TO messages AS
SELECT partition, message_hash, offset, received_at
FROM inbox
WHERE only IN ('', 'messages');

-- Messages that a client sent again: counted, and in no KPI.
CREATE TABLE IF NOT EXISTS duplicates
(
    site LowCardinality(String),
    kind Enum8('track' = 1, 'page' = 2, 'screen' = 3, 'identify' = 4, 'group' = 5, 'alias' = 6),
    event LowCardinality(String),
    message_id String CODEC(ZSTD(1)),
    message_hash UInt64 CODEC(NONE),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    partition UInt32 CODEC(LZ4),
    offset UInt64 CODEC(Delta, LZ4)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, received_at, partition, offset)
SETTINGS non_replicated_deduplication_window = 100000;

CREATE MATERIALIZED VIEW IF NOT EXISTS duplicates_from_inbox TO duplicates AS
SELECT site, kind, event, message_id, message_hash, occurred_at, received_at, partition, offset
FROM inbox
WHERE only IN ('', 'duplicates') AND duplicate;

-- Who someone is: identify, group and alias messages.
CREATE TABLE IF NOT EXISTS identities
(
    site LowCardinality(String),
    kind Enum8('track' = 1, 'page' = 2, 'screen' = 3, 'identify' = 4, 'group' = 5, 'alias' = 6),
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
    partition UInt32 CODEC(LZ4),
    offset UInt64 CODEC(Delta, LZ4)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, actor_hash, occurred_at, partition, offset)
SETTINGS non_replicated_deduplication_window = 100000;

CREATE MATERIALIZED VIEW IF NOT EXISTS identities_from_inbox TO identities AS
SELECT
    site, kind, actor, actor_hash, anonymous_id, user_id, previous_id, account, account_hash,
    message_id, occurred_at, received_at, context, traits, partition, offset
FROM inbox
WHERE only IN ('', 'identities') AND NOT duplicate AND kind IN ('identify', 'group', 'alias');

-- Which actor an id belongs to, for ids that are not the actor's own; rows repeat.
CREATE TABLE IF NOT EXISTS actor_ids
(
    site LowCardinality(String),
    id_hash UInt64 CODEC(NONE),
    actor_hash UInt64 CODEC(NONE),
    id String CODEC(ZSTD(1)),
    actor String CODEC(ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4)
)
ENGINE = ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, id_hash, actor_hash, id)
SETTINGS non_replicated_deduplication_window = 100000;

CREATE MATERIALIZED VIEW IF NOT EXISTS actor_ids_from_inbox TO actor_ids AS
SELECT site, xxh3(id) AS id_hash, actor_hash, id, actor, received_at
FROM inbox
ARRAY JOIN arrayFilter(x -> x != '' AND x != actor, [anonymous_id, user_id, previous_id]) AS id
WHERE only IN ('', 'actor_ids') AND NOT duplicate AND actor_hash != 0
LIMIT 1 BY site, id_hash, actor_hash, id;

-- What is known of invitations and of who came by them.
CREATE TABLE IF NOT EXISTS referral_events
(
    site LowCardinality(String),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    partition UInt32 CODEC(LZ4),
    offset UInt64 CODEC(Delta, LZ4),
    milestone LowCardinality(String),
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

CREATE MATERIALIZED VIEW IF NOT EXISTS referral_events_from_inbox TO referral_events AS
SELECT
    site,
    occurred_at,
    partition,
    offset,
    milestone,
    actor,
    actor_hash,
    referral_code,
    inviter_id,
    inviter_hash,
    bot != '' AS is_bot,
    received_at
FROM inbox
WHERE only IN ('', 'referral_events')
  AND NOT duplicate
  AND kind IN ('track', 'page', 'screen')
  AND (milestone IN ('invite_sent', 'invite_accepted', 'share') OR referral_code != '' OR inviter_id != '');

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
