//! The metadata of a committed offset: the range that was about to be inserted.
//!
//! `etappe/1`, or `etappe/1 pending=<first>-<last>`, where `first` is the committed offset itself.

use etappe_core::id::{Offset, OffsetRange};
use etappe_core::ports::Progress;

const VERSION: &str = "etappe/1";
const PENDING: &str = " pending=";

/// Why the metadata of a committed offset is unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnreadableMetadata {
    #[error("it is not from this program, or from a newer version of it")]
    Foreign,
    #[error("its range does not consist of two offsets")]
    NotARange,
    #[error("its range does not begin at the committed offset")]
    Misplaced,
}

/// Returns the metadata for `progress`.
pub(super) fn to_text(progress: Progress) -> String {
    match progress.pending {
        None => VERSION.to_owned(),
        Some(range) => format!("{VERSION}{PENDING}{}-{}", range.first.0, range.last.0),
    }
}

/// Parses the metadata of the committed offset `next`.
pub(super) fn parse(next: Offset, text: &str) -> Result<Progress, UnreadableMetadata> {
    let rest = text
        .strip_prefix(VERSION)
        .ok_or(UnreadableMetadata::Foreign)?;
    if rest.is_empty() {
        return Ok(Progress {
            next,
            pending: None,
        });
    }
    let range = rest
        .strip_prefix(PENDING)
        .ok_or(UnreadableMetadata::Foreign)?;
    let (first, last) = range.split_once('-').ok_or(UnreadableMetadata::NotARange)?;
    let offset = |text: &str| match text.parse() {
        Ok(offset) => Ok(Offset(offset)),
        Err(_) => Err(UnreadableMetadata::NotARange),
    };
    let range = OffsetRange {
        first: offset(first)?,
        last: offset(last)?,
    };
    if range.first != next || range.last < range.first {
        return Err(UnreadableMetadata::Misplaced);
    }
    Ok(Progress {
        next,
        pending: Some(range),
    })
}

#[cfg(test)]
mod tests {
    use etappe_testkit::offsets::progress;

    use super::*;

    #[test]
    fn progress_survives_as_text() {
        let largest = u64::MAX;
        for progress in [
            progress(0, None),
            progress(7, Some((7, 7))),
            progress(largest - 1, Some((largest - 1, largest))),
        ] {
            let text = to_text(progress);
            assert!(text.len() < 4_096);
            assert_eq!(parse(progress.next, &text), Ok(progress));
        }
        assert_eq!(to_text(progress(7, Some((7, 9)))), "etappe/1 pending=7-9");
    }

    #[test]
    fn foreign_metadata_is_distinguished_from_broken_metadata() {
        for (text, expected) in [
            ("", UnreadableMetadata::Foreign),
            ("etappe/2 pending=7-9", UnreadableMetadata::Foreign),
            ("etappe/1pending=7-9", UnreadableMetadata::Foreign),
            ("etappe/1 pending=7", UnreadableMetadata::NotARange),
            ("etappe/1 pending=7-", UnreadableMetadata::NotARange),
            ("etappe/1 pending=-7-9", UnreadableMetadata::NotARange),
            ("etappe/1 pending=6-9", UnreadableMetadata::Misplaced),
            ("etappe/1 pending=7-6", UnreadableMetadata::Misplaced),
        ] {
            assert_eq!(parse(Offset(7), text), Err(expected), "{text}");
        }
    }
}
