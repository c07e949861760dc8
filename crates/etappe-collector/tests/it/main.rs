//! Tests the collector from outside: real sockets, real HTTP, an in-memory log.

#![expect(
    clippy::unwrap_used,
    reason = "a step of a test that fails fails the test"
)]

mod bad_input;
mod client;
mod cross_origin;
mod fairness;
mod fuzz;
mod harness;
mod keys;
mod limits;
mod outcomes;
mod pixel;
mod sending;
mod sending_state;
mod serving;
mod trackers;
mod warnings;
