//! A run: some events of one site, ordered by person, time and arrival; immutable.
//!
//! Later runs hold later arrivals. So events of one person and one instant keep their order if runs
//! are read from the oldest to the newest.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use etappe_core::ledger::LedgerRow;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::IndexError;
use crate::group::{
    Events, GROUP_EVENTS, GroupPlace, GroupWriter, as_usize, code_width, read_number,
};
use crate::kind::{EventKind, KindTable};

/// What is known of a run beside its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunPlan {
    /// The kinds of its events, by code.
    pub(crate) kinds: Vec<EventKind>,
    /// Its groups, in order.
    pub(crate) groups: Vec<GroupPlace>,
}

impl RunPlan {
    pub(crate) fn code_width(&self) -> usize {
        code_width(self.kinds.len())
    }

    /// Returns the number of events.
    pub(crate) fn events(&self) -> u64 {
        let events = self.groups.iter().map(|group| u64::from(group.events));
        events.sum()
    }
}

/// Where a run's groups are.
#[derive(Debug)]
pub(crate) enum Place {
    Memory(Vec<u8>),
    File(Arc<OpenFile>),
}

/// An open file and its path, for errors. It can be read after it was deleted.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
}

impl OpenFile {
    pub(crate) fn damaged(&self, problem: impl Into<String>) -> IndexError {
        IndexError::Damaged {
            path: self.path.clone(),
            problem: problem.into(),
        }
    }
}

/// A run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) plan: RunPlan,
    pub(crate) place: Place,
}

impl Run {
    /// Returns the memory that it takes, roughly.
    pub(crate) fn memory(&self) -> usize {
        let kinds = self.plan.kinds.iter();
        let kinds: usize = kinds
            .map(|kind| size_of::<EventKind>() + kind.event.len() + kind.milestone.len())
            .sum();
        let data = match &self.place {
            Place::Memory(data) => data.capacity(),
            Place::File(_) => 0,
        };
        data + kinds + self.plan.groups.len() * size_of::<GroupPlace>()
    }
}

/// Rows of one site on their way into a run; they come in order of time and arrival.
#[derive(Debug, Default)]
pub(crate) struct RunRows {
    kinds: KindTable,
    rows: Vec<(u64, i64, u32)>,
}

impl RunRows {
    pub(crate) fn push(&mut self, row: &LedgerRow<'_>) {
        let code = self.kinds.code_of_row(row);
        self.rows.push((row.actor, row.at.as_millis(), code));
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the run, `None` without rows, and leaves none.
    pub(crate) fn take_run(&mut self) -> Option<Run> {
        let Self { kinds, mut rows } = std::mem::take(self);
        if rows.is_empty() {
            return None;
        }
        // Stable: rows of one instant keep the order of their arrival.
        rows.sort_by_key(|(person, at, _)| (*person, *at));
        let mut run = MemoryRun::new(kinds.into_kinds());
        for (person, at, code) in rows {
            run.push(person, at, code);
        }
        Some(run.finish())
    }
}

/// A run that is being written to memory.
pub(crate) struct MemoryRun {
    plan: RunPlan,
    data: Vec<u8>,
    group: GroupWriter,
}

impl MemoryRun {
    pub(crate) fn new(kinds: Vec<EventKind>) -> Self {
        let groups = Vec::new();
        Self {
            plan: RunPlan { kinds, groups },
            data: Vec::new(),
            group: GroupWriter::default(),
        }
    }

    pub(crate) fn push(&mut self, person: u64, at: i64, code: u32) {
        if self.group.events() >= GROUP_EVENTS {
            self.end_group();
        }
        self.group.push(person, at, code);
    }

    fn end_group(&mut self) {
        let width = self.plan.code_width();
        let place = self.group.finish(width, 0, &mut self.data);
        self.plan.groups.push(place);
    }

    pub(crate) fn finish(mut self) -> Run {
        if self.group.events() > 0 {
            self.end_group();
        }
        self.data.shrink_to_fit();
        Run {
            plan: self.plan,
            place: Place::Memory(self.data),
        }
    }
}

/// Reads a run, person by person.
#[derive(Debug)]
pub(crate) struct Cursor<'r> {
    run: &'r Run,
    code_width: usize,
    next_group: usize,
    group: Option<&'r GroupPlace>,
    /// The bytes of the group, if it is in a file.
    buffer: Vec<u8>,
    /// Where the next person of the group stands, and their first event.
    people_at: usize,
    event_at: usize,
    /// The person, and the places of their events in the group.
    current: Option<(u64, Range<usize>)>,
    last_id: u64,
}

