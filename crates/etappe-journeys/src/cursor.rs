//! Reads a run, person by person.

use std::ops::Range;
use std::path::PathBuf;

use crate::error::IndexError;
use crate::group::{Events, GroupPlace, ValueCodes, Widths, as_u64, as_usize, read_number};
use crate::run::{Place, Run};

/// Reads a run, person by person.
#[derive(Debug)]
pub(crate) struct Cursor<'r> {
    run: &'r Run,
    widths: Widths,
    next_group: usize,
    group: Option<&'r GroupPlace>,
    /// The bytes of the group without those of the dimensions, if it is in a file.
    buffer: Vec<u8>,
    /// The needed dimensions, and the bytes of their columns, if they are in a file.
    values: Vec<(usize, Vec<u8>)>,
    /// Where the next person of the group stands, and their first event.
    people_at: usize,
    event_at: usize,
    /// The person, and the places of their events in the group.
    current: Option<(u64, Range<usize>)>,
    last_id: u64,
}

impl<'r> Cursor<'r> {
    /// Opens the run at its first person, to read these dimensions.
    pub(crate) fn open(run: &'r Run, dimensions: &[usize]) -> Result<Self, IndexError> {
        let values = dimensions.iter().map(|place| (*place, Vec::new()));
        let mut cursor = Self {
            run,
            widths: run.plan.widths(),
            next_group: 0,
            group: None,
            buffer: Vec::new(),
            values: values.collect(),
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
            codes: part(codes, self.widths.kind)?,
            code_width: self.widths.kind,
        })
    }

    /// Returns the codes of the events of the person that it is at, in a dimension that it was
    /// opened for; `number` counts these.
    pub(crate) fn values(&self, number: usize) -> Option<ValueCodes<'_>> {
        let (group, (_, places)) = (self.group?, self.current.as_ref()?);
        let (dimension, buffer) = self.values.get(number)?;
        let width = *self.widths.values.get(*dimension)?;
        let column = match &self.run.place {
            Place::File(_) => buffer.as_slice(),
            Place::Memory(data) => {
                let (start, length) = group.value_column(&self.widths, *dimension);
                let start = usize::try_from(group.start).ok()?.checked_add(start)?;
                data.get(start..start.checked_add(length)?)?
            }
        };
        let bytes = column.get(places.start * width..places.end * width)?;
        Some(ValueCodes { bytes, width })
    }

    fn load_next_group(&mut self) -> Result<bool, IndexError> {
        let Some(group) = self.run.plan.groups.get(self.next_group) else {
            return Ok(false);
        };
        if let Place::File(open) = &self.run.place {
            self.buffer.resize(group.bytes(&self.widths), 0);
            open.read(&mut self.buffer, group.start, group.checksum)?;
            for (dimension, buffer) in &mut self.values {
                let (start, length) = group.value_column(&self.widths, *dimension);
                let checksum = group.value_checksums.get(*dimension);
                buffer.resize(length, 0);
                open.read(
                    buffer,
                    group.start.saturating_add(as_u64(start)),
                    checksum.copied().unwrap_or_default(),
                )?;
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
                let end = start.saturating_add(group.bytes(&self.widths));
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
