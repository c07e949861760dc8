//! Formats, and nothing but formats: tracker protocols in, the log record, ClickHouse rows out.
//!
//! What it is *not*: there is no I/O here, no clock and no state. Every function turns bytes into
//! values of the domain or values into bytes, and can be called with anything a stranger sends.
//!
//! Where to start: [`record`] is what stands in the event log.
//!
//! Invariants: no input makes a function here panic; what is decoded and encoded again is
//! the same; a format that leaves the process carries a version.

pub mod native;
pub mod pixel;
pub mod record;
pub mod row;
pub mod secret;
