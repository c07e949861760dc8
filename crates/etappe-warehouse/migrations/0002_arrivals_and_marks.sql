-- The landing table: one insert per batch goes here, materialized views route its rows. Nothing is
-- stored in it; every target keeps its own deduplication window. `only` names the one table that a
-- row is for when a batch is completed after a crash; it is empty otherwise. A row of the kind `mark`
-- is a collector's word on how far its records are complete; it goes into the table `marks` and into
-- no other.
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
    duplicate Bool,
    only LowCardinality(String)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_from_arrivals TO events AS
SELECT
    site, kind, scope, event, milestone, outcome_id, actor, actor_hash, anonymous_id, user_id,
    account, account_hash, message_id, message_hash, occurred_at, received_at, revenue, currency,
    order_id, order_hash, referral_code, inviter_id, inviter_hash, nps, rating, sentiment,
    touchpoint, touchpoint_kind, persona, campaign_source, campaign_medium, campaign_name,
    page_path, page_url, referrer, locale, device, country, bot, channel, properties, context,
    traits, partition, offset, topic
FROM arrivals
WHERE only IN ('', 'events') AND NOT duplicate AND kind IN ('track', 'page', 'screen');

CREATE MATERIALIZED VIEW IF NOT EXISTS stage_events_from_arrivals TO stage_events AS
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
    received_at,
    topic
FROM arrivals
WHERE only IN ('', 'stage_events') AND NOT duplicate AND kind IN ('track', 'page', 'screen');

-- A purchase without an order id is an order of its own, known by its message.
CREATE MATERIALIZED VIEW IF NOT EXISTS money_from_arrivals TO money AS
SELECT
    site,
    if(order_id = '', message_hash, order_hash) AS order_key,
    occurred_at,
    partition,
    offset,
    milestone,
    scope,
    is_view,
    actor_hash,
    account_hash,
    order_id,
    amount_state,
    revenue IS NOT NULL AS has_amount,
    ifNull(revenue, 0) AS amount,
    currency,
    bot != '' AS is_bot,
    received_at,
    topic
FROM arrivals
WHERE only IN ('', 'money')
  AND NOT duplicate
  AND kind IN ('track', 'page', 'screen')
  AND milestone IN (
      'purchase', 'repeat_purchase', 'referred_purchase', 'refund', 'order_cancel'
  );

CREATE MATERIALIZED VIEW IF NOT EXISTS feedback_from_arrivals TO feedback AS
SELECT
    site,
    occurred_at,
    partition,
    offset,
    milestone,
    scope,
    actor_hash,
    outcome_id,
    nps,
    rating,
    sentiment,
    touchpoint,
    bot != '' AS is_bot,
    received_at,
    topic
FROM arrivals
WHERE only IN ('', 'feedback')
  AND NOT duplicate
  AND kind IN ('track', 'page', 'screen')
  AND (nps IS NOT NULL OR rating IS NOT NULL OR sentiment IS NOT NULL);

CREATE MATERIALIZED VIEW IF NOT EXISTS messages_from_arrivals TO messages AS
SELECT partition, message_hash, offset, received_at, topic
FROM arrivals
WHERE only IN ('', 'messages') AND kind != 'mark';

CREATE MATERIALIZED VIEW IF NOT EXISTS duplicates_from_arrivals TO duplicates AS
SELECT site, kind, scope, event, message_id, message_hash, occurred_at, received_at, partition, offset, topic
FROM arrivals
WHERE only IN ('', 'duplicates') AND duplicate;

CREATE MATERIALIZED VIEW IF NOT EXISTS identities_from_arrivals TO identities AS
SELECT
    site, kind, scope, actor, actor_hash, anonymous_id, user_id, previous_id, account, account_hash,
    message_id, occurred_at, received_at, context, traits, partition, offset, topic
FROM arrivals
WHERE only IN ('', 'identities') AND NOT duplicate AND kind IN ('identify', 'group', 'alias');

CREATE MATERIALIZED VIEW IF NOT EXISTS actor_ids_from_arrivals TO actor_ids AS
SELECT site, xxh3(id) AS id_hash, actor_hash, toString(arrivals.scope) AS scope, id, actor, received_at
FROM arrivals
ARRAY JOIN arrayFilter(x -> x != '' AND x != actor, [anonymous_id, user_id, previous_id]) AS id
WHERE only IN ('', 'actor_ids') AND NOT duplicate AND actor_hash != 0
LIMIT 1 BY site, id_hash, actor_hash, id, scope;

CREATE MATERIALIZED VIEW IF NOT EXISTS referral_events_from_arrivals TO referral_events AS
SELECT
    site,
    occurred_at,
    partition,
    offset,
    milestone,
    scope,
    actor,
    actor_hash,
    referral_code,
    inviter_id,
    inviter_hash,
    bot != '' AS is_bot,
    received_at,
    topic
FROM arrivals
WHERE only IN ('', 'referral_events')
  AND NOT duplicate
  AND kind IN ('track', 'page', 'screen')
  AND (milestone IN ('invite_sent', 'invite_accepted', 'share') OR referral_code != '' OR inviter_id != '');

-- What collectors say, at its place in the log: every record that `collector` received before
-- `reached` stands before it.
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
    topic,
    partition,
    offset,
    message_id AS collector,
    occurred_at AS reached,
    received_at AS written_at,
    event AS state
FROM arrivals
WHERE only IN ('', 'marks') AND kind = 'mark';

-- How far the figures reach, as told by whoever reads the partition; the newest row counts.
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
