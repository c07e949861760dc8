-- What `kpi_signups` says, in each of some periods; see `trend_activity`.
CREATE OR REPLACE VIEW trend_signups AS
WITH
    {starts:Array(Int64)} AS starts,
    signed_up_at + INTERVAL 14 DAY < {as_of:DateTime64(3, 'UTC')} AS is_over
SELECT
    toUInt32(indexOf(starts, roundDown(toUnixTimestamp64Milli(signed_up_at), starts)) - 1) AS period,
    count() AS signups,
    countIf(is_over) AS activation_eligible,
    countIf(is_over AND has_activated) AS activated
FROM signups(site = {site:String}, bots = {bots:String})
WHERE signed_up_at >= fromUnixTimestamp64Milli(starts[1], 'UTC')
  AND signed_up_at < fromUnixTimestamp64Milli(starts[length(starts)], 'UTC')
GROUP BY period
