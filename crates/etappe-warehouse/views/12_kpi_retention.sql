-- How many people were active in one week, and how many of them in the next. The weeks are passed
-- as instants, because a time zone passed to the engine would stay in its memory.
CREATE OR REPLACE VIEW kpi_retention AS
SELECT countIf(was_active) AS retention_cohort, countIf(was_active AND returned) AS retention_returned
FROM
(
    SELECT
        max(occurred_at < {next_week:DateTime64(3, 'UTC')}) AS was_active,
        max(occurred_at >= {next_week:DateTime64(3, 'UTC')}) AS returned
    FROM stage_events
    WHERE site = {site:String}
      AND occurred_at >= {week:DateTime64(3, 'UTC')}
      AND occurred_at < {end:DateTime64(3, 'UTC')}
      AND actor_hash != 0
      AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
    GROUP BY actor_hash
)
