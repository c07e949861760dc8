-- One row per referred person, with their milestones and their inviter's activation.
CREATE OR REPLACE VIEW referrals AS
SELECT
    links.actor_hash AS actor_hash,
    links.inviter_hash AS inviter_hash,
    links.inviter AS inviter,
    links.referred_at AS referred_at,
    own.signed_up_at AS signed_up_at,
    own.converted_at AS converted_at,
    own.activated_at AS activated_at,
    theirs.first_activated_at AS inviter_activated_at,
    links.actor_hash IN (
        SELECT actor_hash
        FROM orders(site = {site:String}, bots = {bots:String})
        WHERE ordered_at >= {from:DateTime64(3, 'UTC')} AND ordered_at < {to:DateTime64(3, 'UTC')}
    ) AS ordered_in_range
FROM referral_links(site = {site:String}, bots = {bots:String}) AS links
LEFT JOIN actor_milestones(site = {site:String}, bots = {bots:String}) AS own
    ON links.actor_hash = own.actor_hash
LEFT JOIN
(
    SELECT actor_hash, toNullable(min(occurred_at)) AS first_activated_at
    FROM stage_events
    WHERE site = {site:String}
      AND milestone = 'activation'
      AND actor_hash != 0
      AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
    GROUP BY actor_hash
) AS theirs ON links.inviter_hash = theirs.actor_hash
