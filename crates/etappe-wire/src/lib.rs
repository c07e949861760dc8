//! Formats, and nothing but formats: tracker protocols in, the log record, ClickHouse rows out.
//!
//! Its limits: there is no I/O here, no clock and no state. Every function turns bytes into
//! domain values or domain values into bytes, and must accept arbitrary input from untrusted
//! clients.
//!
//! Where to start: [`record`] is the format of the event log.
//!
//! Invariants: no input makes a function here panic. Decoding and encoding again gives the same
//! value. Every format that leaves the process has a version.

pub mod native;
pub mod pixel;
pub mod record;
pub mod row;
pub mod secret;
