//! The journey index: every person's events side by side, in files that answer questions about
//! people in a fraction of the time that the database takes.
//!
//! It is a cache of the database's events, in the few columns that such questions need. It follows
//! them through the port [`JourneyLedger`](etappe_core::ports::JourneyLedger), may be deleted at any
//! time, and is built again when it is missing, damaged or of another version. [`IndexedStore`] puts
//! it in front of a store: what it can answer, it answers, and the store answers the rest.
//!
//! - A `run` holds events of one site, ordered by person and time; a `segment` is a file of runs.
//! - The `index` is what all sites' runs are at a moment, and the `follower` is the one task that
//!   changes it.
//! - `people` walks through a site's runs; `scan` finds the events of funnels there, `stages` the
//!   figures of stages, and `people_figures` those of visits, signups and coming back.

mod batch;
pub mod config;
mod cursor;
mod error;
mod facts;
mod facts_view;
mod follower;
mod group;
mod index;
mod kind;
mod manifest;
mod merge;
pub mod metrics;
mod outcomes;
mod people;
mod people_figures;
mod people_walks;
mod referrals;
mod run;
mod scan;
mod segment;
mod site;
mod stages;
mod store;
#[cfg(test)]
mod tests;
mod values;

pub use error::{IndexError, StoreError};
pub use follower::{Follower, FollowerParts};
pub use store::IndexedStore;
