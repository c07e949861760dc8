//! The native protocol: the messages of Segment's HTTP tracking specification.
//!
//! A [`Body`] is first split into its messages without parsing them, so that each can be accepted
//! or rejected on its own. [`Body::message`] then reads one [`Message`], which borrows from the
//! body, and [`Message::encode`] writes its log record.
//!
//! Input is untrusted: none makes this panic, recurse, or allocate more than a small multiple of
//! its size. Only the members named in the specification are kept; a write key among the members of
//! a message is dropped.

use std::borrow::Cow;
use std::net::IpAddr;

use etappe_core::event::{EventKind, KeyScope};
use etappe_core::id::SiteId;
use etappe_core::money_terms::MoneyTerms;
use etappe_core::time::Timestamp;
use etappe_core::warning::Warning;
use uuid::Uuid;

use crate::record::{RecordParts, key_of};

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
pub(crate) use cut::cut_addresses;
pub use cut::cut_addresses_in_text;
pub(crate) use instant::check_range;
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

/// The circumstances in which messages were received.
#[derive(Debug, Clone)]
pub struct Reception<'a> {
    /// The site that the key belongs to.
    pub site: &'a SiteId,
    /// The scope of the key, or of the endpoint if the endpoint is trusted less.
    pub scope: KeyScope,
    /// Whether amounts of money in the messages count.
    pub counts_money: bool,
    /// The site's money terms.
    pub money_terms: &'a MoneyTerms,
    /// When the request was received.
    pub received_at: Timestamp,
    /// The client's IP address. Kept, truncated, if the client is a browser and the message states
    /// none.
    pub address: Option<IpAddr>,
    /// The client's `User-Agent`. Kept if the client is a browser and the message states none.
    pub user_agent: Option<&'a str>,
    /// The client's country as seen by a trusted proxy, as an ISO 3166-1 alpha-2 code. Kept if the
    /// client is a browser and the message states none.
    pub country: Option<&'static str>,
    /// The first id for messages without one: a UUIDv7, new for every request.
    pub first_id: Uuid,
    /// Masks the request's write key, should it occur in a message.
    pub redactor: Option<&'a Redactor>,
}

impl Reception<'_> {
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
    /// The kind of message.
    pub kind: EventKind,
    /// The event's name for `track`, the kind otherwise.
    pub name: Cow<'a, str>,
    /// The message's own id, or a new one; never empty.
    pub message_id: Cow<'a, str>,
    /// The id of the device or browser.
    pub anonymous_id: Option<Cow<'a, str>>,
    /// The known person's id.
    pub user_id: Option<Cow<'a, str>>,
    /// The id that an `alias` replaces.
    pub previous_id: Option<Cow<'a, str>>,
    /// The account.
    pub group_id: Option<Cow<'a, str>>,
    /// When it happened, corrected for the client's clock.
    pub occurred_at: Timestamp,
    /// The JSON text of the properties; empty if there are none.
    pub properties: Cow<'a, str>,
    /// The JSON text of the traits; empty if there are none.
    pub traits: Cow<'a, str>,
    /// The JSON text of the context, its address truncated; empty if there is none.
    pub context: Cow<'a, str>,
    /// Values that were sent but do not count.
    pub warnings: Vec<Warning<'a>>,
}

impl Message<'_> {
    /// Appends the message's log record to `out`.
    pub fn encode(&self, reception: &Reception<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        RecordParts {
            site: reception.site,
            scope: reception.scope,
            counts_money: reception.counts_money,
            money_terms: reception.money_terms,
            kind: self.kind,
            name: &self.name,
            message_id: &self.message_id,
            anonymous_id: self.anonymous_id.as_deref(),
            user_id: self.user_id.as_deref(),
            previous_id: self.previous_id.as_deref(),
            group_id: self.group_id.as_deref(),
            occurred_at: self.occurred_at,
            received_at: reception.received_at,
            properties: &self.properties,
            traits: &self.traits,
            context: &self.context,
        }
        .write(out);
        if let Some(record) = out.get_mut(start..) {
            crate::secret::mask_keys(record);
            if let Some(redactor) = reception.redactor {
                redactor.redact(record);
            }
        }
    }

    /// Returns the partition key of the message's record, as
    /// [`partition_key`](crate::record::partition_key) does for an event.
    #[must_use]
    pub fn partition_key(&self, site: &SiteId) -> u64 {
        let actor = self.anonymous_id.as_deref().or(self.user_id.as_deref());
        key_of(site, actor.unwrap_or(&self.message_id))
    }
}

#[cfg(test)]
mod tests;
