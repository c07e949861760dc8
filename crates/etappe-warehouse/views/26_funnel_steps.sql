-- One row per stage that a person reached in the attempt that counts, of a funnel without a window.
--
-- An attempt begins at any event of a stage in the range. A gate is passed at the first event of
-- its own or of a later stage. A gate with `own_hit` needs an event of its own, and the gates after
-- it are passed from there on. The deepest attempt counts; among equals the one that skipped the
-- fewest gates, then the one completed first, then the one begun last. A stage that is not a gate
-- is reached at its first event, but not before the last gate above it that was passed.
--
-- A hit is packed into one number, milliseconds * 256 + place of the stage, so that among hits at
-- the same moment those of earlier stages come first. Of consecutive hits in the same stage only
-- the first and the last are kept: an attempt that begins between them is no better than both. An
-- attempt begins at the first hit of its moment, so that it contains all events of that moment.
-- `next` holds, per gate and for each hit and the final `never`, the index of the first hit from
-- there on that passes the gate. `passes` holds, per gate and for an attempt begun at each hit, the
-- hit that passes the gate, or `never`.
CREATE OR REPLACE VIEW funnel_steps AS
WITH
    18446744073709551615 AS never,
    toUInt64(toUnixTimestamp64Milli({to:DateTime64(3, 'UTC')})) * 256 AS range_end,
    (SELECT arraySort(groupArray(ordinal)) FROM journey_stages WHERE model = {model:String} AND gate) AS gates,
    (SELECT arraySort(groupArray(ordinal)) FROM journey_stages WHERE model = {model:String} AND NOT gate) AS sides,
    (
        SELECT arrayMap(stage -> stage.2, arraySort(groupArray((ordinal, own_hit))))
        FROM journey_stages
        WHERE model = {model:String} AND gate
    ) AS own_hits,
    (
        SELECT (arrayPushBack(groupArray(id), 0), arrayPushBack(groupArray(place), 0))
        FROM
        (
            SELECT id, any(journey_stages.ordinal) AS place
            FROM outcome_stages
            INNER JOIN journey_stages USING (model, stage)
            WHERE model = {model:String} AND is_main
            GROUP BY id
        )
    ) AS places
SELECT
    actor_hash,
    step.1 AS ordinal,
    fromUnixTimestamp64Milli(toInt64(bitShiftRight(step.2, 8)), 'UTC') AS reached_at,
    toBool(step.3) AS skipped,
    if(
        step.4 = never,
        NULL,
        toInt64(bitShiftRight(step.2, 8) - bitShiftRight(step.4, 8)) / 1000
    ) AS from_previous_s
FROM
(
    SELECT
        actor_hash,
        arraySort(groupArray(toUInt64(toUnixTimestamp64Milli(occurred_at)) * 256 + place)) AS all_hits,
        arrayFilter(
            (hit, before, after) -> bitAnd(hit, 255) != bitAnd(before, 255)
                OR bitAnd(hit, 255) != bitAnd(after, 255)
                OR (hit < range_end AND after >= range_end),
            all_hits,
            arrayPushFront(arrayPopBack(all_hits), 0),
            arrayPushBack(arrayPopFront(all_hits), never)
        ) AS hits,
        arrayPushBack(hits, never) AS hits_and_never,
        arrayMap(
            (gate, own_hit) -> arrayReverseFill(
                (index, hit) -> hit = never OR bitAnd(hit, 255) = gate OR (NOT own_hit AND bitAnd(hit, 255) > gate),
                arrayEnumerate(hits_and_never),
                hits_and_never
            ),
            gates,
            own_hits
        ) AS next,
        arrayFold(
            (found, indices, own_hit) -> (
                arrayPushBack(found.1, arrayMap(index -> indices[index], found.2)),
                if(own_hit, arrayMap(index -> indices[index], found.2), found.2)
            ),
            next,
            own_hits,
            (CAST([], 'Array(Array(UInt32))'), arrayEnumerate(hits_and_never))
        ).1 AS pass_indices,
        arrayMap(indices -> arrayMap(index -> hits_and_never[index], indices), pass_indices) AS passes,
        arrayReduce('sumForEach', arrayMap(
            pass -> arrayMap(hit -> toInt64(hit != never), pass), passes
        )) AS depths,
        arrayReduce('sumForEach', arrayMap(
            (pass, gate) -> arrayMap(hit -> hit != never AND bitAnd(hit, 255) != gate, pass), passes, gates
        )) AS skips,
        arrayReduce('maxForEach', arrayMap(
            pass -> arrayMap(hit -> if(hit = never, 0, bitShiftRight(hit, 8)), pass), passes
        )) AS completions,
        arrayReduce(
            'argMinIf',
            arrayEnumerate(hits),
            arrayMap(
                (hit, depth, skip, completion) -> (
                    -depth,
                    skip,
                    if(depth = 0, bitShiftRight(hit, 8), completion),
                    -toInt64(bitShiftRight(hit, 8))
                ),
                hits, arrayPopBack(depths), arrayPopBack(skips), arrayPopBack(completions)
            ),
            arrayMap(
                (hit, before) -> hit < range_end AND bitShiftRight(hit, 8) != bitShiftRight(before, 8),
                hits, arrayPushFront(arrayPopBack(hits), never)
            )
        ) AS best,
        arrayMap(pass -> pass[best], passes) AS reached,
        arrayConcat(
            arrayMap(
                (gate, hit, before) -> (gate, hit, bitAnd(hit, 255) != gate, before),
                gates, reached, arrayPushFront(arrayPopBack(reached), never)
            ),
            arrayMap(
                (side, passed) -> (
                    side,
                    arrayFirst(
                        hit -> bitAnd(hit, 255) = side
                            AND bitShiftRight(hit, 8) >= bitShiftRight(if(passed = 0, hits[best], reached[passed]), 8),
                        hits
                    ),
                    toUInt8(0),
                    if(passed = 0, never, reached[passed])
                ),
                sides,
                arrayMap(
                    side -> least(arrayCount(gate -> gate < side, gates), arrayCount(hit -> hit != never, reached)),
                    sides
                )
            )
        ) AS steps
    FROM
    (
        SELECT
            actor_hash,
            occurred_at,
            transform(outcome_id, places.1, places.2, toUInt8(0)) AS place
        FROM events
        WHERE site = {site:String}
          AND actor_hash != 0
          AND occurred_at >= {from:DateTime64(3, 'UTC')}
          AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))
          AND place != 0
    )
    GROUP BY actor_hash
    HAVING min(occurred_at) < {to:DateTime64(3, 'UTC')}
)
ARRAY JOIN steps AS step
WHERE step.2 NOT IN (0, never)
