-- Refunds and cancellations in the range, by the reason why they return nothing; the reason is
-- empty for those that return something.
CREATE OR REPLACE VIEW kpi_refunds AS
SELECT left_out, count() AS refunds
FROM refunds(
    site = {site:String}, bots = {bots:String}, currency = {currency:String},
    browser_refunds = {browser_refunds:String}
)
WHERE refunded_at >= {from:DateTime64(3, 'UTC')} AND refunded_at < {to:DateTime64(3, 'UTC')}
GROUP BY left_out
ORDER BY left_out
