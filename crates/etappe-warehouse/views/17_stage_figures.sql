-- Two kinds of rows from one pass over all stays. Rows per stage (`is_move` = 0) hold stock,
-- entries, exits and dwell time; rows per move (`is_move` = 1) hold how often it was made in the
-- range. Dwell time covers stays that ended in the range and is null if none did. Other stays are
-- open and count in no percentile.
CREATE OR REPLACE VIEW stage_figures AS
SELECT
    grouping(from_stage) = 0 AS is_move,
    from_stage,
    stage,
    kind,
    countIf(left_at IS NULL) AS stock,
    countIf(entered_at >= {from:DateTime64(3, 'UTC')}) AS entered,
    countIf(left_at >= {from:DateTime64(3, 'UTC')}) AS left,
    quantileExactInclusiveOrNullIf(0.5)(dwell_s, left_at >= {from:DateTime64(3, 'UTC')}) AS left_dwell_p50_s,
    quantileExactInclusiveOrNullIf(0.9)(dwell_s, left_at >= {from:DateTime64(3, 'UTC')}) AS left_dwell_p90_s
FROM
(
    SELECT
        from_stage,
        stage,
        kind,
        entered_at,
        left_at,
        dateDiff('millisecond', entered_at, assumeNotNull(left_at)) / 1000 AS dwell_s
    FROM stage_stays(
        site = {site:String}, model = {model:String}, to = {to:DateTime64(3, 'UTC')},
        bots = {bots:String}
    )
)
GROUP BY GROUPING SETS ((stage), (from_stage, stage, kind))
