//! Channels: how a visitor came, using the names of Google Analytics' default channel group.
//!
//! Statements by the sender or in the address come first, then click ids, then the referrer, then
//! the app whose browser showed the page; see `arrival`. They give a source and a medium, and those
//! give the channel. An event that does not say how its actor came has no channel: it is never
//! guessed.
//!
//! Pure: the lists of sources are compiled into the program, and nothing else is looked up.

mod address;
mod click_id;
mod grouping;
mod in_app;
mod referrer;
mod source;

use std::borrow::Cow;

pub(crate) use address::{AddressTags, decode, meaningful};
pub(crate) use click_id::ClickId;
pub(crate) use referrer::Referrer;

use click_id::Weight;
use grouping::{Traffic, channel_of};
use referrer::lower;
use source::{Source, SourceKind};

/// How an actor came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// By typing the address, by a bookmark, or without any known source.
    Direct,
    /// By an advertisement that runs on several networks at once.
    CrossNetwork,
    /// By an advertisement in a marketplace or for a product.
    PaidShopping,
    /// By an advertisement beside search results.
    PaidSearch,
    /// By an advertisement in a social network.
    PaidSocial,
    /// By an advertisement beside a video.
    PaidVideo,
    /// By a banner.
    Display,
    /// By another advertisement.
    PaidOther,
    /// By an answer of an AI assistant.
    AiAssistant,
    /// From a marketplace or a price comparison site.
    OrganicShopping,
    /// From a social network.
    OrganicSocial,
    /// From a video site.
    OrganicVideo,
    /// From search results.
    OrganicSearch,
    /// By a link on another site, or in an app.
    Referral,
    /// By a link in a mail.
    Email,
    /// By a partner who is paid for the results of the visit.
    Affiliates,
    /// By an audio advertisement.
    Audio,
    /// By a text message.
    Sms,
    /// By a push notification.
    MobilePush,
    /// By a campaign whose source and medium match no row of the table.
    Unassigned,
}

impl Channel {
    /// Returns the name that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "Direct",
            Self::CrossNetwork => "Cross-network",
            Self::PaidShopping => "Paid Shopping",
            Self::PaidSearch => "Paid Search",
            Self::PaidSocial => "Paid Social",
            Self::PaidVideo => "Paid Video",
            Self::Display => "Display",
            Self::PaidOther => "Paid Other",
            Self::AiAssistant => "AI Assistant",
            Self::OrganicShopping => "Organic Shopping",
            Self::OrganicSocial => "Organic Social",
            Self::OrganicVideo => "Organic Video",
            Self::OrganicSearch => "Organic Search",
            Self::Referral => "Referral",
            Self::Email => "Email",
            Self::Affiliates => "Affiliates",
            Self::Audio => "Audio",
            Self::Sms => "SMS",
            Self::MobilePush => "Mobile Push Notifications",
            Self::Unassigned => "Unassigned",
        }
    }
}

/// The evidence of how an event's actor came.
#[derive(Debug)]
pub(crate) struct Evidence<'e> {
    /// The source that the campaign states; empty if none is stated.
    pub(crate) source: &'e str,
    /// The campaign's medium.
    pub(crate) medium: &'e str,
    /// The campaign's name.
    pub(crate) campaign: &'e str,
    /// The strongest click id.
    pub(crate) click: Option<&'static ClickId>,
    /// The parameter `ref` or `source` of the page's address.
    pub(crate) link: &'e str,
    /// Where the page was opened from.
    pub(crate) referrer: Referrer<'e>,
    /// The user agent of the visitor.
    pub(crate) user_agent: &'e str,
    /// Whether a visitor arrives by this event, so that a missing source means that there was none.
    pub(crate) is_entry: bool,
}

/// The resulting channel, source and medium of an event's actor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arrival<'e> {
    /// The channel; `None` if nothing is known.
    pub(crate) channel: Option<Channel>,
    /// The source, if it differs from the stated one.
    pub(crate) source: Option<FoundSource<'e>>,
    /// The medium, if it differs from the stated one.
    pub(crate) medium: Option<&'static str>,
}

/// A source that was found rather than stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FoundSource<'e> {
    /// A known source by its name, in lower case.
    Known(&'static str),
    /// A host or app, in lower case.
    Host(Cow<'e, str>),
}

/// Returns how an actor came, by the first of these that is known:
///
/// 1. the stated source and medium; a missing medium is taken from a click id of that source;
/// 2. a click id, unless the platform adds it to every shared link;
/// 3. `ref` or `source` in the address, if it names a known source;
/// 4. the referrer, if it is a known source;
/// 5. any other referrer;
/// 6. the app whose browser showed the page, if there is no referrer;
/// 7. a click id that the platform adds to every shared link, if there is no referrer;
/// 8. nothing, which means direct for an event by which a visitor arrives.
///
/// If the visitor came from a page of the same site, or back from a payment page, only 1 counts:
/// the address still carries its click id there, but nobody arrives.
pub(crate) fn arrival<'e>(evidence: &Evidence<'e>) -> Arrival<'e> {
    let arrives = !matches!(evidence.referrer, Referrer::Internal | Referrer::Passage);
    let click = evidence.click.filter(|_| arrives);
    if !evidence.source.is_empty() || !evidence.medium.is_empty() {
        return stated(evidence, click);
    }
    let found = arrives.then(|| found(evidence, click)).flatten();
    if let Some(origin) = found {
        return Arrival {
            channel: Some(origin.channel(evidence.campaign)),
            source: Some(origin.source),
            medium: Some(origin.medium),
        };
    }
    let channel = match evidence.referrer {
        _ if !evidence.is_entry => None,
        _ if !evidence.campaign.is_empty() => Some(Channel::Unassigned),
        Referrer::None => Some(Channel::Direct),
        _ => None,
    };
    Arrival {
        channel,
        source: None,
        medium: None,
    }
}

