-- One row per person who ever signed up, bought, activated or accepted an invitation, with the
-- first time of each. Null means never. `converted_at` is the first of all of them except the
-- activation.
CREATE OR REPLACE VIEW actor_milestones AS
SELECT
    actor_hash,
    minOrNullIf(occurred_at, milestone IN ('signup', 'referred_signup')) AS signed_up_at,
    minOrNullIf(occurred_at, milestone = 'activation') AS activated_at,
    minOrNullIf(occurred_at, milestone != 'activation') AS converted_at
FROM stage_events
WHERE site = {site:String}
  AND milestone IN (
      'signup', 'referred_signup', 'purchase', 'repeat_purchase', 'referred_purchase',
      'invite_accepted', 'activation'
  )
  AND actor_hash != 0
  AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
GROUP BY actor_hash
