//! Copies a log that is in use. The copy opens as the log would after a crash of the machine.
//!
//! Invariant: the copy holds every record acknowledged before the copying began, and some of those
//! that came later.
//!
//! The copy has no mark of how the log was left, so it counts as left unclean. When it is opened,
//! the consumer stores its recently announced ranges again and compares them with the tables. Trap:
//! a backup of the database may therefore be somewhat older than the copy of the log, but not
//! newer.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use etappe_runtime::durable_file::sync_parent;

use super::folder::DESCRIPTION;
use super::journal::FILE_NAME;
use super::source::LocalReader;
use super::writer::Shared;
use crate::error::LogError;

/// Prevents deletion of a partition's segments until it is dropped.
struct Hold<'a>(&'a Shared);

impl<'a> Hold<'a> {
    fn on(shared: &'a Shared) -> Self {
        shared.holds.fetch_add(1, Ordering::AcqRel);
        Self(shared)
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.holds.fetch_sub(1, Ordering::AcqRel);
    }
}

impl LocalReader {
    /// Copies the log into the folder `target`, which is created and must be empty.
    ///
    /// # Errors
    /// [`LogError::Unusable`] if a file cannot be read or written.
    pub async fn copy_to(&self, target: &Path) -> Result<(), LogError> {
        let (inner, target) = (Arc::clone(self.inner()), target.to_owned());
        let copy = move || {
            let directory = &inner.config.directory;
            let failed = |error| LogError::unusable("copy the log to", &target)(error);
            std::fs::create_dir_all(&target).map_err(failed)?;
            for shared in &inner.partitions {
                let name = shared.log.directory().file_name().unwrap_or_default();
                copy_partition(shared, &target.join(name)).map_err(failed)?;
            }
            let description = (directory.join(DESCRIPTION), target.join(DESCRIPTION));
            copy_file(&description.0, &description.1, u64::MAX).map_err(failed)
        };
        self.inner().run_blocking(copy).await?
    }
}

/// Copies a partition: first the journal, then the segments, so that they reach at least as far.
fn copy_partition(shared: &Shared, target: &Path) -> io::Result<()> {
    std::fs::create_dir_all(target)?;
    let _hold = Hold::on(shared);
    let journal = shared.journal.lock();
    let from = shared.log.directory().join(FILE_NAME);
    copy_file(&from, &target.join(FILE_NAME), u64::MAX)?;
    drop(journal);
    for segment in shared.log.segments() {
        let name = segment.path.file_name().unwrap_or_default();
        // Bytes after the valid length are being written and were not acknowledged.
        let copied = copy_file(&segment.path, &target.join(name), segment.length());
        match copied {
            // It was already being deleted before the hold, so the consumer no longer needs it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

/// Copies the first `length` bytes of a file, or all of it if it is shorter, and syncs the copy.
fn copy_file(from: &Path, to: &Path, length: u64) -> io::Result<()> {
    let mut source = File::open(from)?.take(length);
    let mut target = File::options().write(true).create_new(true).open(to)?;
    io::copy(&mut source, &mut target)?;
    target.flush()?;
    target.sync_all()?;
    sync_parent(to)
}
