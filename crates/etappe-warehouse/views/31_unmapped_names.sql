-- Names of events for which no vocabulary had a rule and, if a model is given, of events that have
-- a milestone but no stage in the model. An event that a rule declares to be no step counts as
-- understood.
CREATE OR REPLACE VIEW unmapped_names AS
SELECT
    toString(unmapped.event) AS name,
    toString(unmapped.kind) AS kind,
    if(unmapped.milestone = '', 'not_understood', 'no_stage') AS why,
    toString(unmapped.milestone) AS milestone,
    hits AS events,
    people,
    first_seen,
    last_seen
FROM
(
    SELECT
        event,
        kind,
        milestone,
        count() AS hits,
        uniqExactIf(actor_hash, actor_hash != 0) AS people,
        min(occurred_at) AS first_seen,
        max(occurred_at) AS last_seen
    FROM events
    WHERE site = {site:String}
      AND occurred_at >= {from:DateTime64(3, 'UTC')}
      AND occurred_at < {to:DateTime64(3, 'UTC')}
      AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))
      AND (milestone = '' OR {model:String} != '')
      AND if(
          milestone = '',
          outcome_id IN (SELECT id FROM outcomes WHERE milestone = '' AND vocabulary = ''),
          outcome_id NOT IN (
              SELECT id FROM outcome_stages WHERE model = {model:String} AND is_main AND ordinal > 0
          )
      )
    GROUP BY event, kind, milestone
) AS unmapped
