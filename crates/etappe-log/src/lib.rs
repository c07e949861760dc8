//! The event log: durable, ordered per key, read by offset.
