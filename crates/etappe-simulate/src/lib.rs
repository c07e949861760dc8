//! Invents people and their journeys for a practice site, and counts what is true of them.
//!
//! [`simulate`] makes the events of a small garden shop: people of several kinds come by
//! advertisements, newsletters, searches, friends' codes, on foot or by telephone; some make an
//! account, order, come back, invite friends, complain, or stay away. The same [`Settings`] always
//! give the same events, byte for byte. [`Truth`] answers the questions of the API about them, by
//! plain loops over what was made.
//!
//! Its limits: there is no I/O and no clock here, and no code of the rest of the product, so
//! that a test can hold the product's figures against this crate's.
//!
//! Invariants: nobody was there before the first day. Everybody has one id, from their first event
//! on. No two events of a person have the same time.

mod act;
mod calendar;
mod dice;
mod inventory;
mod life;
mod message;
mod persona;
mod population;
mod truth;
mod world;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

pub use message::Message;
pub use truth::{Range, Truth};

/// What to simulate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The seed of all choices.
    pub seed: u64,
    /// The number of people, crawlers not counted.
    pub people: u32,
    /// The number of days; the last one is that of `end`.
    pub days: u32,
    /// The first instant after the simulation.
    pub end: DateTime<Utc>,
    /// The shop's time zone.
    pub zone: Tz,
    /// The shop's currency, an ISO 4217 code.
    pub currency: String,
}

impl Settings {
    /// The number of people unless said otherwise.
    pub const PEOPLE: u32 = 2_000;
    /// The number of days unless said otherwise.
    pub const DAYS: u32 = 120;
    /// The seed unless said otherwise.
    pub const SEED: u64 = 1;

    /// Returns a number that differs between settings, from which all ids are made.
    pub(crate) fn fingerprint(&self) -> u64 {
        let size = u64::from(self.people) << 32 | u64::from(self.days);
        let place = self.zone.name().bytes().chain(self.currency.bytes());
        let place = place.fold(0, |mixed, byte| dice::mix(mixed, u64::from(byte)));
        [size, self.end.timestamp_millis().cast_unsigned(), place]
            .into_iter()
            .fold(self.seed, dice::mix)
    }
}

/// Invented people, and what is true of them.
#[derive(Debug)]
pub struct Simulation {
    population: population::Population,
    settings: Settings,
    /// Answers questions about them.
    pub truth: Truth,
}

impl Simulation {
    /// Returns the messages in order of time; each is written when it is asked for.
    pub fn messages(&self) -> impl Iterator<Item = Message> {
        message::messages(&self.population, &self.settings)
    }
}

/// Invents people and what they do.
#[must_use]
pub fn simulate(settings: &Settings) -> Simulation {
    let population = population::Population::new(settings);
    Simulation {
        truth: Truth::new(&population, settings),
        population,
        settings: settings.clone(),
    }
}

/// Returns the first instant after a day in a time zone.
#[must_use]
pub fn day_end(zone: Tz, date: NaiveDate) -> DateTime<Utc> {
    let next = date.succ_opt().unwrap_or(date);
    DateTime::from_timestamp_millis(calendar::day_start(zone, next)).unwrap_or_default()
}
