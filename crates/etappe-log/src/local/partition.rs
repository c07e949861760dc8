//! The segments of one partition as one sequence of records, read by offset.
//!
//! Invariant: readers see synced records and nothing else. One writer appends and deletes, any
//! number of readers read. The writer publishes the new end only after the sync, and every read is
//! bounded by that end.
//!
//! Reads are ordinary file reads, so they are served from the operating system's page cache.
//!
//! Traps:
//!
//! - A segment may be deleted between the moment a reader finds it and the moment it opens it. Such
//!   a read reports deleted records, not a missing file.
//! - A remembered reader position keeps its file open, and the blocks of a deleted file stay in use
//!   until it is closed.
//!
//! This module knows nothing of consumers, so other logs on disk can reuse it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::LogRecord;
use etappe_core::time::Timestamp;
use tokio::sync::watch;

use super::folder;
use super::frame::{Records, TARGET_BODY_BYTES};
use super::segment::{Condition, Segment};
use crate::error::LogError;

/// The number of reader positions to remember, so that sequential reads need no search.
const REMEMBERED_PLACES: usize = 4;

/// The segments of a partition.
#[derive(Debug)]
pub(crate) struct PartitionLog {
    /// The partition.
    pub(crate) id: PartitionId,
    directory: PathBuf,
    segments: RwLock<Vec<Arc<Segment>>>,
    /// The offset after the last synced record.
    end: watch::Sender<Offset>,
    places: Mutex<Vec<Place>>,
}

/// The result of opening a partition.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The partition.
    pub(crate) log: Arc<PartitionLog>,
    /// The segment and file to append to, if the last segment can be appended to.
    pub(crate) active: Option<(Arc<Segment>, File)>,
    /// The bytes of a torn tail that were cut off.
    pub(crate) cut_bytes: u64,
}

/// Which records to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// The first offset wanted.
    pub(crate) from: Offset,
    /// The last offset wanted, if there is a limit.
    pub(crate) until: Option<Offset>,
    /// The most payload bytes to return. The first record is returned whatever its size.
    pub(crate) max_bytes: usize,
}

/// The position of a reader.
#[derive(Debug)]
struct Place {
    segment: Arc<Segment>,
    file: File,
    /// The position of the next frame, and its first offset.
    position: u64,
    base: Offset,
    /// The frame before it, unless all its records were handed out.
    records: Option<Records>,
}

impl Place {
    fn next_offset(&self) -> Offset {
        match &self.records {
            Some(records) if !records.is_done() => records.next_offset(),
            Some(_) | None => self.base,
        }
    }

    /// Reads the next frame.
    fn load(&mut self) -> Result<(), LogError> {
        let (header, records) = self
            .segment
            .frame_at(&self.file, self.position, self.base)?;
        self.segment.learn(self.base, self.position);
        self.position += header.frame_bytes();
        self.base = header.end();
        self.records = Some(records);
        Ok(())
    }
}

impl PartitionLog {
    /// Opens the partition in `directory`, creating it if missing, and cuts off a torn tail.
    pub(crate) fn open(directory: &Path, id: PartitionId) -> Result<Opened, LogError> {
        folder::ensure_writable(directory)?;
        let segments: Vec<_> = Segment::list(directory)?
            .into_iter()
            .map(Arc::new)
            .collect();
        let mut cut_bytes = 0;
        let mut active = None;
        let mut end = Offset(0);
        if let Some(last) = segments.last() {
            match last.condition {
                // An upper bound on the offsets in a file of this length: a record takes at least
                // four bytes, and compression makes them at most 255 times smaller.
                Condition::Lost => end = Offset(last.base.0 + 64 * last.length() + 1),
                Condition::Whole => {
                    let repaired = last.repair()?;
                    (end, cut_bytes) = (repaired.end, repaired.cut_bytes);
                    active = Some((Arc::clone(last), repaired.file));
                }
            }
        }
        let log = Arc::new(Self {
            id,
            directory: directory.to_owned(),
            segments: RwLock::new(segments),
            end: watch::Sender::new(end),
            places: Mutex::new(Vec::new()),
        });
        Ok(Opened {
            log,
            active,
            cut_bytes,
        })
    }

