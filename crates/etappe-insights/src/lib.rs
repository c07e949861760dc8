//! The KPI API: answers questions about journeys over HTTP from a [`JourneyStore`].
//!
//! This crate knows no database and decides nothing about events. It gets stored data through the
//! store's port, the journey models as a [`catalog::ModelCatalog`], the rules in use, and the time
//! from a clock; the binary wires these together. The funnel matchers are in `etappe_core::funnel`.
//!
//! Each question is a file in `questions`: it implements the trait in `question`, from which
//! `handler` makes its route and `openapi` its description. `live` streams what comes in, and
//! [`kpi_gauge`] exports the KPIs as metrics.
//!
//! Invariants: a token reads only its own site, and no answer reveals which other sites exist. A
//! request is validated completely before the store is queried, and every problem is reported.
//! Every answer states its unit, time zone and watermark. The number of concurrent questions, and
//! the memory and time of each, are bounded.
//!
//! [`JourneyStore`]: etappe_core::ports::JourneyStore

mod access;
mod calendar;
pub mod catalog;
pub mod config;
mod csv;
mod duration;
pub mod error;
mod exact_json;
mod field;
mod handler;
mod interval;
pub mod kpi_gauge;
mod language;
mod live;
pub mod metrics;
mod openapi;
mod parameter;
mod query_limit;
mod question;
mod questions;
mod rate;
mod response;
pub mod router;
mod scope;
mod selector;
mod span;
pub mod state;
