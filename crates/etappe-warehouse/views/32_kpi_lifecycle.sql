-- How many people were new, came back or stayed away in each of some periods that follow each other.
--
-- `starts` are the milliseconds at which the periods begin: first the period before those asked about, last the end.
-- `period` counts those asked about from 0. Each person has a place for every period they were active in, and for the
-- one after it, in which they may be missing.
CREATE OR REPLACE VIEW kpi_lifecycle AS
WITH {starts:Array(Int64)} AS starts
SELECT
    toUInt32(place - 2) AS period,
    countIf(is_active AND first_seen >= starts[place]) AS new_actors,
    countIf(is_active AND was_active) AS returning,
    countIf(is_active AND NOT was_active AND first_seen < starts[place]) AS resurrecting,
    countIf(was_active AND NOT is_active) AS dormant
FROM
(
    SELECT
        first_seen,
        arrayJoin(arrayDistinct(arrayConcat(active, arrayMap(place -> place + 1, active)))) AS place,
        has(active, place) AS is_active,
        has(active, place - 1) AS was_active
    FROM
    (
        SELECT
            min(at) AS first_seen,
            arrayMap(
                start -> indexOf(starts, start),
                groupUniqArrayIf(roundDown(at, starts), at >= starts[1])
            ) AS active
        FROM
        (
            SELECT actor_hash, toUnixTimestamp64Milli(occurred_at) AS at
            FROM stage_events
            WHERE site = {site:String}
              AND actor_hash != 0
              AND occurred_at < fromUnixTimestamp64Milli(starts[length(starts)], 'UTC')
              AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
        )
        GROUP BY actor_hash
    )
)
WHERE place >= 2 AND place < length(starts)
GROUP BY place
