//! The event log through its public interface.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells its parent process by printing"
)]

mod drain;
mod guard;
mod kafka_dead_letters;
mod kafka_fenced;
mod kafka_group;
mod kafka_publisher;
mod kafka_source;
mod kafka_support;
mod kafka_table;
mod kafka_topics;
mod kill;
mod local;
mod spool;
mod support;
