-- The stages of a model in which events are, lowest first, each with its own number.
CREATE OR REPLACE VIEW model_stages AS
SELECT toUInt8(rowNumberInAllBlocks() + 1) AS number, stage, ordinal, ids
FROM
(
    SELECT stage, max(outcome_stages.ordinal) AS ordinal, groupUniqArray(id) AS ids
    FROM outcome_stages
    WHERE model = {model:String} AND is_main AND outcome_stages.ordinal > 0
    GROUP BY stage
    ORDER BY ordinal, stage
)
