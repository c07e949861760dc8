//! Simulates what a power loss leaves of ClickHouse's newest parts.
//!
//! ClickHouse does not sync each insert: of its latest writes, any combination of files may be
//! missing, while the log beside it has kept everything that it acknowledged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

/// The kernel has written anything older than this to the disk (`vm.dirty_expire_centisecs` is 30 s
/// unless changed, and the flusher wakes every 5 s).
const WRITTEN_AFTER: Duration = Duration::from_secs(35);

/// Removes some of the newest parts below a folder of ClickHouse's data, different ones for each
/// table; returns how many. ClickHouse must not be running.
///
/// # Errors
/// When a folder cannot be read or removed.
pub fn lose_parts(data: &Path, random: &mut StdRng) -> anyhow::Result<u64> {
    let mut lost = 0;
    let mut parts = Vec::new();
    find_parts(data, &mut parts)?;
    parts.sort();
    for part in parts {
        if random.random_bool(0.5) {
            std::fs::remove_dir_all(part)?;
            lost += 1;
        }
    }
    Ok(lost)
}

/// Finds the recent parts that were each made by one insert.
fn find_parts(folder: &Path, parts: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let path = entry.path();
        if !is_part_of_one_insert(&entry.file_name().to_string_lossy()) {
            find_parts(&path, parts)?;
            continue;
        }
        let age = entry.metadata()?.modified()?.elapsed();
        if age.is_ok_and(|age| age < WRITTEN_AFTER) {
            parts.push(path);
        }
    }
    Ok(())
}

/// Parts are called `PARTITION_FIRST_LAST_LEVEL`; an unmerged part has one block and level 0.
fn is_part_of_one_insert(name: &str) -> bool {
    let fields: Vec<&str> = name.split('_').collect();
    let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    match fields.as_slice() {
        [_, first, last, "0"] => is_number(first) && first == last,
        _ => false,
    }
}
