//! Where an event happened and how the actor came: page, referrer, campaign, channel.
//!
//! The properties of a `page` message describe its page. Any other event may use the same names for
//! something else (a product's `url`), so for those the context comes first.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::known::{KnownContext, KnownProperties, Slot};
use super::pick::pick;
use super::touchpoint::{self, View};
use super::{EventFacts, first_text, text_of};
use crate::channel::{AddressTags, ClickId, Evidence, FoundSource, Referrer, arrival, meaningful};
use crate::event::{Event, EventKind, KeyScope};

/// Source, medium and name of a campaign.
type Campaign<'a> = [Cow<'a, str>; 3];

/// Campaign names that analytics tools use for "no campaign".
const NO_CAMPAIGN: [&str; 5] = [
    "(direct)",
    "(none)",
    "(organic)",
    "(referral)",
    "(ai-assistant)",
];

/// Fills in page, referrer, campaign and channel. Returns whether the event says which page it
/// happened on.
pub(super) fn fill<'a>(
    event: &Event<'_>,
    known: &KnownProperties<'a>,
    context: &KnownContext<'a>,
    facts: &mut EventFacts<'a>,
) -> bool {
    let [path, url, referrer, search] = context
        .page
        .and_then(|raw| pick(raw.get(), ["path", "url", "referrer", "search"]))
        .unwrap_or_default();
    let choose = |own: Option<&'a RawValue>, around: Option<&'a RawValue>| {
        if event.kind == EventKind::Page {
            first_text([own, around])
        } else {
            first_text([around, own])
        }
    };
    facts.page_url = choose(known.url.raw(), url);
    facts.referrer = choose(known.referrer.raw(), referrer);
    if facts.referrer.is_empty() {
        facts.referrer = first_text([referrer_url(context)]);
    }
    let sent_path = choose(known.path.raw(), path);
    let page = Page {
        is_told: !first_text([url, path]).is_empty()
            || known.url.rank().is_some_and(|rank| rank > 0)
            || (event.kind == EventKind::Page
                && !(facts.page_url.is_empty() && sent_path.is_empty())),
        denies_referrer: known.denies_referrer || referrer.is_some_and(|raw| raw.get() == "\"\""),
    };
    let tags = tags([&facts.page_url, &first_text([search]), &sent_path]);
    facts.page_path = if sent_path.is_empty() {
        map_text(facts.page_url.clone(), path_of)
    } else {
        map_text(sent_path, path_of)
    };
    if event.kind.is_event() {
        fill_arrival(event, known, context, (page, tags), facts);
    }
    page.is_told
}

/// What an event states about its page.
#[derive(Debug, Clone, Copy)]
struct Page {
    /// Whether the event says which page it is.
    is_told: bool,
    /// Whether the event says that the page was opened without a referrer.
    denies_referrer: bool,
}

fn fill_arrival<'a>(
    event: &Event<'_>,
    known: &KnownProperties<'a>,
    context: &KnownContext<'a>,
    (page, tags): (Page, AddressTags<'a>),
    facts: &mut EventFacts<'a>,
) {
    let click = ClickId::stronger(tags.click, known.click);
    let (tags, link) = tags.without_link();
    let [source, medium, name] = campaign(known, context, tags);
    let referrer = Referrer::of(&facts.referrer, &facts.page_url);
    let says_none = referrer == Referrer::None && !facts.referrer.is_empty();
    let page = Page {
        denies_referrer: page.denies_referrer || says_none,
        ..page
    };
    let is_entry = is_entry(event, known, context, page);
    let user_agent = match (referrer, context.user_agent) {
        (Referrer::None, Some(raw)) if is_entry => text_of(raw),
        _ => Cow::Borrowed(""),
    };
    let arrival = arrival(&Evidence {
        source: &source,
        medium: &medium,
        campaign: &name,
        click,
        link: &link,
        referrer,
        user_agent: &user_agent,
        is_entry,
    });
    let added_source = arrival.source.map(|source| match source {
        FoundSource::Known(name) => Cow::Borrowed(name),
        FoundSource::Host(host) => Cow::Owned(host.into_owned()),
    });
    let added_medium = arrival.medium.map(Cow::Borrowed);
    facts.channel = arrival.channel;
    facts.campaign_source = added_source.unwrap_or(source);
    facts.campaign_medium = added_medium.unwrap_or(medium);
    facts.campaign_name = name;
}

/// Returns the tags of the first of these addresses that has parameters.
fn tags<'a>(addresses: [&Cow<'a, str>; 3]) -> AddressTags<'a> {
    let found = addresses
        .into_iter()
        .find(|address| address.contains(['?', '&', '#']));
    match found {
        Some(Cow::Borrowed(address)) => AddressTags::read(address),
        Some(Cow::Owned(address)) => AddressTags::read(address).into_owned(),
        None => AddressTags::default(),
    }
}

