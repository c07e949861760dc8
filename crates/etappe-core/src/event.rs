//! An event: one message of a tracker, on its whole way from the request to the row.
//!
//! There is one type for it, so that a field is added in one place. The protocols' decoders fill an
//! [`Event`] from a request, the log record is written from it and read back into it, and the rules,
//! the facts and the row's encoder read it. Only its objects change form: in the collector, which
//! passes them on, they are JSON text ([`RawEvent`]); after the log they are [`JsonObject`]s, whose
//! members can be looked up.
//!
//! An event borrows its texts from the request's body or the record's bytes. Its time is already
//! corrected for the client's clock and its IP address is already truncated; nothing here checks
//! that again.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::id::SiteId;
use crate::json::JsonObject;
use crate::money_terms::MoneyTerms;
use crate::time::Timestamp;

/// The kind of message, by the names of Segment's HTTP tracking specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// Something an actor did.
    Track,
    /// A page was shown.
    Page,
    /// An app's screen was shown.
    Screen,
    /// Says who an actor is, with the actor's traits.
    Identify,
    /// Says which account an actor belongs to.
    Group,
    /// Says that two ids are one actor.
    Alias,
}

impl EventKind {
    /// Returns whether messages of this kind are events; the others only identify someone.
    #[must_use]
    pub const fn is_event(self) -> bool {
        match self {
            Self::Track | Self::Page | Self::Screen => true,
            Self::Identify | Self::Group | Self::Alias => false,
        }
    }

    /// Returns the name used on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Identify => "identify",
            Self::Group => "group",
            Self::Alias => "alias",
        }
    }
}

/// Returns an event's name without surrounding white space, and with a single space for every run
/// of white space inside it: `Order Completed` and ` Order\u{a0}\u{a0}Completed ` are one event.
///
/// Names are stored and queried in this form. Idempotent; allocates only if the name changes.
#[must_use]
pub fn tidy_name(name: Cow<'_, str>) -> Cow<'_, str> {
    let trimmed = name.trim();
    let mut after_space = false;
    let is_tidy = trimmed.chars().all(|letter| {
        let is_space = letter.is_whitespace();
        let is_fine = !is_space || (letter == ' ' && !after_space);
        after_space = is_space;
        is_fine
    });
    if is_tidy && trimmed.len() == name.len() {
        return name;
    }
    let mut tidy = String::with_capacity(trimmed.len());
    for word in trimmed.split_whitespace() {
        if !tidy.is_empty() {
            tidy.push(' ');
        }
        tidy.push_str(word);
    }
    Cow::Owned(tidy)
}

/// The scope of a write key, which determines how far an event can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyScope {
    /// The key is published in a web page or an app.
    Browser,
    /// The key is kept secret on a server.
    Server,
    /// The key is part of an image address.
    Pixel,
}

impl KeyScope {
    /// Every scope, the most trusted one first.
    pub const ALL: [Self; 3] = [Self::Server, Self::Browser, Self::Pixel];

    /// Returns the name used on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Server => "server",
            Self::Pixel => "pixel",
        }
    }
}

/// One message of a tracker; `Object` is the form of its three objects.
#[derive(Debug, Clone)]
pub struct Event<'a, Object = JsonObject<'a>> {
    /// The site that the event was sent to.
    pub site: Cow<'a, SiteId>,
    /// The scope of the key or protocol that the event was sent with.
    pub scope: KeyScope,
    /// Whether amounts of money in the event count; false for a pixel of a site that does not allow
    /// them.
    pub counts_money: bool,
    /// The site's money terms at the time the event was received.
    pub money_terms: Cow<'a, MoneyTerms>,
    /// The kind of message.
    pub kind: EventKind,
    /// The event's name for `track`; `page` or `screen` for those kinds; the kind otherwise.
    pub name: Cow<'a, str>,
    /// Identifies the message for deduplication; never empty.
    pub message_id: Cow<'a, str>,
    /// The device's or browser's id.
    pub anonymous_id: Option<Cow<'a, str>>,
    /// The known person's id.
    pub user_id: Option<Cow<'a, str>>,
    /// The id that an `alias` replaces.
    pub previous_id: Option<Cow<'a, str>>,
    /// The account's (company's) id.
    pub group_id: Option<Cow<'a, str>>,
    /// When the event happened, corrected for the client's clock.
    pub occurred_at: Timestamp,
    /// When the collector received the event.
    pub received_at: Timestamp,
    /// What the client said about the event.
    pub properties: Object,
    /// What the client said about the person or the account.
    pub traits: Object,
    /// What the client said about the circumstances: page, campaign, device.
    pub context: Object,
}

