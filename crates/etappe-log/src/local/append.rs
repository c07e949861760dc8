//! Appending to the segments of a partition: a group of records in, all of them synced or none.
//!
//! A failed write is cut off again. After a failed sync the segment is never written to again, as
//! nobody can tell what of it is on the disk: the next group begins a new segment at the offset
//! that the old one is good to. Nothing has to be done to recover; every group tries anew.
//!
//! Nothing here knows of consumers or publishers; it belongs to what other logs can be made of.

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

/// How often the free space is looked at.
const SPACE_INTERVAL: Duration = Duration::from_secs(1);
/// How much is written to try whether the disk takes it: a block of most file systems.
const TRIAL_BYTES: usize = 4096;

/// Why a group could not be made durable; nothing of it is in the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppendError {
    /// The log is as large as it may be.
    #[error(
        "the log in {directory} has reached its bound of {bound} bytes (max_bytes): what reads it has to \
         catch up, or the bound to be raised"
    )]
    AtBound {
        /// Where the log is.
        directory: String,
        /// The bound.
        bound: u64,
    },
    /// The disk is nearly full.
    #[error(
        "the disk of {directory} has {free} bytes free, of which {reserve} are to stay free \
         (min_free_bytes): make room"
    )]
    DiskLow {
        /// Where the log is.
        directory: String,
        /// What is free.
        free: u64,
        /// What is to stay free.
        reserve: u64,
    },
    /// A new segment could not be made.
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
    /// Returns what the metrics call it.
    pub(crate) const fn reason(&self) -> RefusalReason {
        match self {
            Self::AtBound { .. } => RefusalReason::AtBound,
            Self::DiskLow { .. } => RefusalReason::DiskLow,
            Self::Create(_) | Self::Write(_) | Self::Sync(_) => RefusalReason::Failed,
        }
    }
}

/// What was appended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Appended {
    /// Records.
    pub(crate) records: u64,
    /// Bytes of the records.
    pub(crate) payload_bytes: u64,
    /// Frames.
    pub(crate) frames: u64,
    /// Bytes on disk.
    pub(crate) stored_bytes: u64,
}

/// Appends to a partition; there is one for each.
#[derive(Debug)]
pub(crate) struct Appender {
    disk: Arc<dyn Disk>,
    config: Arc<LocalLogConfig>,
    log: Arc<PartitionLog>,
    /// Bytes of the segments of all partitions.
    total_bytes: Arc<AtomicU64>,
    /// The segment that can be written to.
    active: Option<(Arc<Segment>, File)>,
    encoder: FrameEncoder,
    buffer: Vec<u8>,
    /// First offset and place in the buffer of each frame of the group.
    frames: Vec<(Offset, usize)>,
    space_checked_at: Option<Instant>,
    /// The size of the latest group, if it may have been refused.
    refused_bytes: u64,
}

impl Appender {
    /// Makes an appender that goes on with `active`, if there is a segment to go on with.
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

    /// Appends `records`, syncs them and then lets readers see them. Blocks.
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

    /// Goes on at offset `to`, which lies after the end; what is between becomes a gap.
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

    /// Deletes the segments that end at or before `offset` and returns how many they were. One
    /// that cannot be deleted now is found again when the log is next opened.
    pub(crate) fn delete_before(&self, offset: Offset) -> usize {
        let removed = self.log.remove_before(offset);
        for segment in &removed {
            // A segment put aside by an operator is theirs.
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
        // A file that begins at the end holds nothing that was acknowledged: an attempt failed
        // after it was made.
        let file = remove_if_there(&segment)
            .and_then(|()| self.disk.create(&segment.path))
            .map_err(AppendError::Create)?;
        let segment = Arc::new(segment);
        self.log.add(Arc::clone(&segment));
        Ok((segment, file))
    }

    /// Puts the frames of `records` into the buffer.
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

    /// Writes the buffer to the end of `segment` and syncs it. On an error the segment is either as
    /// it was before or never used again.
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

    /// Tries whether a group could be written now, without writing one.
    pub(crate) fn try_out(&mut self) -> Result<(), AppendError> {
        self.space_checked_at = None;
        self.check_free_space()?;
        // As much as the group that did not fit: with less the next one would be refused again.
        let total = self.total_bytes.load(Ordering::Acquire) + self.refused_bytes;
        if let Some(bound) = self.config.max_bytes.filter(|bound| total > *bound) {
            return Err(self.at_bound(bound));
        }
        // No segment has such a name; one that a crash leaves behind is in nobody's way.
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
        // Where the file system does not tell, writing will.
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
