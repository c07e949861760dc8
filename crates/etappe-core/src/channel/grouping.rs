//! Maps a source, a medium and a campaign's name to a channel.
//!
//! The table is Google Analytics' default channel group; `docs/channels.md` lists it, with the
//! differences.

use super::Channel;
use super::source::SourceKind;

/// Mediums of display advertising.
const DISPLAY: [&str; 5] = ["display", "banner", "expandable", "interstitial", "cpm"];

/// Mediums of unpaid links in social networks.
const SOCIAL: [&str; 6] = [
    "social",
    "social-network",
    "social-media",
    "sm",
    "social network",
    "social media",
];

/// Sources and mediums of mail.
const EMAIL: [&str; 9] = [
    "email",
    "e-mail",
    "e_mail",
    "e mail",
    "newsletter",
    "nieuwsbrief",
    "mailing",
    "e-mailing",
    "emailing",
];

/// The traffic source of a visitor. Texts are in lower case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic<'t> {
    /// What visitors do at the source, if the source is known.
    pub(super) kind: Option<SourceKind>,
    pub(super) source: &'t str,
    pub(super) medium: &'t str,
    pub(super) campaign: &'t str,
}

/// Returns the channel of `traffic`: that of the first row of the table that applies.
pub(super) fn channel_of(traffic: Traffic<'_>) -> Channel {
    let Traffic {
        kind,
        source,
        medium,
        campaign,
    } = traffic;
    let is = |wanted: SourceKind| kind == Some(wanted);
    let in_shops = is(SourceKind::Shopping) || names_a_shop(campaign);
    if source == "(direct)" && matches!(medium, "" | "(not set)" | "(none)") {
        Channel::Direct
    } else if campaign.contains("cross-network") {
        Channel::CrossNetwork
    } else if is_paid(medium) {
        match kind {
            _ if in_shops => Channel::PaidShopping,
            Some(SourceKind::Search) => Channel::PaidSearch,
            Some(SourceKind::Social) => Channel::PaidSocial,
            Some(SourceKind::Video) => Channel::PaidVideo,
            _ if DISPLAY.contains(&medium) => Channel::Display,
            _ => Channel::PaidOther,
        }
    } else if DISPLAY.contains(&medium) {
        Channel::Display
    } else if is(SourceKind::Ai) || medium == "ai-assistant" {
        Channel::AiAssistant
    } else if in_shops {
        Channel::OrganicShopping
    } else if is(SourceKind::Social) || SOCIAL.contains(&medium) {
        Channel::OrganicSocial
    } else if is(SourceKind::Video) || medium.contains("video") {
        Channel::OrganicVideo
    } else if is(SourceKind::Search) || medium == "organic" {
        Channel::OrganicSearch
    } else {
        direct_contact(traffic)
    }
}

/// Returns the channel by the rows of the table that ignore the kind of source.
fn direct_contact(traffic: Traffic<'_>) -> Channel {
    let Traffic {
        kind,
        source,
        medium,
        ..
    } = traffic;
    if matches!(medium, "referral" | "app" | "link") {
        Channel::Referral
    } else if kind == Some(SourceKind::Email) || EMAIL.contains(&source) || EMAIL.contains(&medium)
    {
        Channel::Email
    } else if matches!(medium, "affiliate" | "affiliates") {
        Channel::Affiliates
    } else if medium == "audio" {
        Channel::Audio
    } else if kind == Some(SourceKind::Sms) || source == "sms" || medium == "sms" {
        Channel::Sms
    } else if medium.ends_with("push")
        || medium.contains("mobile")
        || medium.contains("notification")
        || source == "firebase"
    {
        Channel::MobilePush
    } else if medium.is_empty() && source.contains('.') && !source.contains(' ') {
        // A link that names the site it is on, and nothing else.
        Channel::Referral
    } else {
        Channel::Unassigned
    }
}

