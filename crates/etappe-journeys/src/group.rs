//! A group: the events of consecutive people as three columns, encoded and read as a whole.
//!
//! The people's column comes first: per person the difference of their id from the one before
//! (LEB128) and the number of their events (LEB128). Then follow the times, as the distance from the
//! group's earliest time in milliseconds, and the codes of the events' kinds; both are little-endian,
//! with a fixed width per group or run.

use serde::{Deserialize, Serialize};

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
    /// The XXH3 of its bytes.
    pub(crate) checksum: u64,
}

impl GroupPlace {
    /// Returns the number of its bytes, with codes of this width.
    pub(crate) fn bytes(&self, code_width: usize) -> usize {
        let events = as_usize(self.events);
        as_usize(self.people_bytes) + events * (usize::from(self.time_width) + code_width)
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
    times: Vec<i64>,
    codes: Vec<u32>,
    /// The last person whose id is written, and the person whose events are being counted.
    written: u64,
    current: Option<(u64, u64)>,
}

impl GroupWriter {
    /// Takes the next event.
    pub(crate) fn push(&mut self, person: u64, at: i64, code: u32) {
        match &mut self.current {
            Some((current, events)) if *current == person => *events += 1,
            _ => {
                self.end_person();
                self.current = Some((person, 1));
            }
        }
        self.times.push(at);
        self.codes.push(code);
    }

    pub(crate) fn events(&self) -> usize {
        self.times.len()
    }

    fn end_person(&mut self) {
        if let Some((person, events)) = self.current.take() {
            write_number(person.wrapping_sub(self.written), &mut self.people);
            write_number(events, &mut self.people);
            self.written = person;
        }
    }

    /// Appends the group to `out`, which begins at `offset` of its file, and empties the writer.
    pub(crate) fn finish(
        &mut self,
        code_width: usize,
        offset: u64,
        out: &mut Vec<u8>,
    ) -> GroupPlace {
        self.end_person();
        let base = self.times.iter().copied().min().unwrap_or(0);
        let last = self.times.iter().copied().max().unwrap_or(0);
        let time_width = time_width(last.wrapping_sub(base).cast_unsigned());
        let start = out.len();
        out.extend_from_slice(&self.people);
        for at in &self.times {
            let distance = at.wrapping_sub(base).cast_unsigned().to_le_bytes();
            out.extend_from_slice(distance.get(..time_width).unwrap_or(&distance));
        }
        for code in &self.codes {
            let code = code.to_le_bytes();
            out.extend_from_slice(code.get(..code_width).unwrap_or(&code));
        }
        let bytes = out.get(start..).unwrap_or_default();
        let place = GroupPlace {
            start: offset + as_u64(start),
            people_bytes: as_u32(self.people.len()),
            events: as_u32(self.times.len()),
            base,
            time_width: u8::try_from(time_width).unwrap_or(8),
            checksum: xxhash_rust::xxh3::xxh3_64(bytes),
        };
        self.people.clear();
        self.times.clear();
        self.codes.clear();
        self.written = 0;
        place
    }
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
            width => {
                for (place, code) in self.codes.chunks_exact(width).enumerate() {
                    visit(place, as_usize(number(code)));
                }
            }
        }
    }

    /// Returns the time of an event by its place.
    pub(crate) fn time(&self, place: usize) -> i64 {
        let start = place * self.time_width;
        let bytes = self.times.get(start..start + self.time_width);
        let mut distance = [0; 8];
        for (to, from) in distance.iter_mut().zip(bytes.unwrap_or_default()) {
            *to = *from;
        }
        self.base
            .wrapping_add(u64::from_le_bytes(distance).cast_signed())
    }
}

fn number(bytes: &[u8]) -> u32 {
    let mut number = [0; 4];
    for (to, from) in number.iter_mut().zip(bytes) {
        *to = *from;
    }
    u32::from_le_bytes(number)
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
