//! Consumes the event log, classifies every event, writes batches of rows.
//!
//! What it is *not*: it knows no broker, no database and no file format. It meets them as the ports
//! of `etappe_core::ports`; what an event means is decided by `etappe_core::rules`, how a row looks
//! by `etappe_wire::row`.
//!
//! Where to start: [`Classifier`] follows the assignments. Each partition has a worker
//! (`worker.rs`): its reader (`batch_reader.rs`) makes a batch of one offset range by way of the
//! [`Pipeline`], while its delivery (`delivery.rs`) stores the batch before it
//! and, when it is refused, looks for the records to blame (`search.rs`). The guarantee that
//! every acknowledged event counts once rests on these two and on the deduplication token.
//!
//! Invariants: no insert before its range is remembered; a range that was remembered is done again
//! with the same boundaries; progress is one contiguous prefix per partition; of messages with one
//! id the copy with the lowest offset is the event; everything kept in memory is bounded in bytes.

mod batch;
mod batch_reader;
mod board;
mod budget;
mod classifier;
mod config;
mod dead_letter_file;
mod delivery;
mod duplicate_filter;
mod error;
mod identity_hasher;
mod in_flight;
mod metrics;
mod pipeline;
mod reach;
mod retry;
mod search;
mod worker;

pub use batch::{Batch, BatchLimits, SealedBatch};
pub use board::{BoardFollower, BoardPoster};
pub use classifier::{Classifier, ClassifierParts};
pub use config::{ClassifierConfig, MAX_BATCH_ROWS};
pub use dead_letter_file::{DeadLetterFile, DeadLetterFileError, ReadLetters};
pub use duplicate_filter::DuplicateFilter;
pub use error::{ClassifierError, PortError};
pub use metrics::ClassifierMetrics;
pub use pipeline::{KnownMessages, Pipeline};
pub use reach::CollectorWatch;
