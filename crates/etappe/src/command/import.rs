//! `etappe import`: sends files of events; it can be interrupted and resumed without duplicates.
//!
//! A file is identified by its content. One batch at a time is in flight while the next one is
//! read, so an actor's events arrive in file order. Progress is stored after each acknowledgement.
//! Messages that are sent again after a kill have the same message ids.

mod ledger;
mod line;
mod progress;
mod report;
mod sender;
mod shape;
mod source;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use etappe_core::id::SiteId;
use etappe_core::ports::Clock;
use etappe_runtime::clock::SystemClock;
use etappe_runtime::shutdown::Shutdown;
use indicatif::ProgressStyle;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::answer::note;
use crate::cli::ImportArguments;
use crate::control::ControlClient;
use crate::data_dir::DataDir;
use ledger::{FileRecord, ImportLedger};
use progress::{Progress, bar_on_terminal};
use report::{report, report_failure};
use sender::{Batch, Sender};
use shape::wrong_shape;
use source::{Content, Lines};

/// Keeps a request below the collector's limit of 500 KiB for an uncompressed body.
const BATCH_BYTES: usize = 400 * 1024;
/// How many rejected lines are shown when none was accepted.
const SHOWN_LINES: usize = 5;
/// The minimum interval between writes of the progress; a kill in between only sends lines again.
const REMEMBER_EVERY: Duration = Duration::from_millis(200);

/// Imports every named file; files that were imported before are refused.
pub(crate) async fn run(arguments: ImportArguments) -> anyhow::Result<()> {
    let site = SiteId::try_new(&arguments.site)?;
    let (root, sender) = destination(&arguments, &site).await?;
    let import = Import {
        site: &site,
        ledger: ImportLedger::open(&root, &site)?,
        sender,
        takes_all: arguments.all,
    };
    let shutdown = Shutdown::default();
    let signals = shutdown.clone();
    // Ends with the command.
    let mut listening = JoinSet::new();
    listening.spawn(async move { signals.listen_to_signals().await });
    let (mut refused, mut failed) = (Vec::new(), Vec::new());
    for path in &arguments.files {
        match import.file(path, &shutdown, arguments.json).await? {
            FileEnd::Finished => {}
            FileEnd::Refused => refused.push(path.display().to_string()),
            FileEnd::Failed => failed.push(path.display().to_string()),
            FileEnd::Interrupted => {
                bail!("interrupted; run the same command again to go on where it stopped")
            }
        }
    }
    let mut problems = Vec::new();
    if !refused.is_empty() {
        problems.push(format!(
            "imported before, and not again: {}",
            refused.join(", ")
        ));
    }
    if !failed.is_empty() {
        problems.push(format!("nothing was taken from: {}", failed.join(", ")));
    }
    if !problems.is_empty() {
        bail!("{}", problems.join("; "));
    }
    Ok(())
}

/// Determines where progress is stored and where events are sent.
async fn destination(
    arguments: &ImportArguments,
    site: &SiteId,
) -> anyhow::Result<(PathBuf, Sender)> {
    if let Some(url) = &arguments.url {
        let key = write_key(arguments)?;
        let sender = Sender::new(url, key, site.clone())?;
        return Ok((arguments.state.clone(), sender));
    }
    let data = DataDir::existing(&arguments.data)?;
    let control = ControlClient::of(&data)?;
    let key = control.ephemeral_key(site).await?;
    Ok((
        data.root().to_owned(),
        Sender::new(&control.public_url(), key, site.clone())?,
    ))
}

/// Returns the key for `--url`.
fn write_key(arguments: &ImportArguments) -> anyhow::Result<String> {
    let Some(file) = &arguments.write_key_file else {
        let key = arguments.write_key.clone();
        return key.context(
            "--url needs a write key of the site: in the variable ETAPPE_WRITE_KEY, or in a file that \
             --write-key-file names",
        );
    };
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the write key in {}", file.display()))?;
    Ok(text.trim().to_owned())
}

enum FileEnd {
    Finished,
    Refused,
    /// None of its events was accepted; it may be imported again.
    Failed,
    Interrupted,
}

