-- People whom a text may mean, the closest first: it is one of their ids or the number of one of their orders, one of
-- their ids begins with it, or their name or e-mail address contains it.
CREATE OR REPLACE VIEW found_people AS
SELECT actor_hash, min(distance) AS closeness
FROM
(
    SELECT actor_hash, if(actor = {text:String}, 0, 2) AS distance
    FROM events
    WHERE site = {site:String} AND startsWith(actor, {text:String})
    UNION ALL
    SELECT actor_hash, if(id = {text:String}, 0, 2) AS distance
    FROM actor_ids
    WHERE site = {site:String} AND startsWith(id, {text:String})
    UNION ALL
    SELECT actor_hash, 1 AS distance
    FROM money
    WHERE site = {site:String} AND order_id = {text:String}
    UNION ALL
    SELECT actor_hash, 3 AS distance
    FROM identities
    WHERE site = {site:String}
      AND kind = 'identify'
      AND (
          positionCaseInsensitiveUTF8(JSONExtractString(traits, 'email'), {text:String}) > 0
          OR positionCaseInsensitiveUTF8(JSONExtractString(traits, 'name'), {text:String}) > 0
          OR positionCaseInsensitiveUTF8(
              concat(JSONExtractString(traits, 'firstName'), ' ', JSONExtractString(traits, 'lastName')), {text:String}
          ) > 0
      )
)
WHERE actor_hash IN (
    SELECT actor_hash
    FROM events
    WHERE site = {site:String}
      AND actor_hash != 0
      AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))
)
GROUP BY actor_hash
ORDER BY closeness, actor_hash
LIMIT 101
