//! Appends groups of records to the segments of a partition.
//!
//! Invariant: a group is synced as a whole before any reader sees it, or none of it is in the log.
//!
//! - After a failed write the segment is truncated to its old length.
//! - After a failed sync it is unknown what is on disk, so the segment is never written to again.
//!   The same holds if the truncation fails. The next group starts a new segment at the current end
//!   of the log, and readers ignore what lies behind that offset in the old one.
//!
//! Recovery needs no action: every group simply tries again.
//!
//! Trap: a segment file may already exist at the current end of the log. It is left from a failed
//! attempt, holds nothing acknowledged, and is replaced.
//!
//! This module knows nothing of consumers or publishers, so other logs on disk can reuse it.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use etappe_core::id::Offset;
use etappe_core::time::Timestamp;
use tokio::time::Instant;

use super::config::LocalLogConfig;
use super::disk::Disk;
use super::frame::{FrameEncoder, Stamp};
use super::partition::PartitionLog;
use super::segment::{Condition, Segment};
use crate::metrics::RefusalReason;

/// How often the free disk space is checked.
const SPACE_INTERVAL: Duration = Duration::from_secs(1);
/// How many bytes are written to test whether the disk accepts data: one block of most file
/// systems.
const TRIAL_BYTES: usize = 4096;