struct Import<'a> {
    site: &'a SiteId,
    ledger: ImportLedger,
    sender: Sender,
    /// Whether to send also the lines that were imported with an earlier, shorter file.
    takes_all: bool,
}

impl Import<'_> {
    async fn file(&self, path: &Path, shutdown: &Shutdown, json: bool) -> anyhow::Result<FileEnd> {
        let earlier = self.ledger.earlier()?;
        let content = identify(path, lengths(&earlier)).await?;
        let mut record = self.ledger.record(&content.hash)?;
        if let Some(at) = record.finished_at {
            let message = format!(
                "{}: this content was imported into `{}` at {at} (as {}); nothing was sent",
                path.display(),
                self.site,
                record.name
            );
            report(json, "refused", path, &record, &message);
            return Ok(FileEnd::Refused);
        }
        if let Some(wrong) = wrong_shape(path)? {
            let message = format!("{}: {wrong}; nothing was sent", path.display());
            report_failure(json, path, &record, (&message, &[]));
            return Ok(FileEnd::Failed);
        }
        if record == FileRecord::default() {
            self.ledger.clear_rejected(&content.hash)?;
            if !self.takes_all {
                record = continuation(path, &content, &earlier);
            }
        }
        record.name = path.display().to_string();
        (record.bytes, record.lines) = (content.bytes, content.lines);
        let progress = Progress::of(path, content.bytes, record.bytes_done);
        let started = tokio::time::Instant::now();
        let before = record.accepted;
        let finished = self
            .send_all(path, &content, &mut record, (shutdown, &progress))
            .await?;
        progress.finish();
        let is_old = record.rejected == 0 && !record.begins_with.is_empty();
        if finished && record.accepted == 0 && !is_old {
            return self.nothing_taken(path, &content, &record, json);
        }
        if finished {
            record.finished_at = Some(SystemClock.now());
        }
        self.ledger.remember(&content.hash, &record)?;
        if !finished {
            return Ok(FileEnd::Interrupted);
        }
        let seconds = started.elapsed().as_secs_f64();
        let sent = record.accepted - before;
        let message = self.summary(path, &content, &record, (sent, seconds));
        report(json, "finished", path, &record, &message);
        Ok(FileEnd::Finished)
    }

    /// Describes a file's result for people.
    fn summary(
        &self,
        path: &Path,
        content: &Content,
        record: &FileRecord,
        (sent, seconds): (u64, f64),
    ) -> String {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = sent as f64 / seconds.max(0.001);
        let mut message = format!(
            "{}: {sent} events accepted in {seconds:.1} s ({rate:.0} events/s)",
            path.display()
        );
        if record.rejected > 0 {
            let kept = self.ledger.rejected_path(&content.hash);
            message += &format!(
                "; {} lines rejected, see {}",
                record.rejected,
                kept.display()
            );
        }
        if record.warnings > 0 {
            message += &format!(
                "; {} values do not count, see the site's warnings",
                record.warnings
            );
        }
        message
    }

    /// Explains why no line was accepted; the file may be imported again once the cause is fixed.
    fn nothing_taken(
        &self,
        path: &Path,
        content: &Content,
        record: &FileRecord,
        json: bool,
    ) -> anyhow::Result<FileEnd> {
        let first = self.ledger.first_rejected(&content.hash, SHOWN_LINES)?;
        self.ledger.forget(&content.hash)?;
        let mut message = format!(
            "{}: no event was taken, {} lines were rejected, see {}; nothing is remembered, so that the file can be imported again",
            path.display(),
            record.rejected,
            self.ledger.rejected_path(&content.hash).display()
        );
        for line in &first {
            let reason = line["reason"].as_str().unwrap_or_default();
            message += &format!("\n  line {}: {reason}", line["line"]);
        }
        report_failure(json, path, record, (&message, &first));
        Ok(FileEnd::Failed)
    }

    /// Sends the unfinished lines; returns false when interrupted.
    async fn send_all(
        &self,
        path: &Path,
        content: &Content,
        record: &mut FileRecord,
        (shutdown, progress): (&Shutdown, &Progress),
    ) -> anyhow::Result<bool> {
        let (batches, mut ready) = mpsc::channel(2);
        let reader = {
            let (path, hash, record) = (path.to_owned(), content.hash.clone(), record.clone());
            tokio::task::spawn_blocking(move || read_batches(&path, &hash, &record, &batches))
        };
        let mut remembered = tokio::time::Instant::now();
        while let Some(batch) = ready.recv().await {
            let outcome = tokio::select! {
                outcome = self.sender.send(&batch) => outcome?,
                () = shutdown.begun() => return Ok(false),
            };
            self.keep_rejected(&content.hash, &outcome.rejected)?;
            record.lines_done = batch.last_line;
            record.bytes_done += batch.bytes;
            record.accepted += outcome.accepted;
            record.rejected += outcome.rejected.len() as u64;
            record.warnings += outcome.warnings;
            progress.reached(record.bytes_done);
            if remembered.elapsed() >= REMEMBER_EVERY {
                self.ledger.remember(&content.hash, record)?;
                remembered = tokio::time::Instant::now();
            }
        }
        reader.await.context("the reader stopped")??;
        Ok(true)
    }

    /// Appends rejected lines to the file's list, so that nobody has to search for them.
    fn keep_rejected(&self, hash: &str, rejected: &[(u64, String)]) -> anyhow::Result<()> {
        if rejected.is_empty() {
            return Ok(());
        }
        let path = self.ledger.rejected_path(hash);
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)?;
        for (line, reason) in rejected {
            writeln!(file, "{}", json!({ "line": line, "reason": reason }))?;
        }
        Ok(())
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
fn continuation(path: &Path, content: &Content, earlier: &[(String, FileRecord)]) -> FileRecord {
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
    note(format_args!(
        "{} begins with what was imported as {}: its first {} lines are not sent again; --all sends them",
        path.display(),
        record.name,
        continued.lines_done
    ));
    continued
}

