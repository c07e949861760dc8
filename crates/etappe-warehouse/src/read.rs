//! Answers to questions about journeys and stored messages.
//!
//! May use [`crate::schema`], never [`crate::write`]. Start at `store`, the port through which
//! `etappe-insights` reads.

mod actor;
mod audit;
mod candidate;
mod kpi;
mod ledger;
mod name;
mod referral;
mod sales;
mod stage;
mod store;
mod stored_message;
mod unit;
mod unmapped;
mod view_rows;

pub use stored_message::StoredMessage;
