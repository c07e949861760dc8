//! Reads a file's lines into batches of messages.

use std::ops::Range;
use std::path::Path;

use tokio::sync::mpsc;

use crate::error::ImportError;
use crate::ledger::{FileRecord, RejectedLine};
use crate::line;
use crate::source::{Line, Lines};

/// Keeps a request below the collector's limit of 500 KiB for an uncompressed body.
const BATCH_BYTES: usize = 400 * 1024;

/// A batch of messages to send.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The messages, each an object, separated by commas.
    pub(crate) messages: Vec<u8>,
    /// The line number of each message.
    pub(crate) lines: Vec<u64>,
    /// The start of each message.
    pub(crate) starts: Vec<usize>,
    /// The last line that this batch covers, sent or not.
    pub(crate) last_line: u64,
    /// Bytes of the file that this batch covers.
    pub(crate) bytes: u64,
    /// Lines that could not be converted into messages.
    pub(crate) unreadable: Vec<RejectedLine>,
}

impl Batch {
    /// Returns a request body with the messages of a range.
    pub(crate) fn body(&self, messages: &Range<usize>) -> bytes::Bytes {
        let start = self.starts.get(messages.start).copied().unwrap_or_default();
        // A comma precedes the next message.
        let end = self.starts.get(messages.end).map(|next| next - 1);
        let end = end.unwrap_or(self.messages.len());
        let text = self.messages.get(start..end).unwrap_or_default();
        bytes::Bytes::from([b"{\"batch\":[", text, b"]}"].concat())
    }
}

/// Reads a file's lines that are not yet in `record` into batches; stops when the receiver is gone.
pub(crate) fn read_batches(
    path: &Path,
    hash: &str,
    record: &FileRecord,
    batches: &mpsc::Sender<Batch>,
) -> Result<(), ImportError> {
    let mut lines = Lines::of(path, record.bytes)?;
    let mut batch = Batch::default();
    while let Some(next) = lines.next_line().map_err(ImportError::file("read", path))? {
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

fn append_line(batch: &mut Batch, next: &Line, hash: &str) {
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
        None => Err("the line is not UTF-8 text or is longer than any event".to_owned()),
    };
    match appended {
        Ok(()) => {
            batch.lines.push(next.number);
            batch.starts.push(start);
        }
        Err(reason) => {
            batch.messages.truncate(before);
            let line = next.number;
            batch.unreadable.push(RejectedLine { line, reason });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_batch_is_a_body_of_its_own() {
        let batch = Batch {
            messages: br#"{"a":1},{"b":2},{"c":3}"#.to_vec(),
            lines: vec![3, 5, 8],
            starts: vec![0, 8, 16],
            ..Batch::default()
        };
        for (part, expected) in [
            (0..3, r#"{"batch":[{"a":1},{"b":2},{"c":3}]}"#),
            (0..1, r#"{"batch":[{"a":1}]}"#),
            (1..2, r#"{"batch":[{"b":2}]}"#),
            (1..3, r#"{"batch":[{"b":2},{"c":3}]}"#),
        ] {
            assert_eq!(batch.body(&part), expected.as_bytes(), "{part:?}");
        }
    }
}
