-- Stock, entries, exits and dwell time of every stage that anybody was ever in.
CREATE OR REPLACE VIEW kpi_stages AS
SELECT stage, stock, entered, left, left_dwell_p50_s, left_dwell_p90_s, stock AS open
FROM stage_figures(
    site = {site:String}, model = {model:String}, from = {from:DateTime64(3, 'UTC')},
    to = {to:DateTime64(3, 'UTC')}, bots = {bots:String}
)
WHERE NOT is_move
ORDER BY stage
