-- Orders in the range, the people who placed them, and orders left out because only page views
-- report them.
CREATE OR REPLACE VIEW kpi_orders AS
SELECT
    sum(orders_in_range) AS orders,
    sumIf(orders_in_range, actor_hash != 0) AS customer_orders,
    countIf(actor_hash != 0 AND orders_in_range >= 1) AS customers,
    countIf(actor_hash != 0 AND orders_in_range >= 2) AS repeat_customers,
    countIf(
        actor_hash != 0
        AND ifNull(first_ordered_at >= {from:DateTime64(3, 'UTC')}, false)
        AND ifNull(first_ordered_at < {to:DateTime64(3, 'UTC')}, false)
    ) AS new_customers,
    sum(pages_left_out_in_range) AS pages_left_out
FROM
(
    WITH
        ordered_at >= {from:DateTime64(3, 'UTC')} AND ordered_at < {to:DateTime64(3, 'UTC')} AS in_range
    SELECT
        actor_hash,
        minOrNullIf(ordered_at, left_out = '') AS first_ordered_at,
        countIf(in_range AND left_out = '') AS orders_in_range,
        countIf(in_range AND left_out = 'seen_only') AS pages_left_out_in_range
    FROM all_orders(site = {site:String}, bots = {bots:String})
    GROUP BY actor_hash
)
