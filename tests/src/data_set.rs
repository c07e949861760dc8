//! The event data in `tests/data`, read line by line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context;
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Every data file, with the number of events according to its description.
pub const FILES: &[(&str, usize)] = &[
    ("cdnow/events.ndjson.gz", 69_659),
    ("cdnow/sample_events.ndjson.gz", 6_919),
    ("online_retail/lines.ndjson.gz", 406_829),
    ("online_retail/invoices.ndjson.gz", 22_190),
    ("traffic_fines/events.ndjson.gz", 34_724),
    ("hospital_billing/events.ndjson.gz", 49_951),
    ("sepsis/events.ndjson.gz", 15_214),
    ("it_incidents/events.ndjson.gz", 39_911),
    ("ecom_synthetic/events.ndjson.gz", 31_106),
];

/// One line of a file.
#[derive(Debug, Clone, Deserialize)]
pub struct Line {
    /// The event's name.
    pub event: String,
    /// The id of the event's actor.
    pub distinct_id: String,
    /// When it happened, as written.
    pub timestamp: String,
    /// Its properties; numbers keep as much of their text as possible.
    #[serde(default)]
    pub properties: Map<String, Value>,
}

/// Returns the path of a data file.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(name)
}

/// Reads all lines of a file.
///
/// # Errors
/// When the file is missing or a line is not an event.
pub fn read(name: &str) -> anyhow::Result<Vec<Line>> {
    let path = path(name);
    let file = File::open(&path).with_context(|| format!("{} is missing", path.display()))?;
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    lines
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect()
}

/// Counts made from a file's lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// All lines.
    pub events: usize,
    /// Different people.
    pub actors: usize,
    /// Lines by event name.
    pub by_name: BTreeMap<String, usize>,
    /// People by event name.
    pub actors_by_name: BTreeMap<String, usize>,
}

/// Counts the lines of a file.
#[must_use]
pub fn count(lines: &[Line]) -> Counts {
    let mut actors = BTreeSet::new();
    let mut by_name = BTreeMap::new();
    let mut actors_by_name: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for line in lines {
        actors.insert(line.distinct_id.as_str());
        *by_name.entry(line.event.clone()).or_default() += 1;
        actors_by_name
            .entry(line.event.clone())
            .or_default()
            .insert(&line.distinct_id);
    }
    let actors_by_name = actors_by_name
        .into_iter()
        .map(|(name, ids)| (name, ids.len()))
        .collect();
    Counts {
        events: lines.len(),
        actors: actors.len(),
        by_name,
        actors_by_name,
    }
}

/// Returns how many people have an event called `first` and, at the same time or later, one called
/// `second`, by comparing every pair.
#[must_use]
pub fn followed_by(lines: &[Line], first: &str, second: &str) -> usize {
    let mut earliest: BTreeMap<&str, &str> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.event == first) {
        let entry = earliest.entry(&line.distinct_id).or_insert(&line.timestamp);
        *entry = (*entry).min(line.timestamp.as_str());
    }
    let reached: BTreeSet<&str> = lines
        .iter()
        .filter(|line| line.event == second)
        .filter(|line| {
            let entered = earliest.get(line.distinct_id.as_str());
            entered.is_some_and(|entered| *entered <= line.timestamp.as_str())
        })
        .map(|line| line.distinct_id.as_str())
        .collect();
    reached.len()
}
