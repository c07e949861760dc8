-- One row per referred person: the first event that names the inviter, by id or else by code. A
-- code belongs to the person who first sent an invitation or shared with it. What a server reported
-- takes precedence over what any other sender reported. Self-referrals are left out; readers must
-- remove longer loops.
CREATE OR REPLACE VIEW referral_links AS
SELECT
    actor_hash,
    first.1 AS inviter_hash,
    first.2 AS inviter,
    first.3 AS referred_at
FROM
(
    SELECT
        links.actor_hash AS actor_hash,
        argMin(
            (
                if(links.inviter_hash != 0, links.inviter_hash, owners.owner_hash),
                if(links.inviter_hash != 0, links.inviter_id, owners.owner),
                links.occurred_at
            ),
            (links.rank, links.occurred_at, links.partition, links.offset)
        ) AS first
    FROM
    (
        SELECT actor_hash, inviter_hash, inviter_id, occurred_at, partition, offset,
               multiIf(scope = 'server', 0, scope = 'browser', 1, 2) AS rank,
               if(milestone IN ('invite_sent', 'share'), '', referral_code) AS code
        FROM referral_events
        WHERE site = {site:String}
          AND actor_hash != 0
          AND (inviter_hash != 0 OR code != '')
          AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
    ) AS links
    LEFT JOIN
    (
        WITH multiIf(scope = 'server', 0, scope = 'browser', 1, 2) AS rank
        SELECT
            referral_code AS code,
            argMin(actor_hash, (rank, occurred_at, partition, offset)) AS owner_hash,
            argMin(actor, (rank, occurred_at, partition, offset)) AS owner
        FROM referral_events
        WHERE site = {site:String}
          AND actor_hash != 0
          AND referral_code != ''
          AND milestone IN ('invite_sent', 'share')
          AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
        GROUP BY referral_code
    ) AS owners ON links.code = owners.code
    WHERE if(links.inviter_hash != 0, links.inviter_hash, owners.owner_hash) NOT IN (0, links.actor_hash)
    GROUP BY links.actor_hash
)
