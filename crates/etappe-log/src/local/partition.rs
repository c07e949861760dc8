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
//! - A remembered cursor keeps its file open, and the blocks of a deleted file stay in use
//!   until it is closed.
//!
//! This module knows nothing of consumers, so other logs on disk can reuse it.

mod cursor;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::LogRecord;
use etappe_core::time::Timestamp;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use self::cursor::ReadCursor;
use super::folder;
use super::frame::TARGET_BODY_BYTES;
use super::segment::{Condition, Segment};
use crate::error::LogError;

/// The number of cursors to remember, so that sequential reads need no search.
const REMEMBERED_CURSORS: usize = 4;

/// The segments of a partition.
#[derive(Debug)]
pub(crate) struct PartitionLog {
    /// The partition.
    pub(crate) id: PartitionId,
    directory: PathBuf,
    segments: RwLock<Vec<Arc<Segment>>>,
    /// The offset after the last synced record.
    end: watch::Sender<Offset>,
    cursors: Mutex<Vec<ReadCursor>>,
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
            cursors: Mutex::new(Vec::new()),
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
        self.segments
            .read()
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
        let segments = self.segments.read();
        let bytes = segments.iter().map(|segment| segment.length()).sum();
        (segments.len(), bytes)
    }

    /// Returns the current segments.
    pub(crate) fn segments(&self) -> Vec<Arc<Segment>> {
        self.segments.read().clone()
    }

    /// Records that everything before `end` is synced and may be read.
    pub(crate) fn publish_end(&self, end: Offset) {
        self.end.send_replace(end);
    }

    /// Adds the newest segment. It replaces a segment without records that begins at the same
    /// offset.
    pub(crate) fn add(&self, segment: Arc<Segment>) {
        let mut segments = self.segments.write();
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
        let mut segments = self.segments.write();
        let removed = segments
            .windows(2)
            .take_while(|pair| pair[1].base <= offset)
            .count();
        let removed: Vec<_> = segments.drain(..removed).collect();
        if let Some(start) = segments.first().map(|segment| segment.base)
            && !removed.is_empty()
        {
            // A remembered cursor would keep a deleted file's blocks in use.
            self.cursors
                .lock()
                .retain(|cursor| cursor.segment.base >= start);
        }
        removed
    }

    /// Returns when the record at `offset` was written, or `None` if there is no such record.
    pub(crate) fn written_at(&self, offset: Offset) -> Result<Option<Timestamp>, LogError> {
        if offset >= self.end() {
            return Ok(None);
        }
        let Some(cursor) = self.locate(offset)? else {
            return Ok(None);
        };
        let header = cursor
            .segment
            .header_at(&cursor.file, cursor.position, cursor.base)?;
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
        let mut cursor = self.take_cursor(span.from);
        if cursor.is_none() {
            cursor = self.locate(span.from)?;
        }
        let mut left = span.max_bytes;
        while let Some(current) = &mut cursor {
            if !current.take_records(span.from, last, &mut left, &mut records)? {
                break;
            }
            if current.base < current.segment.end(end) {
                current.load()?;
            } else {
                cursor = self.open_at_or_after(current.base)?;
            }
        }
        if let Some(cursor) = cursor {
            self.remember(cursor);
        }
        Ok(records)
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

    fn cursor_at(
        &self,
        segment: Arc<Segment>,
        position: u64,
        base: Offset,
    ) -> Result<ReadCursor, LogError> {
        match segment.open() {
            Ok(file) => Ok(ReadCursor {
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
    fn locate(&self, offset: Offset) -> Result<Option<ReadCursor>, LogError> {
        let log_end = self.end();
        let segment = {
            let segments = self.segments.read();
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
        let mut cursor = self.cursor_at(segment, position, base)?;
        while cursor.base < cursor.segment.end(log_end) {
            let header = cursor
                .segment
                .header_at(&cursor.file, cursor.position, cursor.base)?;
            if offset < header.end() {
                break;
            }
            cursor.segment.learn(cursor.base, cursor.position);
            cursor.position += header.frame_bytes();
            cursor.base = header.end();
        }
        Ok(Some(cursor))
    }

    /// Opens the first readable segment that begins at or after `offset`.
    fn open_at_or_after(&self, offset: Offset) -> Result<Option<ReadCursor>, LogError> {
        self.check_kept(offset)?;
        let segment = self
            .segments
            .read()
            .iter()
            .find(|segment| segment.base >= offset && segment.condition == Condition::Whole)
            .cloned();
        segment
            .map(|segment| {
                let base = segment.base;
                self.cursor_at(segment, 0, base)
            })
            .transpose()
    }

    fn take_cursor(&self, from: Offset) -> Option<ReadCursor> {
        let mut cursors = self.cursors.lock();
        let found = cursors
            .iter()
            .position(|cursor| cursor.next_offset() == from)?;
        Some(cursors.remove(found))
    }

    fn remember(&self, mut cursor: ReadCursor) {
        match &cursor.records {
            Some(records) if records.is_done() => cursor.records = None,
            Some(records) if records.held_bytes() > TARGET_BODY_BYTES => return,
            Some(_) | None => {}
        }
        if cursor.segment.base < self.start() {
            // It was just deleted, and an open file would keep its disk blocks in use.
            return;
        }
        let mut cursors = self.cursors.lock();
        if cursors.len() >= REMEMBERED_CURSORS {
            cursors.remove(0);
        }
        cursors.push(cursor);
    }
}

#[cfg(test)]
mod tests;
