//! The report to the client about its messages: rejections, and values that were accepted but do not
//! count.
//!
//! The lists in an answer are always short: a few hundred bytes of gzip can hold a hundred thousand
//! messages and must not produce an answer of as many lines.

use std::borrow::Cow;

use etappe_core::warning::{Warning, WarningReason};
use etappe_wire::native::{Reason, Reception, Rejection, cut_addresses_in_text};
use etappe_wire::secret::without_keys;
use serde::{Serialize, Serializer};

/// The maximum number of entries in a list of an answer.
pub(crate) const LISTED: usize = 100;

/// The maximum size of an entry in memory and in the answer.
pub(crate) const ENTRY_BYTES: usize = 1024;

/// How many characters of a client's message id are echoed.
const REPEATED_ID: usize = 256;

/// How many bytes of a client's value are echoed.
pub(crate) const REPEATED_VALUE: usize = 64;

/// A message that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RejectedMessage {
    index: usize,
    #[serde(rename = "messageId")]
    message_id: Option<Box<str>>,
    #[serde(serialize_with = "as_name")]
    reason: Reason,
}

/// A value of an accepted message that does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct WarnedMessage {
    index: usize,
    #[serde(rename = "messageId")]
    message_id: Box<str>,
    field: Box<str>,
    value: Box<str>,
    #[serde(serialize_with = "as_warning_name")]
    reason: WarningReason,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn as_name<S: Serializer>(reason: &Reason, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.as_str())
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn as_warning_name<S: Serializer>(
    reason: &WarningReason,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.as_str())
}

impl RejectedMessage {
    pub(crate) fn new(index: usize, rejection: &Rejection<'_>) -> Self {
        Self {
            index,
            message_id: rejection.message_id.as_deref().map(repeated_id),
            reason: rejection.reason,
        }
    }
}

impl WarnedMessage {
    pub(crate) fn new(
        index: usize,
        message_id: &str,
        warning: &Warning<'_>,
        reception: &Reception,
    ) -> Self {
        Self {
            index,
            message_id: repeated_id(message_id),
            field: beginning(&warning.field, REPEATED_VALUE).into(),
            value: redacted(&warning.value, reception),
            reason: warning.reason,
        }
    }
}

fn repeated_id(id: &str) -> Box<str> {
    id.chars().take(REPEATED_ID).collect::<String>().into()
}

/// Returns the beginning of a client's text, without the request's key and without addresses.
pub(crate) fn redacted(text: &str, reception: &Reception) -> Box<str> {
    // Redact more than is kept, so that a key or address at the cut is seen whole.
    let seen = beginning(text, REPEATED_VALUE * 8);
    let seen = match &reception.redactor {
        Some(redactor) => redactor.redact_text(seen),
        None => Cow::Borrowed(seen),
    };
    let seen = without_keys(&seen);
    beginning(&cut_addresses_in_text(&seen), REPEATED_VALUE).into()
}

/// Returns the longest prefix of whole characters that fits into `bytes`.
pub(crate) fn beginning(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// An entry about a message of a request.
pub(crate) trait OfMessage {
    /// Returns the index of the request's message that it is about.
    fn index(&self) -> usize;
}

impl OfMessage for RejectedMessage {
    fn index(&self) -> usize {
        self.index
    }
}

impl OfMessage for WarnedMessage {
    fn index(&self) -> usize {
        self.index
    }
}

/// The first entries of a list, in message order, and the number of further ones.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    pub(crate) first: Vec<T>,
    pub(crate) more: usize,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            first: Vec::new(),
            more: 0,
        }
    }
}

impl<T: OfMessage> Listed<T> {
    /// Adds an entry; it replaces entries of later messages when there is no room.
    pub(crate) fn push(&mut self, entry: T) {
        let at = self
            .first
            .partition_point(|listed| listed.index() <= entry.index());
        if at < LISTED {
            self.first.insert(at, entry);
        } else {
            self.more += 1;
        }
        if self.first.len() > LISTED {
            self.first.truncate(LISTED);
            self.more += 1;
        }
    }

    /// Adds an entry of a message after all others; the entry is made only if there is room.
    pub(crate) fn push_last(&mut self, entry: impl FnOnce() -> T) {
        if self.first.len() < LISTED {
            self.first.push(entry());
        } else {
            self.more += 1;
        }
    }

    /// Adds entries of later messages.
    pub(crate) fn extend(&mut self, later: Self) {
        later.first.into_iter().for_each(|entry| self.push(entry));
        self.more += later.more;
    }

    /// Removes the entries of a message.
    pub(crate) fn forget(&mut self, index: usize) {
        self.first.retain(|entry| entry.index() != index);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
}

/// The rejections and warnings that are reported to a request's sender.
#[derive(Debug, Default)]
pub(crate) struct ClientReport {
    pub(crate) rejected: Listed<RejectedMessage>,
    pub(crate) warnings: Listed<WarnedMessage>,
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Entry(usize);

    impl OfMessage for Entry {
        fn index(&self) -> usize {
            self.0
        }
    }

    #[test]
    fn the_first_entries_are_listed_and_the_others_counted() {
        let mut listed = Listed::default();
        (50..300).for_each(|index| listed.push(Entry(index)));
        listed.push(Entry(7));
        let mut later = Listed::default();
        (300..500).for_each(|index| later.push(Entry(index)));
        listed.extend(later);
        let indexes: Vec<usize> = listed.first.iter().map(OfMessage::index).collect();
        let expected: Vec<usize> = std::iter::once(7).chain(50..149).collect();
        assert_eq!((indexes, listed.more), (expected, 351));
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(beginning("short", 64), "short");
        assert_eq!(beginning(&"é".repeat(100), 64).len(), 64);
        assert_eq!(beginning(&format!("x{}", "é".repeat(100)), 64).len(), 63);
    }
}
