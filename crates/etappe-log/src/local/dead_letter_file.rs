//! Stores dead letters in a local file: one line of JSON each, with a checksum.
//!
//! The file is append-only. It is synced before a letter counts as kept or as replayed. Damaged
//! lines, including a last line left unfinished by a crash, are moved to a second file at the next
//! start and block nothing else. The limit on the file's size is a safety net: when it is reached,
//! the partition waits for an operator.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etappe_core::ports::{Clock, DeadLetter, DeadLetters, StoredDeadLetter};
use etappe_runtime::blocking::run_blocking;
use etappe_runtime::durable_file::{self, sync_parent};
use parking_lot::Mutex;

use crate::error::LogError;

mod format;

use format::{LogPosition, parse, position_of, write_letter, write_replay};

/// Stores dead letters in a file; clones write to the same file.
#[derive(Clone)]
pub struct DeadLetterFile {
    topic: Arc<str>,
    clock: Arc<dyn Clock>,
    writer: Arc<Mutex<Writer>>,
    damaged: usize,
}

/// The content of a dead-letter file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadLetters {
    /// All readable letters, in the order in which they were buried.
    pub letters: Vec<StoredDeadLetter>,
    /// The number of unreadable lines.
    pub damaged: usize,
}

#[derive(Debug)]
struct Writer {
    path: PathBuf,
    file: File,
    /// The durable length; anything behind it is left over from a failed write.
    length: u64,
    limit: u64,
    buried: BTreeSet<LogPosition>,
}

