-- People whose referral is on a loop: A invited B and B invited A, directly or through others.
-- Everybody has at most one inviter. So a person who can still be reached after more steps than
-- there are people is on a loop. Each round of the recursion doubles the number of steps; it ends
-- when nobody is left.
CREATE OR REPLACE VIEW referral_loops AS
WITH RECURSIVE jumps AS
(
    SELECT actor_hash, inviter_hash, 0 AS round
    FROM referral_links(site = {site:String}, bots = {bots:String})
    UNION ALL
    SELECT jumps.actor_hash, further.inviter_hash, jumps.round + 1
    FROM jumps
    INNER JOIN jumps AS further ON jumps.inviter_hash = further.actor_hash
    WHERE jumps.round < 24
)
SELECT DISTINCT inviter_hash AS actor_hash
FROM jumps
WHERE round = 24
