-- One row per payment: the amount of an order, or the negative amount of a refund or cancellation
-- at its own time. A purchase with a negative amount would return money, which a browser or a pixel
-- may not do. So such a purchase counts as zero unless the site allows it.
CREATE OR REPLACE VIEW payments AS
SELECT
    ordered_at AS paid_at,
    actor_hash,
    if(
        orders.scope = 'server' OR {browser_refunds:String} = 'true',
        toDecimal256(orders.amount, 4),
        greatest(toDecimal256(orders.amount, 4), toDecimal256(0, 4))
    ) AS amount,
    if(orders.currency = '', {currency:String}, toString(orders.currency)) AS currency,
    false AS is_refund
FROM orders(site = {site:String}, bots = {bots:String}) AS orders
WHERE has_amount
UNION ALL
SELECT
    refunded_at AS paid_at,
    actor_hash,
    -refunds.amount AS amount,
    refunds.currency AS currency,
    true AS is_refund
FROM refunds(
    site = {site:String}, bots = {bots:String}, currency = {currency:String},
    browser_refunds = {browser_refunds:String}
) AS refunds
WHERE left_out = ''
