//! The native protocol: the messages of Segment's HTTP tracking specification.
//!
//! A [`Body`] is first split into its messages without parsing them, so that each can be accepted
//! or rejected on its own. [`Body::message`] then reads one [`Message`]: its event takes the texts
//! from the body and everything else from the [`Reception`], which the collector makes once per
//! request. [`Message::encode`] writes the log record.
//!
//! Invariants: no input makes this panic, recurse, or allocate more than a small multiple of its
//! size. No whole IP address and no write key gets into a record. Only the members named in the
//! specification are kept.
//!
//! Trap: a message is scanned, not parsed, and the text of its objects goes into the record as it
//! was sent. Code that reads a name or a value must undo JSON's escapes first (see `field`).

use std::borrow::Cow;
use std::net::IpAddr;

use etappe_core::event::{Event, EventKind, KeyScope, RawEvent};
use etappe_core::id::SiteId;
use etappe_core::money_terms::MoneyTerms;
use etappe_core::time::Timestamp;
use etappe_core::warning::Warning;
use uuid::Uuid;

use crate::record;

mod address;
mod body;
mod context;
mod country;
mod cut;
mod field;
mod instant;
mod message;
mod message_id;
pub(crate) mod notice;
mod redactor;
mod scan;
mod surrogate;

pub use address::truncate_address;
pub use body::{Body, BodyError};
pub(crate) use country::with_country;
pub use cut::cut_addresses_in_text;
pub(crate) use instant::check_range;
pub(crate) use message::without_addresses;
pub(crate) use message_id::fresh_id;
pub use redactor::Redactor;

/// Limits on the size and the nesting depth of a message.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most bytes of JSON text that a message may have.
    pub event_bytes: usize,
    /// The most levels of nested objects and arrays in a message, itself included; at most 64.
    pub depth: u32,
}

impl Default for Limits {
    /// Returns the limits of the contract: 32 KiB, and 64 levels.
    fn default() -> Self {
        Self {
            event_bytes: 32 * 1024,
            depth: scan::MAX_DEPTH,
        }
    }
}

/// What a request says of all its messages.
#[derive(Debug, Clone)]
pub struct Reception {
    /// The site that the key belongs to.
    pub site: SiteId,
    /// The scope of the key, or of the endpoint if the endpoint is trusted less.
    pub scope: KeyScope,
    /// Whether amounts of money in the messages count.
    pub counts_money: bool,
    /// The site's money terms.
    pub money_terms: MoneyTerms,
    /// When the request was received.
    pub received_at: Timestamp,
    /// The client's IP address. Kept, truncated, if the client is a browser and the message states
    /// none.
    pub address: Option<IpAddr>,
    /// The client's `User-Agent`. Kept if the client is a browser and the message states none.
    pub user_agent: Option<String>,
    /// The client's country as seen by a trusted proxy, as an ISO 3166-1 alpha-2 code. Kept if the
    /// client is a browser and the message states none.
    pub country: Option<&'static str>,
    /// The first id for messages without one: a UUIDv7, new for every request.
    pub first_id: Uuid,
    /// Masks the request's write key, should it occur in a message.
    pub redactor: Option<Redactor>,
}

impl Reception {
    /// Returns the message at `index` of the request, without ids and objects. A message without an
    /// id of its own gets a new one.
    pub(crate) fn event<'a>(
        &'a self,
        index: usize,
        kind: EventKind,
        name: Cow<'a, str>,
        message_id: Option<Cow<'a, str>>,
        occurred_at: Timestamp,
    ) -> RawEvent<'a> {
        let message_id = message_id.unwrap_or_else(|| Cow::Owned(fresh_id(self.first_id, index)));
        Event {
            scope: self.scope,
            counts_money: self.counts_money,
            money_terms: Cow::Borrowed(&self.money_terms),
            received_at: self.received_at,
            ..Event::empty(
                Cow::Borrowed(&self.site),
                kind,
                name,
                message_id,
                occurred_at,
            )
        }
    }

    /// Returns whether the request came directly from the device of the person it is about.
    const fn is_from_device(&self) -> bool {
        match self.scope {
            KeyScope::Browser | KeyScope::Pixel => true,
            KeyScope::Server => false,
        }
    }

    /// Returns the country of the person's device as seen by a proxy.
    pub(crate) fn proxys_country(&self) -> Option<&'static str> {
        self.country.filter(|_| self.is_from_device())
    }
}

/// Returns whether a raw value is null or an empty string.
fn is_blank(raw: &str) -> bool {
    raw == "null" || raw == "\"\""
}

/// Why a message was rejected. The names are part of the contract with clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The message is larger than allowed.
    TooLarge,
    /// The message is not a valid JSON object.
    Malformed,
    /// Objects and arrays in the message nest deeper than allowed.
    TooDeep,
    /// The message holds bytes that are not UTF-8.
    InvalidUtf8,
    /// `type` is missing or not one of the six.
    InvalidType,
    /// A member has the wrong type, such as `properties` that are not an object.
    InvalidField,
    /// An id is neither a string nor a number.
    InvalidId,
    /// A `track` message has no `event`.
    MissingEvent,
    /// No id was sent: neither `anonymousId` nor `userId`; or no `previousId` in an `alias`, no
    /// `groupId` in a `group`. A placeholder is accepted as sent, with a warning.
    MissingId,
    /// `timestamp` is not a time, or is before 1970 or more than a day in the future.
    InvalidTimestamp,
}

impl Reason {
    /// All reasons, for registering counters.
    pub const ALL: [Self; 10] = [
        Self::TooLarge,
        Self::Malformed,
        Self::TooDeep,
        Self::InvalidUtf8,
        Self::InvalidType,
        Self::InvalidField,
        Self::InvalidId,
        Self::MissingEvent,
        Self::MissingId,
        Self::InvalidTimestamp,
    ];

    /// Returns the name used in answers and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::TooDeep => "too_deep",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::InvalidType => "invalid_type",
            Self::InvalidField => "invalid_field",
            Self::InvalidId => "invalid_id",
            Self::MissingEvent => "missing_event",
            Self::MissingId => "missing_id",
            Self::InvalidTimestamp => "invalid_timestamp",
        }
    }
}

/// A message that was rejected, with its readable parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection<'a> {
    /// The reason.
    pub reason: Reason,
    /// The message's id, if it has a readable one.
    pub message_id: Option<Cow<'a, str>>,
    /// The kind of message, if it is known.
    pub kind: Option<EventKind>,
    /// The event's name, if it has a readable one.
    pub event: Option<Cow<'a, str>>,
    /// The size of its JSON text in bytes.
    pub bytes: usize,
}

/// A message that can be accepted.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// The event for the log, its addresses truncated.
    pub event: RawEvent<'a>,
    /// Values that were sent but do not count.
    pub warnings: Vec<Warning<'a>>,
}

impl Message<'_> {
    /// Appends the message's log record to `out`, with every write key in it masked.
    pub fn encode(&self, redactor: Option<&Redactor>, out: &mut Vec<u8>) {
        let start = out.len();
        record::encode(&self.event, out);
        if let Some(record) = out.get_mut(start..) {
            crate::secret::mask_keys(record);
            if let Some(redactor) = redactor {
                redactor.redact(record);
            }
        }
    }
}

#[cfg(test)]
mod tests;
