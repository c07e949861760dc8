//! Where the contact happened, and the kind of that place.
//!
//! The sender's statement counts. Otherwise a page is `web`, an app's screen is `app`, and a
//! message is `email`, `sms` or `push`, all of them digital. Anything else stays unknown.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::known::{KnownContext, KnownProperties};
use super::pick::pick;
use super::{EventFacts, first_text};
use crate::channel::Channel;
use crate::event::{Event, EventKind, KeyScope};

/// The kinds of touchpoint.
const PHYSICAL: &str = "physical";
const DIGITAL: &str = "digital";
const HYBRID: &str = "hybrid";

/// Names of touchpoints that determine their kind.
const KINDS: [(&str, &str); 38] = [
    ("web", DIGITAL),
    ("website", DIGITAL),
    ("webshop", DIGITAL),
    ("web shop", DIGITAL),
    ("online", DIGITAL),
    ("app", DIGITAL),
    ("mobile app", DIGITAL),
    ("email", DIGITAL),
    ("e-mail", DIGITAL),
    ("newsletter", DIGITAL),
    ("nieuwsbrief", DIGITAL),
    ("ad", DIGITAL),
    ("ads", DIGITAL),
    ("social", DIGITAL),
    ("social media", DIGITAL),
    ("search", DIGITAL),
    ("video", DIGITAL),
    ("chat", DIGITAL),
    ("chatbot", DIGITAL),
    ("live chat", DIGITAL),
    ("whatsapp", DIGITAL),
    ("sms", DIGITAL),
    ("push", DIGITAL),
    ("store", PHYSICAL),
    ("in store", PHYSICAL),
    ("physical store", PHYSICAL),
    ("branch", PHYSICAL),
    ("showroom", PHYSICAL),
    ("point of sale", PHYSICAL),
    ("pos", PHYSICAL),
    ("winkel", PHYSICAL),
    ("filiaal", PHYSICAL),
    ("vestiging", PHYSICAL),
    ("beurs", PHYSICAL),
    ("trade fair", PHYSICAL),
    ("click and collect", HYBRID),
    ("click & collect", HYBRID),
    ("kiosk", HYBRID),
];

/// Names of page-view events, without case.
const PAGE_VIEWS: [&str; 11] = [
    "page_view",
    "pageview",
    "$pageview",
    "page view",
    "page viewed",
    "page_viewed",
    "viewed page",
    "loaded a page",
    "$mp_web_page_view",
    "[amplitude] page viewed",
    "session_start",
];

/// Names of events that view an app's screen or open the app.
const SCREEN_VIEWS: [&str; 9] = [
    "screen_view",
    "$screen",
    "screen viewed",
    "screen view",
    "screenview",
    "app_open",
    "first_open",
    "application opened",
    "$ae_session",
];

/// Outcomes of a message in event names: letters and digits only.
const OF_A_MESSAGE: [&str; 26] = [
    "sent",
    "send",
    "delivered",
    "delivery",
    "opened",
    "open",
    "clicked",
    "click",
    "linkclicked",
    "tapped",
    "received",
    "receive",
    "read",
    "bounced",
    "bounce",
    "hardbounced",
    "softbounced",
    "dropped",
    "deferred",
    "dismissed",
    "markedasspam",
    "complained",
    "unsubscribed",
    "verzonden",
    "geopend",
    "geklikt",
];

/// Words in the names of tracker libraries for apps.
const APP_LIBRARIES: [&str; 13] = [
    "ios",
    "android",
    "swift",
    "kotlin",
    "iphone",
    "flutter",
    "native",
    "reactnative",
    "xamarin",
    "unity",
    "cordova",
    "tvos",
    "watchos",
];

/// What an event shows, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Page,
    Screen,
}

impl View {
    /// Returns what `event` shows, by its kind or its name.
    pub(super) fn of(event: &Event<'_>) -> Option<Self> {
        let is_in = |names: &[&str]| {
            names
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&event.name))
        };
        match event.kind {
            EventKind::Page => Some(Self::Page),
            EventKind::Screen => Some(Self::Screen),
            EventKind::Track if is_in(&PAGE_VIEWS) => Some(Self::Page),
            EventKind::Track if is_in(&SCREEN_VIEWS) => Some(Self::Screen),
            EventKind::Track | EventKind::Identify | EventKind::Group | EventKind::Alias => None,
        }
    }
}

