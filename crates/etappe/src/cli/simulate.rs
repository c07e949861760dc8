//! Arguments of `etappe simulate`.

use std::path::PathBuf;

use chrono::NaiveDate;
use chrono_tz::Tz;
use clap::Args;
use etappe_core::currency::Currency;
use etappe_simulate::Settings;

use crate::simulated::PRACTICE;

/// Arguments of `etappe simulate`.
#[derive(Debug, Args)]
pub(crate) struct SimulateArguments {
    /// How many people to invent.
    #[arg(long, value_name = "N", default_value_t = Settings::PEOPLE,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) people: u32,
    /// Over how many days they come.
    #[arg(long, value_name = "N", default_value_t = Settings::DAYS,
          value_parser = clap::value_parser!(u32).range(1..=3_660))]
    pub(crate) days: u32,
    /// With the same other options, the same seed gives the same events.
    #[arg(long, value_name = "N", default_value_t = Settings::SEED)]
    pub(crate) seed: u64,
    /// The last day, such as 2026-10-31; without it the last day is today, up to this hour.
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<NaiveDate>,
    /// The shop's time zone.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    pub(crate) timezone: Tz,
    /// The shop's currency.
    #[arg(long, value_name = "CODE", default_value = "EUR", value_parser = currency)]
    pub(crate) currency: String,
    /// Write the events to this file, one JSON object a line, instead of sending them.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write what is true of these people to this file, as JSON.
    #[arg(long, value_name = "FILE", requires = "out")]
    pub(crate) truth: Option<PathBuf>,
    /// The site to make for them; it must not exist yet.
    #[arg(long, default_value = PRACTICE, conflicts_with = "out")]
    pub(crate) site: String,
    /// The data folder of a running `etappe up` on this machine.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "etappe-data",
        conflicts_with = "out"
    )]
    pub(crate) data: PathBuf,
    /// Print one line of JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

fn currency(text: &str) -> Result<String, String> {
    let code = text.to_uppercase();
    match Currency::of_code(&code) {
        Some(_) => Ok(code),
        None => Err("is no ISO 4217 code: write one such as EUR or USD".to_owned()),
    }
}

fn zone(text: &str) -> Result<Tz, String> {
    let zone = text.parse::<Tz>();
    zone.map_err(|_| "is no time zone: use a name such as Europe/Amsterdam".to_owned())
}
