//! The address of the page an event happened on, and patterns for it.
//!
//! Trackers put the address in different places; the first one present counts. Paths are compared
//! in lower case and without a trailing slash.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::channel::decode;
use crate::event::Event;
use crate::json::{JsonObject, JsonValue};

use super::lookup;
use super::pattern::{BadPattern, Glob};

/// A pattern for a page's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AddressPattern {
    /// `/blog/*`: the whole path; `*` stands for any text, including slashes.
    Path(Glob),
    /// `?q`: the query has this key with a value.
    QueryKey(Box<str>),
}

/// An address pattern starts with neither `/`, `*` nor `?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadAddress {
    #[error("{0}")]
    Pattern(#[from] BadPattern),
    #[error("a URL pattern starts with `/` (a path) or `?` (a key of the query)")]
    Start,
}

impl AddressPattern {
    pub(super) fn parse(text: &str) -> Result<Self, BadAddress> {
        match text.strip_prefix('?') {
            Some("") => Err(BadPattern::Empty.into()),
            Some(key) => Ok(Self::QueryKey(key.to_lowercase().into())),
            None if text.is_empty() => Err(BadPattern::Empty.into()),
            None if text.starts_with(['/', '*']) => {
                let trimmed = match text.strip_suffix('/') {
                    Some("") | None => text,
                    Some(rest) => rest,
                };
                Ok(Self::Path(Glob::parse(trimmed, |piece| {
                    piece.to_lowercase()
                })?))
            }
            None => Err(BadAddress::Start),
        }
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(glob) => glob.fmt(f),
            Self::QueryKey(key) => write!(f, "?{key}"),
        }
    }
}

/// A part of a page's address that holds a value: the part of the path after some text, or the
/// value of a query key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AddressPart {
    /// The text after this one in the path, up to the next slash. Letters match in any case.
    AfterPath(Box<str>),
    /// The value of this key. Letters match in any case.
    QueryKey(Box<str>),
}

impl AddressPart {
    /// Reads `/order/*` or `?order`; `None` for anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(key) = text.strip_prefix('?') {
            return (!key.is_empty()).then(|| Self::QueryKey(key.into()));
        }
        let before = text.strip_suffix('*')?;
        let is_path = before.len() > 2 && before.starts_with('/') && before.ends_with('/');
        (is_path && !before.contains('*')).then(|| Self::AfterPath(before.into()))
    }

    /// Returns the value in `address`, an address or path as sent; escapes in the value are
    /// decoded.
    pub(crate) fn find_in(&self, address: &str) -> Option<String> {
        let (path, query) = split_url(address);
        let found = match self {
            Self::AfterPath(before) => {
                let at = find_in_any_case(path, before)?;
                let found = path.get(at + before.len()..)?.split('/').next()?;
                // In a path a plus sign stands for itself.
                return named(decode(&found.replace('+', "%2B")));
            }
            Self::QueryKey(wanted) => query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, value)| key.eq_ignore_ascii_case(wanted) && !value.is_empty())
                .map(|(_, value)| value)?,
        };
        named(decode(found))
    }
}

impl fmt::Display for AddressPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AfterPath(before) => write!(f, "{before}*"),
            Self::QueryKey(key) => write!(f, "?{key}"),
        }
    }
}

impl Serialize for AddressPart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Returns a value that is not empty.
fn named(value: Cow<'_, str>) -> Option<String> {
    Some(value.into_owned()).filter(|value| !value.is_empty())
}

