//! Where it happened and what brought the visitor: page, referrer, campaign.
//!
//! A `page` message speaks of its page in its properties; any other event may use the same names
//! for something else (a product's `url`), so there the context leads.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::known::{KnownContext, KnownProperties};
use super::pick::pick;
use super::{EventFacts, first_text, text_of};

/// Source, medium and name of a campaign.
type Campaign<'a> = [Cow<'a, str>; 3];

/// The names of a campaign's parameters in a page's address.
const UTM: [&str; 3] = ["utm_source", "utm_medium", "utm_campaign"];

/// Fills in page, referrer and campaign.
pub(super) fn fill<'a>(
    is_page: bool,
    known: &KnownProperties<'a>,
    context: &KnownContext<'a>,
    facts: &mut EventFacts<'a>,
) {
    let [path, url, referrer] = context
        .page
        .and_then(|raw| pick(raw.get(), ["path", "url", "referrer"]))
        .unwrap_or_default();
    let choose = |own: Option<&'a RawValue>, around: Option<&'a RawValue>| {
        if is_page {
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
    facts.page_path = if sent_path.is_empty() {
        map_text(facts.page_url.clone(), path_of)
    } else {
        map_text(sent_path, path_of)
    };
    let [source, medium, name] = campaign(known, context, &facts.page_url);
    facts.campaign_source = source;
    facts.campaign_medium = medium;
    facts.campaign_name = name;
}

fn referrer_url<'a>(context: &KnownContext<'a>) -> Option<&'a RawValue> {
    let [url] = pick(context.referrer?.get(), ["url"])?;
    url
}

/// Returns the campaign from the first place that names one. Places are never mixed: the source of
/// one campaign with the medium of another would be a campaign that nobody ran.
fn campaign<'a>(
    known: &KnownProperties<'a>,
    context: &KnownContext<'a>,
    page_url: &Cow<'a, str>,
) -> Campaign<'a> {
    let object = |raw: Option<&'a RawValue>| {
        raw.and_then(|raw| pick(raw.get(), ["source", "medium", "name"]))
            .map(|parts| parts.map(|part| part.map(text_of).unwrap_or_default()))
            .filter(is_named)
    };
    object(context.campaign)
        .or_else(|| Some(known.utm.map(super::known::Slot::text)).filter(is_named))
        .or_else(|| object(known.campaign.raw()))
        .or_else(|| Some(campaign_in_url(page_url)).filter(is_named))
        .or_else(|| named_campaign(known))
        .unwrap_or_default()
}

fn is_named(campaign: &Campaign<'_>) -> bool {
    campaign.iter().any(|part| !part.is_empty())
}

/// Returns the campaign of a plain `campaign` property: its name.
fn named_campaign<'a>(known: &KnownProperties<'a>) -> Option<Campaign<'a>> {
    let name = known.campaign.text();
    (!name.is_empty()).then(|| [Cow::default(), Cow::default(), name])
}

fn campaign_in_url<'a>(url: &Cow<'a, str>) -> Campaign<'a> {
    if !url.contains("utm_") {
        return Campaign::default();
    }
    match url {
        Cow::Borrowed(url) => utm_parameters(url),
        Cow::Owned(url) => utm_parameters(url).map(|part| Cow::Owned(part.into_owned())),
    }
}

fn utm_parameters(url: &str) -> Campaign<'_> {
    let mut campaign = Campaign::default();
    let before_fragment = url.split_once('#').map_or(url, |(before, _)| before);
    let Some((_, query)) = before_fragment.split_once('?') else {
        return campaign;
    };
    for pair in query.split('&') {
        let Some((name, value)) = pair.split_once('=') else {
            continue;
        };
        let place = UTM.iter().position(|known| *known == name);
        if let Some(part) = place.and_then(|place| campaign.get_mut(place)) {
            *part = decode_query(value);
        }
    }
    campaign
}

/// Decodes `%41` and `+` in a query's value; what is no escape stays as it is.
fn decode_query(value: &str) -> Cow<'_, str> {
    if !value.contains(['%', '+']) {
        return Cow::Borrowed(value);
    }
    let mut decoded = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        let escape = {
            let mut ahead = bytes.clone();
            ahead.next().and_then(hex).zip(ahead.next().and_then(hex))
        };
        match (byte, escape) {
            (b'+', _) => decoded.push(b' '),
            (b'%', Some((high, low))) => {
                decoded.push(high * 16 + low);
                bytes.next();
                bytes.next();
            }
            (other, _) => decoded.push(other),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Returns the path in an address or path: without host, query, fragment and trailing slash; the
/// path `/` stays.
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

/// Returns what follows the host: from the first `/` on, or nothing where the query begins first.
fn from_first_slash(after_scheme: &str) -> &str {
    let host = after_scheme
        .split(['/', '?', '#'])
        .next()
        .expect("a split has a first part");
    after_scheme.strip_prefix(host).unwrap_or_default()
}

/// Returns `text` without the space around it.
pub(super) fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    map_text(text, str::trim)
}

/// Cuts a part out of `text`; stays borrowed if it was.
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
    fn a_path_is_cut_out_of_whatever_was_sent() {
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

    #[test]
    fn campaign_parameters_are_decoded() {
        let url = "https://a.example/?utm_source=news%20letter&utm_medium=e+mail&utm_campaign=50%&x#utm_source=no";
        assert_eq!(
            utm_parameters(url),
            ["news letter".into(), "e mail".into(), Cow::Borrowed("50%")]
        );
    }
}
