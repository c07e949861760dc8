//! The runs of one site.

use std::sync::Arc;

use crate::run::Run;

/// The runs of a site at one moment, from the oldest to the newest. It never changes: a question
/// holds one, and what comes later is another one.
#[derive(Debug, Clone, Default)]
pub(crate) struct SiteState {
    /// Those in segments.
    pub(crate) stored: Vec<Arc<Run>>,
    /// Settled events that are in no segment yet.
    pub(crate) recent: Vec<Arc<Run>>,
    /// Events that are not settled yet; they are read again each time.
    pub(crate) unsettled: Option<Arc<Run>>,
}

impl SiteState {
    /// Returns all runs, from the oldest to the newest.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &Run> {
        let runs = self.stored.iter().chain(&self.recent);
        runs.chain(&self.unsettled).map(|run| &**run)
    }

    /// Returns the memory that the runs outside of segments take, roughly.
    pub(crate) fn memory(&self) -> usize {
        let runs = self.recent.iter().chain(&self.unsettled);
        runs.map(|run| run.memory()).sum()
    }
}
