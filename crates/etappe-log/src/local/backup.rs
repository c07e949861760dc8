//! Copies a log that is in use, so that the copy opens as the log would after a crash of the machine.
//!
//! The copy holds every record that was acknowledged before the copying began, and some of those that
//! came meanwhile. It lacks the mark of how the log was left. So whoever opens it has the consumer store
//! again what it announced lately, comparing it with what is there: whatever was stored elsewhere may
//! have been copied a while before the log, but not after it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::folder::{DESCRIPTION, sync_parent};
use super::journal::FILE_NAME;
use super::source::LocalReader;
use super::writer::Shared;
use crate::error::LogError;

/// Keeps the segments of a partition from being deleted, until it is dropped.
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
    /// Copies the log into the folder `target`, which is made and must be empty.
    ///
    /// # Errors
    /// [`LogError::Unusable`] when a file cannot be read or written.
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

/// Copies a partition: first how far its consumer is, then the segments, which reach at least as far.
fn copy_partition(shared: &Shared, target: &Path) -> io::Result<()> {
    std::fs::create_dir_all(target)?;
    let _hold = Hold::on(shared);
    let journal = shared.lock_journal();
    let from = shared.log.directory().join(FILE_NAME);
    copy_file(&from, &target.join(FILE_NAME), u64::MAX)?;
    drop(journal);
    for segment in shared.log.segments() {
        let name = segment.path.file_name().unwrap_or_default();
        // What is behind the good length is being written, and acknowledged to nobody.
        let copied = copy_file(&segment.path, &target.join(name), segment.length());
        match copied {
            // It was about to be deleted before the hold: the consumer had no more need of it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

/// Copies the first `length` bytes of a file, or all of it, and puts them on the disk.
fn copy_file(from: &Path, to: &Path, length: u64) -> io::Result<()> {
    let mut source = File::open(from)?.take(length);
    let mut target = File::options().write(true).create_new(true).open(to)?;
    io::copy(&mut source, &mut target)?;
    target.flush()?;
    target.sync_all()?;
    sync_parent(to)
}
