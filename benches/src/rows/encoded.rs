//! Blocks of rows, encoded as the classifier would, before the measurement starts.

use std::borrow::Cow;

use anyhow::Context;
use bytes::Bytes;
use etappe_core::event::{Event, EventKind, KeyScope};
use etappe_core::facts::{EventFacts, FactNames};
use etappe_core::id::{Offset, PartitionId, SiteId, hash64};
use etappe_core::json::JsonObject;
use etappe_core::milestone::Milestone;
use etappe_core::ports::MessageHash;
use etappe_core::rules::{Outcome, OutcomeId};
use etappe_core::time::Timestamp;
use etappe_wire::row::{Block, RowInput, encode};

use crate::gzip_template::digits;
use crate::sample::{ACTOR_SLOT, MESSAGE_SLOT, Sample};

/// The site that the rows belong to.
const SITE: &str = "limit";

/// A partition that no log has, so that the rows are never duplicates.
const PARTITION: PartitionId = PartitionId(9_999);
const BLOCKS: u64 = 4;

/// Blocks of rows; they are sent in turn.
#[derive(Debug)]
pub struct EncodedRows {
    blocks: Vec<Bytes>,
    rows_per_block: u64,
    nonce: u32,
}

impl EncodedRows {
    /// Encodes a few blocks of `rows_per_block` rows each.
    ///
    /// # Errors
    ///
    /// When the product cannot read a sample.
    pub fn new(rows_per_block: u64, now: Timestamp, nonce: u32) -> anyhow::Result<Self> {
        let rows_per_block = rows_per_block.max(1);
        let mut blocks = Vec::new();
        for block in 0..BLOCKS {
            let mut bytes = Vec::new();
            for row in 0..rows_per_block {
                encode_row(block * rows_per_block + row, now, nonce, &mut bytes)?;
            }
            let count = usize::try_from(rows_per_block)?;
            let block = Block::of(&bytes, count).context("the rows are whole")?;
            blocks.push(block.into_pieces().concat().into());
        }
        Ok(Self {
            blocks,
            rows_per_block,
            nonce,
        })
    }

    /// Returns the block to send as insert number `number`.
    #[must_use]
    pub fn block(&self, number: u64) -> Bytes {
        let index = usize::try_from(number % self.blocks.len() as u64);
        self.blocks[index.expect("an index into a vector fits")].clone()
    }

    /// Returns how many rows a block holds.
    #[must_use]
    pub fn rows_per_block(&self) -> u64 {
        self.rows_per_block
    }

    /// Returns how many bytes a row takes on average.
    #[must_use]
    pub fn bytes_per_row(&self) -> u64 {
        let bytes: usize = self.blocks.iter().map(Bytes::len).sum();
        bytes as u64 / (self.rows_per_block * self.blocks.len() as u64)
    }

    /// Returns the nonce, which makes this run's tokens unique to the run.
    #[must_use]
    pub fn nonce(&self) -> u32 {
        self.nonce
    }
}

/// Makes the event of a number as it is in the log.
///
/// # Errors
///
/// When the product cannot read a sample.
pub fn with_event<T>(
    number: u64,
    received_at: Timestamp,
    nonce: u32,
    use_it: impl FnOnce(&Event<'_>) -> T,
) -> anyhow::Result<T> {
    let sample = Sample::new(number, received_at);
    let fill = |text: &str| fill(text, (u64::from(nonce) << 32) | number, number / 25_600);
    let (properties, context) = (fill(&sample.properties), fill(&sample.context));
    let is_page = sample.kind == "page";
    let kind = if is_page {
        EventKind::Page
    } else {
        EventKind::Track
    };
    let event = Event {
        scope: KeyScope::Browser,
        anonymous_id: Some(fill(&sample.anonymous_id).into()),
        user_id: sample.user_id.as_deref().map(|id| fill(id).into()),
        received_at,
        properties: JsonObject::parse(&properties)?,
        context: JsonObject::parse(&context)?,
        ..Event::empty(
            Cow::Owned(SiteId::try_new(SITE)?),
            kind,
            if is_page { "page" } else { sample.name }.into(),
            fill(&sample.message_id).into(),
            sample.occurred_at,
        )
    };
    Ok(use_it(&event))
}

fn encode_row(number: u64, now: Timestamp, nonce: u32, out: &mut Vec<u8>) -> anyhow::Result<()> {
    with_event(number, now, nonce, |event| encode_event(event, number, out))
}

fn encode_event(event: &Event<'_>, number: u64, out: &mut Vec<u8>) {
    let facts = EventFacts::extract(event, FactNames::default());
    let outcome = Outcome {
        id: OutcomeId(hash64(&event.name)),
        milestone: Some(Milestone::ContentView),
        vocabulary: None,
        stages: Box::default(),
    };
    let row = RowInput {
        event,
        facts: &facts,
        outcome: &outcome,
        actor: event.actor_id().unwrap_or_default(),
        message_hash: MessageHash(hash64(&event.message_id)),
        topic: "etappe.events.v1",
        partition: PARTITION,
        offset: Offset(number),
        duplicate: false,
    };
    encode(&row, out);
}

fn fill(text: &str, message: u64, actor: u64) -> String {
    let mut filled = text.to_owned();
    for (slot, value) in [(&MESSAGE_SLOT[..], message), (&ACTOR_SLOT[..], actor)] {
        let slot = std::str::from_utf8(slot).expect("the slots are ASCII");
        let digits = String::from_utf8(digits(value, slot.len())).expect("digits are ASCII");
        filled = filled.replace(slot, &digits);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_750_000_000_000);

    #[test]
    fn rows_are_as_wide_as_a_sample_and_its_columns() {
        let rows = EncodedRows::new(200, NOW, 1).unwrap();
        assert!(
            (800..1_600).contains(&rows.bytes_per_row()),
            "{}",
            rows.bytes_per_row()
        );
        assert_eq!(rows.rows_per_block(), 200);
    }

    #[test]
    fn blocks_differ_and_are_sent_in_turn() {
        let rows = EncodedRows::new(10, NOW, 1).unwrap();
        assert_ne!(rows.block(0), rows.block(1));
        assert_eq!(rows.block(0), rows.block(BLOCKS));
    }

    #[test]
    fn every_slot_is_filled() {
        let rows = EncodedRows::new(50, NOW, 1).unwrap();
        let block = rows.block(0);
        assert!(!block.windows(8).any(|window| window == ACTOR_SLOT));
        assert!(!block.windows(16).any(|window| window == MESSAGE_SLOT));
    }
}
