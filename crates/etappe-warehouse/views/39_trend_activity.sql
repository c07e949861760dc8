-- People, events, and events for which the model has no stage, in each of some periods that follow each other.
--
-- `starts` are the milliseconds at which the periods begin, and the end of the last one. `period` counts from 0.
CREATE OR REPLACE VIEW trend_activity AS
WITH {starts:Array(Int64)} AS starts
SELECT
    toUInt32(indexOf(starts, roundDown(toUnixTimestamp64Milli(occurred_at), starts)) - 1) AS period,
    uniqExactIf(actor_hash, actor_hash != 0) AS visitors,
    count() AS events,
    countIf(outcome_id NOT IN (
        SELECT id FROM outcome_stages WHERE model = {model:String} AND is_main AND ordinal > 0
    )) AS unmapped_events
FROM stage_events
WHERE site = {site:String}
  AND occurred_at >= fromUnixTimestamp64Milli(starts[1], 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli(starts[length(starts)], 'UTC')
  AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
GROUP BY period
