//! Imports one file: identifies it, sends its unfinished lines, and stores its progress.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etappe_core::ports::Clock;
use etappe_core::time::Timestamp;
use etappe_runtime::clock::SystemClock;
use etappe_runtime::shutdown::Shutdown;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::batch::read_batches;
use crate::error::ImportError;
use crate::ledger::{FileRecord, ImportLedger, RejectedLine};
use crate::sender::Sender;
use crate::shape::{WrongShape, wrong_shape};
use crate::source::{self, Content};

/// How many rejected lines are returned when none was accepted.
const SHOWN_LINES: usize = 5;
/// The minimum interval between writes of the progress; a kill in between only sends lines again.
const REMEMBER_EVERY: Duration = Duration::from_millis(200);

/// Something that happens during an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportEvent<'a> {
    /// More bytes were read to identify the file.
    Identifying {
        /// How many more.
        bytes: u64,
    },
    /// The file begins with the content of an earlier import; its lines are not sent again.
    Continues {
        /// The earlier file's name.
        earlier: &'a str,
        /// How many lines are not sent again.
        lines: u64,
    },
    /// Sending begins.
    Begins {
        /// The length of the content in bytes.
        bytes: u64,
        /// How many of them are finished.
        done: u64,
    },
    /// The content is finished up to this byte.
    Reached {
        /// The byte.
        byte: u64,
    },
    /// The collector accepts nothing now; sending is retried.
    Waiting {
        /// Why it accepts nothing.
        reason: &'a str,
    },
}

