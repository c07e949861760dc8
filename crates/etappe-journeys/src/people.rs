//! Walks through a site's runs person by person.

use crate::error::IndexError;
use crate::kind::EventKind;
use crate::run::Cursor;
use crate::site::SiteState;

/// The person of events that name nobody.
pub(crate) const NOBODY: u64 = 0;

/// A walk lets other tasks work after so many events.
const EVENTS_AT_A_TIME: usize = 100_000;

/// The needed events of one person after another, in order of their ids, each with what the question
/// wants to know of its kind.
#[derive(Debug)]
pub(crate) struct People<'s, T> {
    /// Each run, and what is wanted of its kinds by their codes; nothing of those not needed.
    runs: Vec<(Cursor<'s>, Vec<Option<T>>)>,
    from: i64,
    until: i64,
    events: Vec<(i64, T)>,
    scanned: usize,
}

impl<'s, T: Copy> People<'s, T> {
    /// Opens the runs that have events of a kind that `wanted` answers for. Only events from `from`
    /// up to, without, `until` are passed.
    pub(crate) fn open(
        site: &'s SiteState,
        (from, until): (i64, i64),
        wanted: impl Fn(&EventKind) -> Option<T>,
    ) -> Result<Self, IndexError> {
        let mut runs = Vec::new();
        for run in site.runs() {
            let by_code: Vec<Option<T>> = run.plan.kinds.iter().map(&wanted).collect();
            if by_code.iter().any(Option::is_some) {
                runs.push((Cursor::open(run)?, by_code));
            }
        }
        Ok(Self {
            runs,
            from,
            until,
            events: Vec::new(),
            scanned: 0,
        })
    }

    /// Moves on to the next person, whether or not they have events that are needed; `None` at the
    /// end. [`NOBODY`] comes first, if there are such events.
    pub(crate) fn next(&mut self) -> Result<Option<u64>, IndexError> {
        let Self {
            runs,
            from,
            until,
            events,
            scanned,
        } = self;
        events.clear();
        let people = runs.iter().filter_map(|(cursor, _)| cursor.person());
        let Some(person) = people.min() else {
            return Ok(None);
        };
        let mut runs_with_events = 0;
        for (cursor, wanted) in runs {
            let before = events.len();
            while cursor.person() == Some(person) {
                if let Some(found) = cursor.events() {
                    *scanned += found.codes.len() / found.code_width;
                    found.for_each_code(|place, code| {
                        if let Some(Some(value)) = wanted.get(code) {
                            let at = found.time(place);
                            if (*from..*until).contains(&at) {
                                events.push((at, *value));
                            }
                        }
                    });
                }
                cursor.advance()?;
            }
            runs_with_events += usize::from(events.len() > before);
        }
        if runs_with_events > 1 {
            // Stable: what is of one instant keeps the order of the runs.
            events.sort_by_key(|(at, _)| *at);
        }
        Ok(Some(person))
    }

    /// Returns the person's events in order of time and arrival.
    pub(crate) fn events(&self) -> &[(i64, T)] {
        &self.events
    }

    /// Lets other tasks work if the walk has taken long since the last time.
    pub(crate) async fn pause(&mut self) {
        if self.scanned > EVENTS_AT_A_TIME {
            self.scanned = 0;
            tokio::task::yield_now().await;
        }
    }
}
