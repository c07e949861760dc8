//! The output of `etappe import`: sentences for people, or one JSON object per file.

use std::path::Path;

use serde_json::{Value, json};

use super::ledger::FileRecord;
use crate::answer::answer;

/// Reports that no event of a file was accepted, and why.
#[expect(clippy::print_stderr, reason = "the command's answer")]
pub(super) fn report_failure(
    as_json: bool,
    path: &Path,
    record: &FileRecord,
    (message, first_rejected): (&str, &[Value]),
) {
    eprintln!("{message}");
    if as_json {
        let (file, rejected) = (path.display().to_string(), record.rejected);
        answer!(
            "{}",
            json!({ "file": file, "state": "failed", "lines": record.lines_done, "accepted": 0, "rejected": rejected, "reason": message, "first_rejected": first_rejected })
        );
    }
}

/// Reports a file's result.
#[expect(clippy::print_stderr, reason = "the command's answer")]
pub(super) fn report(as_json: bool, state: &str, path: &Path, record: &FileRecord, message: &str) {
    if as_json {
        let (file, lines) = (path.display().to_string(), record.lines_done);
        let FileRecord {
            accepted,
            rejected,
            warnings,
            ..
        } = record;
        answer!(
            "{}",
            json!({ "file": file, "state": state, "lines": lines, "accepted": accepted, "rejected": rejected, "warnings": warnings })
        );
    } else {
        eprintln!("{message}");
    }
}
