//! The ranges in which a part of a partition is stored again, because the database may have lost it.

use etappe_core::id::{Offset, OffsetRange};

/// The most offsets in one replayed range, because a range is held in memory as a whole.
const STEP: u64 = 10_000;

/// Returns the ranges from `from` to before `until`, in order.
pub(crate) fn replayed_ranges(from: Offset, until: Offset) -> impl Iterator<Item = OffsetRange> {
    let firsts = std::iter::successors(Some(from), |first| first.0.checked_add(STEP).map(Offset));
    let firsts = firsts.take_while(move |first| *first < until);
    firsts.map(move |first| OffsetRange {
        first,
        last: Offset(until.0.min(first.0.saturating_add(STEP)) - 1),
    })
}
