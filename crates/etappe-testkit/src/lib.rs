//! What tests share: fakes of every seam, events with known totals, and the real program to drive.
//!
//! What it is *not*: no part of the product depends on it outside its tests, and nothing here
//! decides what is right; fakes only refuse what a port's contract forbids, by panicking.
//!
//! Where to start: [`memory_log::MemoryLog`], [`memory_sink::MemorySink`] and
//! [`memory_index::MemoryIndex`] stand in for the log and the warehouse, and [`faults::Faults`] makes
//! them fail, or stops everything at a chosen step as a crash would. [`generator`] makes events as
//! trackers send them, with the totals that must come out. [`process::EtappeProcess`] starts the
//! built program and talks to it over HTTP, as a user would. [`kafka::KafkaNode`] is a real Kafka.
//! [`wait::until`] waits for a condition and ends with a message when it is never met.
//!
//! Invariants: everything random has a seed; the fakes never touch disk, network or wall clock.

pub mod clock;
pub mod draw;
pub mod faults;
pub mod generator;
pub mod kafka;
pub mod memory_board;
pub mod memory_index;
pub mod memory_letters;
pub mod memory_log;
pub mod memory_sink;
pub mod process;
pub mod rows;
pub mod wait;
