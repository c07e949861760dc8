-- Stock, entries, exits and dwell of every stage that anybody was ever in. Dwell is that of stays
-- that ended in the range, null if none did; the others are open and in no percentile.
CREATE OR REPLACE VIEW kpi_stages AS
SELECT
    stage,
    countIf(left_at IS NULL) AS stock,
    countIf(entered_at >= {from:DateTime64(3, 'UTC')}) AS entered,
    countIf(left_at >= {from:DateTime64(3, 'UTC')}) AS left,
    quantileExactInclusiveOrNullIf(0.5)(dwell_s, left_at >= {from:DateTime64(3, 'UTC')}) AS left_dwell_p50_s,
    quantileExactInclusiveOrNullIf(0.9)(dwell_s, left_at >= {from:DateTime64(3, 'UTC')}) AS left_dwell_p90_s,
    stock AS open
FROM
(
    SELECT
        stage,
        entered_at,
        left_at,
        dateDiff('millisecond', entered_at, assumeNotNull(left_at)) / 1000 AS dwell_s
    FROM stage_stays(
        site = {site:String}, model = {model:String}, to = {to:DateTime64(3, 'UTC')},
        bots = {bots:String}
    )
)
GROUP BY stage
