-- What people did right before and right after events of one name, at most a day apart, and in the row with an empty `side` how many
-- events of the name there are and of how many people.
--
-- Neighbours are counted among a random sample of 10,000 people, those with the smallest hashes. An event of the same name is no neighbour.
CREATE OR REPLACE VIEW name_neighbours AS
WITH
    named AS
    (
        SELECT actor_hash, count() AS events
        FROM events
        WHERE site = {site:String}
          AND event = {name:String}
          AND occurred_at >= {from:DateTime64(3, 'UTC')}
          AND occurred_at < {to:DateTime64(3, 'UTC')}
          AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))
        GROUP BY actor_hash
    )
SELECT '' AS side, '' AS neighbour, '' AS means, sum(events) AS times, countIf(actor_hash != 0) AS people
FROM named
UNION ALL
SELECT side, neighbour, means, count() AS times, uniqExact(actor_hash) AS people
FROM
(
    SELECT
        actor_hash,
        arrayJoin([('before', event_before, means_before, from_before), ('after', event_after, means_after, to_after)]) AS one,
        one.1 AS side,
        one.2 AS neighbour,
        one.3 AS means,
        one.4 AS distance
    FROM
    (
        SELECT
            actor_hash,
            event,
            occurred_at,
            lagInFrame(toString(event)) OVER own AS event_before,
            lagInFrame(toString(milestone)) OVER own AS means_before,
            happened_at - lagInFrame(happened_at) OVER own AS from_before,
            leadInFrame(toString(event)) OVER own AS event_after,
            leadInFrame(toString(milestone)) OVER own AS means_after,
            leadInFrame(happened_at) OVER own - happened_at AS to_after
        FROM
        (
            SELECT
                actor_hash, event, milestone, occurred_at, partition, offset,
                toUnixTimestamp64Milli(occurred_at) AS happened_at
            FROM events
            WHERE site = {site:String}
              AND actor_hash IN (SELECT actor_hash FROM named WHERE actor_hash != 0 ORDER BY actor_hash LIMIT 10000)
              AND occurred_at >= {from:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
              AND occurred_at < {to:DateTime64(3, 'UTC')} + INTERVAL 1 DAY
              AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))
        )
        WINDOW own AS
        (
            PARTITION BY actor_hash ORDER BY occurred_at, partition, offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
    )
    WHERE event = {name:String}
      AND occurred_at >= {from:DateTime64(3, 'UTC')}
      AND occurred_at < {to:DateTime64(3, 'UTC')}
)
WHERE neighbour NOT IN ('', {name:String}) AND distance BETWEEN 0 AND 86400000
GROUP BY side, neighbour, means
ORDER BY times DESC, neighbour, means
LIMIT 5 BY side