/// An event whose objects are JSON text; an absent object is an empty text.
pub type RawEvent<'a> = Event<'a, Cow<'a, str>>;

impl<'a, Object> Event<'a, Object> {
    /// Returns a message without ids and objects, sent and received at `at` with a server's key of
    /// a site that has the default money terms.
    #[must_use]
    pub fn empty(
        site: Cow<'a, SiteId>,
        kind: EventKind,
        name: Cow<'a, str>,
        message_id: Cow<'a, str>,
        at: Timestamp,
    ) -> Self
    where
        Object: Default,
    {
        Self {
            site,
            scope: KeyScope::Server,
            counts_money: true,
            money_terms: Cow::default(),
            kind,
            name,
            message_id,
            anonymous_id: None,
            user_id: None,
            previous_id: None,
            group_id: None,
            occurred_at: at,
            received_at: at,
            properties: Object::default(),
            traits: Object::default(),
            context: Object::default(),
        }
    }

    /// Returns the id of the actor before stitching: the user's id, else the anonymous id.
    #[must_use]
    pub fn actor_id(&self) -> Option<&str> {
        self.user_id.as_deref().or(self.anonymous_id.as_deref())
    }
}

impl<'a> Event<'a> {
    /// Returns the value of a property, `context.` path or `traits.` path.
    ///
    /// A bare name and `properties.name` mean the same.
    #[must_use]
    pub fn value(&self, path: &str) -> Option<crate::json::JsonValue<'a>> {
        if let Some(rest) = path.strip_prefix("context.") {
            return self.context.get_path(rest);
        }
        if let Some(rest) = path.strip_prefix("traits.") {
            return self.traits.get_path(rest);
        }
        self.properties
            .get_path(path.strip_prefix("properties.").unwrap_or(path))
    }
}

/// The identity of a message for deduplication: the hash of its site, scope and message id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageHash(pub u64);

impl MessageHash {
    /// Hashes a message id within its site and scope: `xxh3(site || '\0' || scope || '\0' ||
    /// message_id)`.
    ///
    /// A browser's key is public, so an id sent with it must not take the place of a message that a
    /// server will send.
    #[must_use]
    pub fn of(site: &SiteId, scope: KeyScope, message_id: &str) -> Self {
        let mut hasher = xxhash_rust::xxh3::Xxh3Default::new();
        hasher.update(site.as_str().as_bytes());
        hasher.update(&[0]);
        hasher.update(scope.as_str().as_bytes());
        hasher.update(&[0]);
        hasher.update(message_id.as_bytes());
        Self(hasher.digest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_of_every_kind_is_normalised() {
        for name in [
            "Order Completed",
            " Order Completed",
            "Order Completed ",
            "Order  Completed",
            "\tOrder\r\nCompleted\u{85}",
            "\u{a0}Order \u{2003}\u{3000}Completed\u{2028}",
        ] {
            assert_eq!(tidy_name(name.into()), "Order Completed", "{name:?}");
        }
        for (name, expected) in [("", ""), (" \u{a0} ", ""), (" é ", "é"), ("a_b", "a_b")] {
            assert_eq!(tidy_name(name.into()), expected, "{name:?}");
        }
        let tidy = tidy_name("Order Completed".into());
        assert!(matches!(tidy, Cow::Borrowed(_)));
    }
}
