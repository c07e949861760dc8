-- Referred people who signed up or bought in the range, their inviters, and the referrals per
-- customer.
CREATE OR REPLACE VIEW kpi_referrals AS
SELECT
    referred,
    advocates,
    customers,
    referred / nullIf(customers, 0) AS referrals_per_customer
FROM
(
    SELECT count() AS referred, uniqExact(inviter_hash) AS advocates
    FROM counted_referrals(
        site = {site:String}, from = {from:DateTime64(3, 'UTC')},
        to = {to:DateTime64(3, 'UTC')}, bots = {bots:String}
    )
) AS brought
CROSS JOIN
(
    SELECT customers
    FROM kpi_orders(
        site = {site:String}, from = {from:DateTime64(3, 'UTC')},
        to = {to:DateTime64(3, 'UTC')}, bots = {bots:String}
    )
) AS bought
