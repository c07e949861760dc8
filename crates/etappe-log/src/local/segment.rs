//! One segment: a file of frames, named after the offset of its first record.
//!
//! Invariant: a segment is written at its end only, and only its valid part is read. A sealed
//! segment's valid part ends at the offset where the next segment begins; leftovers of a failed
//! write lie behind it and are never read.
//!
//! Only the last segment can have a torn tail after a crash. [`Segment::repair`] cuts it off. Trap:
//! unreadable bytes are not always a torn tail. If a later frame was written after they had been
//! synced, acknowledged data is damaged, and repair fails.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use etappe_core::id::Offset;
use parking_lot::Mutex;

use super::frame::{HEADER_BYTES, Header, HeaderBytes, MAGIC, Records, VERSION};
use crate::error::LogError;

/// An index entry is kept for about every this many bytes of a segment.
const INDEX_STEP: u64 = 256 << 10;
/// How much of a segment is searched at a time for frames behind unreadable bytes.
const SEARCH_CHUNK: usize = 1 << 20;
/// The `end` of the last segment, which still grows.
const OPEN: u64 = u64::MAX;
const OTHER_OFFSET: &str = "the frame has an unexpected offset";

/// Whether a segment can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Condition {
    /// It can be read.
    Whole,
    /// An operator put it aside: its offsets are a gap.
    Lost,
}

/// A segment and its current state.
#[derive(Debug)]
pub(crate) struct Segment {
    /// The offset of its first record.
    pub(crate) base: Offset,
    /// The path of its file.
    pub(crate) path: PathBuf,
    /// Whether it can be read.
    pub(crate) condition: Condition,
    /// Its valid length in bytes.
    length: AtomicU64,
    /// The offset at which it ends, [`OPEN`] while it is the last one.
    end: AtomicU64,
    /// The positions of some of its frames, in order, at least [`INDEX_STEP`] apart.
    index: Mutex<Vec<(Offset, u64)>>,
}

/// The last segment after a crash, ready to be appended to.
#[derive(Debug)]
pub(crate) struct Repaired {
    /// Its file.
    pub(crate) file: File,
    /// The offset after its last record.
    pub(crate) end: Offset,
    /// How many bytes were cut off.
    pub(crate) cut_bytes: u64,
}

/// The content at a position of a segment.
enum Found {
    /// A frame as it was written, with its stored body.
    Intact(Header, Bytes),
    /// No readable frame, and why.
    Bad(&'static str),
}

impl Segment {
    /// Describes the segment of `directory` that begins at `base`, without touching its file.
    pub(crate) fn new(directory: &Path, base: Offset, condition: Condition, length: u64) -> Self {
        let suffix = match condition {
            Condition::Whole => "log",
            Condition::Lost => "log.damaged",
        };
        Self {
            base,
            path: directory.join(format!("{:020}.{suffix}", base.0)),
            condition,
            length: AtomicU64::new(length),
            end: AtomicU64::new(OPEN),
            index: Mutex::new(Vec::new()),
        }
    }

    /// Lists the segments of `directory` in order. If both a segment and its damaged copy exist,
    /// the segment counts.
    pub(crate) fn list(directory: &Path) -> Result<Vec<Self>, LogError> {
        let mut found = Vec::new();
        let entries =
            std::fs::read_dir(directory).map_err(LogError::unusable("list", directory))?;
        for entry in entries {
            let entry = entry.map_err(LogError::unusable("list", directory))?;
            let name = entry.file_name();
            let Some((digits, suffix)) = name.to_str().and_then(|name| name.split_once('.')) else {
                continue;
            };
            let condition = match suffix {
                "log" => Condition::Whole,
                "log.damaged" => Condition::Lost,
                _ => continue,
            };
            let Some(base) = parse_base(digits) else {
                continue;
            };
            let length = entry
                .metadata()
                .map_err(LogError::unusable("look at", entry.path()))?
                .len();
            found.push(Self::new(directory, base, condition, length));
        }
        found.sort_by_key(|segment| (segment.base, segment.condition));
        found.dedup_by_key(|segment| segment.base);
        for pair in found.windows(2) {
            pair[0].seal(pair[1].base);
        }
        Ok(found)
    }

