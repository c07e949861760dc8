//! Imports files of events; an import can be interrupted and resumed without duplicates.
//!
//! Lines in the native format and lines of other programs' exports become messages (`line.rs`),
//! which are sent to a collector over HTTP like any client's (`sender.rs`).
//!
//! Its limits: it knows neither the command line nor a running process. The caller gives it an
//! address and a key, shows its [`ImportEvent`]s, and words its results.
//!
//! Invariants:
//!
//! - A file is identified by its content. The same line of the same content always gets the same
//!   message id, so sending it again changes nothing.
//! - One batch at a time is in flight, so an actor's events arrive in file order.
//! - Progress is stored only after an acknowledgement (`ledger.rs`).
//!
//! Where to start: [`Importer::import`].

mod batch;
mod error;
mod importer;
mod ledger;
mod line;
mod sender;
mod shape;
mod source;

pub use error::ImportError;
pub use importer::{ImportEvent, ImportResult, Importer, Reporter};
pub use ledger::{FileRecord, ImportLedger, RejectedLine};
pub use sender::Sender;
pub use shape::WrongShape;
