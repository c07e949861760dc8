-- What `kpi_money` says of orders and revenue, in each of some periods; see `trend_activity`.
CREATE OR REPLACE VIEW trend_money AS
WITH {starts:Array(Int64)} AS starts
SELECT
    toUInt32(indexOf(starts, roundDown(toUnixTimestamp64Milli(paid_at), starts)) - 1) AS period,
    currency,
    countIf(NOT is_refund) AS orders,
    uniqExactIf(actor_hash, NOT is_refund AND actor_hash != 0) AS customers,
    toString(sum(amount)) AS revenue,
    toString(sumIf(amount, NOT is_refund)) AS gross
FROM payments(
    site = {site:String}, bots = {bots:String}, currency = {currency:String},
    browser_refunds = {browser_refunds:String}
)
WHERE paid_at >= fromUnixTimestamp64Milli(starts[1], 'UTC')
  AND paid_at < fromUnixTimestamp64Milli(starts[length(starts)], 'UTC')
GROUP BY period, currency
