-- Which gates are passed by an event of their own only.
ALTER TABLE published_stages ADD COLUMN IF NOT EXISTS own_hit Bool AFTER gate;
