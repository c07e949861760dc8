-- Where batches of nothing but marks land: when nothing else comes, one arrives each second for each
-- partition, and a view costs the server time even if it has no row for it.
CREATE TABLE IF NOT EXISTS mark_arrivals AS arrivals ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS marks_from_mark_arrivals TO marks AS
SELECT
    topic,
    partition,
    offset,
    message_id AS collector,
    occurred_at AS reached,
    received_at AS written_at,
    event AS state
FROM mark_arrivals
WHERE only IN ('', 'marks') AND kind = 'mark';
