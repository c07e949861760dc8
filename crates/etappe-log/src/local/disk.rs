//! The file operations of a running log. A trait, so that tests can make the disk fail.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use etappe_runtime::durable_file;

/// The file operations whose failure the log survives.
pub(crate) trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Creates a new, empty file that survives a crash of the machine.
    fn create(&self, path: &Path) -> io::Result<File>;

    /// Writes all of `bytes` at `position`.
    fn write(&self, file: &File, bytes: &[u8], position: u64) -> io::Result<()>;

    /// Makes what was written to `file` survive a crash of the machine. After a failure it is
    /// unknown what is on disk, and a second sync that succeeds proves nothing.
    fn sync(&self, file: &File) -> io::Result<()>;

    /// Truncates `file` to `length`.
    fn truncate(&self, file: &File, length: u64) -> io::Result<()>;

    /// Renames the file `from` to `to`, replacing `to`, so that it survives a crash of the machine.
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes everything on the file system that holds `path` survive a crash of the machine.
    fn sync_file_system(&self, path: &Path) -> io::Result<()>;

    /// Returns the free bytes of the file system that holds `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
}

/// The operating system's disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)?;
        durable_file::sync_parent(path)?;
        Ok(file)
    }

    fn write(&self, file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
        file.write_all_at(bytes, position)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)?;
        durable_file::sync_parent(to)
    }

    fn sync_file_system(&self, path: &Path) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(path)?)?)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}
