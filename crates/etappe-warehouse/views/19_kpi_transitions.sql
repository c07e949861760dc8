-- Moves between stages in the range. First entries have an empty `from_stage` and `kind`.
CREATE OR REPLACE VIEW kpi_transitions AS
SELECT from_stage, stage AS to_stage, kind, entered AS moves
FROM stage_figures(
    site = {site:String}, model = {model:String}, from = {from:DateTime64(3, 'UTC')},
    to = {to:DateTime64(3, 'UTC')}, bots = {bots:String}
)
WHERE is_move AND entered > 0
ORDER BY from_stage, to_stage, kind
