-- Sums of money, one row per currency.
CREATE OR REPLACE VIEW kpi_money AS
SELECT
    currency,
    countIf(in_range AND NOT is_refund) AS orders,
    uniqExactIf(actor_hash, in_range AND NOT is_refund AND actor_hash != 0) AS customers,
    sumIf(amount, in_range) AS revenue,
    sumIf(amount, in_range AND NOT is_refund) AS gross,
    sumIf(amount, is_new_customer) AS lifetime_revenue
FROM
(
    SELECT
        currency,
        actor_hash,
        amount,
        is_refund,
        paid_at >= {from:DateTime64(3, 'UTC')} AND paid_at < {to:DateTime64(3, 'UTC')} AS in_range,
        actor_hash IN (
            SELECT actor_hash
            FROM customers(site = {site:String}, bots = {bots:String})
            WHERE first_ordered_at >= {from:DateTime64(3, 'UTC')}
              AND first_ordered_at < {to:DateTime64(3, 'UTC')}
        ) AS is_new_customer
    FROM payments(
        site = {site:String}, bots = {bots:String}, currency = {currency:String},
        browser_refunds = {browser_refunds:String}
    )
)
WHERE in_range OR is_new_customer
GROUP BY currency
ORDER BY currency
