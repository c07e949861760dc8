//! The domain of customer journeys: events, milestones, models, rules and matchers, without I/O.
