-- Answers to "would you recommend us", by score.
CREATE OR REPLACE VIEW kpi_nps AS
SELECT assumeNotNull(nps) AS score, count() AS answers
FROM feedback
WHERE site = {site:String}
  AND occurred_at >= {from:DateTime64(3, 'UTC')}
  AND occurred_at < {to:DateTime64(3, 'UTC')}
  AND nps <= 10
  AND actor_hash != 0
  AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
GROUP BY score
ORDER BY score
