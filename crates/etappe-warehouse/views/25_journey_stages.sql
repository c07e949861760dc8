-- The stages of all journey models as they are configured now, in order.
CREATE OR REPLACE VIEW journey_stages AS
SELECT DISTINCT model, ordinal, stage, gate, own_hit, label_en, label_nl
FROM published_stages
WHERE published_at = (SELECT max(published_at) FROM published_stages)
ORDER BY model, ordinal
