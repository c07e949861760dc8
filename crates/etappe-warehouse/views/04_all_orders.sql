-- One row an order that anything tells of, ever: its first purchase of whom is believed most, by time and then
-- by arrival. A server is believed before a browser, a browser before a pixel, and all of them before a view of
-- a page: an order event says what was ordered, a page only that somebody looked at it. The key packs rank,
-- time, partition and offset into one number, which is compared four times as fast as a tuple.
--
-- A page that names no order is one order of whoever looks at it; looking again within 24 hours of the last
-- time is the same order. `left_out` is `seen_only` where pages are all that tells of the order and an order
-- event of the site lies within 30 days of it, and empty for an order that counts. What a server's pages tell
-- is held against a server's order events only.
CREATE OR REPLACE VIEW all_orders AS
WITH
    bitShiftLeft(
        toUInt128(multiIf(scope = 'server', 0, scope = 'browser', 1, 2) + if(is_view, 3, 0)), 125
    )
        + bitShiftLeft(toUInt128(toUnixTimestamp64Milli(occurred_at)), 83)
        + bitShiftLeft(toUInt128(partition), 63)
        + offset AS arrival
SELECT
    order_key,
    has_id,
    argMin(purchases.scope, arrival) AS scope,
    argMin(occurred_at, arrival) AS ordered_at,
    argMin(purchases.actor_hash, arrival) AS actor_hash,
    argMin(purchases.has_amount, arrival) AS has_amount,
    argMin(purchases.amount, arrival) AS amount,
    argMin(purchases.currency, arrival) AS currency,
    if(
        min(purchases.is_view)
        AND (scope = 'server', toInt32(toDate(ordered_at))) IN (
            SELECT DISTINCT by_server, day + arrayJoin(range(-30, 31))
            FROM
            (
                SELECT DISTINCT
                    arrayJoin(if(money.scope = 'server', [true, false], [false])) AS by_server,
                    toInt32(toDate(occurred_at)) AS day
                FROM money
                WHERE site = {site:String}
                  AND milestone IN ('purchase', 'repeat_purchase', 'referred_purchase')
                  AND NOT is_view
                  AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
            )
        ),
        'seen_only', ''
    ) AS left_out
FROM
(
    SELECT
        order_key, order_id != '' AS has_id, scope, is_view, occurred_at, partition, offset, actor_hash,
        has_amount, amount, currency
    FROM money
    WHERE site = {site:String}
      AND milestone IN ('purchase', 'repeat_purchase', 'referred_purchase')
      AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
      AND NOT (is_view AND order_id = '' AND actor_hash != 0)
    UNION ALL
    SELECT
        order_key, false AS has_id, scope, is_view, occurred_at, partition, offset, actor_hash, has_amount,
        amount, currency
    FROM
    (
        SELECT
            order_key, scope, is_view, occurred_at, partition, offset, actor_hash, has_amount, amount, currency,
            toUnixTimestamp64Milli(occurred_at) AS seen_at,
            lagInFrame(toNullable(seen_at)) OVER (
                PARTITION BY actor_hash ORDER BY occurred_at, partition, offset
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS seen_before
        FROM money
        WHERE site = {site:String}
          AND milestone IN ('purchase', 'repeat_purchase', 'referred_purchase')
          AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
          AND is_view AND order_id = '' AND actor_hash != 0
    )
    WHERE seen_before IS NULL OR seen_at - seen_before > 86400000
) AS purchases
GROUP BY order_key, has_id
