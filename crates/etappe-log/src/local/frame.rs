//! The write unit of a segment: a frame of records with one checksum, encoded and decoded.
//!
//! Invariant: the checksum covers header and body, so a frame is either exactly as written or
//! invalid. A frame holds records of consecutive offsets and is read as a whole.
//!
//! Pure: no file is touched here. `docs/log-record.md` documents the layout for other programs.

use std::fmt;

use bytes::Bytes;
use etappe_core::id::Offset;
use etappe_core::ports::LogRecord;
use etappe_core::time::Timestamp;
use lz4_flex::block::{
    CompressTable, compress_into_with_table, decompress, get_maximum_output_size,
};
use serde::{Deserialize, Serialize};

/// The layout version that is written.
pub(crate) const VERSION: u8 = 1;
/// Begins every frame. It never occurs in UTF-8 text, so no record can be mistaken for a frame.
pub(crate) const MAGIC: [u8; 4] = [0xF5, b'E', b'F', 0xFF];
/// The length of a header in bytes.
pub(crate) const HEADER_BYTES: usize = 44;
/// The longest body, stored or decompressed. A header that claims more is damaged.
pub(crate) const MAX_BODY_BYTES: usize = 32 << 20;
/// A frame is closed before its records exceed this many bytes, unless it is a single record.
pub(crate) const TARGET_BODY_BYTES: usize = 1 << 20;
/// The bytes a record takes in a body in addition to its own.
pub(crate) const RECORD_OVERHEAD: usize = 4;

/// The compression of a frame's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// No compression: least CPU, most disk.
    None,
    /// LZ4: events take about a quarter of the disk space. A frame that does not shrink is stored
    /// uncompressed.
    Lz4,
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// The layout version.
    pub(crate) version: u8,
    codec: u8,
    /// The offset of the first record.
    pub(crate) base: Offset,
    /// The number of records, at least one.
    pub(crate) count: u32,
    stored_bytes: u32,
    raw_bytes: u32,
    /// How many bytes of the segment were known to be on disk when the frame was written. Anything
    /// unreadable before that was damaged later, not torn.
    pub(crate) synced: u32,
    /// When the frame was written.
    pub(crate) written_at: Timestamp,
    checksum: u32,
}

/// The bytes of a header on disk.
pub(crate) type HeaderBytes = [u8; HEADER_BYTES];

fn field<const N: usize>(bytes: &HeaderBytes, at: usize) -> [u8; N] {
    bytes[at..at + N]
        .try_into()
        .expect("all fields lie within the header")
}

impl Header {
    /// Parses a header. Returns `None` if the bytes cannot be one. The checksum is not verified,
    /// because that needs the body.
    pub(crate) fn parse(bytes: &HeaderBytes) -> Option<Self> {
        let header = Self {
            version: bytes[4],
            codec: bytes[5],
            base: Offset(u64::from_le_bytes(field(bytes, 8))),
            count: u32::from_le_bytes(field(bytes, 16)),
            stored_bytes: u32::from_le_bytes(field(bytes, 20)),
            raw_bytes: u32::from_le_bytes(field(bytes, 24)),
            synced: u32::from_le_bytes(field(bytes, 28)),
            written_at: Timestamp::from_millis(i64::from_le_bytes(field(bytes, 32))),
            checksum: u32::from_le_bytes(field(bytes, 40)),
        };
        let limit = MAX_BODY_BYTES as u64;
        let possible = bytes.starts_with(&MAGIC)
            && header.count > 0
            && u64::from(header.stored_bytes) <= limit
            && u64::from(header.raw_bytes) <= limit
            && u64::from(header.raw_bytes) >= u64::from(header.count) * RECORD_OVERHEAD as u64
            && header.base.0.checked_add(u64::from(header.count)).is_some();
        possible.then_some(header)
    }

    /// Returns the length of the stored body.
    pub(crate) const fn body_bytes(&self) -> usize {
        self.stored_bytes as usize
    }

    /// Returns the length of the whole frame.
    pub(crate) const fn frame_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + self.stored_bytes as u64
    }

    /// Returns the offset after the last record.
    pub(crate) const fn end(&self) -> Offset {
        Offset(self.base.0 + self.count as u64)
    }

    /// Returns whether header and body are as they were written.
    pub(crate) fn is_intact(&self, header: &HeaderBytes, body: &[u8]) -> bool {
        checksum(header, body) == self.checksum
    }
}

fn checksum(header: &HeaderBytes, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[..HEADER_BYTES - 4]);
    hasher.update(body);
    hasher.finalize()
}

/// The fields of a frame's header that do not depend on its records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    /// The offset of the first record.
    pub(crate) base: Offset,
    /// How many bytes of the segment are on disk.
    pub(crate) synced: u32,
    /// The current time.
    pub(crate) written_at: Timestamp,
}

/// Collects records and encodes them as frames. Its buffers are reused.
pub(crate) struct FrameEncoder {
    codec: Codec,
    raw: Vec<u8>,
    count: u32,
    table: CompressTable,
}

