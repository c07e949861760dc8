//! Replaces files so that a crash leaves the old or the new content, never a part of either.
//!
//! The content is written to a temporary file beside the target and synced, the temporary file is
//! renamed over the target, and the folder is synced. A rename is atomic. The first sync keeps the
//! new name from reaching the disk before the content; the second makes the new name durable.
//!
//! Guarantee: after a crash of the process or of the machine, the target holds its complete old
//! content (or is absent, if it was) or the complete new content. Once a function has returned
//! `Ok`, it is the new one. A crash may leave the temporary file `<name>.new`, which the next
//! replacement overwrites. Two replacements of one file must not run at the same time.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Replaces or creates the file `path`, with the default permissions of new files. Blocks.
///
/// # Errors
/// The operating system's error. The file then has its old or its new content.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    write_beside(path, content, 0o666)
}

/// Like [`replace`], but only the owner may read the file.
///
/// # Errors
/// As [`replace`].
pub fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    write_beside(path, content, 0o600)
}

/// Syncs the file `from` and renames it to `to`, which it replaces. Both must be on one file
/// system. Blocks.
///
/// # Errors
/// The operating system's error. `to` is then its old or the new file.
pub fn move_into_place(from: &Path, to: &Path) -> io::Result<()> {
    File::open(from)?.sync_all()?;
    fs::rename(from, to)?;
    sync_parent(to)
}

/// Makes the entry of `path` in its folder durable. Blocks.
///
/// # Errors
/// The operating system's error.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    File::open(parent)?.sync_all()
}

fn write_beside(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let temporary = temporary(path);
    // A file left by a crash may have other permissions.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(mode)
        .open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_parent(path)
}

fn temporary(path: &Path) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn permissions(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_created_and_replaced_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        for content in ["one", "a longer text", ""] {
            replace(&path, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_private_file_is_readable_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "old").unwrap();
        fs::write(temporary(&path), "left by a crash").unwrap();
        replace_private(&path, b"new").unwrap();
        assert_eq!(permissions(&path), 0o600);
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_crash_while_the_new_content_is_written_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        replace(&path, b"old").unwrap();
        fs::write(temporary(&path), "ne").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        replace(&path, b"old").unwrap();
        fs::create_dir(temporary(&path)).unwrap();
        assert!(replace(&path, b"new").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn a_reader_never_sees_a_part_of_a_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let contents = [vec![b'a'; 100_000], vec![b'b'; 50_000]];
        replace(&path, &contents[0]).unwrap();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for content in contents.iter().cycle().take(50) {
                    replace(&path, content).unwrap();
                }
                is_over.store(true, Ordering::Release);
            });
            while !is_over.load(Ordering::Acquire) {
                assert!(contents.contains(&fs::read(&path).unwrap()));
            }
        });
    }

    #[test]
    fn a_moved_file_replaces_the_one_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&from, "new").unwrap();
        fs::write(&to, "old").unwrap();
        move_into_place(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"new");
        assert!(!from.exists());
    }
}
