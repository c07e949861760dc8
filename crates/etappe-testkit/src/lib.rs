//! Shared test support: fakes of every port, events with known totals, and a driver for the real
//! program.
//!
//! Its limits: no part of the product depends on it outside its tests, and nothing here
//! decides what is right. Fakes only panic on what a port's contract forbids.
//!
//! Where to start: [`memory_log::MemoryLog`], [`memory_sink::MemorySink`] and
//! [`memory_index::MemoryIndex`] stand in for the log and the warehouse. [`faults::Faults`] makes
//! them fail, or stops everything at a chosen step as a crash would. [`generator`] generates events
//! as trackers send them, with the expected totals. [`process::EtappeProcess`] starts the built
//! program and talks to it over HTTP, as a user would. [`kafka::KafkaNode`] is a real Kafka.
//! [`identity_provider::IdentityProvider`] signs people in, or misbehaves.
//! [`wait::until`] waits for a condition and panics with a message when it is not met in time.
//!
//! Invariants: everything random has a seed; the fakes never use disk, network or wall clock.

pub mod clock;
pub mod draw;
pub mod faults;
pub mod generator;
pub mod identity_provider;
pub mod kafka;
pub mod memory_board;
pub mod memory_index;
pub mod memory_letters;
pub mod memory_log;
pub mod memory_sink;
pub mod offsets;
pub mod process;
pub mod rows;
pub mod tls_front;
pub mod wait;