async fn identify(path: &Path, lengths: Vec<u64>) -> anyhow::Result<Content> {
    let bar = bar_on_terminal(None);
    bar.set_style(ProgressStyle::with_template(
        "{spinner} reading {msg} {bytes}",
    )?);
    bar.set_message(path.display().to_string());
    let (path, shown) = (path.to_owned(), bar.clone());
    let content =
        tokio::task::spawn_blocking(move || source::identify(&path, &lengths, |n| shown.inc(n)));
    let content = content.await.context("the reader stopped")?;
    bar.finish_and_clear();
    content
}

/// Reads a file's lines that are not yet in `record` into batches; stops when the receiver is gone.
fn read_batches(
    path: &Path,
    hash: &str,
    record: &FileRecord,
    batches: &mpsc::Sender<Batch>,
) -> anyhow::Result<()> {
    let mut lines = Lines::of(path, record.bytes)?;
    let mut batch = Batch::default();
    while let Some(next) = lines
        .next_line()
        .with_context(|| format!("{}", path.display()))?
    {
        if next.number <= record.lines_done {
            continue;
        }
        let full = batch.messages.len() + next.text.as_ref().map_or(0, String::len) > BATCH_BYTES;
        if full
            && !batch.lines.is_empty()
            && batches.blocking_send(std::mem::take(&mut batch)).is_err()
        {
            return Ok(());
        }
        append_line(&mut batch, &next, record.first_content(hash, next.number));
    }
    if batch.last_line > 0 {
        // A closed channel means an interruption, which the receiver reports.
        batches.blocking_send(batch).ok();
    }
    Ok(())
}

fn append_line(batch: &mut Batch, next: &source::Line, hash: &str) {
    batch.last_line = next.number;
    batch.bytes += next.bytes;
    let before = batch.messages.len();
    if before > 0 {
        batch.messages.push(b',');
    }
    let start = batch.messages.len();
    let appended = match &next.text {
        Some(text) => line::append_message(text, hash, next.number, &mut batch.messages)
            .map_err(|error| error.to_string()),
        None => Err("the line is no UTF-8 text or longer than any event".to_owned()),
    };
    match appended {
        Ok(()) => {
            batch.lines.push(next.number);
            batch.starts.push(start);
        }
        Err(reason) => {
            batch.messages.truncate(before);
            batch.unreadable.push((next.number, reason));
        }
    }
}
