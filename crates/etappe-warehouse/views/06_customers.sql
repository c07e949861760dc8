-- One row per person who ever ordered.
CREATE OR REPLACE VIEW customers AS
SELECT actor_hash, min(ordered_at) AS first_ordered_at, count() AS orders
FROM orders(site = {site:String}, bots = {bots:String})
WHERE actor_hash != 0
GROUP BY actor_hash
