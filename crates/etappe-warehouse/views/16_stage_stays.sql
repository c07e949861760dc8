-- One row per stay of a person in a stage. `left_at` is null if the stay lasts beyond the end of
-- the range. A person's first stay has an empty `from_stage` and `kind`.
CREATE OR REPLACE VIEW stage_stays AS
WITH
    (SELECT groupArray(stage) FROM model_stages(model = {model:String})) AS stages,
    (SELECT groupArray(ordinal) FROM model_stages(model = {model:String})) AS ordinals
SELECT
    actor_hash,
    stages[previous] AS from_stage,
    stages[number] AS stage,
    multiIf(
        previous = 0, '',
        visit > 1, 'revisit',
        ordinals[number] > ordinals[previous] + 1, 'skip',
        ordinals[number] > ordinals[previous], 'progress',
        'regress'
    ) AS kind,
    fromUnixTimestamp64Milli(entered, 'UTC') AS entered_at,
    if(left = 0, NULL, fromUnixTimestamp64Milli(left, 'UTC')) AS left_at
FROM
(
    SELECT
        actor_hash,
        arrayMap(run -> reinterpretAsUInt8(run), runs) AS numbers,
        arrayMap(run -> toInt64(bitShiftRight(run, 84)), runs) AS times
    FROM stage_runs(
        site = {site:String}, model = {model:String}, to = {to:DateTime64(3, 'UTC')},
        bots = {bots:String}
    )
)
ARRAY JOIN
    numbers AS number,
    arrayPushFront(arrayPopBack(numbers), 0) AS previous,
    arrayEnumerateUniq(numbers) AS visit,
    times AS entered,
    arrayPushBack(arrayPopFront(times), 0) AS left
