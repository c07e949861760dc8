//! Replaces files so that a crash leaves the old or the new content, never a mixture.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Replaces a file's content atomically and durably, creating the file if it is missing. Only its
/// owner may read it. Blocks.
///
/// The new content is first written beside the file, under its name with the extension `new`; a
/// crash may leave that file behind, and the next replacement overwrites it.
///
/// # Errors
/// The operating system's error; the file is then unchanged, or its new name is not yet durable.
pub fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
