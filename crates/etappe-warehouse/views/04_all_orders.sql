-- One row per order, ever. An order is its most trusted purchase; among equally trusted ones the
-- earliest counts, then the first to arrive. A server is trusted more than a browser, a browser
-- more than a pixel, and any order event more than a page view, because an order event says what
-- was ordered and a page view only that somebody looked at a page. `arrival` packs rank, time,
-- partition and offset into one number, because comparing numbers is four times as fast as
-- comparing tuples.
--
-- A page view without an order id is one order of the person who viewed it. Further views within 24
-- hours of the previous one belong to the same order. `left_out` is `seen_only` if only page views
-- report the order although the site has an order event within 30 days of it. It is empty for an
-- order that counts. Page views reported by a server are compared with a server's order events
-- only.
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