impl fmt::Debug for FrameEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameEncoder")
            .field("codec", &self.codec)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl FrameEncoder {
    /// Creates an encoder.
    pub(crate) fn new(codec: Codec) -> Self {
        Self {
            codec,
            raw: Vec::new(),
            count: 0,
            table: CompressTable::large(),
        }
    }

    /// Returns whether `record` would make the frame too large, so that the frame must be finished
    /// first.
    pub(crate) fn is_full_for(&self, record: &[u8]) -> bool {
        self.count > 0 && self.raw.len() + RECORD_OVERHEAD + record.len() > TARGET_BODY_BYTES
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, record: &[u8]) {
        let length = u32::try_from(record.len()).expect("the publisher refuses larger records");
        self.raw.extend_from_slice(&length.to_le_bytes());
        self.raw.extend_from_slice(record);
        self.count += 1;
    }

    /// Appends the frame to `out`, returns its number of records, and starts the next frame.
    /// Appends nothing if there are no records.
    pub(crate) fn finish(&mut self, stamp: Stamp, out: &mut Vec<u8>) -> u32 {
        let count = std::mem::take(&mut self.count);
        if count == 0 {
            return 0;
        }
        let start = out.len();
        out.resize(start + HEADER_BYTES, 0);
        let codec = self.append_body(out);
        let (header, body) = out[start..].split_at_mut(HEADER_BYTES);
        let header: &mut HeaderBytes = header.try_into().expect("split at its length");
        let length = |bytes: usize| u32::try_from(bytes).expect("a body is at most 32 MiB");
        header[..4].copy_from_slice(&MAGIC);
        header[4] = VERSION;
        header[5] = codec;
        header[8..16].copy_from_slice(&stamp.base.0.to_le_bytes());
        header[16..20].copy_from_slice(&count.to_le_bytes());
        header[20..24].copy_from_slice(&length(body.len()).to_le_bytes());
        header[24..28].copy_from_slice(&length(self.raw.len()).to_le_bytes());
        header[28..32].copy_from_slice(&stamp.synced.to_le_bytes());
        header[32..40].copy_from_slice(&stamp.written_at.as_millis().to_le_bytes());
        let sum = checksum(header, body);
        header[40..].copy_from_slice(&sum.to_le_bytes());
        self.raw.clear();
        self.raw.shrink_to(TARGET_BODY_BYTES);
        count
    }

    /// Appends the body to `out` and returns its codec number.
    fn append_body(&mut self, out: &mut Vec<u8>) -> u8 {
        let start = out.len();
        if self.codec == Codec::Lz4 {
            out.resize(start + get_maximum_output_size(self.raw.len()), 0);
            match compress_into_with_table(&self.raw, &mut out[start..], &mut self.table) {
                Ok(length) if length < self.raw.len() => {
                    out.truncate(start + length);
                    return 1;
                }
                Ok(_) | Err(_) => out.truncate(start),
            }
        }
        out.extend_from_slice(&self.raw);
        0
    }
}

/// The records of a frame, handed out one after another.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    body: Bytes,
    position: usize,
    next: Offset,
    end: Offset,
}

impl Records {
    /// Decompresses the body of an intact frame, or returns why it cannot be.
    pub(crate) fn decode(header: &Header, stored: Bytes) -> Result<Self, &'static str> {
        let body = match header.codec {
            0 => stored,
            1 => decompress(&stored, header.raw_bytes as usize)
                .map(Bytes::from)
                .map_err(|_| "its records cannot be decompressed")?,
            _ => return Err("its codec is unknown"),
        };
        if body.len() != header.raw_bytes as usize {
            return Err("the length of its records differs from its header");
        }
        Ok(Self {
            body,
            position: 0,
            next: header.base,
            end: header.end(),
        })
    }

    /// Returns the offset of the next record, or the offset after the frame if there are no more.
    pub(crate) const fn next_offset(&self) -> Offset {
        self.next
    }

    /// Returns whether all records were handed out.
    pub(crate) fn is_done(&self) -> bool {
        self.next >= self.end
    }

    /// Returns the bytes that the frame's records occupy in memory.
    pub(crate) fn held_bytes(&self) -> usize {
        self.body.len()
    }

    /// Returns the range of the next record in the body. `None` if the body does not hold it.
    fn peek(&self) -> Option<std::ops::Range<usize>> {
        let start = self.position.checked_add(RECORD_OVERHEAD)?;
        let length = self.body.get(self.position..start)?;
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        let end = start.checked_add(length)?;
        (end <= self.body.len()).then_some(start..end)
    }

    /// Skips to `offset`, which may lie after the frame.
    pub(crate) fn skip_to(&mut self, offset: Offset) -> Result<(), &'static str> {
        while self.next < offset && !self.is_done() {
            let range = self.peek().ok_or("a record does not fit its frame")?;
            self.position = range.end;
            self.next = self.next.next();
        }
        Ok(())
    }

    /// Returns the next record if it is at most `limit` bytes long. Returns `None` if it is longer
    /// or there are no more.
    pub(crate) fn take(&mut self, limit: usize) -> Result<Option<LogRecord>, &'static str> {
        if self.is_done() {
            return Ok(None);
        }
        let range = self.peek().ok_or("a record does not fit its frame")?;
        if range.len() > limit {
            return Ok(None);
        }
        let record = LogRecord {
            offset: self.next,
            payload: self.body.slice(range.clone()),
        };
        self.position = range.end;
        self.next = self.next.next();
        Ok(Some(record))
    }
}

#[cfg(test)]
mod tests;
