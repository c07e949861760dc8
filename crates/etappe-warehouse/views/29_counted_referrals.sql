-- One row per referred person who signed up or bought in the range, except people on a loop.
CREATE OR REPLACE VIEW counted_referrals AS
SELECT actor_hash, inviter_hash, inviter, referred_at, signed_up_at, activated_at
FROM referrals(
    site = {site:String}, from = {from:DateTime64(3, 'UTC')}, to = {to:DateTime64(3, 'UTC')},
    bots = {bots:String}
)
WHERE (
    ordered_in_range
    OR (
        signed_up_at >= {from:DateTime64(3, 'UTC')} AND signed_up_at < {to:DateTime64(3, 'UTC')}
    )
)
AND actor_hash NOT IN (
    SELECT actor_hash FROM referral_loops(site = {site:String}, bots = {bots:String})
)