fn referrer_url<'a>(context: &KnownContext<'a>) -> Option<&'a RawValue> {
    let [url] = pick(context.referrer?.get(), ["url"])?;
    url
}

/// Returns whether a visitor may arrive by this event, so that it is direct when nothing is known
/// about the source. That holds for a view, if it came from a device or says what was viewed. It
/// holds for another event only if that event says that its page was opened without a referrer.
fn is_entry(
    event: &Event<'_>,
    known: &KnownProperties<'_>,
    context: &KnownContext<'_>,
    page: Page,
) -> bool {
    let from_device = event.scope == KeyScope::Browser;
    match View::of(event) {
        Some(View::Page) => from_device || page.is_told || page.denies_referrer,
        Some(View::Screen) => from_device || touchpoint::is_app(known, context, page.is_told),
        None => page.is_told && page.denies_referrer,
    }
}

/// Returns the campaign from the first place that names one. Places are never mixed: the source of
/// one campaign with the medium of another would be a campaign that never ran.
fn campaign<'a>(
    known: &KnownProperties<'a>,
    context: &KnownContext<'a>,
    tags: AddressTags<'a>,
) -> Campaign<'a> {
    let [source, medium, name] = campaign_object(context.campaign)
        .or_else(|| Some(known.utm.map(Slot::text)).filter(is_named))
        .or_else(|| campaign_object(known.campaign.raw()))
        .or_else(|| Some([tags.source, tags.medium, tags.name]).filter(is_named))
        .or_else(|| named_campaign(known))
        .map(|parts| parts.map(meaningful))
        .unwrap_or_default();
    let is_none = NO_CAMPAIGN
        .iter()
        .any(|none| name.eq_ignore_ascii_case(none));
    let name = if is_none { Cow::Borrowed("") } else { name };
    [source, medium, name]
}

/// Returns the campaign that an object describes. Without a name, its id is used.
fn campaign_object<'a>(raw: Option<&'a RawValue>) -> Option<Campaign<'a>> {
    let [source, medium, name, id] = pick(raw?.get(), ["source", "medium", "name", "id"])?;
    let text = |raw: Option<&'a RawValue>| first_text([raw]);
    Some([text(source), text(medium), first_text([name, id])]).filter(is_named)
}

fn is_named(campaign: &Campaign<'_>) -> bool {
    campaign.iter().any(|part| !part.is_empty())
}

/// Returns the campaign of a plain `campaign` property: its name, and the `source` and `medium`
/// beside it if both are present.
fn named_campaign<'a>(known: &KnownProperties<'a>) -> Option<Campaign<'a>> {
    let name = known.campaign.text();
    if name.is_empty() {
        return None;
    }
    match known.campaign_parts.map(Slot::text) {
        [source, medium] if !source.is_empty() && !medium.is_empty() => {
            Some([source, medium, name])
        }
        _ => Some([Cow::default(), Cow::default(), name]),
    }
}

/// Returns the path of an address or path, without host, query, fragment and trailing slash; the
/// path `/` is kept.
fn path_of(text: &str) -> &str {
    let after_host = match text.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?', '#']) => from_first_slash(rest),
        _ => text.strip_prefix("//").map_or(text, from_first_slash),
    };
    let path = after_host
        .split(['?', '#'])
        .next()
        .expect("a split has a first part");
    let trimmed = path.trim_end_matches('/');
    if !trimmed.is_empty() {
        trimmed
    } else if text.is_empty() {
        ""
    } else {
        "/"
    }
}

/// Returns the text from the first `/` after the host on, or nothing if the query begins first.
fn from_first_slash(after_scheme: &str) -> &str {
    let host = after_scheme
        .split(['/', '?', '#'])
        .next()
        .expect("a split has a first part");
    after_scheme.strip_prefix(host).unwrap_or_default()
}

/// Returns `text` without surrounding space.
pub(super) fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    map_text(text, str::trim)
}

/// Cuts a part out of `text`; the result is borrowed if `text` is.
fn map_text<'a>(text: Cow<'a, str>, part: impl for<'t> Fn(&'t str) -> &'t str) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(part(text)),
        Cow::Owned(text) => Cow::Owned(part(&text).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_extracted_from_any_form_of_address() {
        let cases = [
            ("https://shop.example/a/b/?x=1#y", "/a/b"),
            ("https://shop.example", "/"),
            ("https://shop.example?x=/q", "/"),
            ("//shop.example/a", "/a"),
            ("/a/b/", "/a/b"),
            ("/", "/"),
            ("/?q=http://other.example/z", "/"),
            ("checkout", "checkout"),
            ("", ""),
        ];
        for (sent, expected) in cases {
            assert_eq!(path_of(sent), expected, "{sent}");
        }
    }
}
