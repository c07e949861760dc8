//! A reader's position between two reads: an open segment and the frame that was read last.
//!
//! Consumers read in offset order, a limited number of bytes at a time, so most reads end inside a
//! frame. Without a cursor the next read would search for the segment and decode that frame again.
//! [`super::PartitionLog`] remembers a few cursors and continues with the one at the requested
//! offset.
//!
//! Invariant: `position` and `base` belong to the frame after `records`. Nothing here knows the
//! log's end; the caller reads only up to it.

use std::fs::File;
use std::sync::Arc;

use etappe_core::id::Offset;
use etappe_core::ports::LogRecord;

use crate::error::LogError;
use crate::local::frame::Records;
use crate::local::segment::Segment;

/// A reader's position in a segment.
#[derive(Debug)]
pub(super) struct ReadCursor {
    pub(super) segment: Arc<Segment>,
    pub(super) file: File,
    /// The position of the next frame in the file, and its first offset.
    pub(super) position: u64,
    pub(super) base: Offset,
    /// The frame before it, unless all its records were handed out.
    pub(super) records: Option<Records>,
}

impl ReadCursor {
    pub(super) fn next_offset(&self) -> Offset {
        match &self.records {
            Some(records) if !records.is_done() => records.next_offset(),
            Some(_) | None => self.base,
        }
    }

    /// Reads the next frame.
    pub(super) fn load(&mut self) -> Result<(), LogError> {
        let (header, records) = self
            .segment
            .frame_at(&self.file, self.position, self.base)?;
        self.segment.learn(self.base, self.position);
        self.position += header.frame_bytes();
        self.base = header.end();
        self.records = Some(records);
        Ok(())
    }

    /// Moves the records of the loaded frame from `from` up to but not including `last` into `out`,
    /// limited by `left` bytes; the first record of a read is taken whatever its size. Returns
    /// whether the next frame is wanted too.
    pub(super) fn take_records(
        &mut self,
        from: Offset,
        last: Offset,
        left: &mut usize,
        out: &mut Vec<LogRecord>,
    ) -> Result<bool, LogError> {
        let Some(records) = &mut self.records else {
            return Ok(self.base < last);
        };
        let damaged = |reason| self.segment.damaged(self.position, reason);
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
        Ok(records.is_done() && self.base < last)
    }
}
