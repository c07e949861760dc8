-- Some people, and what a list of them shows.
--
-- The channel is the first one known, the device and the country the last ones. `people` are hashes of actors.
CREATE OR REPLACE VIEW people AS
SELECT
    actor_hash,
    argMax(actor, (occurred_at, partition, offset)) AS last_actor,
    min(toUnixTimestamp64Milli(occurred_at)) AS first_seen,
    max(toUnixTimestamp64Milli(occurred_at)) AS last_seen,
    argMinIf(toString(channel), (occurred_at, partition, offset), channel != '') AS first_channel,
    argMaxIf(toString(device), (occurred_at, partition, offset), device != '') AS last_device,
    argMaxIf(toString(country), (occurred_at, partition, offset), country != '') AS last_country
FROM events
WHERE site = {site:String}
  AND actor_hash IN {people:Array(UInt64)}
  AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))
GROUP BY actor_hash
ORDER BY actor_hash
