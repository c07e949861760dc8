-- People, events, and events for which the model has no stage.
CREATE OR REPLACE VIEW kpi_activity AS
SELECT
    uniqExactIf(actor_hash, actor_hash != 0) AS visitors,
    count() AS events,
    countIf(outcome_id NOT IN (
        SELECT id FROM outcome_stages WHERE model = {model:String} AND is_main AND ordinal > 0
    )) AS unmapped_events
FROM stage_events
WHERE site = {site:String}
  AND occurred_at >= {from:DateTime64(3, 'UTC')}
  AND occurred_at < {to:DateTime64(3, 'UTC')}
  AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
