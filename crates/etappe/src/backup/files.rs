//! Copies and moves files and folders durably. Everything blocks: see [`etappe_runtime::blocking`].

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::Context;

/// Returns the paths of all files in `folder`, relative to it, in order.
pub(crate) fn all(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    collect(folder, "", &mut found).with_context(|| format!("cannot list {}", folder.display()))?;
    found.sort_unstable();
    Ok(found)
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<String>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// Returns a file's length and the BLAKE3 hash of its content.
pub(crate) fn hash(path: &Path) -> anyhow::Result<(u64, String)> {
    let mut hasher = blake3::Hasher::new();
    let read = File::open(path).and_then(|file| hasher.update_reader(file).map(|_| ()));
    read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok((hasher.count(), hasher.finalize().to_hex().to_string()))
}

/// Copies a folder recursively; a missing folder counts as empty.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    if !from.exists() {
        return Ok(());
    }
    for path in all(from)? {
        copy_file(&from.join(&path), &to.join(&path))?;
    }
    Ok(())
}

/// Copies a folder that is in use. A file that is replaced meanwhile is copied once, under its old
/// or its new name.
pub(crate) fn copy_folder_in_use(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    if !from.exists() {
        return Ok(());
    }
    // A file gets its final name only when it is complete.
    let is_whole = |path: &String| Path::new(path).extension().is_none_or(|it| it != "new");
    for path in all(from)?.into_iter().filter(is_whole) {
        let copied = copy_file(&from.join(&path), &to.join(&path));
        if copied.is_err() && !from.join(&path).exists() {
            continue;
        }
        copied?;
    }
    Ok(())
}

/// Copies a file and creates its parent folders. Only complete lines are copied, since the last one
/// may still be being written.
pub(crate) fn copy_file(from: &Path, to: &Path) -> anyhow::Result<()> {
    let copy = || -> io::Result<()> {
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder)?;
        }
        if from.extension().is_some_and(|it| it == "ndjson") {
            let mut lines = std::fs::read(from)?;
            let end = memchr::memrchr(b'\n', &lines).map_or(0, |at| at + 1);
            lines.truncate(end);
            std::fs::write(to, lines)?;
        } else {
            std::fs::copy(from, to)?;
        }
        File::open(to)?.sync_all()
    };
    copy().with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// Moves a folder; copies it if the target is on another file system.
pub(crate) fn move_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    if std::fs::rename(from, to).is_ok() {
        return Ok(());
    }
    copy_folder(from, to)?;
    std::fs::remove_dir_all(from).with_context(|| format!("cannot remove {}", from.display()))
}

/// Removes a folder and its content, if it exists.
pub(crate) fn remove_folder(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Returns whether the path is missing or an empty folder; an entry called `but` is ignored.
pub(crate) fn is_free(path: &Path, but: &str) -> bool {
    match std::fs::read_dir(path) {
        Ok(mut entries) => entries.all(|entry| entry.is_ok_and(|it| it.file_name() == but)),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Removes a folder's content; the folder itself may be a mount point.
pub(crate) fn empty_folder(folder: &Path) -> anyhow::Result<()> {
    empty_folder_but(folder, "")
}

/// Removes a folder's content except `kept`.
pub(crate) fn empty_folder_but(folder: &Path, kept: &str) -> anyhow::Result<()> {
    let remove = || -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name() == kept {
                continue;
            }
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            } else {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    };
    remove().with_context(|| format!("cannot empty {}", folder.display()))
}

/// Returns a path without links and dots, as far as it exists already.
pub(crate) fn resolved(path: &Path) -> anyhow::Result<std::path::PathBuf> {
    let known = path
        .ancestors()
        .find_map(|part| Some((part, part.canonicalize().ok()?)));
    let (part, real) = known.with_context(|| format!("{} is not a path", path.display()))?;
    let rest = path.strip_prefix(part)?;
    if rest.components().any(|part| part.as_os_str() == "..") {
        anyhow::bail!(
            "{} leads through a folder that does not exist",
            path.display()
        );
    }
    Ok(real.join(rest))
}

/// Syncs the file system of `path`.
pub(crate) fn sync_file_system(path: &Path) -> anyhow::Result<()> {
    let synced = File::open(path).and_then(|file| Ok(rustix::fs::syncfs(file)?));
    synced.with_context(|| format!("cannot sync {}", path.display()))
}
