-- One row an order, ever: its first purchase of the highest scope, by time and then by arrival. What was
-- said with a server's key comes before what anybody can say with a browser's or a pixel's. The key packs
-- scope, time, partition and offset into one number, which is compared four times as fast as a tuple.
CREATE OR REPLACE VIEW orders AS
WITH
    bitShiftLeft(toUInt128(multiIf(scope = 'server', 0, scope = 'browser', 1, 2)), 126)
        + bitShiftLeft(toUInt128(toUnixTimestamp64Milli(occurred_at)), 84)
        + bitShiftLeft(toUInt128(partition), 64)
        + offset AS arrival
SELECT
    order_key,
    order_id != '' AS has_id,
    argMin(money.scope, arrival) AS scope,
    argMin(occurred_at, arrival) AS ordered_at,
    argMin(money.actor_hash, arrival) AS actor_hash,
    argMin(money.has_amount, arrival) AS has_amount,
    argMin(money.amount, arrival) AS amount,
    argMin(money.currency, arrival) AS currency
FROM money
WHERE site = {site:String}
  AND milestone IN ('purchase', 'repeat_purchase', 'referred_purchase')
  AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
GROUP BY order_key, has_id
