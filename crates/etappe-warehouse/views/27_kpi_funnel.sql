-- The funnel of a journey model, one row per stage: how many people reached it, how many of them
-- without an event of its own, how many were lost since the previous gate, and how long it took
-- from there. A stage that is not a gate loses nobody.
CREATE OR REPLACE VIEW kpi_funnel AS
SELECT
    ordinal,
    stage,
    label_en,
    label_nl,
    gate,
    reached,
    skipped,
    if(gate, ifNull(before, reached) - reached, NULL) AS drop_off,
    reached / nullIf(before, 0) AS step_rate,
    reached / nullIf(entered, 0) AS overall_rate,
    mean_s,
    if(mean_s IS NULL, NULL, percentiles[1]) AS p50_s,
    if(mean_s IS NULL, NULL, percentiles[2]) AS p75_s,
    if(mean_s IS NULL, NULL, percentiles[3]) AS p90_s,
    if(mean_s IS NULL, NULL, percentiles[4]) AS p95_s
FROM
(
    SELECT
        *,
        minOrNullIf(reached, gate) OVER (
            ORDER BY ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS before,
        maxOrNullIf(reached, gate) OVER (
            ORDER BY ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS entered
    FROM
    (
        SELECT ordinal, stage, label_en, label_nl, gate, reached, skipped, mean_s, percentiles
        FROM journey_stages
        LEFT JOIN
        (
            SELECT
                ordinal,
                count() AS reached,
                countIf(skipped) AS skipped,
                avg(from_previous_s) AS mean_s,
                quantilesExactInclusiveOrNull(0.5, 0.75, 0.9, 0.95)(from_previous_s) AS percentiles
            FROM funnel_steps(
                site = {site:String}, model = {model:String}, from = {from:DateTime64(3, 'UTC')},
                to = {to:DateTime64(3, 'UTC')}, bots = {bots:String}
            )
            GROUP BY ordinal
        ) AS steps USING (ordinal)
        WHERE model = {model:String}
    )
)
ORDER BY ordinal