    /// Returns the valid length in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length.load(Ordering::Acquire)
    }

    /// Sets the valid length to `length`.
    pub(crate) fn grow_to(&self, length: u64) {
        self.length.store(length, Ordering::Release);
    }

    /// Records that the next segment begins at `end`.
    pub(crate) fn seal(&self, end: Offset) {
        self.end.store(end.0, Ordering::Release);
    }

    /// Returns the offset at which the segment ends. `log_end` is an end of the log that was read
    /// before this call.
    pub(crate) fn end(&self, log_end: Offset) -> Offset {
        log_end.min(Offset(self.end.load(Ordering::Acquire)))
    }

    /// Opens the segment for reading.
    pub(crate) fn open(&self) -> Result<File, LogError> {
        File::open(&self.path).map_err(|source| self.read_error(source))
    }

    /// Adds a frame with first offset `base` at `position` to the index, unless an entry is nearby.
    pub(crate) fn learn(&self, base: Offset, position: u64) {
        let mut index = self.index.lock();
        let place = index.partition_point(|&(_, known)| known <= position);
        let before = place.checked_sub(1).map_or(0, |before| index[before].1);
        let is_far_from_next = index
            .get(place)
            .is_none_or(|&(_, next)| next - position >= INDEX_STEP);
        if position - before >= INDEX_STEP && is_far_from_next {
            index.insert(place, (base, position));
        }
    }

    /// Returns the nearest known frame that begins at or before `offset`.
    pub(crate) fn nearest(&self, offset: Offset) -> (Offset, u64) {
        let index = self.index.lock();
        let place = index.partition_point(|&(base, _)| base <= offset);
        place
            .checked_sub(1)
            .map_or((self.base, 0), |before| index[before])
    }

    /// Reads the header of the frame at `position`, which must begin with the offset `base`.
    ///
    /// The checksum is not verified, because that needs the body.
    pub(crate) fn header_at(
        &self,
        file: &File,
        position: u64,
        base: Offset,
    ) -> Result<Header, LogError> {
        let mut bytes = [0; HEADER_BYTES];
        if !read_fully(file, &mut bytes, position).map_err(|source| self.read_error(source))? {
            return Err(self.damaged(position, "the file ends within a frame"));
        }
        match Header::parse(&bytes) {
            Some(header) if header.base == base => Ok(header),
            Some(_) => Err(self.damaged(position, OTHER_OFFSET)),
            None => Err(self.damaged(position, "there is no frame")),
        }
    }

    /// Reads the frame at `position`, which must begin with the offset `base`.
    pub(crate) fn frame_at(
        &self,
        file: &File,
        position: u64,
        base: Offset,
    ) -> Result<(Header, Records), LogError> {
        match find_frame(file, position).map_err(|source| self.read_error(source))? {
            Found::Intact(header, _) if header.version != VERSION => Err(self.newer(&header)),
            Found::Intact(header, _) if header.base != base => {
                Err(self.damaged(position, OTHER_OFFSET))
            }
            Found::Intact(header, body) => {
                let records = Records::decode(&header, body)
                    .map_err(|reason| self.damaged(position, reason))?;
                Ok((header, records))
            }
            Found::Bad(reason) => Err(self.damaged(position, reason)),
        }
    }

    /// Finds the end of the segment, cuts off what follows, and syncs the rest. The sync is needed
    /// because a crash of the process alone may leave valid frames that are not on disk yet.
    pub(crate) fn repair(&self) -> Result<Repaired, LogError> {
        let path = &self.path;
        let file = File::options()
            .read(true)
            .write(true)
            .open(path)
            .map_err(LogError::unusable("open", path))?;
        let before = self.length();
        let end = self.recover(&file)?;
        let cut_bytes = before.saturating_sub(self.length());
        if cut_bytes > 0 {
            tracing::warn!(
                segment = %path.display(),
                bytes = cut_bytes,
                "cut off a torn tail that was never acknowledged"
            );
            file.set_len(self.length())
                .map_err(LogError::unusable("shorten", path))?;
        }
        file.sync_all().map_err(LogError::unusable("sync", path))?;
        Ok(Repaired {
            file,
            end,
            cut_bytes,
        })
    }

