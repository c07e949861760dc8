-- The first event of each person's stays in a stage, ordered by time, then by arrival. Each event
-- is packed into one number: milliseconds << 84 | partition << 64 | offset << 8 | number of the
-- stage. Sorting numbers is ten times as fast as sorting tuples.
CREATE OR REPLACE VIEW stage_runs AS
SELECT
    actor_hash,
    arrayCompact(run -> reinterpretAsUInt8(run), arraySort(groupArray(run))) AS runs
FROM
(
    SELECT
        actor_hash,
        transform(
            outcome_id,
            (SELECT arrayPushBack(arrayFlatten(groupArray(ids)), 0)
             FROM model_stages(model = {model:String})),
            (SELECT arrayPushBack(arrayFlatten(groupArray(arrayWithConstant(length(ids), number))), 0)
             FROM model_stages(model = {model:String})),
            toUInt8(0)
        ) AS number,
        bitShiftLeft(toUInt128(toUnixTimestamp64Milli(occurred_at)), 84)
            + bitShiftLeft(toUInt128(partition), 64)
            + bitShiftLeft(toUInt128(offset), 8)
            + number AS run
    FROM events
    WHERE site = {site:String}
      AND actor_hash != 0
      AND occurred_at < {to:DateTime64(3, 'UTC')}
      AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))
      AND number != 0
)
GROUP BY actor_hash