impl<'r> Cursor<'r> {
    /// Opens the run at its first person.
    pub(crate) fn open(run: &'r Run) -> Result<Self, IndexError> {
        let mut cursor = Self {
            run,
            code_width: run.plan.code_width(),
            next_group: 0,
            group: None,
            buffer: Vec::new(),
            people_at: 0,
            event_at: 0,
            current: None,
            last_id: 0,
        };
        cursor.advance()?;
        Ok(cursor)
    }

    /// Returns the person that it is at; `None` at the end.
    pub(crate) fn person(&self) -> Option<u64> {
        self.current.as_ref().map(|(person, _)| *person)
    }

    /// Moves on to the next person. A person with very many events can come twice or more in a row,
    /// with the later events each time.
    pub(crate) fn advance(&mut self) -> Result<(), IndexError> {
        let at_end = |group: &GroupPlace| self.people_at >= as_usize(group.people_bytes);
        if self.group.is_none_or(at_end) && !self.load_next_group()? {
            self.current = None;
            return Ok(());
        }
        let rest = self.bytes().get(self.people_at..).unwrap_or_default();
        let read = read_number(rest).and_then(|(difference, id_bytes)| {
            let (events, bytes) = read_number(rest.get(id_bytes..)?)?;
            Some((difference, usize::try_from(events).ok()?, id_bytes + bytes))
        });
        let Some((difference, events, bytes)) = read else {
            return Err(self.damaged("a person is not readable"));
        };
        let person = self.last_id.wrapping_add(difference);
        let end = self.event_at.saturating_add(events);
        if self.group.is_none_or(|group| end > as_usize(group.events)) {
            return Err(self.damaged("a person has more events than the group"));
        }
        self.current = Some((person, self.event_at..end));
        self.last_id = person;
        self.people_at += bytes;
        self.event_at = end;
        Ok(())
    }

    /// Returns the events of the person that it is at.
    pub(crate) fn events(&self) -> Option<Events<'_>> {
        let (group, (_, places)) = (self.group?, self.current.as_ref()?);
        let time_width = usize::from(group.time_width);
        let times = as_usize(group.people_bytes);
        let codes = times + as_usize(group.events) * time_width;
        let bytes = self.bytes();
        let part = |start: usize, width: usize| {
            bytes.get(start + places.start * width..start + places.end * width)
        };
        Some(Events {
            base: group.base,
            times: part(times, time_width)?,
            time_width,
            codes: part(codes, self.code_width)?,
            code_width: self.code_width,
        })
    }

    fn load_next_group(&mut self) -> Result<bool, IndexError> {
        let Some(group) = self.run.plan.groups.get(self.next_group) else {
            return Ok(false);
        };
        if let Place::File(open) = &self.run.place {
            self.buffer.resize(group.bytes(self.code_width), 0);
            open.file
                .read_exact_at(&mut self.buffer, group.start)
                .map_err(IndexError::while_trying("read", open.path.clone()))?;
            if xxh3_64(&self.buffer) != group.checksum {
                return Err(open.damaged(format!("the group at {} has changed", group.start)));
            }
        }
        self.group = Some(group);
        self.next_group += 1;
        (self.people_at, self.event_at, self.last_id) = (0, 0, 0);
        Ok(true)
    }

    fn bytes(&self) -> &[u8] {
        match (&self.run.place, self.group) {
            (Place::Memory(data), Some(group)) => {
                let start = usize::try_from(group.start).unwrap_or(usize::MAX);
                let end = start.saturating_add(group.bytes(self.code_width));
                data.get(start..end).unwrap_or_default()
            }
            (Place::File(_), _) => &self.buffer,
            (Place::Memory(_), None) => &[],
        }
    }

    fn damaged(&self, problem: &str) -> IndexError {
        match &self.run.place {
            Place::File(open) => open.damaged(problem),
            Place::Memory(_) => IndexError::Damaged {
                path: PathBuf::from("a run in memory"),
                problem: problem.to_owned(),
            },
        }
    }
}
