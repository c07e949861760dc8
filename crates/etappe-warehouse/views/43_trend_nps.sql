-- What `kpi_nps` says, in each of some periods; see `trend_activity`.
CREATE OR REPLACE VIEW trend_nps AS
WITH {starts:Array(Int64)} AS starts
SELECT
    toUInt32(indexOf(starts, roundDown(toUnixTimestamp64Milli(occurred_at), starts)) - 1) AS period,
    assumeNotNull(nps) AS score,
    count() AS answers
FROM feedback
WHERE site = {site:String}
  AND occurred_at >= fromUnixTimestamp64Milli(starts[1], 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli(starts[length(starts)], 'UTC')
  AND nps <= 10
  AND actor_hash != 0
  AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
GROUP BY period, score
