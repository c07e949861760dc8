//! Consumes the event log, classifies every event, writes batches.
