//! Consumes the event log, classifies every event, writes batches of rows.
//!
//! Its limits: it depends on no broker, no database and no file format. It uses them through
//! the ports of `etappe_core::ports`. `etappe_core::rules` decides what an event means,
//! `etappe_wire::row` how a row is encoded.
//!
//! Where to start: [`Classifier`] follows the assignments. Each partition has a worker
//! (`worker.rs`). Its reader (`batch_reader.rs`) builds a batch of one offset range with the
//! [`Pipeline`], while its delivery (`delivery.rs`) stores the previous batch. When a batch is
//! refused, the delivery searches for the bad records (`search.rs`). The guarantee that every
//! acknowledged event counts once rests on reader, delivery and the deduplication token.
//!
//! Invariants: no insert before its range is recorded; a recorded range is repeated with the same
//! boundaries; progress is one contiguous prefix per partition; of messages with the same id the
//! copy with the lowest offset is the event; everything kept in memory is bounded in bytes.

mod batch;
mod batch_reader;
mod board;
mod budget;
mod classifier;
mod config;
mod delivery;
mod duplicate_filter;
mod error;
mod identity_hasher;
mod in_flight;
mod metrics;
mod pipeline;
mod reach;
mod search;
mod worker;

pub use batch::{Batch, BatchLimits, SealedBatch};
pub use board::{BoardFollower, BoardPoster};
pub use classifier::{Classifier, ClassifierParts};
pub use config::{ClassifierConfig, MAX_BATCH_ROWS};
pub use duplicate_filter::DuplicateFilter;
pub use error::{ClassifierError, PortError};
pub use metrics::ClassifierMetrics;
pub use pipeline::{KnownMessages, Pipeline};
pub use reach::CollectorWatch;
