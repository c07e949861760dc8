//! Dead letters in a file of this machine: one line of JSON each, with a checksum.
//!
//! The file is only ever appended to, and synced before a letter counts as kept. A last line that a
//! crash left unfinished is cut off at the next start. A line is
//! `{"crc":…,"letter":{"topic":…,"partition":…,"offset":…,"buried_at":…,"reason":…,"payload":…}}`:
//! `payload` is Base64, `crc` is the CRC-32 of the letter's text. The bound on the file's size is a
//! safety net: when it is reached, the partition waits until somebody looks into the matter.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{Classified, Clock, DeadLetter, DeadLetters, RetryClass};
use etappe_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The longest reason that is kept, in characters.
const MAX_REASON: usize = 2_000;

/// A dead letter as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLetter {
    /// The topic that the record stood in.
    pub topic: String,
    /// The partition that the record stood in.
    pub partition: PartitionId,
    /// The record's position there.
    pub offset: Offset,
    /// When it was given up.
    pub buried_at: Timestamp,
    /// Why it could not be stored.
    pub reason: String,
    /// Its bytes.
    #[serde(with = "base64_text")]
    pub payload: Vec<u8>,
}

/// Why dead letters cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterFileError {
    /// The file cannot be used.
    #[error("dead letter file {} cannot be used", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// A line in the middle of the file is not what was written.
    #[error("dead letter file {} is damaged at line {line}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// The file has reached its bound.
    #[error("dead letter file {} has reached its bound of {limit} bytes", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// The bound.
        limit: u64,
    },
}

impl Classified for DeadLetterFileError {
    fn retry_class(&self) -> RetryClass {
        match self {
            // A full disk and a full file are dealt with by somebody, and then it goes on.
            Self::Io { .. } | Self::Full { .. } => RetryClass::Transient,
            Self::Damaged { .. } => RetryClass::Fatal,
        }
    }
}

/// Keeps dead letters in a file; copies write to the same one.
#[derive(Debug, Clone)]
pub struct DeadLetterFile<C> {
    topic: Arc<str>,
    clock: C,
    writer: Arc<Mutex<Writer>>,
}

#[derive(Debug)]
struct Writer {
    path: PathBuf,
    file: File,
    /// What is durable; anything behind it is the rest of a failed write.
    length: u64,
    limit: u64,
    buried: BTreeSet<(PartitionId, Offset)>,
}

impl<C: Clock + Clone> DeadLetterFile<C> {
    /// Opens the dead letters of `topic`, or makes an empty file; at most `limit` bytes are written.
    ///
    /// # Errors
    /// [`DeadLetterFileError`] when the file cannot be used or is damaged.
    pub fn open(
        path: &Path,
        topic: &str,
        limit: u64,
        clock: C,
    ) -> Result<Self, DeadLetterFileError> {
        let failed = |source| DeadLetterFileError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(failed)?;
        let mut content = Vec::new();
        file.read_to_end(&mut content).map_err(failed)?;
        let (letters, length) = parse(path, &content)?;
        file.set_len(length).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        sync_folder(path).map_err(failed)?;
        let own = letters.iter().filter(|letter| letter.topic == topic);
        let buried = own.map(|it| (it.partition, it.offset)).collect();
        Ok(Self {
            topic: topic.into(),
            clock,
            writer: Arc::new(Mutex::new(Writer {
                path: path.to_owned(),
                file,
                length,
                limit,
                buried,
            })),
        })
    }
}

impl StoredLetter {
    /// Reads all dead letters of a file, in the order in which they were buried.
    ///
    /// # Errors
    /// [`DeadLetterFileError`] when the file cannot be read or is damaged; there are none in a file
    /// that is not there.
    pub fn read_all(path: &Path) -> Result<Vec<Self>, DeadLetterFileError> {
        match std::fs::read(path) {
            Ok(content) => parse(path, &content).map(|(letters, _)| letters),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(DeadLetterFileError::Io {
                path: path.to_owned(),
                source,
            }),
        }
    }
}

impl<C: Clock + Clone> DeadLetters for DeadLetterFile<C> {
    type Error = DeadLetterFileError;

    async fn bury(&self, letters: &[DeadLetter]) -> Result<(), DeadLetterFileError> {
        let buried_at = self.clock.now();
        let store = |letter: &DeadLetter| StoredLetter {
            topic: self.topic.to_string(),
            partition: letter.partition,
            offset: letter.offset,
            buried_at,
            reason: letter.reason.chars().take(MAX_REASON).collect(),
            payload: letter.payload.to_vec(),
        };
        let letters: Vec<StoredLetter> = letters.iter().map(store).collect();
        let writer = Arc::clone(&self.writer);
        let write = move || {
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.append(&letters)
        };
        match tokio::task::spawn_blocking(write).await {
            Ok(written) => written,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is going down: whoever waits here is dropped with it.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

impl Writer {
    fn append(&mut self, letters: &[StoredLetter]) -> Result<(), DeadLetterFileError> {
        let mut lines = Vec::new();
        let is_new =
            |letter: &&StoredLetter| !self.buried.contains(&(letter.partition, letter.offset));
        let new: Vec<&StoredLetter> = letters.iter().filter(is_new).collect();
        for letter in &new {
            write_line(letter, &mut lines);
        }
        let added = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        if self.length.saturating_add(added) > self.limit {
            return Err(DeadLetterFileError::Full {
                path: self.path.clone(),
                limit: self.limit,
            });
        }
        self.write_durably(&lines)
            .map_err(|source| DeadLetterFileError::Io {
                path: self.path.clone(),
                source,
            })?;
        self.length += added;
        let places = new.iter().map(|letter| (letter.partition, letter.offset));
        self.buried.extend(places);
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

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    crc: u32,
    #[serde(borrow)]
    letter: &'a RawValue,
}

fn write_line(letter: &StoredLetter, lines: &mut Vec<u8>) {
    let letter = serde_json::value::to_raw_value(letter).expect("all names are text");
    let crc = crc32fast::hash(letter.get().as_bytes());
    let line = Line {
        crc,
        letter: &letter,
    };
    serde_json::to_writer(&mut *lines, &line).expect("a vector takes all bytes");
    lines.push(b'\n');
}

/// Returns the letters of a file and the length of its whole lines. Only the last line may be
/// unfinished; no letter in it was ever reported as kept.
fn parse(path: &Path, content: &[u8]) -> Result<(Vec<StoredLetter>, u64), DeadLetterFileError> {
    let whole = content
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let (lines, unfinished) = content.split_at(whole);
    let mut letters = Vec::new();
    let mut length = 0;
    let mut rest = lines
        .split_inclusive(|byte| *byte == b'\n')
        .enumerate()
        .peekable();
    while let Some((number, line)) = rest.next() {
        match parse_line(line) {
            Some(letter) => letters.push(letter),
            // A torn write may also end in a newline of what stood on the disk before.
            None if rest.peek().is_none() && unfinished.is_empty() => break,
            None => {
                return Err(DeadLetterFileError::Damaged {
                    path: path.to_owned(),
                    line: number + 1,
                });
            }
        }
        length += line.len();
    }
    Ok((letters, u64::try_from(length).unwrap_or(u64::MAX)))
}

fn parse_line(line: &[u8]) -> Option<StoredLetter> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let text = line.letter.get();
    (crc32fast::hash(text.as_bytes()) == line.crc)
        .then(|| serde_json::from_str(text).ok())
        .flatten()
}

/// Makes the file's name durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Bytes as Base64 text.
mod base64_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::{Engine, STANDARD};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