    /// Returns the folder of the partition.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the first offset that is kept.
    pub(crate) fn start(&self) -> Offset {
        self.read_segments()
            .first()
            .map_or_else(|| self.end(), |segment| segment.base)
    }

    /// Returns the offset after the last synced record.
    pub(crate) fn end(&self) -> Offset {
        *self.end.borrow()
    }

    /// Returns a receiver that is notified when the end moves.
    pub(crate) fn watch_end(&self) -> watch::Receiver<Offset> {
        self.end.subscribe()
    }

    /// Returns the number of segments and their total bytes.
    pub(crate) fn size(&self) -> (usize, u64) {
        let segments = self.read_segments();
        let bytes = segments.iter().map(|segment| segment.length()).sum();
        (segments.len(), bytes)
    }

    /// Returns the current segments.
    pub(crate) fn segments(&self) -> Vec<Arc<Segment>> {
        self.read_segments().clone()
    }

    /// Records that everything before `end` is synced and may be read.
    pub(crate) fn publish_end(&self, end: Offset) {
        self.end.send_replace(end);
    }

    /// Adds the newest segment. It replaces a segment without records that begins at the same
    /// offset.
    pub(crate) fn add(&self, segment: Arc<Segment>) {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if segments
            .last()
            .is_some_and(|last| last.base == segment.base)
        {
            segments.pop();
        }
        if let Some(last) = segments.last() {
            last.seal(segment.base);
        }
        segments.push(segment);
    }

    /// Removes the segments that end at or before `offset`; the newest one always stays. The caller
    /// deletes their files.
    pub(crate) fn remove_before(&self, offset: Offset) -> Vec<Arc<Segment>> {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let removed = segments
            .windows(2)
            .take_while(|pair| pair[1].base <= offset)
            .count();
        let removed: Vec<_> = segments.drain(..removed).collect();
        if let Some(start) = segments.first().map(|segment| segment.base)
            && !removed.is_empty()
        {
            // A remembered position would keep a deleted file's blocks in use.
            self.lock_places()
                .retain(|place| place.segment.base >= start);
        }
        removed
    }

    /// Returns when the record at `offset` was written, or `None` if there is no such record.
    pub(crate) fn written_at(&self, offset: Offset) -> Result<Option<Timestamp>, LogError> {
        if offset >= self.end() {
            return Ok(None);
        }
        let Some(place) = self.locate(offset)? else {
            return Ok(None);
        };
        let header = place
            .segment
            .header_at(&place.file, place.position, place.base)?;
        Ok(Some(header.written_at))
    }

    /// Reads the synced records of `span`. Returns nothing if there are none. Blocks.
    pub(crate) fn read(&self, span: Span) -> Result<Vec<LogRecord>, LogError> {
        let end = self.end();
        let last = span.until.map_or(end, |until| end.min(until.next()));
        let mut records = Vec::new();
        if span.from >= last {
            return Ok(records);
        }
        let mut place = self.take_place(span.from);
        if place.is_none() {
            place = self.locate(span.from)?;
        }
        let mut left = span.max_bytes;
        while let Some(current) = &mut place {
            if !read_segment(current, span.from, last, &mut left, &mut records)? {
                break;
            }
            if current.base < current.segment.end(end) {
                current.load()?;
            } else {
                place = self.open_at_or_after(current.base)?;
            }
        }
        if let Some(place) = place {
            self.remember(place);
        }
        Ok(records)
    }

    fn read_segments(&self) -> std::sync::RwLockReadGuard<'_, Vec<Arc<Segment>>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_places(&self) -> std::sync::MutexGuard<'_, Vec<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails if `offset` is deleted.
    fn check_kept(&self, offset: Offset) -> Result<(), LogError> {
        let start = self.start();
        if offset < start {
            return Err(LogError::Expired {
                partition: self.id,
                from: offset,
                start,
            });
        }
        Ok(())
    }

