//! The campaign parameters and click ids in the address of a page.
//!
//! Addresses are read as they arrive: with `&amp;` for `&`, with parameters after the `#`, with a
//! second `?`, with names in any case. Invalid escapes are kept as they are.

use std::borrow::Cow;

use super::click_id::ClickId;

/// Values that stand for nothing, in lower case: what templates and analytics tools leave in an
/// unfilled parameter.
const PLACEHOLDERS: [&str; 6] = [
    "(not set)",
    "(not provided)",
    "undefined",
    "null",
    "[object object]",
    "nan",
];

/// The tags found in an address.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AddressTags<'a> {
    /// The campaign's source: `utm_source` and its namesakes, else `utm_source_platform`.
    pub(crate) source: Cow<'a, str>,
    /// The campaign's medium.
    pub(crate) medium: Cow<'a, str>,
    /// The campaign's name, else its id.
    pub(crate) name: Cow<'a, str>,
    /// The strongest click id.
    pub(crate) click: Option<&'static ClickId>,
    /// `ref` or `source`: some sites put their name there, others a code.
    pub(crate) link: Cow<'a, str>,
}

/// The parts of a campaign, by the names of their parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Source,
    Platform,
    Medium,
    Name,
    Id,
}

impl<'a> AddressTags<'a> {
    /// Reads an address.
    pub(crate) fn read(url: &'a str) -> Self {
        let (address, fragment) = split_at_fragment(url);
        let query = address
            .find(['?', '&'])
            .and_then(|start| address.get(start + 1..));
        let mut tags = Self::default();
        let mut campaign = Campaign::default();
        if let Some(query) = query {
            tags.take(query, &mut campaign);
        }
        if fragment.contains('=') {
            let mut behind = Campaign::default();
            tags.take(fragment, &mut behind);
            // Places are never mixed: half of one campaign with half of another would be a third
            // campaign.
            if campaign.is_empty() {
                campaign = behind;
            }
        }
        tags.source = first_filled(campaign.source, campaign.platform);
        tags.medium = campaign.medium;
        tags.name = first_filled(campaign.name, campaign.id);
        tags
    }

    fn take(&mut self, parameters: &'a str, campaign: &mut Campaign<'a>) {
        for pair in parameters.split(['&', '?']) {
            let Some((name, value)) = without_entity(pair).split_once('=') else {
                continue;
            };
            let name = decode(name.trim_start_matches(['!', '/']));
            if let Some(part) = Part::of(&name) {
                let value = meaningful(decode(value));
                if !value.is_empty() {
                    *campaign.part(part) = value;
                }
            } else if name.eq_ignore_ascii_case("ref")
                || (name.eq_ignore_ascii_case("source") && self.link.is_empty())
            {
                self.link = meaningful(decode(value));
            } else if !value.is_empty() {
                self.click = ClickId::stronger(self.click, ClickId::of_name(&name));
            }
        }
    }

    /// Separates the link's name from the tags.
    pub(crate) fn without_link(mut self) -> (Self, Cow<'a, str>) {
        let link = std::mem::take(&mut self.link);
        (self, link)
    }

    /// Returns the same tags as owned texts.
    pub(crate) fn into_owned(self) -> AddressTags<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        AddressTags {
            source: own(self.source),
            medium: own(self.medium),
            name: own(self.name),
            click: self.click,
            link: own(self.link),
        }
    }
}

#[derive(Debug, Default)]
struct Campaign<'a> {
    source: Cow<'a, str>,
    platform: Cow<'a, str>,
    medium: Cow<'a, str>,
    name: Cow<'a, str>,
    id: Cow<'a, str>,
}

impl<'a> Campaign<'a> {
    fn part(&mut self, part: Part) -> &mut Cow<'a, str> {
        match part {
            Part::Source => &mut self.source,
            Part::Platform => &mut self.platform,
            Part::Medium => &mut self.medium,
            Part::Name => &mut self.name,
            Part::Id => &mut self.id,
        }
    }

    fn is_empty(&self) -> bool {
        [
            &self.source,
            &self.platform,
            &self.medium,
            &self.name,
            &self.id,
        ]
        .iter()
        .all(|part| part.is_empty())
    }
}

