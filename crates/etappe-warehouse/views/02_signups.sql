-- One row per person who ever signed up: when they first did, and whether they activated within 14
-- days.
CREATE OR REPLACE VIEW signups AS
SELECT
    actor_hash,
    minIf(occurred_at, milestone IN ('signup', 'referred_signup')) AS signed_up_at,
    arrayExists(
        at -> at >= signed_up_at AND at <= signed_up_at + INTERVAL 14 DAY,
        groupArrayIf(occurred_at, milestone = 'activation')
    ) AS has_activated
FROM stage_events
WHERE site = {site:String}
  AND milestone IN ('signup', 'referred_signup', 'activation')
  AND actor_hash != 0
  AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
GROUP BY actor_hash
HAVING countIf(milestone IN ('signup', 'referred_signup')) > 0