/// Fills in the touchpoint and its kind; `tells_page` says whether the event names the page it
/// happened on.
pub(super) fn fill<'a>(
    event: &Event<'_>,
    known: &KnownProperties<'a>,
    context: &KnownContext<'a>,
    tells_page: bool,
    facts: &mut EventFacts<'a>,
) {
    facts.touchpoint = known.touchpoint.text();
    let sent_kind = known.touchpoint_kind.text();
    let kind = [PHYSICAL, DIGITAL, HYBRID]
        .into_iter()
        .find(|kind| sent_kind.trim().eq_ignore_ascii_case(kind));
    if facts.touchpoint.is_empty()
        && event.kind.is_event()
        && kind.is_none_or(|kind| kind == DIGITAL)
    {
        let is_read_mail =
            event.scope == KeyScope::Pixel && facts.channel == Some(Channel::Email) && !tells_page;
        facts.touchpoint = Cow::Borrowed(match View::of(event) {
            Some(View::Screen) => "app",
            _ if is_app(known, context, tells_page) => "app",
            Some(View::Page) => "web",
            None if tells_page => "web",
            None if is_read_mail => "email",
            None => message_of(&event.name),
        });
    }
    facts.touchpoint_kind = Cow::Borrowed(kind.unwrap_or_else(|| kind_of(&facts.touchpoint)));
}

/// Returns the kind that a touchpoint's name determines, or an empty text.
fn kind_of(touchpoint: &str) -> &'static str {
    let is = |name: &str| {
        name.len() == touchpoint.len()
            && name.bytes().zip(touchpoint.bytes()).all(|(known, sent)| {
                known == sent.to_ascii_lowercase() || (known == b' ' && matches!(sent, b'_' | b'-'))
            })
    };
    KINDS
        .iter()
        .find(|(name, _)| is(name))
        .map_or("", |(_, kind)| kind)
}

/// Returns whether a tracker inside an app sent the event. The device on which a page was shown
/// does not make the page an app.
pub(super) fn is_app(
    known: &KnownProperties<'_>,
    context: &KnownContext<'_>,
    tells_page: bool,
) -> bool {
    let is_app_library = |name: &str| {
        name.split(|letter: char| !letter.is_ascii_alphanumeric())
            .any(|word| {
                APP_LIBRARIES
                    .iter()
                    .any(|known| word.eq_ignore_ascii_case(known))
            })
    };
    if is_app_library(&known.library.text()) || is_app_library(&member(context.library, "name")) {
        return true;
    }
    let device = member(context.device, "type");
    !tells_page
        && ["ios", "android"]
            .iter()
            .any(|kind| device.eq_ignore_ascii_case(kind))
}

/// Returns the text of a member of an object, empty if there is none.
fn member<'a>(object: Option<&'a RawValue>, name: &str) -> Cow<'a, str> {
    let found = object.and_then(|raw| pick(raw.get(), [name]));
    first_text([found.and_then(|[value]| value)])
}

/// Returns the kind of message whose outcome the event's name reports, or an empty text.
fn message_of(name: &str) -> &'static str {
    const KINDS: [(&str, &str); 8] = [
        ("email", "email"),
        ("newsletter", "email"),
        ("nieuwsbrief", "email"),
        ("sms", "sms"),
        ("textmessage", "sms"),
        ("pushnotification", "push"),
        ("notification", "push"),
        ("push", "push"),
    ];
    let mut buffer = [0; 40];
    let mut free = buffer.iter_mut();
    for byte in name.bytes().filter(u8::is_ascii_alphanumeric) {
        match free.next() {
            Some(place) => *place = byte.to_ascii_lowercase(),
            None => return "",
        }
    }
    let used = 40 - free.len();
    let letters = buffer
        .get(..used)
        .and_then(|bytes| std::str::from_utf8(bytes).ok());
    let letters = letters.unwrap_or_default();
    let tells_of = |word: &str| {
        let before = letters.strip_suffix(word);
        [letters.strip_prefix(word), before]
            .into_iter()
            .flatten()
            .any(|rest| OF_A_MESSAGE.contains(&rest))
    };
    KINDS
        .iter()
        .find(|(word, _)| tells_of(word))
        .map_or("", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_channel_is_recognised_by_its_delivery_event() {
        let cases = [
            ("Email Opened", "email"),
            ("email_link_clicked", "email"),
            ("EmailDelivered", "email"),
            ("Opened Email", "email"),
            ("Email Marked as Spam", "email"),
            ("E-mail geopend", "email"),
            ("Nieuwsbrief geopend", "email"),
            ("Newsletter Sent", "email"),
            ("SMS Delivered", "sms"),
            ("Received SMS", "sms"),
            ("Push Notification Tapped", "push"),
            ("notification_open", "push"),
            ("Email Entered", ""),
            ("email_changed", ""),
            ("Email Verified", ""),
            ("Newsletter Signup", ""),
            ("Push", ""),
            ("Opened", ""),
            ("Order Completed", ""),
            ("Notification Preferences Opened Again And Again", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(message_of(name), expected, "{name}");
        }
    }

    #[test]
    fn a_touchpoint_kind_is_taken_only_from_a_word_that_names_it() {
        let cases = [
            ("store", "physical"),
            ("In-Store", "physical"),
            ("Click_and_Collect", "hybrid"),
            ("WEBSITE", "digital"),
            ("phone", ""),
            ("stores", ""),
            ("", ""),
        ];
        for (touchpoint, expected) in cases {
            assert_eq!(kind_of(touchpoint), expected, "{touchpoint}");
        }
    }
}
