//! What a trial is about: an installation that faults can be done to.

use std::future::Future;

use rand::rngs::StdRng;
use serde_json::Value;

use super::checker::Database;
use super::fault::Fault;
use super::switches::SpoolFigures;
use crate::site::TestSite;

/// An installation of Etappe and everything that it needs.
pub trait Installation {
    /// Returns which faults can be done to it.
    fn faults(&self) -> &'static [Fault];

    /// Returns the addresses that take events.
    fn collectors(&self) -> Vec<String>;

    /// Makes a site.
    fn create_site(&self, name: &str) -> impl Future<Output = anyhow::Result<TestSite>>;

    /// Does `fault` and undoes its cause; returns once the cause is gone.
    fn suffer(
        &mut self,
        fault: Fault,
        random: &mut StdRng,
    ) -> impl Future<Output = anyhow::Result<()>>;

    /// Returns what the collectors say of their spools, where there are any.
    fn spools(&self) -> impl Future<Output = anyhow::Result<Vec<SpoolFigures>>> {
        std::future::ready(Ok(Vec::new()))
    }

    /// Returns how many records were put into the log that cannot be read.
    fn unreadable(&self) -> u64;

    /// Has the database take messages of poison from now on, if it refused them.
    fn take_poison(&self);

    /// Returns the dead letters as the product lists them.
    fn dead_letters(&self) -> impl Future<Output = anyhow::Result<Vec<Value>>>;

    /// Sends dead letters again.
    fn replay(&self, letters: &[String]) -> impl Future<Output = anyhow::Result<()>>;

    /// Runs the product's own audit, which fails where it finds something wrong.
    fn audit(&self) -> impl Future<Output = anyhow::Result<()>>;

    /// Returns the database, once nothing else is asked any more.
    fn database(&mut self) -> impl Future<Output = anyhow::Result<Database>>;

    /// Returns the last lines that every process wrote.
    fn last_words(&self) -> String;

    /// Stops everything cleanly.
    fn stop(self) -> impl Future<Output = anyhow::Result<()>>;
}
