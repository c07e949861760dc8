//! Parts of tables whose files are incomplete.
//!
//! A write that fails on a full disk has been seen to leave the engine with a part that it counts
//! as stored although one of its files is empty. Every query that reads the part fails until the
//! folder is opened again: then the engine checks the files and puts the part aside. So the process
//! ends, and its supervisor starts it again. The rows of such a part belong to an insert that was
//! not acknowledged, or to a merge whose sources are still there.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::exception::Exception;

/// The list of parts for which a process has ended, one path a line, in the folder of ClickHouse's
/// files.
const LIST: &str = "etappe-incomplete-parts.txt";
/// How long the list may grow, in bytes. Beyond that something else is wrong, and restarts do not
/// help.
const MAX_LIST: usize = 64 * 1024;
/// The engine's words before the path of the part that it could not read.
const BEFORE_PATH: &str = "reading from part ";
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
    found: Mutex<Option<String>>,
    token: CancellationToken,
}

impl IncompleteParts {
    /// `folder` holds ClickHouse's files.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            list: folder.join(LIST),
            found: Mutex::default(),
            token: CancellationToken::new(),
        }
    }

    /// Reads a failed query's exception. Asks for a restart if it names an incomplete part, and no
    /// process has ended for the same part before: opening the folder again did not help then.
    pub(crate) fn notice(&self, exception: &Exception) {
        let Some(part) = part_of(exception) else {
            return;
        };
        let mut found = self.found.lock();
        if found.is_some() {
            return;
        }
        match self.add(part) {
            Ok(true) => {
                tracing::error!(part, error = %exception, "a part of a table is incomplete; the engine opens its folder again to put it aside");
                *found = Some(part.to_owned());
                self.token.cancel();
            }
            Ok(false) => {
                tracing::error!(part, error = %exception, "a part of a table stays unreadable after a restart");
            }
            // Without the list the process could end for one part again and again. The disk may
            // just be full; the next query comes back here.
            Err(error) => {
                tracing::error!(part, %error, file = %self.list.display(), "cannot note an incomplete part");
            }
        }
    }

    /// Waits until a restart is needed.
    pub(crate) async fn wait(&self) {
        self.token.cancelled().await;
    }

    /// Returns the path of the part that needs the restart.
    pub(crate) fn found(&self) -> Option<String> {
        self.found.lock().clone()
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

/// Returns the path of the part that the engine could not read because it is incomplete.
fn part_of(exception: &Exception) -> Option<&str> {
    if !INCOMPLETE.contains(&exception.code) {
        return None;
    }
    let (_, rest) = exception.text.split_once(BEFORE_PATH)?;
    let end = rest.find(|it: char| it.is_whitespace() || it == ')')?;
    rest.get(..end).filter(|path| !path.is_empty())
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

    #[tokio::test]
    async fn each_part_asks_for_one_restart_only() {
        let folder = tempfile::tempdir().unwrap();
        let exception = Exception::new(246, TEXT);
        let first = IncompleteParts::new(folder.path().to_owned());
        first.notice(&Exception::new(60, "Unknown table"));
        assert!(!first.token.is_cancelled());
        first.notice(&exception);
        first.wait().await;
        assert_eq!(first.found().unwrap(), "/data/store/d6a/202611_42_42_0/");
        let second = IncompleteParts::new(folder.path().to_owned());
        second.notice(&exception);
        assert!(!second.token.is_cancelled());
        let another = TEXT.replace("_42_42_", "_43_43_");
        second.notice(&Exception::new(246, another));
        assert!(second.token.is_cancelled());
    }

    #[test]
    fn a_list_that_cannot_be_written_asks_for_no_restart() {
        let folder = tempfile::tempdir().unwrap();
        let parts = IncompleteParts::new(folder.path().join("missing"));
        parts.notice(&Exception::new(246, TEXT));
        assert!(!parts.token.is_cancelled());
    }
}
