//! The schema: tables, the views that fill them and the views that define KPIs.
//!
//! Uses neither [`crate::read`] nor [`crate::write`], so both can rely on it.

mod ddl;
mod inline;
mod journey_stage;
mod migration;
mod view;

pub(crate) use ddl::render;
pub(crate) use inline::inline_views;
pub use journey_stage::JourneyStage;
pub use migration::MigrationReport;
