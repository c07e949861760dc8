//! The schema: tables, the views that fill them and the views that define KPIs.
//!
//! Uses neither [`crate::read`] nor [`crate::write`], so both can rely on it.

mod ddl;
mod journey_stage;
mod migration;
mod view;

pub(crate) use ddl::render;
pub use journey_stage::JourneyStage;
pub use migration::MigrationReport;
