-- One row an amount of money: an order's, or a refund's as a negative amount at its own time.
CREATE OR REPLACE VIEW payments AS
SELECT
    ordered_at AS paid_at,
    actor_hash,
    toDecimal256(orders.amount, 4) AS amount,
    if(currency = '', {currency:String}, toString(currency)) AS currency,
    false AS is_refund
FROM orders(site = {site:String}, bots = {bots:String}) AS orders
WHERE has_amount
UNION ALL
SELECT
    occurred_at AS paid_at,
    actor_hash,
    -abs(toDecimal256(money.amount, 4)) AS amount,
    if(currency = '', {currency:String}, toString(currency)) AS currency,
    true AS is_refund
FROM money
WHERE site = {site:String}
  AND milestone = 'refund'
  AND has_amount
  AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
