//! The warehouse with the real engine: rows are inserted, and figures are compared.
//!
//! Every test has its own database on an engine shared by all tests of the process; tests that stop
//! the engine start their own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(
    clippy::print_stdout,
    reason = "seeds are shown, so that a failure can be repeated"
)]

mod actor_page;
mod audit;
mod board;
mod both_ways;
mod brute;
mod candidates;
mod cdnow;
mod copying;
mod costs;
mod engine;
mod errors;
mod fixture;
mod found_people;
mod funnels;
mod insert;
mod kpis;
mod ledger;
mod lifecycle;
mod live;
mod message_index;
mod migrations;
mod neighbours;
mod order_pages;
mod people;
mod random;
mod referrals;
mod rows;
mod server;
mod stages;
mod trend;
mod trust;
mod unmapped;
mod views;
mod watermark;
