//! HTTP intake of tracking events.
