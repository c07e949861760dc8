-- One row an order, ever: its first purchase, by time and then by arrival.
CREATE OR REPLACE VIEW orders AS
SELECT
    order_key,
    first.1 AS ordered_at,
    first.2 AS actor_hash,
    first.3 AS revenue,
    first.4 AS currency
FROM
(
    SELECT
        order_key,
        argMin(
            (occurred_at, actor_hash, revenue, currency),
            (occurred_at, partition, offset)
        ) AS first
    FROM money
    WHERE site = {site:String}
      AND milestone IN ('purchase', 'repeat_purchase', 'referred_purchase')
      AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
    GROUP BY order_id = '', order_key
)
