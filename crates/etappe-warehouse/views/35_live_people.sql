-- How many people had an event since an instant. Events of a file that is imported arrive now, but happened before.
CREATE OR REPLACE VIEW live_people AS
SELECT uniqExactIf(actor_hash, actor_hash != 0) AS people
FROM events
WHERE site = {site:String}
  AND received_at >= {since:DateTime64(3, 'UTC')}
  AND occurred_at >= {since:DateTime64(3, 'UTC')}
  AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))