    /// Reads all frames, sets the valid length to the end of the last valid one, and returns the
    /// offset after it. What follows was torn by a crash and may be cut off.
    ///
    /// Fails if what follows cannot come from a crash, that is, if a later frame was written after
    /// the unreadable place had been synced.
    fn recover(&self, file: &File) -> Result<Offset, LogError> {
        let mut position = 0;
        let mut end = self.base;
        loop {
            let reason =
                match find_frame(file, position).map_err(|source| self.read_error(source))? {
                    Found::Intact(header, _) if header.version != VERSION => {
                        return Err(self.newer(&header));
                    }
                    Found::Intact(header, _) if header.base == end => {
                        self.learn(header.base, position);
                        position += header.frame_bytes();
                        end = header.end();
                        continue;
                    }
                    Found::Intact(..) => OTHER_OFFSET,
                    Found::Bad(reason) => reason,
                };
            let is_damage = self.has_proof_of_damage(file, position, end);
            if is_damage.map_err(|source| self.read_error(source))? {
                return Err(self.damaged(position, reason));
            }
            self.grow_to(position);
            return Ok(end);
        }
    }

    /// Searches behind an unreadable place for a frame that was written after the place was synced.
    fn has_proof_of_damage(&self, file: &File, bad: u64, end: Offset) -> io::Result<bool> {
        let length = file.metadata()?.len();
        let mut chunk = Vec::new();
        let mut start = bad + 1;
        while start < length {
            let wanted = (length - start).min(SEARCH_CHUNK as u64 + MAGIC.len() as u64 - 1);
            chunk.resize(usize::try_from(wanted).unwrap_or(SEARCH_CHUNK), 0);
            if !read_fully(file, &mut chunk, start)? {
                return Ok(false);
            }
            for (at, window) in chunk.windows(MAGIC.len()).enumerate() {
                if window != MAGIC {
                    continue;
                }
                if let Found::Intact(header, _) = find_frame(file, start + at as u64)?
                    && u64::from(header.synced) > bad
                    && header.base >= end
                {
                    return Ok(true);
                }
            }
            start += SEARCH_CHUNK as u64;
        }
        Ok(false)
    }

    fn read_error(&self, source: io::Error) -> LogError {
        LogError::Read {
            path: self.path.clone(),
            source,
        }
    }

    fn newer(&self, header: &Header) -> LogError {
        LogError::NewerFormat {
            path: self.path.clone(),
            version: header.version.into(),
            supported: VERSION.into(),
        }
    }

    /// Returns the error for a segment that cannot be read at `position`.
    pub(crate) fn damaged(&self, position: u64, reason: &'static str) -> LogError {
        LogError::Damaged {
            path: self.path.clone(),
            position,
            reason,
        }
    }
}

fn parse_base(digits: &str) -> Option<Offset> {
    let is_name = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_name {
        digits.parse().ok().map(Offset)
    } else {
        None
    }
}

/// Fills `buffer` from `position` on. Returns false if the file ends before it is full.
fn read_fully(file: &File, buffer: &mut [u8], position: u64) -> io::Result<bool> {
    match file.read_exact_at(buffer, position) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads what is at `position`.
fn find_frame(file: &File, position: u64) -> io::Result<Found> {
    let mut bytes: HeaderBytes = [0; HEADER_BYTES];
    if !read_fully(file, &mut bytes, position)? {
        return Ok(Found::Bad("the file ends within a frame"));
    }
    let Some(header) = Header::parse(&bytes) else {
        return Ok(Found::Bad("there is no frame"));
    };
    let mut body = vec![0; header.body_bytes()];
    if !read_fully(file, &mut body, position + HEADER_BYTES as u64)? {
        return Ok(Found::Bad("the file ends within a frame"));
    }
    if header.is_intact(&bytes, &body) {
        Ok(Found::Intact(header, Bytes::from(body)))
    } else {
        Ok(Found::Bad("the checksum does not match"))
    }
}