/// Returns the arrival by a campaign that states a source or a medium.
fn stated<'e>(evidence: &Evidence<'e>, click: Option<&'static ClickId>) -> Arrival<'e> {
    let paid = click.filter(|click| click.weight == Weight::Paid);
    let added_source = paid
        .filter(|_| evidence.source.is_empty())
        .map(|click| click.source);
    let source = lower(added_source.unwrap_or(evidence.source));
    let kind = source::of_name(&source);
    let added_medium = evidence
        .medium
        .is_empty()
        .then(|| implied_medium(&source, kind, paid));
    let channel = channel_of(Traffic {
        kind: kind.map(|source| source.kind),
        source: &source,
        medium: &lower(added_medium.unwrap_or(evidence.medium)),
        campaign: &lower(evidence.campaign),
    });
    if channel == Channel::Direct {
        return Arrival {
            channel: Some(channel),
            source: Some(FoundSource::Known("")),
            medium: Some(""),
        };
    }
    Arrival {
        channel: Some(channel),
        source: added_source.map(FoundSource::Known),
        medium: added_medium,
    }
}

/// Returns the implied medium of a source that states none, or an empty text: the medium of a click
/// id of this source, or `cpc` if the source is the name of an advertising programme.
fn implied_medium(
    source: &str,
    known: Option<&'static Source>,
    paid: Option<&'static ClickId>,
) -> &'static str {
    let Some(known) = known else {
        return "";
    };
    match paid.filter(|click| click.source == known.name) {
        Some(click) => click.medium,
        None if source.ends_with("ads") || source == "adwords" => "cpc",
        None => "",
    }
}

/// Where a visitor came from, as far as that could be found.
#[derive(Debug)]
struct Origin<'e> {
    source: FoundSource<'e>,
    kind: Option<SourceKind>,
    medium: &'static str,
    /// Whether the click came from a free product listing.
    is_listing: bool,
}

impl Origin<'_> {
    fn channel(&self, campaign: &str) -> Channel {
        if self.is_listing {
            return Channel::OrganicShopping;
        }
        channel_of(Traffic {
            kind: self.kind,
            source: match &self.source {
                FoundSource::Known(name) => name,
                FoundSource::Host(host) => host,
            },
            medium: self.medium,
            campaign: &lower(campaign),
        })
    }

    fn of_source(source: &'static Source) -> Self {
        let medium = match source.kind {
            SourceKind::Search => "organic",
            SourceKind::Social => "social",
            SourceKind::Email => "email",
            SourceKind::Ai => "ai-assistant",
            SourceKind::Sms => "sms",
            SourceKind::Video
            | SourceKind::Shopping
            | SourceKind::Passage
            | SourceKind::Browser => "referral",
        };
        Self {
            source: FoundSource::Known(&source.name),
            kind: Some(source.kind),
            medium,
            is_listing: false,
        }
    }

    fn of_click(click: &'static ClickId) -> Self {
        Self {
            source: FoundSource::Known(click.source),
            kind: source::of_name(click.source).map(|source| source.kind),
            medium: click.medium,
            is_listing: click.is_free_listing(),
        }
    }
}

/// Returns the origin of a visitor when none is stated.
fn found<'e>(evidence: &Evidence<'e>, click: Option<&'static ClickId>) -> Option<Origin<'e>> {
    let sure = click.filter(|click| click.weight != Weight::Shared);
    if let Some(click) = sure {
        return Some(Origin::of_click(click));
    }
    if let Some(source) = linked(evidence.link) {
        return Some(Origin::of_source(source));
    }
    match evidence.referrer {
        Referrer::Known(source) => Some(Origin::of_source(source)),
        Referrer::Other(host) => Some(Origin {
            source: FoundSource::Host(lower(host)),
            kind: None,
            medium: "referral",
            is_listing: false,
        }),
        Referrer::None => in_app::source_of(evidence.user_agent)
            .map(Origin::of_source)
            .or_else(|| click.map(Origin::of_click)),
        Referrer::Internal | Referrer::Passage | Referrer::Unreadable => None,
    }
}

/// Returns the source that a link names. A value that is not a known source is some private code.
fn linked(link: &str) -> Option<&'static Source> {
    if link.is_empty() {
        return None;
    }
    source::of_name(&lower(link))
        .filter(|source| !matches!(source.kind, SourceKind::Passage | SourceKind::Browser))
}

#[cfg(test)]
mod tests;
