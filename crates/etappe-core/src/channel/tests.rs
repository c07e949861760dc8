//! How actors came, read from whole events.

use std::borrow::Cow;

use crate::event::{Event, EventKind, KeyScope};
use crate::facts::{EventFacts, FactNames};
use crate::id::SiteId;
use crate::json::JsonObject;
use crate::time::Timestamp;

use super::Channel;

/// Page views and the expected readings.
const ARRIVALS: &str = include_str!("tests/arrivals.txt");

fn event<'a>(
    scope: KeyScope,
    kind: EventKind,
    name: &'a str,
    properties: &'a str,
    context: &'a str,
) -> Event<'a> {
    Event {
        scope,
        properties: JsonObject::parse(properties).expect("an object"),
        context: JsonObject::parse(context).expect("an object"),
        ..Event::empty(
            Cow::Owned(SiteId::try_new("demo").expect("a good name")),
            kind,
            name.into(),
            "m".into(),
            Timestamp::EPOCH,
        )
    }
}

/// Returns channel, touchpoint and kind of touchpoint.
fn reading(event: &Event<'_>) -> (&'static str, String, String) {
    let facts = EventFacts::extract(event, FactNames::default());
    (
        facts.channel.map_or("", Channel::as_str),
        facts.touchpoint.into_owned(),
        facts.touchpoint_kind.into_owned(),
    )
}

#[test]
fn visitors_are_assigned_to_the_channel_they_arrived_by() {
    let mut lines = 0;
    for line in ARRIVALS.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        lines += 1;
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let mut columns = columns.into_iter();
        let mut next = || columns.next().unwrap_or_default();
        let [page, referrer, user_agent] = [next(), next(), next()];
        let expected = [next(), next(), next(), next()];
        let page = if page.is_empty() {
            "https://www.shop.example/"
        } else {
            page
        };
        let context = serde_json::json!({
            "page": {"url": page, "referrer": referrer},
            "userAgent": user_agent,
        })
        .to_string();
        let event = event(KeyScope::Browser, EventKind::Page, "page", "{}", &context);
        let facts = EventFacts::extract(&event, FactNames::default());
        let found = [
            facts.channel.map_or("", Channel::as_str),
            &*facts.campaign_source,
            &*facts.campaign_medium,
            &*facts.campaign_name,
        ];
        assert_eq!(found, expected, "{line}");
        assert_eq!(
            (&*facts.touchpoint, &*facts.touchpoint_kind),
            ("web", "digital"),
            "{line}"
        );
    }
    assert!(lines >= 150, "{lines}");
}

