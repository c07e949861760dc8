-- People who first signed up in the range. Someone who has not activated and whose 14 days were not
-- over at the watermark is not eligible for the activation rate.
CREATE OR REPLACE VIEW kpi_signups AS
SELECT
    count() AS signups,
    countIf(has_activated OR signed_up_at + INTERVAL 14 DAY < {as_of:DateTime64(3, 'UTC')})
        AS activation_eligible,
    countIf(has_activated) AS activated
FROM signups(site = {site:String}, bots = {bots:String})
WHERE signed_up_at >= {from:DateTime64(3, 'UTC')} AND signed_up_at < {to:DateTime64(3, 'UTC')}
