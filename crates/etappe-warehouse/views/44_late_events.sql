-- Events that happened before an instant and were received since, more than an hour after they happened, and how many people sent them.
--
-- The server keeps the first and the last arrival of every part, so it reads only parts with a row received since. Events older than the
-- first arrival of the site are history that was brought along, which changed no figure that anybody had seen.
CREATE OR REPLACE VIEW late_events AS
SELECT count() AS events, uniqExactIf(actor_hash, actor_hash != 0) AS people
FROM events
WHERE site = {site:String}
  AND received_at >= {since:DateTime64(3, 'UTC')}
  AND occurred_at < {since:DateTime64(3, 'UTC')}
  AND received_at > occurred_at + INTERVAL 1 HOUR
  AND occurred_at >= (SELECT min(received_at) FROM events WHERE site = {site:String})
  AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))
