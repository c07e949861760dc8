-- Moves between stages in the range. `from_stage` and `kind` are empty for first entries.
CREATE OR REPLACE VIEW kpi_transitions AS
SELECT from_stage, stage AS to_stage, kind, count() AS moves
FROM stage_stays(
    site = {site:String}, model = {model:String}, to = {to:DateTime64(3, 'UTC')},
    bots = {bots:String}
)
WHERE entered_at >= {from:DateTime64(3, 'UTC')}
GROUP BY from_stage, to_stage, kind
ORDER BY from_stage, to_stage, kind
