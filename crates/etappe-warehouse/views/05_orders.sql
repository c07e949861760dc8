-- One row per order that counts, ever.
CREATE OR REPLACE VIEW orders AS
SELECT order_key, has_id, scope, ordered_at, actor_hash, has_amount, amount, currency
FROM all_orders(site = {site:String}, bots = {bots:String})
WHERE left_out = ''
