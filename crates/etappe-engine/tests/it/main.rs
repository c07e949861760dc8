//! Tests the engine as it is used: the real library, in its own process, over HTTP.
//!
//! The library is found at `$ETAPPE_ENGINE_LIBRARY` or in the cache; without it the tests fail.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod fence;
mod harness;
mod insert;
mod interface;
mod official_client;
mod process;
mod respellings;
mod turns;
mod zones;
