//! The event log: durable, ordered per key, read by offset.
//!
//! Invariants:
//!
//! - A record is acknowledged only after it is synced to disk, or all in-sync replicas have it. It
//!   is readable only then.
//! - Records with equal keys keep their order.
//! - An offset is never given to two acknowledged records.
//! - This crate never deletes a record that the consumer has not passed.
//!
//! This crate implements the ports [`EventPublisher`], [`RecordSource`] and [`DeadLetters`] of
//! `etappe_core::ports`.
//! It moves bytes: the content of a record is defined by `etappe_wire::record`, and nothing here
//! looks into one.
//!
//! Where to start: [`local::LocalLog`] is the log on the local disk. Its segments are in
//! `local/segment.rs` and `local/partition.rs`, which know nothing of consumers. [`kafka`] is the
//! log on Apache Kafka. [`spool`] puts a local log in front of Kafka while Kafka is unavailable.
//! [`medium`], [`dead_letters`] and [`sites`] choose between local and Kafka at runtime.
//!
//! [`DeadLetters`]: etappe_core::ports::DeadLetters
//! [`EventPublisher`]: etappe_core::ports::EventPublisher
//! [`RecordSource`]: etappe_core::ports::RecordSource

pub mod dead_letters;
pub mod error;
mod interleaving;
pub mod kafka;
pub mod local;
pub mod medium;
pub mod metrics;
mod replay;
pub mod sites;
pub mod spool;

pub use error::{LogError, SiteError};

/// Configures a property test with `cases` cases. Its seed is printed, so that a failure can be
/// reproduced.
#[cfg(test)]
fn seeded(cases: u32) -> proptest::test_runner::Config {
    proptest::test_runner::Config {
        cases,
        rng_seed: proptest::test_runner::RngSeed::Fixed(etappe_testkit::draw::seed()),
        failure_persistence: None,
        ..proptest::test_runner::Config::default()
    }
}
