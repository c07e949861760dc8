//! Tracks which offset comes next in a partition, and classifies any other offset.
//!
//! Invariant: a missing record is never skipped unless it is missing twice. A record that does not
//! directly follow the previous one is doubted: reading starts again at the expected offset, and
//! only if the record is missing again is it a gap.
//!
//! The reason is that the client can lose fetched records while partitions move between members. A
//! real gap, left by deleted records or transaction markers, shows again on the second fetch. A
//! lost record does not.
//!
//! Trap: a doubt counts for one offset only. A gap at another offset is doubted again.
//!
//! Pure: no client, no clock.

use etappe_core::id::Offset;

/// The read position in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Track {
    /// The offset that comes next, if known.
    position: Option<Offset>,
    /// The offset at which a record was found missing. Missing there again, it is a gap.
    doubted: Option<Offset>,
}

/// Offsets that hold no readable records: from `expected` to just before `found`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) expected: Offset,
    pub(super) found: Offset,
}

/// How a record follows the previous one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// It has the next offset.
    Next,
    /// It is the next existing record, after a gap.
    AfterGap(Gap),
    /// Something is missing before it, which must be fetched again to be sure.
    Doubtful,
    /// It lies before the expected one: the log lost its end.
    Backwards,
}

impl Track {
    pub(super) const fn at(position: Option<Offset>) -> Self {
        Self {
            position,
            doubted: None,
        }
    }

    /// Returns whether reading continues at `from`. `stashed` is the offset of a record that was
    /// fetched and not returned.
    pub(super) fn is_at(&mut self, from: Offset, stashed: Option<Offset>) -> bool {
        let Some(position) = self.position else {
            return false;
        };
        // No record exists between the position and the stashed record.
        let is_skipped = stashed.is_some_and(|stashed| position <= from && from <= stashed);
        if is_skipped {
            self.position = Some(from);
        }
        position == from || is_skipped
    }

    /// Records that fetching starts at `from`.
    pub(super) fn place(&mut self, from: Offset) {
        self.position = Some(from);
    }

    /// Records that the position is unknown.
    pub(super) fn lose(&mut self) {
        self.position = None;
    }

    /// Returns how a record at `offset` follows.
    pub(super) fn order(&self, offset: Offset) -> Order {
        match self.position {
            None => Order::Doubtful,
            Some(expected) if offset == expected => Order::Next,
            Some(expected) if offset < expected => Order::Backwards,
            Some(expected) if self.doubted == Some(expected) => Order::AfterGap(Gap {
                expected,
                found: offset,
            }),
            Some(_) => Order::Doubtful,
        }
    }

    /// Records that the record at `offset` was returned.
    pub(super) fn pass(&mut self, offset: Offset) {
        self.position = Some(offset.next());
        self.doubted = None;
    }

    /// Records that a record is missing at the position. The position becomes unknown.
    pub(super) fn doubt(&mut self) {
        self.doubted = self.position.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_record_is_a_gap_only_when_it_is_missing_twice() {
        let mut track = Track::at(Some(Offset(5)));
        assert_eq!(track.order(Offset(5)), Order::Next);
        track.pass(Offset(5));
        assert_eq!(track.order(Offset(9)), Order::Doubtful);
        track.doubt();
        assert!(!track.is_at(Offset(6), None));
        track.place(Offset(6));
        let gap = Gap {
            expected: Offset(6),
            found: Offset(9),
        };
        assert_eq!(track.order(Offset(9)), Order::AfterGap(gap));
        track.pass(Offset(9));
        assert_eq!(track.order(Offset(10)), Order::Next);
        assert_eq!(track.order(Offset(12)), Order::Doubtful, "it is another");
    }

    #[test]
    fn a_doubtful_record_that_is_found_is_not_a_gap() {
        let mut track = Track::at(Some(Offset(6)));
        track.doubt();
        track.place(Offset(6));
        assert_eq!(track.order(Offset(6)), Order::Next);
        track.pass(Offset(6));
        assert_eq!(track.order(Offset(8)), Order::Doubtful);
    }

    #[test]
    fn the_first_waiting_record_shows_which_offsets_are_missing() {
        let mut track = Track::at(Some(Offset(5)));
        assert!(track.is_at(Offset(5), Some(Offset(8))));
        assert!(track.is_at(Offset(7), Some(Offset(8))));
        assert!(!track.is_at(Offset(5), Some(Offset(8))), "it moved on");
        assert!(!track.is_at(Offset(9), Some(Offset(8))));
        assert!(!track.is_at(Offset(8), None));
    }

    #[test]
    fn going_back_is_noticed() {
        let track = Track::at(Some(Offset(5)));
        assert_eq!(track.order(Offset(4)), Order::Backwards);
        assert_eq!(Track::at(None).order(Offset(4)), Order::Doubtful);
    }
}
