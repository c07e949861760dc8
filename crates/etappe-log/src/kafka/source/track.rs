//! Which offset comes next in a partition, and what to make of another one. Pure.
//!
//! A record that does not follow on the one before is doubted once: it is fetched again from the
//! expected place, and only what is missing then too is a gap. So a record that the client lost on
//! the way, while partitions moved, is never passed over.

use etappe_core::id::Offset;

/// Where the reading of a partition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Track {
    /// The offset that comes next, if it is known.
    position: Option<Offset>,
    /// Where a missing record was doubted; missing there again, it is a gap.
    doubted: Option<Offset>,
}

/// Offsets that nobody will ever read: from `expected` to just before `found`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) expected: Offset,
    pub(super) found: Offset,
}

/// How a record follows on the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// It is the next one.
    Next,
    /// It is the next one that there is.
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

    /// Returns whether what comes next begins at `from`; `stashed` is a record that was fetched and
    /// not handed out.
    pub(super) fn is_at(&mut self, from: Offset, stashed: Option<Offset>) -> bool {
        let Some(position) = self.position else {
            return false;
        };
        // Nothing lies between the position and the record that was fetched.
        let is_skipped = stashed.is_some_and(|stashed| position <= from && from <= stashed);
        if is_skipped {
            self.position = Some(from);
        }
        position == from || is_skipped
    }

    /// Records that fetching begins at `from`.
    pub(super) fn place(&mut self, from: Offset) {
        self.position = Some(from);
    }

    /// Records that it is not known where fetching goes on.
    pub(super) fn lose(&mut self) {
        self.position = None;
    }

    /// Says how a record at `offset` follows.
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

    /// Records that the record at `offset` was handed out.
    pub(super) fn pass(&mut self, offset: Offset) {
        self.position = Some(offset.next());
        self.doubted = None;
    }

    /// Records that a record is missing at the position, which is lost with that.
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
    fn what_was_doubted_and_found_is_no_gap() {
        let mut track = Track::at(Some(Offset(6)));
        track.doubt();
        track.place(Offset(6));
        assert_eq!(track.order(Offset(6)), Order::Next);
        track.pass(Offset(6));
        assert_eq!(track.order(Offset(8)), Order::Doubtful);
    }

    #[test]
    fn a_record_that_waits_tells_what_is_not_there() {
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
