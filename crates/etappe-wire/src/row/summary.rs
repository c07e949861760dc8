//! Extracts from encoded rows what is needed to store them again after a crash.
//!
//! It scans the columns without building values. It reads only what [`super::encode`] wrote, in the
//! order of [`super::COLUMNS`].

use etappe_core::id::Offset;
use etappe_core::time::Timestamp;

/// The parts of a row that determine where it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowSummary<'a> {
    /// The bytes of the row.
    pub bytes: &'a [u8],
    /// Whether it is a collector's mark rather than a message.
    pub is_mark: bool,
    /// Whether it is an event; other messages only identify someone.
    pub is_event: bool,
    /// The milestone, or empty.
    pub milestone: &'a str,
    /// Whether it has an actor.
    pub has_actor: bool,
    /// Whether it has an id other than the actor's own.
    pub has_other_id: bool,
    /// Whether it has a referral code or an inviter.
    pub has_referral: bool,
    /// Whether it has a score, a rating or a sentiment.
    pub has_feedback: bool,
    /// When it was received.
    pub received_at: Timestamp,
    /// Its position in its partition.
    pub offset: Offset,
    /// Whether it is a duplicate.
    pub is_duplicate: bool,
}

/// The bytes are not valid rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("row {0} of a batch is malformed")]
pub struct MalformedRow(pub usize);

/// Returns a [`RowSummary`] for each row in `bytes`.
///
/// # Errors
/// [`MalformedRow`] when the bytes were not written by [`super::encode`].
pub fn scan_rows(bytes: &[u8]) -> Result<Vec<RowSummary<'_>>, MalformedRow> {
    let mut rows = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (row, after) = take_row(rest).ok_or(MalformedRow(rows.len()))?;
        rows.push(row);
        rest = after;
    }
    Ok(rows)
}

/// Returns when the first row was received, if there is one.
#[must_use]
pub fn first_received_at(bytes: &[u8]) -> Option<Timestamp> {
    take_row(bytes).map(|(mark, _)| mark.received_at)
}

/// Returns whether all rows are collectors' marks. Stops at the first row that is not.
#[must_use]
pub fn only_marks(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        match take_row(rest) {
            Some((mark, after)) if mark.is_mark => rest = after,
            _ => return false,
        }
    }
    true
}

fn take_row(bytes: &[u8]) -> Option<(RowSummary<'_>, &[u8])> {
    let mut walk = Walk(bytes);
    walk.text()?; // site
    let kind = walk.byte()?;
    walk.take(3)?; // scope, amount_state, is_view
    walk.text()?; // event
    let milestone = walk.text()?;
    walk.number()?; // outcome_id
    let actor = walk.text()?;
    let actor_hash = walk.number()?;
    let ids = [walk.text()?, walk.text()?, walk.text()?];
    walk.text()?; // account
    walk.number()?; // account_hash
    walk.text()?; // message_id
    walk.number()?; // message_hash
    walk.number()?; // occurred_at
    let received_at = Timestamp::from_millis(walk.number()?.cast_signed());
    walk.nullable(16)?; // revenue
    walk.texts(2)?; // currency, order_id
    walk.number()?; // order_hash
    let (code, inviter) = (walk.text()?, walk.text()?);
    walk.number()?; // inviter_hash
    let nps = walk.nullable(1)?;
    let rating = walk.nullable(8)?;
    let sentiment = walk.nullable(8)?;
    walk.texts(18)?; // touchpoint … topic
    walk.take(4)?; // partition
    let offset = Offset(walk.number()?);
    let is_duplicate = walk.byte()? != 0;
    let (row, after) = bytes.split_at(bytes.len() - walk.0.len());
    let mark = RowSummary {
        bytes: row,
        is_mark: kind == super::MARK,
        is_event: kind <= super::kind_number(etappe_core::event::EventKind::Screen),
        milestone,
        has_actor: actor_hash != 0,
        has_other_id: ids.iter().any(|id| !id.is_empty() && *id != actor),
        has_referral: !code.is_empty() || !inviter.is_empty(),
        has_feedback: nps || rating || sentiment,
        received_at,
        offset,
        is_duplicate,
    };
    Some((mark, after))
}

/// The bytes that are not scanned yet.
struct Walk<'a>(&'a [u8]);

impl<'a> Walk<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    /// Skips a nullable value and returns whether it is present.
    fn nullable(&mut self, size: usize) -> Option<bool> {
        let has_value = self.byte()? == 0;
        if has_value {
            self.take(size)?;
        }
        Some(has_value)
    }

    fn text(&mut self) -> Option<&'a str> {
        let mut length = 0_usize;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return std::str::from_utf8(self.take(length)?).ok();
            }
        }
        None
    }

    fn texts(&mut self, count: usize) -> Option<()> {
        for _ in 0..count {
            self.text()?;
        }
        Some(())
    }
}