    fn place_in(
        &self,
        segment: Arc<Segment>,
        position: u64,
        base: Offset,
    ) -> Result<Place, LogError> {
        match segment.open() {
            Ok(file) => Ok(Place {
                segment,
                file,
                position,
                base,
                records: None,
            }),
            // It may have been deleted after it was found.
            Err(error) => Err(self.check_kept(base).err().unwrap_or(error)),
        }
    }

    /// Returns the position of the frame that holds `offset`, or of the first frame after it if it
    /// lies in a gap. Returns `None` if there is none.
    fn locate(&self, offset: Offset) -> Result<Option<Place>, LogError> {
        let log_end = self.end();
        let segment = {
            let segments = self.read_segments();
            let after = segments.partition_point(|segment| segment.base <= offset);
            after
                .checked_sub(1)
                .map(|index| Arc::clone(&segments[index]))
        };
        let Some(segment) = segment else {
            self.check_kept(offset)?;
            return Ok(None);
        };
        if segment.condition == Condition::Lost {
            return self.open_at_or_after(segment.base.next());
        }
        let (base, position) = segment.nearest(offset);
        let mut place = self.place_in(segment, position, base)?;
        while place.base < place.segment.end(log_end) {
            let header = place
                .segment
                .header_at(&place.file, place.position, place.base)?;
            if offset < header.end() {
                break;
            }
            place.segment.learn(place.base, place.position);
            place.position += header.frame_bytes();
            place.base = header.end();
        }
        Ok(Some(place))
    }

    /// Opens the first readable segment that begins at or after `offset`.
    fn open_at_or_after(&self, offset: Offset) -> Result<Option<Place>, LogError> {
        self.check_kept(offset)?;
        let segment = self
            .read_segments()
            .iter()
            .find(|segment| segment.base >= offset && segment.condition == Condition::Whole)
            .cloned();
        segment
            .map(|segment| {
                let base = segment.base;
                self.place_in(segment, 0, base)
            })
            .transpose()
    }

    fn take_place(&self, from: Offset) -> Option<Place> {
        let mut places = self.lock_places();
        let found = places
            .iter()
            .position(|place| place.next_offset() == from)?;
        Some(places.remove(found))
    }

    fn remember(&self, mut place: Place) {
        match &place.records {
            Some(records) if records.is_done() => place.records = None,
            Some(records) if records.held_bytes() > TARGET_BODY_BYTES => return,
            Some(_) | None => {}
        }
        if place.segment.base < self.start() {
            // It was just deleted, and an open file would keep its disk blocks in use.
            return;
        }
        let mut places = self.lock_places();
        if places.len() >= REMEMBERED_PLACES {
            places.remove(0);
        }
        places.push(place);
    }
}

/// Moves the records from `from` up to but not including `last` into `out`, limited by `left`
/// bytes. Returns whether the next frame is wanted too.
fn read_segment(
    place: &mut Place,
    from: Offset,
    last: Offset,
    left: &mut usize,
    out: &mut Vec<LogRecord>,
) -> Result<bool, LogError> {
    let Some(records) = &mut place.records else {
        return Ok(place.base < last);
    };
    let damaged = |reason| place.segment.damaged(place.position, reason);
    records.skip_to(from).map_err(damaged)?;
    while records.next_offset() < last && !records.is_done() {
        let limit = if out.is_empty() { usize::MAX } else { *left };
        let Some(record) = records.take(limit).map_err(damaged)? else {
            return Ok(false);
        };
        *left = left.saturating_sub(record.payload.len());
        out.push(record);
        if *left == 0 {
            return Ok(false);
        }
    }
    Ok(records.is_done() && place.base < last)
}

#[cfg(test)]
mod tests;
