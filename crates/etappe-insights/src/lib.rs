//! The KPI API: questions about journeys over HTTP, answered from a [`JourneyStore`].
//!
//! What it is *not*: it knows no database and decides nothing about events. What is stored comes
//! through the store's port, the journey models as a [`catalog::ModelCatalog`], the rules as they are
//! in use, the time of day through a clock; the binary puts them together. The matchers behind the funnels are in `etappe_core::funnel`.
//!
//! Where to start: [`router::router`] lists the routes; each has a module of its own
//! (`funnel`, `stage`, `kpi`, `referral`, `model`, `actor`, `unmapped`). [`kpi_gauge`] shows the KPIs as metrics.
//!
//! Invariants: a token reads its own site and nothing says which other sites exist; a request is
//! checked whole before anything is asked of the store, and every problem is named; every answer
//! states its unit, time zone and watermark; questions running at a time, and the memory and time
//! of each, are bounded.
//!
//! [`JourneyStore`]: etappe_core::ports::JourneyStore

mod access;
mod actor;
mod calendar;
pub mod catalog;
pub mod config;
mod csv;
mod duration;
pub mod error;
mod exact_json;
mod field;
mod funnel;
mod kpi;
pub mod kpi_gauge;
pub mod metrics;
mod model;
mod openapi;
mod parameter;
mod query_limit;
mod referral;
mod response;
pub mod router;
mod scope;
mod selector;
mod span;
mod stage;
pub mod state;
mod unmapped;
