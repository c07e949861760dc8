//! ClickHouse: migrations, batch writer, message index, KPI views and queries.
//!
//! This is the only crate that names the ClickHouse client. It implements four ports of the
//! domain for one server: [`RowSink`](etappe_core::ports::RowSink) inserts batches,
//! [`MessageIndex`](etappe_core::ports::MessageIndex) knows which messages are stored,
//! [`WatermarkBoard`](etappe_core::ports::WatermarkBoard) is where processes tell how far figures
//! reach, and [`JourneyStore`](etappe_core::ports::JourneyStore) answers questions about journeys.
//!
//! What it is *not*: it decides nothing about events. Rows come encoded, rules are the
//! classifier's, rates and advice are made of its figures elsewhere.
//!
//! Invariants: a batch inserted again under its token changes nothing in any table; what a user
//! says reaches the server as a query parameter, never as part of a statement; every call ends
//! within a timeout; every KPI is read from a view that any SQL client can read too.
//!
//! Where to start: [`Warehouse`], then `migrations/` and `views/`.

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
mod past;
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
mod warehouse;
mod writer;

pub use audit::StoredOffsets;
pub use config::{InvalidWarehouseConfig, WarehouseConfig};
pub use copy::{CopyLimits, CopyProgress, CopyReport, copy};
pub use error::WarehouseError;
pub use journey_stage::JourneyStage;
pub use migration::MigrationReport;
pub use stored_message::StoredMessage;
pub use warehouse::Warehouse;
