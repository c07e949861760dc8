//! Parts of tables whose files are incomplete.
//!
//! A write that fails on a full disk has been seen to leave the engine with a part that it counts
//! as stored although one of its files is empty. Every query that reads the part fails until the
//! folder is opened again: then the engine checks the files and puts the part aside. So the process
//! ends, and its supervisor starts it again. The rows of such a part belong to an insert that was
//! not acknowledged, or to a merge; the parts that were merged are kept for eight minutes
//! (`old_parts_lifetime`), and the next start takes them instead.
//!
//! Trap: the process must end without closing the folder. A clean end deletes the parts that were
//! merged.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use parking_lot::Mutex;

use crate::exception::Exception;

/// The list of parts for which a process has ended, one path a line, in the folder of ClickHouse's
/// files.
const LIST: &str = "etappe-incomplete-parts.txt";
/// How long the list may grow, in bytes. Beyond that something else is wrong, and restarts do not
/// help.
const MAX_LIST: usize = 64 * 1024;
/// The engine's words before the path of the part that it could not read.
const BEFORE_PATH: &str = "reading from part ";
/// The engine's words before the path of a file of a part.
const BEFORE_FILE: &str = "marks file '";
/// Codes that say that a file of a part is missing, too short or empty.
const INCOMPLETE: [i32; 4] = [
    32,  // attempt to read after the end
    33,  // cannot read all data
    107, // file does not exist
    246, // corrupted data
];

/// Notices queries that failed because a part is incomplete.
pub(crate) struct IncompleteParts {
    list: PathBuf,
    /// Held while the list is read and written.
    turn: Mutex<()>,
}

impl IncompleteParts {
    /// `folder` holds ClickHouse's files.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            list: folder.join(LIST),
            turn: Mutex::default(),
        }
    }

    /// Returns whether the folder must be opened again because of what failed a query: the query's
    /// exception names an incomplete part, and no process has ended for the same part before.
    pub(crate) fn needs_restart(&self, exception: &Exception) -> bool {
        let Some(part) = part_of(exception) else {
            return false;
        };
        let _turn = self.turn.lock();
        match self.add(part) {
            Ok(true) => {
                tracing::error!(part, error = %exception, "the files of a part are incomplete, probably because the disk was full; the next start puts the part aside");
                true
            }
            Ok(false) => {
                tracing::error!(part, error = %exception, "a part of a table stays unreadable after a restart");
                false
            }
            // Without the list the process could end for one part again and again. The disk may
            // just be full; the next query comes back here.
            Err(error) => {
                tracing::error!(part, %error, file = %self.list.display(), "cannot note an incomplete part");
                false
            }
        }
    }

    /// Adds a part to the list; false if it is there already or the list is full.
    fn add(&self, part: &str) -> std::io::Result<bool> {
        let list = match fs::read_to_string(&self.list) {
            Ok(list) => list,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        if list.len() + part.len() > MAX_LIST || list.lines().any(|known| known == part) {
            return Ok(false);
        }
        let mut file = fs::File::options()
            .create(true)
            .append(true)
            .open(&self.list)?;
        file.write_all(format!("{part}\n").as_bytes())?;
        file.sync_all()?;
        Ok(true)
    }
}

/// Returns the folder of the part that the engine could not read because it is incomplete.
fn part_of(exception: &Exception) -> Option<&str> {
    if !INCOMPLETE.contains(&exception.code) {
        return None;
    }
    if let Some((_, rest)) = exception.text.split_once(BEFORE_PATH) {
        let end = rest.find(|it: char| it.is_whitespace() || it == ')')?;
        return rest.get(..end).filter(|path| !path.is_empty());
    }
    // While the parts to read are chosen, only the file is named.
    let (_, rest) = exception.text.split_once(BEFORE_FILE)?;
    let (file, _) = rest.split_once('\'')?;
    let (folder, _) = file.rsplit_once('/')?;
    let end = folder.len() + 1;
    file.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Empty marks file '/data/store/d6a/202611_42_42_0/data.cmrk4': 0, must be: 976: \
                        (while reading from part /data/store/d6a/202611_42_42_0/ in table etappe.money \
                        (d6a7fb23) located on disk default of type local, from mark 0)";

    #[test]
    fn the_part_is_read_from_the_exception() {
        let path = Some("/data/store/d6a/202611_42_42_0/");
        assert_eq!(part_of(&Exception::new(246, TEXT)), path);
        assert_eq!(part_of(&Exception::new(107, TEXT)), path);
        // Out of memory while reading the part.
        assert_eq!(part_of(&Exception::new(241, TEXT)), None);
        assert_eq!(part_of(&Exception::new(33, "Cannot read all data")), None);
    }

    #[test]
    fn the_part_is_read_from_a_file_s_path() {
        let text =
            "Empty marks file '/data/store/d6a/202611_1_41_8/skp_idx_range.cmrk4': 0, must be: 24.";
        let path = Some("/data/store/d6a/202611_1_41_8/");
        assert_eq!(part_of(&Exception::new(246, text)), path);
    }

    #[test]
    fn each_part_needs_one_restart_only() {
        let folder = tempfile::tempdir().unwrap();
        let exception = Exception::new(246, TEXT);
        let first = IncompleteParts::new(folder.path().to_owned());
        assert!(!first.needs_restart(&Exception::new(60, "Unknown table")));
        assert!(first.needs_restart(&exception));
        let second = IncompleteParts::new(folder.path().to_owned());
        assert!(!second.needs_restart(&exception));
        let another = TEXT.replace("_42_42_", "_43_43_");
        assert!(second.needs_restart(&Exception::new(246, another)));
    }

    #[test]
    fn without_a_list_there_is_no_restart() {
        let folder = tempfile::tempdir().unwrap();
        let parts = IncompleteParts::new(folder.path().join("missing"));
        assert!(!parts.needs_restart(&Exception::new(246, TEXT)));
    }
}
