//! The import progress of each file, per site; finished files stay on record permanently.

use std::fs::OpenOptions;
use std::io::{BufRead, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use etappe_core::id::SiteId;
use etappe_core::time::Timestamp;
use etappe_runtime::durable_file::replace_private;
use serde::{Deserialize, Serialize};

use crate::error::ImportError;
use crate::source::Prefix;

/// The record of one file's import into one site.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// The file's name at the time of the import, for people.
    pub name: String,
    /// Every line up to this number was acknowledged or rejected.
    pub lines_done: u64,
    /// The bytes of these lines.
    pub bytes_done: u64,
    /// Events acknowledged.
    pub accepted: u64,
    /// Rejected lines.
    pub rejected: u64,
    /// Values that do not count in acknowledged events.
    #[serde(default)]
    pub warnings: u64,
    /// When the end of the file was reached.
    pub finished_at: Option<Timestamp>,
    /// The length of the whole content in bytes.
    #[serde(default)]
    pub bytes: u64,
    /// The number of complete lines in the content.
    #[serde(default)]
    pub lines: u64,
    /// The earlier contents that this one begins with, shortest first.
    #[serde(default)]
    pub begins_with: Vec<Beginning>,
}

/// An earlier, possibly unfinished import whose content another one begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beginning {
    /// Identifies the content.
    pub hash: String,
    /// The number of lines that the two share.
    pub lines: u64,
}

impl FileRecord {
    /// Returns the content in which a line first appeared. A line's id is derived from it, so that
    /// a line sent before gets the same id.
    pub(crate) fn first_content<'a>(&'a self, own: &'a str, line: u64) -> &'a str {
        let mut beginnings = self.begins_with.iter();
        let first = beginnings.find(|beginning| line <= beginning.lines);
        first.map_or(own, |beginning| &beginning.hash)
    }

    /// Makes the record of a content that begins with this one, whose content is `earlier`; the new
    /// import resumes where this one stopped.
    pub(crate) fn continued(&self, earlier: &Prefix) -> Self {
        let mut begins_with = self.begins_with.clone();
        begins_with.push(Beginning {
            hash: earlier.hash.clone(),
            lines: earlier.lines,
        });
        Self {
            lines_done: self.lines_done.min(earlier.lines),
            bytes_done: self.bytes_done.min(earlier.bytes),
            begins_with,
            ..Self::default()
        }
    }
}

/// A line that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedLine {
    /// Its number, counted from 1.
    pub line: u64,
    /// Why it was rejected.
    pub reason: String,
}

/// The imports of one site.
#[derive(Debug)]
pub struct ImportLedger {
    folder: PathBuf,
}

impl ImportLedger {
    /// Opens the records of `site` under `root`, creating their folder if it is missing.
    ///
    /// # Errors
    /// [`ImportError::File`] if the folder cannot be created.
    pub fn open(root: &Path, site: &SiteId) -> Result<Self, ImportError> {
        let folder = root.join("imports").join(site.as_str());
        std::fs::create_dir_all(&folder).map_err(ImportError::file("create", &folder))?;
        Ok(Self { folder })
    }

    /// Returns a content's record, or a fresh one.
    pub(crate) fn record(&self, hash: &str) -> Result<FileRecord, ImportError> {
        let path = self.path(hash);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| ImportError::DamagedRecord { path, source }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(FileRecord::default()),
            Err(error) => Err(ImportError::file("read", path)(error)),
        }
    }

    /// Returns the earlier imports, finished or not, that another content may begin with.
    pub(crate) fn earlier(&self) -> Result<Vec<(String, FileRecord)>, ImportError> {
        let mut earlier = Vec::new();
        let failed = || ImportError::file("list", &self.folder);
        for entry in std::fs::read_dir(&self.folder).map_err(failed())? {
            let name = entry.map_err(failed())?.file_name();
            let hash = name.to_str().and_then(|name| name.strip_suffix(".json"));
            let Some(hash) = hash else { continue };
            let record = self.record(hash)?;
            if record.bytes > 0 && record.lines > 0 {
                earlier.push((hash.to_owned(), record));
            }
        }
        Ok(earlier)
    }

    /// Stores a content's progress.
    ///
    /// If a machine failure undoes this, lines are only sent again under the same ids.
    pub(crate) fn remember(&self, hash: &str, record: &FileRecord) -> Result<(), ImportError> {
        let path = self.path(hash);
        let text = serde_json::to_vec(record).expect("numbers and names are valid JSON");
        replace_private(&path, &text).map_err(ImportError::file("write", path))
    }

    /// Deletes a content's progress, so that it can be imported again from its first line.
    pub(crate) fn forget(&self, hash: &str) -> Result<(), ImportError> {
        remove(&self.path(hash))
    }

    /// Clears the list of a content's rejected lines.
    pub(crate) fn clear_rejected(&self, hash: &str) -> Result<(), ImportError> {
        remove(&self.rejected_path(hash))
    }

    /// Appends rejected lines to a content's list.
    pub(crate) fn append_rejected(
        &self,
        hash: &str,
        rejected: &[RejectedLine],
    ) -> Result<(), ImportError> {
        if rejected.is_empty() {
            return Ok(());
        }
        let path = self.rejected_path(hash);
        let append = || -> std::io::Result<()> {
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(&path)?;
            for line in rejected {
                writeln!(file, "{}", serde_json::to_string(line)?)?;
            }
            Ok(())
        };
        append().map_err(ImportError::file("write", &path))
    }

    /// Returns the first entries of the list of a content's rejected lines.
    pub(crate) fn first_rejected(
        &self,
        hash: &str,
        most: usize,
    ) -> Result<Vec<RejectedLine>, ImportError> {
        let path = self.rejected_path(hash);
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(ImportError::file("read", path)(error)),
        };
        let lines = std::io::BufReader::new(file).lines().take(most);
        let lines = lines
            .map(|line| -> std::io::Result<RejectedLine> { Ok(serde_json::from_str(&line?)?) });
        lines
            .collect::<std::io::Result<_>>()
            .map_err(ImportError::file("read", path))
    }

    /// Returns the path of the list of a content's rejected lines.
    pub(crate) fn rejected_path(&self, hash: &str) -> PathBuf {
        self.folder.join(format!("{hash}.rejected.ndjson"))
    }

    fn path(&self, hash: &str) -> PathBuf {
        self.folder.join(format!("{hash}.json"))
    }
}

fn remove(path: &Path) -> Result<(), ImportError> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(ImportError::file("remove", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_the_id_of_the_content_in_which_it_first_appeared() {
        let prefix = |hash: &str, lines| Prefix {
            hash: hash.to_owned(),
            bytes: lines * 10,
            lines,
        };
        // The first import was interrupted, and so was the second, which begins with the first.
        let first = FileRecord {
            lines_done: 3,
            bytes_done: 30,
            accepted: 3,
            ..FileRecord::default()
        };
        let mut second = first.continued(&prefix("first", 5));
        assert_eq!((second.lines_done, second.accepted), (3, 0));
        second.lines_done = 7;
        let third = second.continued(&prefix("second", 8));
        assert_eq!((third.lines_done, third.bytes_done), (7, 30));
        let known_by = |line| third.first_content("third", line);
        let expected = [
            (4, "first"),
            (5, "first"),
            (6, "second"),
            (8, "second"),
            (9, "third"),
        ];
        for (line, hash) in expected {
            assert_eq!(known_by(line), hash, "{line}");
        }
        // A line that was cut off is known only by its complete form.
        let cut = first.continued(&prefix("first", 2));
        assert_eq!((cut.lines_done, cut.bytes_done), (2, 20));
    }
}
