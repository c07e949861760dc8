-- Orders in the range and the people behind them.
CREATE OR REPLACE VIEW kpi_orders AS
SELECT
    sum(orders_in_range) AS orders,
    sumIf(orders_in_range, actor_hash != 0) AS customer_orders,
    countIf(actor_hash != 0 AND orders_in_range >= 1) AS customers,
    countIf(actor_hash != 0 AND orders_in_range >= 2) AS repeat_customers,
    countIf(
        actor_hash != 0
        AND first_ordered_at >= {from:DateTime64(3, 'UTC')}
        AND first_ordered_at < {to:DateTime64(3, 'UTC')}
    ) AS new_customers
FROM
(
    SELECT
        actor_hash,
        min(ordered_at) AS first_ordered_at,
        countIf(
            ordered_at >= {from:DateTime64(3, 'UTC')} AND ordered_at < {to:DateTime64(3, 'UTC')}
        ) AS orders_in_range
    FROM orders(site = {site:String}, bots = {bots:String})
    GROUP BY actor_hash
)
