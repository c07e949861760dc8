//! The event log: durable, ordered per key, read by offset.
//!
//! This crate is the home of the event log seam: it implements [`EventPublisher`] and
//! [`RecordSource`] of `etappe_core::ports`. It moves bytes; what stands in a record is the
//! business of `etappe_wire::record`, and nothing here looks into one.
//!
//! Where to start: [`local::LocalLog`] is the log on this machine's disk; its segments alone are in
//! `local/segment.rs` and `local/partition.rs` and know nothing of consumers. [`kafka`] is the log on
//! Apache Kafka. [`spool`] puts a local log in front of Kafka, for as long as that is away.
//!
//! Invariants: a record is acknowledged only after it is synced to the disk, or all in-sync replicas
//! have it, and readable only then; records with equal keys keep their order; an offset is never
//! given to two acknowledged records; what a consumer has not passed is never deleted here.
//!
//! [`EventPublisher`]: etappe_core::ports::EventPublisher
//! [`RecordSource`]: etappe_core::ports::RecordSource

pub mod error;
mod interleaving;
pub mod kafka;
pub mod local;
pub mod metrics;
pub mod spool;

pub use error::LogError;

/// Has a property test draw so many cases, by a seed that is told when one of them fails.
#[cfg(test)]
fn seeded(cases: u32) -> proptest::test_runner::Config {
    proptest::test_runner::Config {
        cases,
        rng_seed: proptest::test_runner::RngSeed::Fixed(etappe_testkit::draw::seed()),
        failure_persistence: None,
        ..proptest::test_runner::Config::default()
    }
}
