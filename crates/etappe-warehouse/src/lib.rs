//! ClickHouse: migrations, batch writer, message index, KPI views and queries.
//!
//! Only this crate uses the ClickHouse client. It implements four ports of the domain for one
//! server. [`RowSink`](etappe_core::ports::RowSink) inserts batches.
//! [`MessageIndex`](etappe_core::ports::MessageIndex) knows which messages are stored. Through
//! [`WatermarkBoard`](etappe_core::ports::WatermarkBoard) processes share how far figures reach.
//! [`JourneyStore`](etappe_core::ports::JourneyStore) answers questions about journeys.
//!
//! This crate decides nothing about events: it gets encoded rows, the classifier applies the rules,
//! and rates and advice are computed from its figures elsewhere.
//!
//! Invariants: inserting a batch again under its token changes nothing in any table; user input
//! reaches the server only as a query parameter, never as part of a statement; every call ends
//! within a timeout; every KPI is read from a view that any SQL client can read too.
//!
//! Start at [`Warehouse`], then read `migrations/` and `views/`.

mod backup;
mod config;
mod copy;
mod error;
mod metrics;
mod native;
mod query;
mod read;
mod schema;
mod tls;
mod warehouse;
mod write;

pub use config::{InvalidWarehouseConfig, WarehouseConfig};
pub use copy::{CopyLimits, CopyProgress, CopyReport, copy};
pub use error::WarehouseError;
pub use read::{StoredMessage, StoredOffsets};
pub use schema::{JourneyStage, MigrationReport};
pub use warehouse::Warehouse;
