-- People who first signed up in the range. Someone whose 14 days were not over at the watermark is not
-- eligible for the activation rate, activated or not: with the quick ones alone it would be too high.
CREATE OR REPLACE VIEW kpi_signups AS
WITH signed_up_at + INTERVAL 14 DAY < {as_of:DateTime64(3, 'UTC')} AS is_over
SELECT
    count() AS signups,
    countIf(is_over) AS activation_eligible,
    countIf(is_over AND has_activated) AS activated
FROM signups(site = {site:String}, bots = {bots:String})
WHERE signed_up_at >= {from:DateTime64(3, 'UTC')} AND signed_up_at < {to:DateTime64(3, 'UTC')}
