//! Load generator, limit harness and benchmark driver: the implementation of `make bench`.
//!
//! Its limits: nothing here is part of the product, and no test asserts a speed.
//! Microbenchmarks of pure parts use criterion and are in `benches/`.
//!
//! Where to start: [`load`] sends requests at fixed times and measures from those times; [`relay`]
//! and [`rows`] are the limits, which do the same work without any code of ours; [`driver`] starts
//! Etappe, runs the scenarios and writes the table.
//!
//! Invariants: a latency counts from the moment a request was due, so that a stalled server cannot
//! hide its stall; every loop is bounded in time or count; only processes started here are ended,
//! by their id; everything stays on loopback.

pub mod cpu_time;
pub mod driver;
pub mod gzip_template;
pub mod latency;
pub mod load;
pub mod process;
pub mod relay;
pub mod request_pool;
pub mod rows;
pub mod sample;
pub mod schedule;

use etappe_core::time::Timestamp;

/// Returns a number that differs from run to run, so that no two runs send the same message ids.
#[must_use]
pub fn nonce(now: Timestamp) -> u32 {
    let mixed = now.as_millis().unsigned_abs() ^ (u64::from(std::process::id()) << 24);
    crc32fast::hash(&mixed.to_le_bytes())
}