/// Returns where `wanted`, which is ASCII, first occurs in `text`, in any case.
fn find_in_any_case(text: &str, wanted: &str) -> Option<usize> {
    text.as_bytes()
        .windows(wanted.len())
        .position(|window| window.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// The address of the current event, read when a rule first needs it.
#[derive(Debug, Default)]
pub(super) struct PageAddress {
    is_read: bool,
    has_path: bool,
    path: String,
    query: String,
}

/// The parts of an address found in properties.
#[derive(Debug, Default)]
struct Sent<'a> {
    url: Option<Cow<'a, str>>,
    path: Option<Cow<'a, str>>,
    query: Option<Cow<'a, str>>,
}

impl<'a> Sent<'a> {
    /// Reads the properties in one pass. Of several names for the same part, the first one listed
    /// here counts; of equal names, the last value.
    fn of(properties: &JsonObject<'a>) -> Self {
        let mut sent = Self::default();
        let (mut url_rank, mut path_rank) = (u8::MAX, u8::MAX);
        for (name, value) in properties.iter() {
            let (slot, rank, known) = match name {
                // Segment, Matomo and Plausible; GA4; PostHog and Mixpanel.
                "url" => (&mut sent.url, 0, &mut url_rank),
                "page_location" => (&mut sent.url, 1, &mut url_rank),
                "$current_url" => (&mut sent.url, 2, &mut url_rank),
                // Segment and most others; PostHog; Mixpanel.
                "path" => (&mut sent.path, 0, &mut path_rank),
                "$pathname" => (&mut sent.path, 1, &mut path_rank),
                "current_url_path" => (&mut sent.path, 2, &mut path_rank),
                // Segment sends the query here, with its question mark. Other trackers send what
                // the visitor searched for under this name.
                "search" => {
                    sent.query = text(Some(JsonValue::of(value))).filter(|q| q.starts_with('?'));
                    continue;
                }
                _ => continue,
            };
            if rank <= *known
                && let Some(found) = text(Some(JsonValue::of(value)))
            {
                (*slot, *known) = (Some(found), rank);
            }
        }
        sent
    }
}

impl PageAddress {
    /// Forgets the address; the next event has a different one.
    pub(super) const fn forget(&mut self) {
        self.is_read = false;
    }

    /// Returns the address of `event`; it is read at most once after [`Self::forget`].
    pub(super) fn of(&mut self, event: &Event<'_>) -> &Self {
        if !self.is_read {
            self.read(event);
            self.is_read = true;
        }
        self
    }

    /// Returns whether one of the patterns matches.
    pub(super) fn matches_any(&self, patterns: &[AddressPattern]) -> bool {
        patterns.iter().any(|pattern| match pattern {
            AddressPattern::Path(glob) => self.has_path && glob.matches(&self.path),
            AddressPattern::QueryKey(key) => self.has_query_key(key),
        })
    }

    fn has_query_key(&self, wanted: &str) -> bool {
        !self.query.is_empty()
            && self.query.split('&').any(|pair| {
                pair.split_once('=')
                    .is_some_and(|(key, value)| key == wanted && !value.is_empty())
            })
    }

    fn read(&mut self, event: &Event<'_>) {
        self.path.clear();
        self.query.clear();
        self.has_path = false;
        let sent = Sent::of(&event.properties);
        let url = sent
            .url
            .or_else(|| text(lookup::find(&event.context, "page.url")));
        let path = match (sent.path, &url) {
            (Some(path), _) => Some(path),
            (None, Some(_)) => None,
            (None, None) => text(lookup::find(&event.context, "page.path")),
        };
        if let Some(url) = &url {
            let (url_path, query) = split_url(url);
            self.set_path(url_path);
            self.set_query(query);
        }
        if let Some(path) = &path {
            let (path, query) = split_path(path);
            self.set_path(path);
            if url.is_none() {
                self.set_query(query);
            }
        }
        if self.query.is_empty() {
            let query = sent.query.or_else(|| match &url {
                Some(_) => None,
                None => text(lookup::find(&event.context, "page.search")),
            });
            if let Some(query) = query {
                self.set_query(query.strip_prefix('?').unwrap_or(&query));
            }
        }
    }

    fn set_path(&mut self, path: &str) {
        self.has_path = true;
        self.path.clear();
        if !path.starts_with('/') {
            self.path.push('/');
        }
        self.path.push_str(path);
        lower(&mut self.path);
        while self.path.len() > 1 && self.path.ends_with('/') {
            self.path.pop();
        }
    }

    fn set_query(&mut self, query: &str) {
        self.query.clear();
        self.query.push_str(query);
        lower(&mut self.query);
    }
}

fn lower(text: &mut String) {
    if text.is_ascii() {
        text.make_ascii_lowercase();
    } else {
        *text = text.to_lowercase();
    }
}

fn text<'a>(value: Option<JsonValue<'a>>) -> Option<Cow<'a, str>> {
    match value {
        Some(JsonValue::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Splits an address into path and query; scheme, host and fragment are dropped.
fn split_url(url: &str) -> (&str, &str) {
    if url.starts_with('/') {
        return split_path(url);
    }
    let after_scheme = match url.split_once(':') {
        Some((_, rest)) => rest.strip_prefix("//").unwrap_or(url),
        None => url,
    };
    let mut bytes = after_scheme.bytes();
    let path_start = bytes.position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    let path = path_start.and_then(|at| after_scheme.get(at..));
    split_path(path.unwrap_or(""))
}

fn split_path(path: &str) -> (&str, &str) {
    let path = path.split_once('#').map_or(path, |(path, _)| path);
    path.split_once('?').unwrap_or((path, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_into_path_and_query() {
        let cases = [
            ("https://shop.example/a/b?q=1&x#top", ("/a/b", "q=1&x")),
            ("https://shop.example", ("", "")),
            ("https://shop.example?q=1", ("", "q=1")),
            (
                "/a?next=https://other.example/b",
                ("/a", "next=https://other.example/b"),
            ),
            ("shop.example/a", ("/a", "")),
            ("app://home/a#x?y", ("/a", "")),
        ];
        for (url, expected) in cases {
            assert_eq!(split_url(url), expected, "{url}");
        }
    }

    #[test]
    fn a_pattern_is_a_path_or_a_key() {
        assert!(matches!(
            AddressPattern::parse("/blog/*"),
            Ok(AddressPattern::Path(_))
        ));
        assert_eq!(
            AddressPattern::parse("?Q"),
            Ok(AddressPattern::QueryKey("q".into()))
        );
        assert_eq!(AddressPattern::parse("blog"), Err(BadAddress::Start));
        assert_eq!(
            AddressPattern::parse("?"),
            Err(BadAddress::Pattern(BadPattern::Empty))
        );
    }

    #[test]
    fn a_value_extracted_from_an_address_keeps_its_case() {
        let after = AddressPart::parse("/order-received/*").unwrap();
        let keyed = AddressPart::parse("?id_order").unwrap();
        let cases = [
            (
                &after,
                "https://x.nl/checkout/order-received/W-12/?key=k",
                Some("W-12"),
            ),
            (&after, "/Afrekenen/Order-Received/W%2D12", Some("W-12")),
            (&after, "/order-received/A+12", Some("A+12")),
            (&keyed, "/thanks?id_order=A+12%2B", Some("A 12+")),
            (&after, "https://x.nl/order-received/", None),
            (&after, "https://x.nl/order-received", None),
            (&after, "https://x.nl/?next=/order-received/7", None),
            (
                &keyed,
                "https://x.nl/thanks?a=1&ID_Order=AB7&b#c",
                Some("AB7"),
            ),
            (&keyed, "/thanks?id_order=", None),
            (&keyed, "/id_order/7", None),
        ];
        for (part, address, expected) in cases {
            assert_eq!(part.find_in(address).as_deref(), expected, "{address}");
        }
        for bad in ["", "?", "*", "/*", "//", "/order", "order/*", "/a*/b/*"] {
            assert_eq!(AddressPart::parse(bad), None, "{bad}");
        }
    }
}