impl fmt::Debug for DeadLetterFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetterFile")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl DeadLetterFile {
    /// Opens the dead letters of `topic`, creating the file if it is missing. The file may grow to
    /// `limit` bytes. Letters of other topics in the file stay unchanged. Unreadable lines are
    /// moved to a file whose name ends in `.damaged`, and reported.
    ///
    /// # Errors
    /// [`LogError`] when the file cannot be used.
    pub fn open(
        path: &Path,
        topic: &str,
        limit: u64,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LogError> {
        let failed = |source| LogError::DeadLetterFile {
            path: path.to_owned(),
            source,
        };
        let mut file = open_private(path).map_err(failed)?;
        let mut content = Vec::new();
        file.read_to_end(&mut content).map_err(failed)?;
        let read = parse(&content);
        if !read.damaged.is_empty() {
            let aside = aside(path);
            tracing::error!(
                file = %path.display(),
                lines = read.damaged.len(),
                aside = %aside.display(),
                "damaged dead letters are set aside"
            );
            match set_aside(path, &content, &read.damaged) {
                Ok(without) => file = without,
                // Readers skip them where they are.
                Err(error) => tracing::warn!(%error, "damaged dead letters cannot be set aside"),
            }
        }
        let length = whole_lines(&mut file).map_err(failed)?;
        file.set_len(length).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        sync_parent(path).map_err(failed)?;
        Ok(Self {
            topic: topic.into(),
            clock,
            writer: Arc::new(Mutex::new(Writer {
                path: path.to_owned(),
                file,
                length,
                limit,
                buried: read.letters.iter().map(position_of).collect(),
            })),
            damaged: read.damaged.len(),
        })
    }

    /// Returns how many damaged lines were found when the file was opened.
    #[must_use]
    pub const fn damaged(&self) -> usize {
        self.damaged
    }

    /// Reads all dead letters of a file, of all topics. The file may be in use. A missing file
    /// holds no letters.
    ///
    /// # Errors
    /// [`LogError`] when the file cannot be read.
    pub fn read_all(path: &Path) -> Result<ReadLetters, LogError> {
        match std::fs::read(path) {
            Ok(content) => {
                let read = parse(&content);
                Ok(ReadLetters {
                    letters: read.letters,
                    damaged: read.damaged.len(),
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(ReadLetters::default()),
            Err(source) => Err(LogError::DeadLetterFile {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Returns all dead letters, as [`Self::read_all`] does.
    ///
    /// # Errors
    /// [`LogError`] when the file cannot be read.
    pub async fn letters(&self) -> Result<Vec<StoredDeadLetter>, LogError> {
        let read = self.with_writer(|writer| Self::read_all(&writer.path));
        Ok(read.await?.letters)
    }

    /// Records that a letter was replayed; returns once the record is durable. The latest time
    /// wins. A letter that is not in the file is not an error.
    ///
    /// # Errors
    /// [`LogError`] when the file cannot be written or has reached its limit.
    pub async fn mark_replayed(&self, letter: &StoredDeadLetter) -> Result<(), LogError> {
        let position = position_of(letter);
        let now = self.clock.now();
        self.with_writer(move |writer| {
            if !writer.buried.contains(&position) {
                return Ok(());
            }
            let mut lines = Vec::new();
            write_replay(position, now, &mut lines);
            writer.append(&lines)
        })
        .await
    }

    /// Runs `work` on the file on a blocking thread; resumes its panic.
    async fn with_writer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> T + Send + 'static,
    ) -> T {
        let writer = Arc::clone(&self.writer);
        run_blocking(move || work(&mut writer.lock())).await
    }
}

impl DeadLetters for DeadLetterFile {
    type Error = LogError;

    async fn store(&self, letters: &[DeadLetter]) -> Result<(), LogError> {
        let buried_at = self.clock.now();
        let stored = |letter: &DeadLetter| StoredDeadLetter {
            topic: self.topic.to_string(),
            letter: letter.clone(),
            buried_at,
            replayed_at: None,
        };
        let letters: Vec<StoredDeadLetter> = letters.iter().map(stored).collect();
        self.with_writer(move |writer| writer.store(&letters)).await
    }
}

impl Writer {
    fn store(&mut self, letters: &[StoredDeadLetter]) -> Result<(), LogError> {
        let mut lines = Vec::new();
        let is_new = |letter: &&StoredDeadLetter| !self.buried.contains(&position_of(letter));
        let new: Vec<&StoredDeadLetter> = letters.iter().filter(is_new).collect();
        for letter in &new {
            write_letter(letter, &mut lines);
        }
        self.append(&lines)?;
        self.buried.extend(new.into_iter().map(position_of));
        Ok(())
    }

    fn append(&mut self, lines: &[u8]) -> Result<(), LogError> {
        let added = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        if self.length.saturating_add(added) > self.limit {
            return Err(LogError::DeadLetterFileFull {
                path: self.path.clone(),
                limit: self.limit,
            });
        }
        self.write_durably(lines)
            .map_err(|source| LogError::DeadLetterFile {
                path: self.path.clone(),
                source,
            })?;
        self.length += added;
        Ok(())
    }

    fn write_durably(&mut self, lines: &[u8]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(lines)?;
        self.file.sync_data()
    }
}

/// Opens a file that only its owner may read, creating it if it is missing.
fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path)
}

/// Returns the path of the file for unreadable lines.
fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".damaged");
    name.into()
}

/// Returns the length of a file up to the end of its last complete line.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let mut content = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut content)?;
    let end = content.iter().rposition(|byte| *byte == b'\n');
    Ok(end.map_or(0, |end| u64::try_from(end + 1).unwrap_or(u64::MAX)))
}

/// Moves `damaged` lines to the file beside `path` and returns the cleaned file. A crash in between
/// leaves a line in both files.
fn set_aside(path: &Path, content: &[u8], damaged: &[Range<usize>]) -> io::Result<File> {
    let mut lost = open_private(&aside(path))?;
    lost.seek(SeekFrom::End(0))?;
    let mut kept = Vec::with_capacity(content.len());
    let mut from = 0;
    for line in damaged {
        let bytes = &content[line.clone()];
        lost.write_all(bytes)?;
        if !bytes.ends_with(b"\n") {
            lost.write_all(b"\n")?;
        }
        kept.extend_from_slice(&content[from..line.start]);
        from = line.end;
    }
    kept.extend_from_slice(&content[from..]);
    lost.sync_all()?;
    durable_file::replace_private(path, &kept)?;
    open_private(path)
}

#[cfg(test)]
mod tests;
