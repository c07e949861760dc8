//! The installation that a trial injects faults into.

use std::future::Future;

use rand::rngs::StdRng;
use serde_json::Value;

use super::checker::Database;
use super::fault::Fault;
use super::switches::SpoolFigures;
use crate::site::TestSite;

/// An installation of Etappe and its dependencies.
pub trait Installation {
    /// Returns the faults that can be injected.
    fn faults(&self) -> &'static [Fault];

    /// Returns the addresses that receive events.
    fn collectors(&self) -> Vec<String>;

    /// Makes a site.
    fn create_site(&self, name: &str) -> impl Future<Output = anyhow::Result<TestSite>>;

    /// Injects `fault` and removes its cause; returns once the cause is gone.
    fn suffer(
        &mut self,
        fault: Fault,
        random: &mut StdRng,
    ) -> impl Future<Output = anyhow::Result<()>>;

    /// Returns the spool metrics of the collectors, if there are any.
    fn spools(&self) -> impl Future<Output = anyhow::Result<Vec<SpoolFigures>>> {
        std::future::ready(Ok(Vec::new()))
    }

    /// Returns how many unreadable records were appended to the log.
    fn unreadable(&self) -> u64;

    /// Makes the database accept poison messages from now on, if it refused them.
    fn take_poison(&self);

    /// Returns the dead letters as the product lists them.
    fn dead_letters(&self) -> impl Future<Output = anyhow::Result<Vec<Value>>>;

    /// Replays dead letters.
    fn replay(&self, letters: &[String]) -> impl Future<Output = anyhow::Result<()>>;

    /// Runs the product's own audit, which fails if it finds a problem.
    fn audit(&self) -> impl Future<Output = anyhow::Result<()>>;

    /// Returns the database, once nothing else is queried any more.
    fn database(&mut self) -> impl Future<Output = anyhow::Result<Database>>;

    /// Returns the last log lines of every process.
    fn last_words(&self) -> String;

    /// Stops everything cleanly.
    fn stop(self) -> impl Future<Output = anyhow::Result<()>>;
}
