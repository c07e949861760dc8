-- The names and e-mail addresses of some people, as they were last identified with. `people` are hashes of actors.
CREATE OR REPLACE VIEW people_names AS
SELECT
    actor_hash,
    argMaxIf(name, (occurred_at, partition, offset), name != '') AS last_name,
    argMaxIf(email, (occurred_at, partition, offset), email != '') AS last_email
FROM
(
    SELECT
        actor_hash,
        occurred_at,
        partition,
        offset,
        JSONExtractString(traits, 'email') AS email,
        JSONExtractString(traits, 'name') AS full_name,
        trimBoth(concat(JSONExtractString(traits, 'firstName'), ' ', JSONExtractString(traits, 'lastName'))) AS both_names,
        if(full_name != '', full_name, both_names) AS name
    FROM identities
    WHERE site = {site:String} AND kind = 'identify' AND actor_hash IN {people:Array(UInt64)}
)
GROUP BY actor_hash
