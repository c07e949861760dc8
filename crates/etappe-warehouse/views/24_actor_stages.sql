-- The current stage of one person in each model, and since when.
CREATE OR REPLACE VIEW actor_stages AS
SELECT
    model,
    arraySort(event -> (event.1, event.2, event.3), groupArray((occurred_at, partition, offset, stage))) AS history,
    history[-1].4 AS current_stage,
    history[arrayLastIndex(event -> event.4 != current_stage, history) + 1].1 AS since
FROM
(
    SELECT occurred_at, partition, offset, outcome_id
    FROM events
    WHERE site = {site:String} AND actor_hash = {actor_hash:UInt64}
) AS own
INNER JOIN
(
    SELECT id, model, any(outcome_stages.stage) AS stage
    FROM outcome_stages
    WHERE is_main AND ordinal > 0
    GROUP BY id, model
) AS decided ON own.outcome_id = decided.id
GROUP BY model
ORDER BY model
