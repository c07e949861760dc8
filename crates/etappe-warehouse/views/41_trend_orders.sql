-- What `kpi_orders` says of orders and customers, in each of some periods; see `trend_activity`.
CREATE OR REPLACE VIEW trend_orders AS
WITH {starts:Array(Int64)} AS starts
SELECT
    period,
    sum(own_orders) AS orders,
    sumIf(own_orders, actor_hash != 0) AS customer_orders,
    countIf(actor_hash != 0 AND own_orders >= 1) AS customers,
    countIf(actor_hash != 0 AND own_orders >= 2) AS repeat_customers
FROM
(
    SELECT
        toUInt32(indexOf(starts, roundDown(toUnixTimestamp64Milli(ordered_at), starts)) - 1) AS period,
        actor_hash,
        count() AS own_orders
    FROM orders(site = {site:String}, bots = {bots:String})
    WHERE ordered_at >= fromUnixTimestamp64Milli(starts[1], 'UTC')
      AND ordered_at < fromUnixTimestamp64Milli(starts[length(starts)], 'UTC')
    GROUP BY period, actor_hash
)
GROUP BY period
