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

mod actor;
mod audit;
mod backup;
mod blame;
mod board;
mod candidate;
mod config;
mod copy;
mod ddl;
mod error;
mod journey_stage;
mod kpi;
mod message_index;
mod metrics;
mod migration;
mod name;
mod native;
mod query;
mod redo;
mod referral;
mod stage;
mod store;
mod stored_message;
mod target;
mod tls;
mod unit;
mod unmapped;
mod view;
mod view_rows;
mod warehouse;
mod write_history;
mod writer;

pub use audit::StoredOffsets;
pub use config::{InvalidWarehouseConfig, WarehouseConfig};
pub use copy::{CopyLimits, CopyProgress, CopyReport, copy};
pub use error::WarehouseError;
pub use journey_stage::JourneyStage;
pub use migration::MigrationReport;
pub use stored_message::StoredMessage;
pub use warehouse::Warehouse;
