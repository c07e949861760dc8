-- What some people did last: the five most frequent names of events, by how many people had them as their last event, and how many
-- people there are in all.
CREATE OR REPLACE VIEW last_events AS
SELECT last_event, last_milestone, count() AS actors, sum(actors) OVER () AS all_actors
FROM
(
    SELECT
        argMax((toString(event), toString(milestone)), (occurred_at, partition, offset)) AS last,
        last.1 AS last_event,
        last.2 AS last_milestone
    FROM events
    WHERE site = {site:String}
      AND actor_hash IN {people:Array(UInt64)}
      AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))
    GROUP BY actor_hash
)
GROUP BY last_event, last_milestone
ORDER BY actors DESC, last_event, last_milestone
LIMIT 5