/// Returns whether a medium is paid: `^(.*cp.*|ppc|retargeting|paid.*)$`.
fn is_paid(medium: &str) -> bool {
    medium.contains("cp")
        || medium == "ppc"
        || medium == "retargeting"
        || medium.starts_with("paid")
}

/// Returns whether a campaign's name mentions shopping: `^(.*(([^a-df-z]|^)shop|shopping).*)$`, so
/// `eshop` and `shop-may` match and `workshop` does not.
fn names_a_shop(campaign: &str) -> bool {
    campaign.contains("shopping")
        || campaign.match_indices("shop").any(|(at, _)| {
            let before = campaign.as_bytes().get(..at).and_then(<[u8]>::last);
            !before.is_some_and(|byte| byte.is_ascii_lowercase() && *byte != b'e')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, medium: &str, campaign: &str) -> &'static str {
        let kind = super::super::source::of_name(source).map(|source| source.kind);
        let traffic = Traffic {
            kind,
            source,
            medium,
            campaign,
        };
        channel_of(traffic).as_str()
    }

    #[test]
    fn every_row_of_the_table_decides_what_earlier_rows_leave_open() {
        let cases = [
            ("(direct)", "(none)", "", "Direct"),
            ("(direct)", "(not set)", "", "Direct"),
            ("google", "cpc", "cross-network", "Cross-network"),
            ("amazon", "cpc", "", "Paid Shopping"),
            ("google", "cpc", "shop nl", "Paid Shopping"),
            ("google", "ppc", "nl-shopping-all", "Paid Shopping"),
            ("google", "cpc", "workshop", "Paid Search"),
            ("bing", "paid-search", "", "Paid Search"),
            ("facebook", "paidsocial", "", "Paid Social"),
            ("facebook", "cpm", "", "Paid Social"),
            ("youtube", "cpv", "", "Paid Video"),
            ("youtube", "cpc", "", "Paid Video"),
            ("nu.nl", "cpm", "", "Display"),
            ("google", "display", "", "Display"),
            ("nu.nl", "banner", "", "Display"),
            ("nu.nl", "cpa", "", "Paid Other"),
            ("criteo", "retargeting", "", "Paid Other"),
            ("chatgpt.com", "cpc", "", "Paid Other"),
            ("chatgpt.com", "referral", "", "AI Assistant"),
            ("other", "ai-assistant", "(ai-assistant)", "AI Assistant"),
            ("ebay", "referral", "", "Organic Shopping"),
            ("partner", "link", "eshop", "Organic Shopping"),
            ("reddit", "referral", "", "Organic Social"),
            ("buurt", "social-media", "", "Organic Social"),
            ("vimeo", "referral", "", "Organic Video"),
            ("x1", "online-video", "", "Organic Video"),
            ("ecosia", "", "", "Organic Search"),
            ("x1", "organic", "", "Organic Search"),
            ("partner", "referral", "", "Referral"),
            ("partner", "app", "", "Referral"),
            ("partner", "link", "", "Referral"),
            ("crm", "e-mail", "", "Email"),
            ("email", "blast", "", "Email"),
            ("nieuwsbrief", "", "", "Email"),
            ("mailchimp", "mc", "", "Email"),
            ("awin", "affiliate", "", "Affiliates"),
            ("spotify", "audio", "", "Audio"),
            ("crm", "sms", "", "SMS"),
            ("sms", "blast", "", "SMS"),
            ("crm", "web-push", "", "Mobile Push Notifications"),
            ("crm", "mobile-message", "", "Mobile Push Notifications"),
            ("firebase", "x", "", "Mobile Push Notifications"),
            ("partner.example", "", "", "Referral"),
            ("partner", "", "", "Unassigned"),
            ("partner", "flyer", "", "Unassigned"),
            ("paypal", "", "", "Unassigned"),
        ];
        for (source, medium, campaign, expected) in cases {
            assert_eq!(
                check(source, medium, campaign),
                expected,
                "{source} / {medium} / {campaign}"
            );
        }
    }
}
