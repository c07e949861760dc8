//! Dead letters as commands show them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use etappe_core::ports::StoredDeadLetter;
use etappe_core::time::Timestamp;
use etappe_wire::native::cut_addresses_in_text;
use serde::{Deserialize, Serialize};

/// A letter as commands show it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ShownLetter {
    /// `TOPIC:PARTITION:OFFSET`: the record's position in the log.
    pub(crate) letter: String,
    pub(crate) reason: String,
    pub(crate) buried_at: Timestamp,
    pub(crate) replayed_at: Option<Timestamp>,
    pub(crate) bytes: usize,
    /// The record, if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// The record in Base64, if it is not text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base64: Option<String>,
}

/// Returns a letter for display, with or without its bytes. Addresses in it are truncated: an
/// unreadable record was not written by a collector, so they may be complete.
pub(crate) fn show(letter: &StoredDeadLetter, with_bytes: bool) -> ShownLetter {
    let payload = &letter.letter.payload;
    let text = std::str::from_utf8(payload).ok().map(str::to_owned);
    let base64 = text.is_none().then(|| STANDARD.encode(payload));
    ShownLetter {
        letter: letter.name(),
        reason: cut_addresses_in_text(&letter.letter.reason).into_owned(),
        buried_at: letter.buried_at,
        replayed_at: letter.replayed_at,
        bytes: payload.len(),
        text: text
            .filter(|_| with_bytes)
            .map(|text| cut_addresses_in_text(&text).into_owned()),
        base64: base64.filter(|_| with_bytes),
    }
}
