-- The last week whose following week has ended, by the watermark and by the range's end: who was
-- active in it, and who of these in the week after. Weeks start on Monday in the time zone given.
CREATE OR REPLACE VIEW kpi_retention AS
WITH
    toDate32(toTimeZone(
        least({to:DateTime64(3, 'UTC')}, {as_of:DateTime64(3, 'UTC')}), {timezone:String}
    )) AS today,
    today - (toDayOfWeek(today) - 1) AS monday,
    toDateTime64(monday - 14, 3, {timezone:String}) AS week_0,
    toDateTime64(monday - 7, 3, {timezone:String}) AS week_1,
    toDateTime64(monday, 3, {timezone:String}) AS week_2
SELECT countIf(was_active) AS retention_cohort, countIf(was_active AND returned) AS retention_returned
FROM
(
    SELECT
        max(occurred_at < week_1) AS was_active,
        max(occurred_at >= week_1) AS returned
    FROM stage_events
    WHERE site = {site:String}
      AND occurred_at >= week_0
      AND occurred_at < week_2
      AND actor_hash != 0
      AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
    GROUP BY actor_hash
)
