//! The output of `etappe import`: sentences for people, or one JSON object per file.

use etappe_core::id::SiteId;
use etappe_import::{FileRecord, ImportResult, RejectedLine};
use serde_json::json;

use crate::answer::answer;

/// Reports a file's result; an interruption has none.
pub(super) fn report(as_json: bool, site: &SiteId, name: &str, result: &ImportResult) {
    match result {
        ImportResult::Finished { record, .. } => {
            succeeded(as_json, "finished", (name, record), &finished(name, result));
        }
        ImportResult::ImportedBefore { record, at } => {
            let message = format!(
                "{name}: this content was imported into `{site}` at {at} (as {}); nothing was sent",
                record.name
            );
            succeeded(as_json, "refused", (name, record), &message);
        }
        ImportResult::WrongShape { record, shape } => {
            let message = format!("{name}: {shape}; nothing was sent");
            failed(as_json, (name, record), &message, &[]);
        }
        ImportResult::NothingAccepted {
            record,
            first,
            rejected,
        } => {
            let mut message = format!(
                "{name}: no event was accepted, {} lines were rejected, see {}; no progress is \
                 stored, so the file can be imported again",
                record.rejected,
                rejected.display()
            );
            for RejectedLine { line, reason } in first {
                message += &format!("\n  line {line}: {reason}");
            }
            failed(as_json, (name, record), &message, first);
        }
        ImportResult::Interrupted => {}
    }
}

/// Describes the result of a finished file for people.
fn finished(name: &str, result: &ImportResult) -> String {
    let ImportResult::Finished {
        record,
        sent,
        took,
        rejected,
    } = result
    else {
        return String::new();
    };
    let seconds = took.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = *sent as f64 / seconds.max(0.001);
    let mut message =
        format!("{name}: {sent} events accepted in {seconds:.1} s ({rate:.0} events/s)");
    if let Some(list) = rejected {
        message += &format!(
            "; {} lines rejected, see {}",
            record.rejected,
            list.display()
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

#[expect(clippy::print_stderr, reason = "the command's answer")]
fn failed(
    as_json: bool,
    (name, record): (&str, &FileRecord),
    message: &str,
    first_rejected: &[RejectedLine],
) {
    eprintln!("{message}");
    if as_json {
        answer!(
            "{}",
            json!({ "file": name, "state": "failed", "lines": record.lines_done, "accepted": 0, "rejected": record.rejected, "reason": message, "first_rejected": first_rejected })
        );
    }
}

#[expect(clippy::print_stderr, reason = "the command's answer")]
fn succeeded(as_json: bool, state: &str, (name, record): (&str, &FileRecord), message: &str) {
    if as_json {
        let FileRecord {
            lines_done,
            accepted,
            rejected,
            warnings,
            ..
        } = record;
        answer!(
            "{}",
            json!({ "file": name, "state": state, "lines": lines_done, "accepted": accepted, "rejected": rejected, "warnings": warnings })
        );
    } else {
        eprintln!("{message}");
    }
}
