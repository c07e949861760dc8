//! ClickHouse: the schema, the writer of batches and all queries.
//!
//! Only this crate uses the ClickHouse client. It implements four ports of the domain.
//! [`RowSink`](etappe_core::ports::RowSink) inserts batches,
//! [`MessageIndex`](etappe_core::ports::MessageIndex) says what is stored, through
//! [`WatermarkBoard`](etappe_core::ports::WatermarkBoard) processes share how far the figures reach,
//! and [`JourneyStore`](etappe_core::ports::JourneyStore) reads figures.
//!
//! It does not decide anything about events: it gets encoded rows. The classifier applies the rules,
//! and `etappe-insights` computes rates.
//!
//! Invariants: inserting a batch again under its token changes nothing in any table; user input
//! reaches the server only as a query parameter, never as part of a statement; every call ends
//! within a timeout; every KPI is read from a view that any SQL client can read too.
//!
//! Start at [`Warehouse`], the handle to a server. `schema` creates tables and views, `write` stores
//! batches, `read` answers. Both may use `schema`, never each other; the modules beside them are
//! shared. The tables are in `migrations/`, the KPIs in `views/`.

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
pub use read::StoredMessage;
pub use schema::{JourneyStage, MigrationReport};
pub use warehouse::Warehouse;