#[test]
fn an_event_that_is_not_an_arrival_has_no_channel() {
    use EventKind::{Identify, Page, Screen, Track};
    use KeyScope::{Browser, Pixel, Server};
    const SHOP: &str = r#"{"page":{"url":"https://shop.example/"}}"#;
    const NOWHERE: &str = r#"{"page":{"url":"https://shop.example/","referrer":""}}"#;
    const PHONE: &str = r#"{"library":{"name":"analytics-ios"}}"#;
    let cases = [
        // A view is direct when nothing is known about how its visitor came.
        (Browser, Page, "page", "{}", "{}", "Direct"),
        (Server, Page, "page", "{}", SHOP, "Direct"),
        (Server, Page, "page", r#"{"path":"/"}"#, "{}", "Direct"),
        (Browser, Screen, "screen", "{}", "{}", "Direct"),
        (Server, Screen, "screen", "{}", PHONE, "Direct"),
        (
            Server,
            Track,
            "$pageview",
            r#"{"$current_url":"https://shop.example/"}"#,
            "{}",
            "Direct",
        ),
        (
            Server,
            Track,
            "page_view",
            r#"{"page_location":"https://shop.example/"}"#,
            "{}",
            "Direct",
        ),
        // Other events are direct only if they say that there was no referrer.
        (Browser, Track, "x", "{}", NOWHERE, "Direct"),
        (
            Browser,
            Track,
            "x",
            r#"{"$current_url":"https://shop.example/","$referrer":"$direct"}"#,
            "{}",
            "Direct",
        ),
        (Browser, Track, "x", "{}", SHOP, ""),
        // Without any evidence there is no channel.
        (Server, Page, "page", "{}", "{}", ""),
        (Server, Screen, "screen", "{}", "{}", ""),
        (Server, Track, "page_view", "{}", "{}", ""),
        (
            Server,
            Track,
            "Order Completed",
            r#"{"revenue":5,"url":"https://shop.example/p"}"#,
            "{}",
            "",
        ),
        (Pixel, Track, "Email Opened", "{}", "{}", ""),
        (Browser, Identify, "identify", "{}", NOWHERE, ""),
    ];
    for (scope, kind, name, properties, context, expected) in cases {
        let event = event(scope, kind, name, properties, context);
        assert_eq!(
            reading(&event).0,
            expected,
            "{scope:?} {name} {properties} {context}"
        );
    }
}

/// Properties and context of a server's event, with its channel.
const SAYINGS: &[(&str, &str, &str)] = &[
    (
        r#"{"utm_source":"news","utm_medium":"email"}"#,
        "{}",
        "Email",
    ),
    (r#"{"pk_source":"news","pk_medium":"email"}"#, "{}", "Email"),
    (r#"{"gclid":"Cj0"}"#, "{}", "Paid Search"),
    (r#"{"gclid":null,"fbclid":""}"#, "{}", ""),
    (r#"{"gclid":"Cj0","msclkid":null}"#, "{}", "Paid Search"),
    (
        r#"{"referrer":"https://www.bing.com/"}"#,
        "{}",
        "Organic Search",
    ),
    (
        r#"{"$referring_domain":"www.bing.com"}"#,
        "{}",
        "Organic Search",
    ),
    (
        r#"{"urlref":"https://www.bing.com/"}"#,
        "{}",
        "Organic Search",
    ),
    (
        "{}",
        r#"{"referrer":{"url":"https://www.bing.com/"}}"#,
        "Organic Search",
    ),
    (
        "{}",
        r#"{"campaign":{"source":"fb","medium":"cpc","name":"x"}}"#,
        "Paid Social",
    ),
    (
        "{}",
        r#"{"page":{"path":"/a","search":"?utm_medium=email"}}"#,
        "Email",
    ),
    ("{}", r#"{"page":{"path":"/a?utm_medium=email"}}"#, "Email"),
    (
        r#"{"campaign":{"source":"Apple Search Ads","name":"x"}}"#,
        "{}",
        "Paid Search",
    ),
    (
        r#"{"campaign":"(organic)","source":"google","medium":"organic"}"#,
        "{}",
        "Organic Search",
    ),
    (r#"{"campaign":"spring"}"#, "{}", ""),
    (r#"{"source":"catalogue","medium":"oil"}"#, "{}", ""),
    (
        "{}",
        r#"{"userAgent":"Mozilla/5.0 (iPhone) Instagram 334.0"}"#,
        "",
    ),
];

#[test]
fn any_event_can_state_how_its_actor_arrived() {
    for &(properties, context, expected) in SAYINGS {
        let event = event(KeyScope::Server, EventKind::Track, "x", properties, context);
        assert_eq!(reading(&event).0, expected, "{properties} {context}");
    }
}

/// Scope, kind, name, properties and context of an event, with its touchpoint and that one's kind.
const TOUCHPOINTS: &[(KeyScope, EventKind, &str, &str, &str, &str, &str)] = &[
    (
        KeyScope::Server,
        EventKind::Track,
        "x",
        "{}",
        r#"{"page":{"url":"https://shop.example/"}}"#,
        "web",
        "digital",
    ),
    (
        KeyScope::Browser,
        EventKind::Page,
        "page",
        "{}",
        "{}",
        "web",
        "digital",
    ),
    (
        KeyScope::Server,
        EventKind::Track,
        "x",
        r#"{"$current_url":"https://a.nl/"}"#,
        "{}",
        "web",
        "digital",
    ),
    (
        KeyScope::Server,
        EventKind::Track,
        "x",
        r#"{"url":"https://a.nl/"}"#,
        "{}",
        "",
        "",
    ),
    (
        KeyScope::Browser,
        EventKind::Screen,
        "screen",
        "{}",
        "{}",
        "app",
        "digital",
    ),
    (
        KeyScope::Browser,
        EventKind::Track,
        "x",
        "{}",
        r#"{"library":{"name":"analytics-react-native"}}"#,
        "app",
        "digital",
    ),
    (
        KeyScope::Browser,
        EventKind::Track,
        "x",
        "{}",
        r#"{"library":{"name":"com.rudderstack.android.sdk.core"}}"#,
        "app",
        "digital",
    ),
    (
        KeyScope::Browser,
        EventKind::Track,
        "x",
        r#"{"$lib":"posthog-ios"}"#,
        "{}",
        "app",
        "digital",
    ),
    (
        KeyScope::Browser,
        EventKind::Track,
        "x",
        "{}",
        r#"{"device":{"type":"android"}}"#,
        "app",
        "digital",
    ),
    (
        KeyScope::Browser,
        EventKind::Track,
        "x",
        "{}",
        r#"{"library":{"name":"axios-analytics"}}"#,
        "",
        "",
    ),
    (
        KeyScope::Browser,
        EventKind::Track,
        "x",
        "{}",
        r#"{"page":{"path":"/"},"device":{"type":"ios"}}"#,
        "web",
        "digital",
    ),
    (
        KeyScope::Pixel,
        EventKind::Track,
        "Email Opened",
        "{}",
        "{}",
        "email",
        "digital",
    ),
    (
        KeyScope::Pixel,
        EventKind::Track,
        "open",
        r#"{"utm_medium":"email"}"#,
        "{}",
        "email",
        "digital",
    ),
    (
        KeyScope::Pixel,
        EventKind::Track,
        "open",
        "{}",
        "{}",
        "",
        "",
    ),
    (
        KeyScope::Server,
        EventKind::Track,
        "Email Link Clicked",
        "{}",
        "{}",
        "email",
        "digital",
    ),
    (
        KeyScope::Server,
        EventKind::Track,
        "Email Link Clicked",
        "{}",
        r#"{"page":{"url":"https://shop.example/"}}"#,
        "web",
        "digital",
    ),
    (
        KeyScope::Server,
        EventKind::Track,
        "Order Completed",
        r#"{"utm_medium":"email"}"#,
        "{}",
        "",
        "",
    ),
    (
        KeyScope::Server,
        EventKind::Track,
        "x",
        r#"{"touchpoint":"store"}"#,
        r#"{"page":{"url":"https://shop.example/"}}"#,
        "store",
        "physical",
    ),
    (
        KeyScope::Server,
        EventKind::Track,
        "x",
        r#"{"touchpoint":"phone"}"#,
        r#"{"page":{"url":"https://shop.example/"}}"#,
        "phone",
        "",
    ),
    (
        KeyScope::Server,
        EventKind::Track,
        "x",
        r#"{"touchpoint":"web","touchpoint_kind":"hybrid"}"#,
        "{}",
        "web",
        "hybrid",
    ),
    (
        KeyScope::Server,
        EventKind::Track,
        "x",
        r#"{"touchpoint_kind":"physical"}"#,
        r#"{"page":{"url":"https://shop.example/"}}"#,
        "",
        "physical",
    ),
    (KeyScope::Server, EventKind::Track, "x", "{}", "{}", "", ""),
    (
        KeyScope::Server,
        EventKind::Group,
        "group",
        "{}",
        r#"{"page":{"url":"https://shop.example/"}}"#,
        "",
        "",
    ),
];

#[test]
fn a_touchpoint_is_set_only_when_the_event_shows_it() {
    for &(scope, kind, name, properties, context, touchpoint, of_kind) in TOUCHPOINTS {
        let event = event(scope, kind, name, properties, context);
        let (_, found, found_kind) = reading(&event);
        assert_eq!(
            (&*found, &*found_kind),
            (touchpoint, of_kind),
            "{scope:?} {name} {properties} {context}"
        );
    }
}

#[test]
fn an_escaped_address_is_read_like_a_plain_one() {
    let context = r#"{"page":{"url":"https:\/\/shop.example\/?utm_source=n&utm_medium=email&utm_campaign=mei","referrer":"https:\/\/BLOG.example\/"}}"#;
    let event = event(KeyScope::Browser, EventKind::Page, "page", "{}", context);
    let facts = EventFacts::extract(&event, FactNames::default());
    assert_eq!(facts.channel, Some(Channel::Email));
    assert_eq!(
        (&*facts.campaign_source, &*facts.campaign_name),
        ("n", "mei")
    );
}
