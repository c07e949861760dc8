//! Ports to what is stored of sites and the people who sign in: accounts, meanings, keys.

use std::future::Future;

use crate::account::{AccountChanges, Accounts};
use crate::meaning::{MeaningChange, UnusableMeaning};
use crate::site::{KeyChange, UnusableKey};
use crate::trail::TrailEntry;

/// Keeps the accounts of the people who sign in.
pub trait AccountStore: Send + Sync + 'static {
    /// Why a change is not stored.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Decides on a change with the accounts as they are, then stores it durably. Returns once it
    /// is in effect in this process.
    ///
    /// Changes follow one another, so what was decided on still holds when the change is applied; in
    /// a fleet that is so for the changes of one process. The inner result is the one of `decide`.
    fn change<R: Send>(
        &self,
        decide: impl FnOnce(&Accounts) -> Result<AccountChanges, R> + Send,
    ) -> impl Future<Output = Result<Result<(), R>, Self::Error>> + Send;
}

/// Keeps what sites say that their events mean.
pub trait MeaningStore: Send + Sync + 'static {
    /// Why a change is not stored.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Stores a change durably, with what the audit trail tells of it; returns once it is in effect
    /// in this process. The inner result says whether it is possible. Other processes follow within
    /// seconds.
    fn change_meaning(
        &self,
        change: MeaningChange,
        told: TrailEntry,
    ) -> impl Future<Output = Result<Result<(), UnusableMeaning>, Self::Error>> + Send;
}

/// Keeps the keys of sites.
pub trait KeyStore: Send + Sync + 'static {
    /// Why a change is not stored.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Stores a change durably, with what the audit trail tells of it; returns once it is in effect
    /// in this process. The inner result says whether it is possible. Other processes follow within
    /// seconds.
    fn change_key(
        &self,
        change: KeyChange,
        told: TrailEntry,
    ) -> impl Future<Output = Result<Result<(), UnusableKey>, Self::Error>> + Send;
}
