//! A group: the events of consecutive people as three columns, encoded and read as a whole.
//!
//! The people's column comes first: per person the difference of their id from the one before
//! (LEB128) and the number of their events (LEB128). Then follow the times, as the distance from the
//! group's earliest time in milliseconds, and the codes of the events' kinds; both are little-endian,
//! with a fixed width per group or run. A column of codes per dimension comes last, with a checksum
//! of its own: few questions read one.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::values::{Codes, DIMENSIONS};

/// An event as runs store it, without its person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredEvent {
    /// When it happened, in milliseconds since 1970.
    pub(crate) at: i64,
    /// The code of its kind.
    pub(crate) kind: u32,
    /// Its codes in the dimensions.
    pub(crate) values: Codes,
}

/// The bytes of codes in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Widths {
    /// 1, 2 or 4.
    pub(crate) kind: usize,
    /// 0, 1 or 2 in each dimension.
    pub(crate) values: [usize; DIMENSIONS],
}

/// A group has about so many events: large enough to be read at a stretch, small enough to be held.
pub(crate) const GROUP_EVENTS: usize = 32 * 1024;

/// Where a group is and how to read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupPlace {
    /// Where its bytes begin in the file or in memory.
    pub(crate) start: u64,
    /// The bytes of the people's column.
    pub(crate) people_bytes: u32,
    /// The number of events.
    pub(crate) events: u32,
    /// The earliest time, in milliseconds since 1970.
    pub(crate) base: i64,
    /// The bytes of a time: 4, 5 or 8.
    pub(crate) time_width: u8,
    /// The XXH3 of its bytes without those of the dimensions.
    pub(crate) checksum: u64,
    /// The XXH3 of each dimension's column.
    pub(crate) value_checksums: [u64; DIMENSIONS],
}

impl GroupPlace {
    /// Returns the number of its bytes without those of the dimensions.
    pub(crate) fn bytes(&self, widths: &Widths) -> usize {
        let events = as_usize(self.events);
        as_usize(self.people_bytes) + events * (usize::from(self.time_width) + widths.kind)
    }

    /// Returns where a dimension's column begins, counted from the group's start, and its length.
    pub(crate) fn value_column(&self, widths: &Widths, dimension: usize) -> (usize, usize) {
        let events = as_usize(self.events);
        let before: usize = widths.values.iter().take(dimension).sum();
        let width = widths.values.get(dimension).copied().unwrap_or(0);
        (self.bytes(widths) + before * events, width * events)
    }
}

/// Returns the bytes that codes of so many kinds need: 1, 2 or 4.
pub(crate) const fn code_width(kinds: usize) -> usize {
    match kinds {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

/// Collects the events of a group; they come ordered by person, time and arrival.
#[derive(Debug, Default)]
pub(crate) struct GroupWriter {
    people: Vec<u8>,
    rows: Vec<StoredEvent>,
    /// The last person whose id is written, and the person whose events are being counted.
    written: u64,
    current: Option<(u64, u64)>,
}

impl GroupWriter {
    /// Takes the next event.
    pub(crate) fn push(&mut self, person: u64, event: StoredEvent) {
        match &mut self.current {
            Some((current, events)) if *current == person => *events += 1,
            _ => {
                self.end_person();
                self.current = Some((person, 1));
            }
        }
        self.rows.push(event);
    }

    pub(crate) fn events(&self) -> usize {
        self.rows.len()
    }

    fn end_person(&mut self) {
        if let Some((person, events)) = self.current.take() {
            write_number(person.wrapping_sub(self.written), &mut self.people);
            write_number(events, &mut self.people);
            self.written = person;
        }
    }

    /// Appends the group to `out`, which begins at `offset` of its file, and empties the writer.
    pub(crate) fn finish(&mut self, widths: &Widths, offset: u64, out: &mut Vec<u8>) -> GroupPlace {
        self.end_person();
        let times = self.rows.iter().map(|event| event.at);
        let base = times.clone().min().unwrap_or(0);
        let last = times.max().unwrap_or(0);
        let time_width = time_width(last.wrapping_sub(base).cast_unsigned());
        let start = out.len();
        out.extend_from_slice(&self.people);
        for event in &self.rows {
            let distance = event.at.wrapping_sub(base).cast_unsigned();
            push_low_bytes(&distance.to_le_bytes(), time_width, out);
        }
        for event in &self.rows {
            push_low_bytes(&event.kind.to_le_bytes(), widths.kind, out);
        }
        let checksum = checksum_from(start, out);
        let value_checksums = std::array::from_fn(|dimension| {
            let start = out.len();
            let width = widths.values.get(dimension).copied().unwrap_or(0);
            for event in &self.rows {
                let code = event.values.get(dimension).copied().unwrap_or(0);
                push_low_bytes(&code.to_le_bytes(), width, out);
            }
            checksum_from(start, out)
        });
        let place = GroupPlace {
            start: offset + as_u64(start),
            people_bytes: as_u32(self.people.len()),
            events: as_u32(self.rows.len()),
            base,
            time_width: u8::try_from(time_width).unwrap_or(8),
            checksum,
            value_checksums,
        };
        self.people.clear();
        self.rows.clear();
        self.written = 0;
        place
    }
}

fn push_low_bytes(number: &[u8], width: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(number.get(..width).unwrap_or(number));
}

fn checksum_from(start: usize, bytes: &[u8]) -> u64 {
    xxh3_64(bytes.get(start..).unwrap_or_default())
}

/// Returns the bytes that a distance of so many milliseconds needs. Four reach over 49 days, five
/// over 34 years.
const fn time_width(span: u64) -> usize {
    match span {
        0..=0xFFFF_FFFF => 4,
        0x1_0000_0000..=0xFF_FFFF_FFFF => 5,
        _ => 8,
    }
}

fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(low_byte(number) | 0x80);
        number >>= 7;
    }
    out.push(low_byte(number));
}

fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

/// Reads a LEB128 number and returns it with the number of its bytes; `None` if there is none.
pub(crate) fn read_number(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0;
    for (place, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((number, place + 1));
        }
    }
    None
}

/// The events of one person in a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Events<'a> {
    pub(crate) base: i64,
    pub(crate) times: &'a [u8],
    pub(crate) time_width: usize,
    pub(crate) codes: &'a [u8],
    pub(crate) code_width: usize,
}

impl Events<'_> {
    /// Calls `visit` with the place and the code of every event, in order.
    pub(crate) fn for_each_code(&self, mut visit: impl FnMut(usize, usize)) {
        match self.code_width {
            1 => {
                for (place, code) in self.codes.iter().enumerate() {
                    visit(place, usize::from(*code));
                }
            }
            2 => {
                for (place, code) in self.codes.as_chunks::<2>().0.iter().enumerate() {
                    visit(place, usize::from(u16::from_le_bytes(*code)));
                }
            }
            _ => {
                for (place, code) in self.codes.as_chunks::<4>().0.iter().enumerate() {
                    visit(place, as_usize(u32::from_le_bytes(*code)));
                }
            }
        }
    }

    /// Returns the time of an event by its place.
    #[inline]
    pub(crate) fn time(&self, place: usize) -> i64 {
        let bytes = self
            .times
            .get(place * self.time_width..)
            .unwrap_or_default();
        // One load each: a copy byte by byte took a sixth of a question's time.
        let distance = match (self.time_width, bytes) {
            (4, [a, b, c, d, ..]) => u64::from(u32::from_le_bytes([*a, *b, *c, *d])),
            (5, [a, b, c, d, e, ..]) => {
                u64::from(u32::from_le_bytes([*a, *b, *c, *d])) | u64::from(*e) << 32
            }
            (8, [a, b, c, d, e, f, g, h, ..]) => {
                u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h])
            }
            _ => 0,
        };
        self.base.wrapping_add(distance.cast_signed())
    }
}

/// The codes of one person's events in a dimension.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ValueCodes<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) width: usize,
}

impl ValueCodes<'_> {
    /// Returns the code of an event by its place.
    pub(crate) fn code(&self, place: usize) -> u16 {
        let byte = |at: usize| u16::from(self.bytes.get(at).copied().unwrap_or(0));
        match self.width {
            0 => 0,
            1 => byte(place),
            _ => byte(2 * place) | byte(2 * place + 1) << 8,
        }
    }
}

/// Widens; lossless on every machine that this runs on.
pub(crate) fn as_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

pub(crate) fn as_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn as_u32(number: usize) -> u32 {
    u32::try_from(number).expect("a group is far below four gibibytes")
}
