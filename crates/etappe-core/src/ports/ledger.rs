//! The port of the journey index.

use std::future::Future;
use std::ops::ControlFlow;

use super::Retryable;
use crate::ledger::{LedgerPositions, LedgerRow, LedgerTail, OutcomeStage};

/// Reads the stored events in the few columns that journeys are folded from.
pub trait JourneyLedger: Send + Sync + 'static {
    /// The ledger's error.
    type Error: Retryable;

    /// Passes every event that is stored before `until`, those of other logs included, in order of
    /// site, time and arrival, until `visit` breaks.
    fn history(
        &self,
        until: &LedgerPositions,
        visit: impl FnMut(LedgerRow<'_>) -> ControlFlow<()> + Send,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Passes the events of a part of the log, in order of site, time and arrival.
    fn tail(
        &self,
        tail: &LedgerTail,
        visit: impl FnMut(LedgerRow<'_>) + Send,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Returns how many events are stored before `until`, those of other logs included.
    fn count(
        &self,
        until: &LedgerPositions,
    ) -> impl Future<Output = Result<u64, Self::Error>> + Send;

    /// Returns the main stage that each of these outcomes has in each model.
    fn outcome_stages(
        &self,
        outcomes: &[u64],
    ) -> impl Future<Output = Result<Vec<OutcomeStage>, Self::Error>> + Send;
}
