//! The warehouse against the real engine: what goes in as rows comes out as figures.
//!
//! Every test has a database of its own on an engine that all tests of the process share; those
//! that stop the engine start one for themselves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(
    clippy::print_stdout,
    reason = "seeds are shown, so that a failure can be repeated"
)]

mod actor_page;
mod audit;
mod board;
mod brute;
mod candidates;
mod cdnow;
mod copying;
mod costs;
mod engine;
mod errors;
mod fixture;
mod funnels;
mod insert;
mod kpis;
mod message_index;
mod migrations;
mod order_pages;
mod random;
mod referrals;
mod rows;
mod server;
mod stages;
mod trust;
mod unmapped;
mod views;
mod watermark;
