-- Every row says which log it came from: positions of two logs must not be mixed up when an
-- installation moves from one to the other. Rows that were there before say nothing, and count as
-- another log's. A kind of message of its own, `mark`, is a collector's word on how far its records
-- are complete; it goes into the table `marks` and into no other.
ALTER TABLE inbox
    ADD COLUMN IF NOT EXISTS topic LowCardinality(String) AFTER traits,
    MODIFY COLUMN kind Enum8('track' = 1, 'page' = 2, 'screen' = 3, 'identify' = 4, 'group' = 5, 'alias' = 6, 'mark' = 7);

ALTER TABLE events
    ADD COLUMN IF NOT EXISTS topic LowCardinality(String),
    MODIFY COLUMN kind Enum8('track' = 1, 'page' = 2, 'screen' = 3, 'identify' = 4, 'group' = 5, 'alias' = 6, 'mark' = 7);

ALTER TABLE events_from_inbox MODIFY QUERY
SELECT
    site, kind, scope, event, milestone, outcome_id, actor, actor_hash, anonymous_id, user_id,
    account, account_hash, message_id, message_hash, occurred_at, received_at, revenue, currency,
    order_id, order_hash, referral_code, inviter_id, inviter_hash, nps, rating, sentiment,
    touchpoint, touchpoint_kind, persona, campaign_source, campaign_medium, campaign_name,
    page_path, page_url, referrer, locale, device, country, bot, channel, properties, context,
    traits, partition, offset, topic
FROM inbox
WHERE only IN ('', 'events') AND NOT duplicate AND kind IN ('track', 'page', 'screen');

ALTER TABLE stage_events
    ADD COLUMN IF NOT EXISTS topic LowCardinality(String);

ALTER TABLE stage_events_from_inbox MODIFY QUERY
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
FROM inbox
WHERE only IN ('', 'stage_events') AND NOT duplicate AND kind IN ('track', 'page', 'screen');

ALTER TABLE money
    ADD COLUMN IF NOT EXISTS topic LowCardinality(String);

ALTER TABLE money_from_inbox MODIFY QUERY
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
    received_at,
    topic
FROM inbox
WHERE only IN ('', 'money')
  AND NOT duplicate
  AND kind IN ('track', 'page', 'screen')
  AND milestone IN ('purchase', 'repeat_purchase', 'referred_purchase', 'refund');

ALTER TABLE feedback
    ADD COLUMN IF NOT EXISTS topic LowCardinality(String);

ALTER TABLE feedback_from_inbox MODIFY QUERY
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
    received_at,
    topic
FROM inbox
WHERE only IN ('', 'feedback')
  AND NOT duplicate
  AND kind IN ('track', 'page', 'screen')
  AND (nps IS NOT NULL OR rating IS NOT NULL OR sentiment IS NOT NULL);

ALTER TABLE messages
    ADD COLUMN IF NOT EXISTS topic LowCardinality(String);

ALTER TABLE messages_from_inbox MODIFY QUERY
SELECT partition, message_hash, offset, received_at, topic
FROM inbox
WHERE only IN ('', 'messages') AND kind != 'mark';

ALTER TABLE duplicates
    ADD COLUMN IF NOT EXISTS topic LowCardinality(String),
    MODIFY COLUMN kind Enum8('track' = 1, 'page' = 2, 'screen' = 3, 'identify' = 4, 'group' = 5, 'alias' = 6, 'mark' = 7);

ALTER TABLE duplicates_from_inbox MODIFY QUERY
SELECT site, kind, event, message_id, message_hash, occurred_at, received_at, partition, offset, topic
FROM inbox
WHERE only IN ('', 'duplicates') AND duplicate;

ALTER TABLE identities
    ADD COLUMN IF NOT EXISTS topic LowCardinality(String),
    MODIFY COLUMN kind Enum8('track' = 1, 'page' = 2, 'screen' = 3, 'identify' = 4, 'group' = 5, 'alias' = 6, 'mark' = 7);

ALTER TABLE identities_from_inbox MODIFY QUERY
SELECT
    site, kind, actor, actor_hash, anonymous_id, user_id, previous_id, account, account_hash,
    message_id, occurred_at, received_at, context, traits, partition, offset, topic
FROM inbox
WHERE only IN ('', 'identities') AND NOT duplicate AND kind IN ('identify', 'group', 'alias');

ALTER TABLE referral_events
    ADD COLUMN IF NOT EXISTS topic LowCardinality(String);

ALTER TABLE referral_events_from_inbox MODIFY QUERY
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
    received_at,
    topic
FROM inbox
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

CREATE MATERIALIZED VIEW IF NOT EXISTS marks_from_inbox TO marks AS
SELECT
    topic,
    partition,
    offset,
    message_id AS collector,
    occurred_at AS reached,
    received_at AS written_at,
    event AS state
FROM inbox
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
