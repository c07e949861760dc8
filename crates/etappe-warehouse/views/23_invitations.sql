-- One row per invitation sent in the range.
CREATE OR REPLACE VIEW invitations AS
SELECT actor_hash, occurred_at AS sent_at, partition, offset
FROM referral_events
WHERE site = {site:String}
  AND milestone = 'invite_sent'
  AND occurred_at >= {from:DateTime64(3, 'UTC')}
  AND occurred_at < {to:DateTime64(3, 'UTC')}
  AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
