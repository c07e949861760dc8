//! Restricts Etappe's files to their owner.
//!
//! The process removes all other rights before it creates its first file. An existing folder,
//! created by hand or by an earlier version, is restricted when it is opened.

use std::fs::{Metadata, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;

/// The rights of the group and of all others.
const OTHERS: u32 = 0o077;
/// An engine's folder: a hundred thousand files, written by a process that follows the rule.
const ENGINE: &str = "engine";

/// Makes new files and folders readable by their owner only.
pub(crate) fn keep_to_owner() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// A file or folder found accessible to others.
#[derive(Debug, Default)]
struct Found {
    closed: usize,
    failure: Option<(PathBuf, io::Error)>,
}

/// Removes others' rights on a folder and its content, and logs if there were any. A folder of
/// another owner stays unchanged, and that is logged too.
pub(crate) fn close_to_others(root: &Path) {
    let mut found = Found::default();
    close(root, &mut found);
    if found.closed > 0 {
        tracing::warn!(
            data = %root.display(),
            entries = found.closed,
            "other users could read the data folder; their access was removed"
        );
    }
    if let Some((path, error)) = found.failure {
        tracing::warn!(
            path = %path.display(),
            %error,
            "other users may read this, and its permissions cannot be changed: make the service its \
             owner, or use another folder for --data"
        );
    }
}

fn close(path: &Path, found: &mut Found) {
    // A link's target is not part of the folder.
    let Ok(metadata) = path.symlink_metadata() else {
        return;
    };
    if metadata.is_symlink() {
        return;
    }
    let was_open = metadata.permissions().mode() & OTHERS != 0;
    if was_open {
        match take_rights(path, &metadata) {
            Ok(()) => found.closed += 1,
            Err(error) => {
                found.failure.get_or_insert((path.to_owned(), error));
            }
        }
    }
    let is_closed_engine = !was_open && path.file_name().is_some_and(|name| name == ENGINE);
    if !metadata.is_dir() || is_closed_engine {
        return;
    }
    // Folders that cannot be entered, such as `lost+found`, are not ours.
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        close(&entry.path(), found);
    }
}

fn take_rights(path: &Path, metadata: &Metadata) -> io::Result<()> {
    let mode = metadata.permissions().mode() & !OTHERS;
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        let metadata = path.symlink_metadata().expect("it is there");
        metadata.permissions().mode() & 0o777
    }

    fn make(path: &Path, mode: u32) {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, "x").expect("written");
        std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("changed");
    }

    fn set(path: &Path, mode: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("changed");
    }

    #[test]
    fn the_access_of_others_to_a_folder_and_its_content_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("data");
        let outside = folder.path().join("outside");
        make(&outside, 0o644);
        let files = [
            "sites.json",
            "log/partition-0/0.log",
            "engine/store/a/data.bin",
        ];
        for file in files {
            make(&root.join(file), 0o644);
        }
        std::os::unix::fs::symlink(&outside, root.join("link")).expect("made");
        for path in [
            "",
            "log",
            "log/partition-0",
            "engine",
            "engine/store",
            "engine/store/a",
        ] {
            set(&root.join(path), 0o755);
        }
        close_to_others(&root);
        for file in files {
            assert_eq!(mode(&root.join(file)), 0o600, "{file}");
        }
        for path in ["", "log", "log/partition-0", "engine", "engine/store/a"] {
            assert_eq!(mode(&root.join(path)), 0o700, "{path}");
        }
        assert_eq!(mode(&outside), 0o644, "a link is not followed");
    }

    #[test]
    fn the_access_to_single_files_is_removed_without_searching_a_private_engine_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().to_owned();
        make(&root.join("imports/demo/a.json"), 0o664);
        make(&root.join("engine/store/data.bin"), 0o640);
        for path in ["", "imports", "imports/demo", "engine"] {
            set(&root.join(path), 0o700);
        }
        close_to_others(&root);
        assert_eq!(mode(&root.join("imports/demo/a.json")), 0o600);
        assert_eq!(mode(&root.join("engine/store/data.bin")), 0o640);
        set(&root.join("engine"), 0o750);
        close_to_others(&root);
        assert_eq!(mode(&root.join("engine/store/data.bin")), 0o600);
    }
}
