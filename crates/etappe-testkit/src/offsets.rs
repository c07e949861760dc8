//! Short ways to write ranges of offsets and a consumer's progress.

use etappe_core::id::{Offset, OffsetRange};
use etappe_core::ports::Progress;

/// Makes the range from `first` to `last`.
#[must_use]
pub const fn range(first: u64, last: u64) -> OffsetRange {
    OffsetRange {
        first: Offset(first),
        last: Offset(last),
    }
}

/// Makes the progress up to `next`, with the first and last offset of the pending range.
#[must_use]
pub fn progress(next: u64, pending: Option<(u64, u64)>) -> Progress {
    Progress {
        next: Offset(next),
        pending: pending.map(|(first, last)| range(first, last)),
    }
}
