-- The fifty latest events that arrived since an instant, with the stage that each model put them in.
--
-- The server keeps the first and the last arrival of every part, so it reads only parts with a recent row. Properties over 8 KiB
-- are left out.
CREATE OR REPLACE VIEW live_events AS
SELECT
    message_id,
    actor,
    toString(own.event) AS event_name,
    toString(own.kind) AS event_kind,
    toString(own.milestone) AS reached_milestone,
    toUnixTimestamp64Milli(occurred_at) AS happened_at,
    toUnixTimestamp64Milli(received_at) AS arrived_at,
    page_path,
    toString(own.channel) AS by_channel,
    toString(own.device) AS by_device,
    toString(own.country) AS from_country,
    toString(own.bot) AS sent_by,
    if(length(properties) > 8192, '', properties) AS short_properties,
    partition,
    offset,
    stages
FROM
(
    SELECT
        message_id, actor, event, kind, milestone, occurred_at, received_at, page_path, channel, device, country, bot,
        properties, outcome_id, partition, offset
    FROM events
    WHERE site = {site:String}
      AND received_at >= {since:DateTime64(3, 'UTC')}
      AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))
    ORDER BY received_at DESC, partition DESC, offset DESC
    LIMIT 50
) AS own
LEFT JOIN
(
    SELECT
        id,
        groupArray(CAST((model, version, stage, rule), 'Tuple(model String, version String, stage String, rule String)'))
            AS stages
    FROM
    (
        SELECT
            id,
            model,
            any(outcome_stages.version) AS version,
            any(outcome_stages.stage) AS stage,
            any(outcome_stages.rule) AS rule
        FROM outcome_stages
        WHERE is_main
        GROUP BY id, model
    )
    GROUP BY id
) AS decided ON own.outcome_id = decided.id
ORDER BY arrived_at DESC, partition DESC, offset DESC
