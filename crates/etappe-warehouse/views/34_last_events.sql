-- What some people did last: names of events, by how many people had them as their last event.
CREATE OR REPLACE VIEW last_events AS
SELECT last_event, count() AS actors
FROM
(
    SELECT argMax(toString(event), (occurred_at, partition, offset)) AS last_event
    FROM events
    WHERE site = {site:String}
      AND actor_hash IN {people:Array(UInt64)}
      AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))
    GROUP BY actor_hash
)
GROUP BY last_event
ORDER BY actors DESC, last_event
LIMIT 3
