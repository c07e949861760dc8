-- One row per refund or cancellation, ever, and the `amount` that it returns: at most the amount of
-- its order minus what was returned before. Refunds reported by a server come first, then they are
-- ordered by time and by arrival. A cancellation, or a refund without an amount, returns all that
-- is left.
--
-- `left_out` is the reason why a refund returns nothing, and empty if it returns something: its
-- amount was `unread`; its order is unknown (`unknown_order`), has an `other_currency` or has
-- `nothing_left`; it has neither an order nor an amount (`no_amount`); or its sender may not report
-- it (`not_trusted`).
CREATE OR REPLACE VIEW refunds AS
SELECT
    refunded_at,
    order_key,
    has_id,
    scope,
    actor_hash,
    currency,
    is_cancellation,
    least(brought, asked_so_far) - least(brought, asked_so_far - asked) AS amount,
    if(reason = '' AND amount = 0, 'nothing_left', reason) AS left_out
FROM
(
    SELECT
        *,
        multiIf(
            reason != '', toDecimal256(0, 4),
            NOT has_amount OR (is_cancellation AND has_id), brought,
            least(claimed, brought)
        ) AS asked,
        sum(asked) OVER (
            PARTITION BY has_id, order_key
            ORDER BY multiIf(scope = 'server', 0, scope = 'browser', 1, 2), refunded_at, partition, offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS asked_so_far
    FROM
    (
        SELECT
            claims.refunded_at AS refunded_at,
            claims.partition AS partition,
            claims.offset AS offset,
            claims.order_key AS order_key,
            claims.has_id AS has_id,
            claims.scope AS scope,
            claims.is_cancellation AS is_cancellation,
            claims.has_amount AS has_amount,
            claims.claimed AS claimed,
            if(known.is_known, known.actor_hash, claims.actor_hash) AS actor_hash,
            if(known.is_known, known.currency, claims.currency) AS currency,
            if(has_id, known.brought, claimed) AS brought,
            multiIf(
                claims.amount_state = 'withheld', 'not_trusted',
                has_id AND NOT known.is_known, 'unknown_order',
                claims.scope != 'server'
                    AND {browser_refunds:String} != 'true'
                    AND (NOT has_id OR known.scope = 'server'), 'not_trusted',
                is_cancellation AND has_id, '',
                claims.amount_state = 'unread', 'unread',
                NOT has_id AND NOT claims.has_amount, 'no_amount',
                has_id AND claims.has_amount AND claims.has_currency AND claims.currency != known.currency,
                    'other_currency',
                ''
            ) AS reason
        FROM
        (
            SELECT
                occurred_at AS refunded_at,
                partition,
                offset,
                money.order_key AS order_key,
                order_id != '' AS has_id,
                money.scope AS scope,
                milestone = 'order_cancel' AS is_cancellation,
                money.actor_hash AS actor_hash,
                money.amount_state AS amount_state,
                money.has_amount AS has_amount,
                abs(toDecimal256(money.amount, 4)) AS claimed,
                money.currency != '' AS has_currency,
                if(has_currency, toString(money.currency), {currency:String}) AS currency
            FROM money
            WHERE site = {site:String}
              AND milestone IN ('refund', 'order_cancel')
              AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
        ) AS claims
        LEFT JOIN
        (
            SELECT
                order_key,
                true AS is_known,
                scope,
                actor_hash,
                greatest(toDecimal256(amount, 4), toDecimal256(0, 4)) AS brought,
                if(currency = '', {currency:String}, toString(currency)) AS currency
            FROM orders(site = {site:String}, bots = {bots:String})
            WHERE has_id
              AND order_key IN (
                  SELECT order_key
                  FROM money
                  WHERE site = {site:String} AND milestone IN ('refund', 'order_cancel') AND order_id != ''
              )
        ) AS known ON claims.has_id = known.is_known AND claims.order_key = known.order_key
    )
)
