//! Walks through a site's runs person by person.

use std::sync::Arc;

use crate::cursor::Cursor;
use crate::error::IndexError;
use crate::kind::EventKind;
use crate::run::Run;
use crate::site::SiteState;
use crate::values::spellings;

/// The person of events that name nobody.
pub(crate) const NOBODY: u64 = 0;

/// A walk lets other tasks work after so many events.
const EVENTS_AT_A_TIME: usize = 100_000;

/// The dimensions that a walk reads, by their places, and how it notes an event's value: the number
/// of the dimension in this list, and the value's id in the walk.
#[derive(Debug)]
pub(crate) struct Split<'d, T> {
    pub(crate) dimensions: &'d [usize],
    pub(crate) note: fn(&mut T, usize, u32),
}

/// The needed events of one person after another, in order of their ids, each with what the question
/// wants to know of its kind and, in a walk that splits people, of its values.
#[derive(Debug)]
pub(crate) struct People<'s, T> {
    runs: Vec<WalkedRun<'s, T>>,
    from: i64,
    until: i64,
    values: Values,
    note: fn(&mut T, usize, u32),
    events: Vec<(i64, T)>,
    /// The places of the events that were just read, if they have values.
    read: Vec<usize>,
    scanned: usize,
}

/// A run that is walked through.
#[derive(Debug)]
struct WalkedRun<'s, T> {
    cursor: Cursor<'s>,
    /// What is wanted of its kinds by their codes; nothing of those not needed.
    wanted: Vec<Option<T>>,
    /// The id of the first of its values in each dimension of the walk.
    first_ids: Vec<u32>,
}

/// The values of all runs of a walk, in each of its dimensions.
#[derive(Debug, Default)]
struct Values(Vec<Vec<Option<Arc<str>>>>);

impl Values {
    /// Adds the values of a run and returns the id of the first of each dimension.
    fn add(&mut self, run: &Run, dimensions: &[usize]) -> Vec<u32> {
        let mut first_ids = Vec::with_capacity(dimensions.len());
        for (known, place) in self.0.iter_mut().zip(dimensions) {
            first_ids.push(u32::try_from(known.len()).unwrap_or(u32::MAX));
            let values = run.plan.values.get(*place).and_then(Option::as_deref);
            known.extend(spellings(values.unwrap_or_default()));
        }
        first_ids
    }
}

impl<'s, T: Copy> People<'s, T> {
    /// Opens the runs that have events of a kind that `wanted` answers for. Only events from `from`
    /// up to, without, `until` are passed.
    pub(crate) fn open(
        site: &'s SiteState,
        times: (i64, i64),
        wanted: impl Fn(&EventKind) -> Option<T>,
    ) -> Result<Self, IndexError> {
        let split = Split {
            dimensions: &[],
            note: |_, _, _| {},
        };
        Self::open_split(site, times, wanted, &split)
    }

    /// Opens the runs as [`Self::open`] does, to read values too. All runs must hold the dimensions.
    pub(crate) fn open_split(
        site: &'s SiteState,
        (from, until): (i64, i64),
        wanted: impl Fn(&EventKind) -> Option<T>,
        split: &Split<'_, T>,
    ) -> Result<Self, IndexError> {
        let mut runs = Vec::new();
        let mut values = Values(vec![Vec::new(); split.dimensions.len()]);
        for run in site.runs() {
            let wanted: Vec<Option<T>> = run.plan.kinds.iter().map(&wanted).collect();
            if wanted.iter().any(Option::is_some) {
                runs.push(WalkedRun {
                    cursor: Cursor::open(run, split.dimensions)?,
                    wanted,
                    first_ids: values.add(run, split.dimensions),
                });
            }
        }
        Ok(Self {
            runs,
            from,
            until,
            values,
            note: split.note,
            events: Vec::new(),
            read: Vec::new(),
            scanned: 0,
        })
    }

    /// Moves on to the next person, whether or not they have events that are needed; `None` at the
    /// end. [`NOBODY`] comes first, if there are such events.
    pub(crate) fn next(&mut self) -> Result<Option<u64>, IndexError> {
        self.events.clear();
        let people = self.runs.iter().filter_map(|run| run.cursor.person());
        let Some(person) = people.min() else {
            return Ok(None);
        };
        let mut runs_with_events = 0;
        for number in 0..self.runs.len() {
            let before = self.events.len();
            while self.read_part(number, person) {
                if let Some(run) = self.runs.get_mut(number) {
                    run.cursor.advance()?;
                }
            }
            runs_with_events += usize::from(self.events.len() > before);
        }
        if runs_with_events > 1 {
            // Stable: what is of one instant keeps the order of the runs.
            self.events.sort_by_key(|(at, _)| *at);
        }
        Ok(Some(person))
    }

    /// Reads the events of a person that a run is at; returns false if it is at another one.
    fn read_part(&mut self, number: usize, person: u64) -> bool {
        let run = self.runs.get(number);
        let Some(run) = run.filter(|run| run.cursor.person() == Some(person)) else {
            return false;
        };
        let Some(found) = run.cursor.events() else {
            return true;
        };
        self.scanned += found.codes.len() / found.code_width;
        self.read.clear();
        let first = self.events.len();
        let (range, has_values) = (self.from..self.until, !run.first_ids.is_empty());
        found.for_each_code(|place, code| {
            if let Some(Some(value)) = run.wanted.get(code) {
                let at = found.time(place);
                if range.contains(&at) {
                    self.events.push((at, *value));
                    if has_values {
                        self.read.push(place);
                    }
                }
            }
        });
        for (dimension, first_id) in run.first_ids.iter().enumerate() {
            let Some(codes) = run.cursor.values(dimension) else {
                continue;
            };
            let events = self.events.iter_mut().skip(first);
            for ((_, event), place) in events.zip(&self.read) {
                let id = first_id.saturating_add(u32::from(codes.code(*place)));
                (self.note)(event, dimension, id);
            }
        }
        true
    }

    /// Returns the person's events in order of time and arrival.
    pub(crate) fn events(&self) -> &[(i64, T)] {
        &self.events
    }

    /// Returns the spelling of a value that was noted; `None` if the event has none.
    pub(crate) fn value(&self, dimension: usize, id: u32) -> Option<&Arc<str>> {
        let values = self.values.0.get(dimension)?;
        values.get(usize::try_from(id).ok()?)?.as_ref()
    }

    /// Lets other tasks work if the walk has taken long since the last time.
    pub(crate) async fn pause(&mut self) {
        if self.scanned > EVENTS_AT_A_TIME {
            self.scanned = 0;
            tokio::task::yield_now().await;
        }
    }
}
