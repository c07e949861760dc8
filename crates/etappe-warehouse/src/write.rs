//! Storing batches, once and completely, and what classifiers need to know about stored ones.
//!
//! May use [`crate::schema`], never [`crate::read`].

mod blame;
mod board;
mod message_index;
mod redo;
mod write_history;
pub(crate) mod writer;

pub(crate) use blame::{is_about_target, record_named};
pub(crate) use message_index::OtherTopics;
pub(crate) use write_history::WriteHistory;