/// Receives the events of an import, also on other threads.
pub type Reporter = Arc<dyn Fn(ImportEvent<'_>) + Send + Sync>;

/// How the import of a file ended.
#[derive(Debug, Clone, PartialEq)]
pub enum ImportResult {
    /// Every line was accepted or rejected.
    Finished {
        /// The file's record.
        record: FileRecord,
        /// How many events were accepted this time.
        sent: u64,
        /// How long sending took.
        took: Duration,
        /// The list of rejected lines, if there are any.
        rejected: Option<PathBuf>,
    },
    /// The content was imported before; nothing was sent.
    ImportedBefore {
        /// The record of that import.
        record: FileRecord,
        /// When it finished.
        at: Timestamp,
    },
    /// The file is not an import file; nothing was sent.
    WrongShape {
        /// The file's record.
        record: FileRecord,
        /// The problem.
        shape: WrongShape,
    },
    /// No line was accepted. Nothing is stored, so the file can be imported once the cause is
    /// fixed.
    NothingAccepted {
        /// The file's record.
        record: FileRecord,
        /// The first rejected lines.
        first: Vec<RejectedLine>,
        /// The list of all of them.
        rejected: PathBuf,
    },
    /// The shutdown began before the end. The next import of the file resumes there.
    Interrupted,
}

/// Imports files into one site.
#[derive(Debug)]
pub struct Importer {
    ledger: ImportLedger,
    sender: Sender,
    sends_all: bool,
}

impl Importer {
    /// Makes an importer. If `sends_all`, lines that were imported with an earlier, shorter file are
    /// sent too.
    #[must_use]
    pub const fn new(ledger: ImportLedger, sender: Sender, sends_all: bool) -> Self {
        Self {
            ledger,
            sender,
            sends_all,
        }
    }

    /// Imports the file at `path`. Once `shutdown` has begun, it stops after storing its progress.
    ///
    /// # Errors
    /// [`ImportError`] if the file or the stored progress cannot be used, or the collector refuses a
    /// batch as a whole. It waits without limit for a collector that answered once.
    pub async fn import(
        &self,
        path: &Path,
        shutdown: &Shutdown,
        report: &Reporter,
    ) -> Result<ImportResult, ImportError> {
        let earlier = self.ledger.earlier()?;
        let content = identify(path, lengths(&earlier), report).await?;
        let mut record = self.ledger.record(&content.hash)?;
        if let Some(at) = record.finished_at {
            return Ok(ImportResult::ImportedBefore { record, at });
        }
        if let Some(shape) = wrong_shape(path)? {
            return Ok(ImportResult::WrongShape { record, shape });
        }
        if record == FileRecord::default() {
            self.ledger.clear_rejected(&content.hash)?;
            if !self.sends_all {
                record = continuation(&content, &earlier, report);
            }
        }
        record.name = path.display().to_string();
        (record.bytes, record.lines) = (content.bytes, content.lines);
        report(ImportEvent::Begins {
            bytes: content.bytes,
            done: record.bytes_done,
        });
        let started = Instant::now();
        let before = record.accepted;
        let finished = self
            .send_all(path, &content, &mut record, (shutdown, report))
            .await?;
        let is_old = record.rejected == 0 && !record.begins_with.is_empty();
        if finished && record.accepted == 0 && !is_old {
            return self.nothing_accepted(&content, record);
        }
        if finished {
            record.finished_at = Some(SystemClock.now());
        }
        self.ledger.remember(&content.hash, &record)?;
        if !finished {
            return Ok(ImportResult::Interrupted);
        }
        let rejected = (record.rejected > 0).then(|| self.ledger.rejected_path(&content.hash));
        Ok(ImportResult::Finished {
            sent: record.accepted - before,
            took: started.elapsed(),
            rejected,
            record,
        })
    }

    fn nothing_accepted(
        &self,
        content: &Content,
        record: FileRecord,
    ) -> Result<ImportResult, ImportError> {
        let first = self.ledger.first_rejected(&content.hash, SHOWN_LINES)?;
        self.ledger.forget(&content.hash)?;
        Ok(ImportResult::NothingAccepted {
            record,
            first,
            rejected: self.ledger.rejected_path(&content.hash),
        })
    }

    /// Sends the unfinished lines; returns false when interrupted.
    async fn send_all(
        &self,
        path: &Path,
        content: &Content,
        record: &mut FileRecord,
        (shutdown, report): (&Shutdown, &Reporter),
    ) -> Result<bool, ImportError> {
        let (batches, mut ready) = mpsc::channel(2);
        let reader = {
            let (path, hash, record) = (path.to_owned(), content.hash.clone(), record.clone());
            tokio::task::spawn_blocking(move || read_batches(&path, &hash, &record, &batches))
        };
        let wait = |reason: &str| report(ImportEvent::Waiting { reason });
        let mut remembered = Instant::now();
        while let Some(batch) = ready.recv().await {
            let outcome = tokio::select! {
                outcome = self.sender.send(&batch, &wait) => outcome?,
                () = shutdown.begun() => return Ok(false),
            };
            self.ledger
                .append_rejected(&content.hash, &outcome.rejected)?;
            record.lines_done = batch.last_line;
            record.bytes_done += batch.bytes;
            record.accepted += outcome.accepted;
            record.rejected += outcome.rejected.len() as u64;
            record.warnings += outcome.warnings;
            report(ImportEvent::Reached {
                byte: record.bytes_done,
            });
            if remembered.elapsed() >= REMEMBER_EVERY {
                self.ledger.remember(&content.hash, record)?;
                remembered = Instant::now();
            }
        }
        reader.await.map_err(ImportError::Reader)??;
        Ok(true)
    }
}

/// Returns the lengths of contents, in ascending order.
fn lengths(contents: &[(String, FileRecord)]) -> Vec<u64> {
    let mut lengths: Vec<u64> = contents.iter().map(|(_, record)| record.bytes).collect();
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}

/// Returns the record to start from: where the import of the longest earlier content stopped that
/// this one begins with, if there is one.
fn continuation(
    content: &Content,
    earlier: &[(String, FileRecord)],
    report: &Reporter,
) -> FileRecord {
    let longest = content.prefixes.iter().rev().find_map(|prefix| {
        let of_prefix = |(hash, _): &&(String, FileRecord)| *hash == prefix.hash;
        earlier
            .iter()
            .find(of_prefix)
            .map(|(_, record)| (prefix, record))
    });
    let Some((prefix, record)) = longest else {
        return FileRecord::default();
    };
    let continued = record.continued(prefix);
    report(ImportEvent::Continues {
        earlier: &record.name,
        lines: continued.lines_done,
    });
    continued
}

async fn identify(
    path: &Path,
    lengths: Vec<u64>,
    report: &Reporter,
) -> Result<Content, ImportError> {
    let (path, report) = (path.to_owned(), Arc::clone(report));
    let read = move |bytes| report(ImportEvent::Identifying { bytes });
    let content = tokio::task::spawn_blocking(move || source::identify(&path, &lengths, read));
    content.await.map_err(ImportError::Reader)?
}