impl Part {
    /// Returns the part that a parameter of Google's or Matomo's convention names.
    fn of(name: &str) -> Option<Self> {
        let (prefix, rest) = name.split_once('_')?;
        let is = |word: &str| rest.eq_ignore_ascii_case(word);
        let begins = |word: &str| prefix.eq_ignore_ascii_case(word);
        if begins("utm") {
            return match () {
                () if is("source") => Some(Self::Source),
                () if is("medium") => Some(Self::Medium),
                () if is("campaign") => Some(Self::Name),
                () if is("id") => Some(Self::Id),
                () if is("source_platform") => Some(Self::Platform),
                () => None,
            };
        }
        if !["mtm", "pk", "matomo", "piwik"].into_iter().any(begins) {
            return None;
        }
        match () {
            () if is("source") => Some(Self::Source),
            () if is("medium") => Some(Self::Medium),
            () if is("campaign") || is("cpn") => Some(Self::Name),
            () if is("cid") => Some(Self::Id),
            () => None,
        }
    }
}

/// Returns `value` without surrounding space, or an empty text if it stands for nothing.
pub(crate) fn meaningful(value: Cow<'_, str>) -> Cow<'_, str> {
    let value = match value {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() < text.len() => Cow::Owned(text.trim().to_owned()),
        owned @ Cow::Owned(_) => owned,
    };
    let stands_for_nothing = PLACEHOLDERS
        .iter()
        .any(|placeholder| value.eq_ignore_ascii_case(placeholder));
    if stands_for_nothing {
        Cow::Borrowed("")
    } else {
        value
    }
}

fn first_filled<'a>(first: Cow<'a, str>, second: Cow<'a, str>) -> Cow<'a, str> {
    if first.is_empty() { second } else { first }
}

/// Splits an address at its `#`. The `#` in `&#38;` is part of an encoded ampersand.
fn split_at_fragment(url: &str) -> (&str, &str) {
    for (at, _) in url.match_indices('#') {
        let (Some(before), Some(after)) = (url.get(..at), url.get(at + 1..)) else {
            continue;
        };
        let is_entity = before.ends_with('&') && without_number(after).is_some();
        if !is_entity {
            return (before, after);
        }
    }
    (url, "")
}

/// Strips the number of an ampersand's character reference and returns the rest.
fn without_number(text: &str) -> Option<&str> {
    ["38;", "038;", "x26;", "X26;"]
        .into_iter()
        .find_map(|number| text.strip_prefix(number))
}

/// Strips what is left of an entity-encoded ampersand at the start of a parameter, even if it was
/// encoded several times.
fn without_entity(mut pair: &str) -> &str {
    loop {
        let named = ["amp;", "amp%3b"]
            .into_iter()
            .find_map(|entity| strip_prefix_in_any_case(pair, entity));
        let numbered = || pair.strip_prefix('#').and_then(without_number);
        match named.or_else(numbered) {
            Some(rest) => pair = rest,
            None => return pair,
        }
    }
}

fn strip_prefix_in_any_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Decodes `%41` and `+` in a name or value; invalid escapes are kept as they are.
pub(crate) fn decode(value: &str) -> Cow<'_, str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [&str; 3] = ["news", "email", "spring"];

    /// Addresses with their source, medium and name.
    const ADDRESSES: &[(&str, [&str; 3])] = &[
        (
            "https://a.nl/?utm_source=news&utm_medium=email&utm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/?utm_source=news&amp;utm_medium=email&amp;utm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/?a=1&amp;amp;utm_source=news&amp;AMP;utm_medium=email&amp%3Butm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/?utm_source=news&#38;utm_medium=email&#038;utm_campaign=spring#x",
            PLAIN,
        ),
        (
            "https://a.nl/?utm_source=news&#x26;utm_medium=email&#X26;utm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/#utm_source=news&utm_medium=email&utm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/?x=1#utm_source=news&amp;utm_medium=email&amp;utm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/#/shop?utm_source=news&utm_medium=email&utm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/#!/shop/?utm_source=news&utm_medium=email&utm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/#?utm_source=news&utm_medium=email&utm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/#!utm_source=news&utm_medium=email&utm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/#top&utm_source=news&utm_medium=email&utm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/?a=1?utm_source=news&utm_medium=email&utm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/shoes&utm_source=news&utm_medium=email&utm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/?UTM_Source=news&Utm_Medium=email&UTM_CAMPAIGN=spring",
            PLAIN,
        ),
        (
            "https://a.nl/?utm%5Fsource=news&utm%5Fmedium=email&utm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/?utm_source=old&utm_source=news&utm_medium=email&utm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/?utm_source=news&utm_source=&utm_medium=email&utm_campaign=spring",
            PLAIN,
        ),
        (
            "/shop?utm_source=news&utm_medium=email&utm_campaign=spring",
            PLAIN,
        ),
        (
            "?utm_source=news&utm_medium=email&utm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/?pk_source=news&pk_medium=email&pk_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/?mtm_source=news&mtm_medium=email&mtm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/?piwik_source=news&matomo_medium=email&pk_cpn=spring",
            PLAIN,
        ),
        (
            "https://a.nl/?utm_source_platform=news&utm_medium=email&utm_id=spring",
            PLAIN,
        ),
        (
            "https://a.nl/?utm_source=news&utm_source_platform=x&utm_medium=email&utm_id=1&utm_campaign=spring",
            PLAIN,
        ),
        (
            "https://a.nl/?utm_source=+news+&utm_medium=%20email&utm_campaign=spring%20",
            PLAIN,
        ),
        (
            "https://a.nl/?utm_source=news&utm_medium=email&utm_campaign=spring#utm_source=other",
            PLAIN,
        ),
        (
            "https://a.nl/?utm_source=news+letter&utm_medium=e%2Dmail&utm_campaign=caf%C3%A9",
            ["news letter", "e-mail", "café"],
        ),
        (
            "https://a.nl/?utm_source=50%&utm_medium=%zz&utm_campaign=%e9",
            ["50%", "%zz", "\u{fffd}"],
        ),
        (
            "https://a.nl/?utm_source=a%26b&utm_medium=c%3Dd&utm_campaign=e=f",
            ["a&b", "c=d", "e=f"],
        ),
        (
            "https://a.nl/?utm_source=undefined&utm_medium=(not%20set)&utm_campaign=NULL",
            ["", "", ""],
        ),
        (
            "https://a.nl/?utm_term=x&utm_content=y&xutm_source=z&utm_=q&utm=1",
            ["", "", ""],
        ),
        ("https://a.nl/utm_source=news", ["", "", ""]),
        (
            "https://a.nl/?u=https%3A%2F%2Fb.nl%2F%3Futm_source%3Dnews",
            ["", "", ""],
        ),
        ("", ["", "", ""]),
    ];

    #[test]
    fn a_campaign_is_read_from_any_form_of_address() {
        for (url, [source, medium, name]) in ADDRESSES {
            let tags = AddressTags::read(url);
            assert_eq!(
                [&*tags.source, &*tags.medium, &*tags.name],
                [*source, *medium, *name],
                "{url}"
            );
        }
    }

    #[test]
    fn click_ids_and_tagged_links_are_found_before_and_after_the_hash() {
        let cases = [
            ("https://a.nl/?gclid=Abc", Some("gclid"), ""),
            ("https://a.nl/?GCLID=Abc", Some("gclid"), ""),
            ("https://a.nl/?gclid=", None, ""),
            ("https://a.nl/?x=1&amp;msclkid=1", Some("msclkid"), ""),
            ("https://a.nl/#fbclid=1", Some("fbclid"), ""),
            ("https://a.nl/?fbclid=1#/x?wbraid=2", Some("wbraid"), ""),
            ("https://a.nl/?ScCid=1", Some("sccid"), ""),
            (
                "https://a.nl/?ref=producthunt&source=x",
                None,
                "producthunt",
            ),
            (
                "https://a.nl/?source=x&ref=producthunt",
                None,
                "producthunt",
            ),
            ("https://a.nl/?source=reddit", None, "reddit"),
            ("https://a.nl/gclid=1", None, ""),
        ];
        for (url, click, link) in cases {
            let tags = AddressTags::read(url);
            assert_eq!(tags.click, click.and_then(ClickId::of_name), "{url}");
            assert_eq!(tags.link, link, "{url}");
            assert_eq!(tags.into_owned(), AddressTags::read(url), "{url}");
        }
    }
}