/// Why a group could not be made durable. Nothing of it is in the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppendError {
    /// The log has reached its size limit.
    #[error(
        "the log in {directory} has reached its bound of {bound} bytes (max_bytes): what reads it has to \
         catch up, or the bound to be raised"
    )]
    AtBound {
        /// The log's folder.
        directory: String,
        /// The limit in bytes.
        bound: u64,
    },
    /// The disk is nearly full.
    #[error(
        "the disk of {directory} has {free} bytes free, of which {reserve} are to stay free \
         (min_free_bytes): make room"
    )]
    DiskLow {
        /// The log's folder.
        directory: String,
        /// The free bytes.
        free: u64,
        /// The bytes that must stay free.
        reserve: u64,
    },
    /// A new segment could not be created.
    #[error("cannot begin a new segment: {0}")]
    Create(#[source] io::Error),
    /// The group could not be written.
    #[error("cannot write to the log: {0}")]
    Write(#[source] io::Error),
    /// The group could not be synced.
    #[error("cannot sync the log: {0}")]
    Sync(#[source] io::Error),
}

impl AppendError {
    /// Returns the reason used by the metrics.
    pub(crate) const fn reason(&self) -> RefusalReason {
        match self {
            Self::AtBound { .. } => RefusalReason::AtBound,
            Self::DiskLow { .. } => RefusalReason::DiskLow,
            Self::Create(_) | Self::Write(_) | Self::Sync(_) => RefusalReason::Failed,
        }
    }
}

/// The result of an append.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Appended {
    /// The number of records.
    pub(crate) records: u64,
    /// The bytes of the records.
    pub(crate) payload_bytes: u64,
    /// The number of frames.
    pub(crate) frames: u64,
    /// The bytes on disk.
    pub(crate) stored_bytes: u64,
}

/// Appends to a partition. There is one for each partition.
#[derive(Debug)]
pub(crate) struct Appender {
    disk: Arc<dyn Disk>,
    config: Arc<LocalLogConfig>,
    log: Arc<PartitionLog>,
    /// Total bytes of the segments of all partitions.
    total_bytes: Arc<AtomicU64>,
    /// The segment to append to, if one can be.
    active: Option<(Arc<Segment>, File)>,
    encoder: FrameEncoder,
    buffer: Vec<u8>,
    /// The first offset of each frame of the group, and its position in the buffer.
    frames: Vec<(Offset, usize)>,
    space_checked_at: Option<Instant>,
    /// The size of the latest group. It is the size that did not fit if the group was refused.
    refused_bytes: u64,
}

impl Appender {
    /// Creates an appender that continues with `active`, if there is a usable segment.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        config: Arc<LocalLogConfig>,
        log: Arc<PartitionLog>,
        active: Option<(Arc<Segment>, File)>,
        total_bytes: Arc<AtomicU64>,
    ) -> Self {
        total_bytes.fetch_add(log.size().1, Ordering::AcqRel);
        Self {
            encoder: FrameEncoder::new(config.codec),
            disk,
            config,
            log,
            total_bytes,
            active,
            buffer: Vec::new(),
            frames: Vec::new(),
            space_checked_at: None,
            refused_bytes: 0,
        }
    }

    /// Appends `records`, syncs them, then makes them visible to readers. Blocks.
    pub(crate) fn append<'a>(
        &mut self,
        records: impl Iterator<Item = &'a Bytes>,
        now: Timestamp,
    ) -> Result<Appended, AppendError> {
        self.check_free_space()?;
        let (segment, file) = match self.active.take() {
            Some((segment, file)) if segment.length() < self.config.segment_bytes => {
                (segment, file)
            }
            Some(_) | None => self.begin_segment(self.log.end())?,
        };
        let appended = self.encode(records, segment.length(), now);
        let total = self.total_bytes.load(Ordering::Acquire) + appended.stored_bytes;
        self.refused_bytes = appended.stored_bytes;
        if let Some(bound) = self.config.max_bytes.filter(|bound| total > *bound) {
            self.active = Some((segment, file));
            return Err(self.at_bound(bound));
        }
        self.write_and_sync(&segment, &file)?;
        let start = segment.length();
        for (base, at) in self.frames.drain(..) {
            segment.learn(base, start + at as u64);
        }
        segment.grow_to(start + appended.stored_bytes);
        self.active = Some((segment, file));
        self.total_bytes
            .fetch_add(appended.stored_bytes, Ordering::AcqRel);
        self.log
            .publish_end(Offset(self.log.end().0 + appended.records));
        Ok(appended)
    }

    /// Continues at offset `to`, which is after the end. The offsets in between become a gap.
    pub(crate) fn skip_to(&mut self, to: Offset) -> Result<(), AppendError> {
        let end = self.log.end();
        let gap = Segment::new(self.log.directory(), end, Condition::Lost, 0);
        self.active = None;
        self.disk.create(&gap.path).map_err(AppendError::Create)?;
        let empty = Segment::new(self.log.directory(), end, Condition::Whole, 0);
        remove_if_there(&empty).map_err(AppendError::Create)?;
        self.log.add(Arc::new(gap));
        self.active = Some(self.begin_segment(to)?);
        self.log.publish_end(to);
        Ok(())
    }

    /// Deletes the segments that end at or before `offset`, and returns their number. A segment
    /// that cannot be deleted now is found again when the log is next opened.
    pub(crate) fn delete_before(&self, offset: Offset) -> usize {
        let removed = self.log.remove_before(offset);
        for segment in &removed {
            // A segment that an operator put aside is the operator's to delete.
            if segment.condition == Condition::Lost {
                continue;
            }
            if let Err(error) = std::fs::remove_file(&segment.path) {
                tracing::warn!(segment = %segment.path.display(), %error, "cannot delete a segment");
            }
            self.total_bytes
                .fetch_sub(segment.length(), Ordering::AcqRel);
        }
        removed.len()
    }

    fn begin_segment(&self, base: Offset) -> Result<(Arc<Segment>, File), AppendError> {
        let segment = Segment::new(self.log.directory(), base, Condition::Whole, 0);
        // A file that begins at the end holds nothing acknowledged: it is left from a failed
        // attempt.
        let file = remove_if_there(&segment)
            .and_then(|()| self.disk.create(&segment.path))
            .map_err(AppendError::Create)?;
        let segment = Arc::new(segment);
        self.log.add(Arc::clone(&segment));
        Ok((segment, file))
    }

    /// Encodes `records` as frames into the buffer.
    fn encode<'a>(
        &mut self,
        records: impl Iterator<Item = &'a Bytes>,
        position: u64,
        now: Timestamp,
    ) -> Appended {
        self.buffer.clear();
        self.frames.clear();
        let mut stamp = Stamp {
            base: self.log.end(),
            synced: u32::try_from(position).expect("a segment is about 1 GiB at most"),
            written_at: now,
        };
        let mut appended = Appended::default();
        let mut finish = |encoder: &mut FrameEncoder, buffer: &mut Vec<u8>| {
            self.frames.push((stamp.base, buffer.len()));
            let count = encoder.finish(stamp, buffer);
            stamp.base = Offset(stamp.base.0 + u64::from(count));
        };
        for record in records {
            if self.encoder.is_full_for(record) {
                finish(&mut self.encoder, &mut self.buffer);
            }
            self.encoder.push(record);
            appended.records += 1;
            appended.payload_bytes += record.len() as u64;
        }
        finish(&mut self.encoder, &mut self.buffer);
        appended.frames = self.frames.len() as u64;
        appended.stored_bytes = self.buffer.len() as u64;
        appended
    }

    /// Writes the buffer to the end of `segment` and syncs it. After an error the segment is either
    /// unchanged or never used again.
    fn write_and_sync(&mut self, segment: &Arc<Segment>, file: &File) -> Result<(), AppendError> {
        let position = segment.length();
        let written = self.disk.write(file, &self.buffer, position);
        let outcome = match written {
            Ok(()) => self.disk.sync(file).map_err(AppendError::Sync),
            Err(error) => Err(AppendError::Write(error)),
        };
        if let Err(error) = &outcome {
            let cut = self.disk.truncate(file, position);
            if cut.is_ok() && matches!(error, AppendError::Write(_)) {
                self.active = file
                    .try_clone()
                    .ok()
                    .map(|file| (Arc::clone(segment), file));
            }
        }
        outcome
    }

    /// Tests whether a group could be written now, without writing one.
    pub(crate) fn try_out(&mut self) -> Result<(), AppendError> {
        self.space_checked_at = None;
        self.check_free_space()?;
        // Require room for the group that did not fit: with less, the next group would be refused
        // again.
        let total = self.total_bytes.load(Ordering::Acquire) + self.refused_bytes;
        if let Some(bound) = self.config.max_bytes.filter(|bound| total > *bound) {
            return Err(self.at_bound(bound));
        }
        // No segment has this name. A file that a crash leaves behind does no harm.
        let path = self.log.directory().join("trial.tmp");
        std::fs::remove_file(&path).ok();
        let file = self.disk.create(&path).map_err(AppendError::Create)?;
        let written = self.disk.write(&file, &[0; TRIAL_BYTES], 0);
        let outcome = match written {
            Ok(()) => self.disk.sync(&file).map_err(AppendError::Sync),
            Err(error) => Err(AppendError::Write(error)),
        };
        std::fs::remove_file(&path).ok();
        outcome
    }

    fn at_bound(&self, bound: u64) -> AppendError {
        AppendError::AtBound {
            directory: self.log.directory().display().to_string(),
            bound,
        }
    }

    fn check_free_space(&mut self) -> Result<(), AppendError> {
        let reserve = self.config.min_free_bytes;
        let is_fresh = self
            .space_checked_at
            .is_some_and(|at| at.elapsed() < SPACE_INTERVAL);
        if reserve == 0 || is_fresh {
            return Ok(());
        }
        // If the file system does not report its free space, the write will show.
        let free = self
            .disk
            .free_bytes(self.log.directory())
            .unwrap_or(u64::MAX);
        if free < reserve {
            let directory = self.log.directory().display().to_string();
            return Err(AppendError::DiskLow {
                directory,
                free,
                reserve,
            });
        }
        self.space_checked_at = Some(Instant::now());
        Ok(())
    }
}

fn remove_if_there(segment: &Segment) -> io::Result<()> {
    match std::fs::remove_file(&segment.path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
