//! The parameters by which advertisers and mail services recognise their own clicks.
//!
//! A click id survives when an address is copied or shared, so it is evidence only for the landing
//! page. `fbclid` and `igshid` are added to every link, so they do not indicate an advertisement.
//!
//! Names and meanings: `docs/channels.md`.

/// A parameter and its meaning.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClickId {
    /// The parameter's name, in lower case.
    name: &'static str,
    /// Where the click was made.
    pub(crate) source: &'static str,
    /// The kind of link.
    pub(crate) medium: &'static str,
    /// How strong the evidence is, for addresses with several click ids.
    pub(crate) weight: Weight,
}

/// The strength of a click id as evidence, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// The click was paid for.
    Paid,
    /// The link was placed in one specific place.
    Placed,
    /// The platform adds it to every shared link; a known referrer is stronger evidence.
    Shared,
}

const fn paid(name: &'static str, source: &'static str, medium: &'static str) -> ClickId {
    ClickId {
        name,
        source,
        medium,
        weight: Weight::Paid,
    }
}

const fn placed(name: &'static str, source: &'static str, medium: &'static str) -> ClickId {
    ClickId {
        name,
        source,
        medium,
        weight: Weight::Placed,
    }
}

const fn shared(name: &'static str, source: &'static str, medium: &'static str) -> ClickId {
    ClickId {
        name,
        source,
        medium,
        weight: Weight::Shared,
    }
}

/// Added to the links of Google's free product listings.
const FREE_LISTING: &str = "srsltid";

/// All known click ids. Of several with the same weight, the first one counts.
static CLICK_IDS: [ClickId; 39] = [
    paid("gclid", "google", "cpc"),
    paid("gbraid", "google", "cpc"),
    paid("wbraid", "google", "cpc"),
    paid("dclid", "google", "display"),
    paid("gclsrc", "google", "cpc"),
    paid("gad_source", "google", "cpc"),
    paid("gad_campaignid", "google", "cpc"),
    paid("msclkid", "bing", "cpc"),
    paid("yclid", "yandex", "cpc"),
    paid("ttclid", "tiktok", "paid-social"),
    paid("twclid", "twitter", "paid-social"),
    paid("li_fat_id", "linkedin", "paid-social"),
    paid("rdt_cid", "reddit", "paid-social"),
    paid("sccid", "snapchat", "paid-social"),
    paid("qclid", "quora", "paid-social"),
    paid("epik", "pinterest", "paid-social"),
    paid("tblci", "taboola", "cpc"),
    paid("dicbo", "outbrain", "cpc"),
    placed("irclid", "impact", "affiliate"),
    placed("irclickid", "impact", "affiliate"),
    placed("awc", "awin", "affiliate"),
    placed("cjevent", "cj", "affiliate"),
    placed("ransiteid", "rakuten-advertising", "affiliate"),
    placed("sscid", "shareasale", "affiliate"),
    placed("tduid", "tradedoubler", "affiliate"),
    placed(FREE_LISTING, "google", "organic"),
    placed("mc_cid", "mailchimp", "email"),
    placed("mc_eid", "mailchimp", "email"),
    placed("_kx", "klaviyo", "email"),
    placed("_hsenc", "hubspot", "email"),
    placed("mkt_tok", "marketo", "email"),
    placed("vero_id", "vero", "email"),
    placed("dm_i", "dotdigital", "email"),
    placed("ck_subscriber_id", "convertkit", "email"),
    placed("ml_subscriber_hash", "mailerlite", "email"),
    placed("oly_enc_id", "omeda", "email"),
    shared("fbclid", "facebook", "social"),
    shared("igshid", "instagram", "social"),
    shared("igsh", "instagram", "social"),
];

impl ClickId {
    /// Returns the click id with this name, in any case.
    pub(crate) fn of_name(name: &str) -> Option<&'static Self> {
        // The length and the first letter rule out most names.
        let first = name.as_bytes().first()?.to_ascii_lowercase();
        CLICK_IDS.iter().find(|id| {
            id.name.len() == name.len()
                && id.name.as_bytes().first() == Some(&first)
                && id.name.eq_ignore_ascii_case(name)
        })
    }

    /// Returns whether it marks a Google free product listing.
    pub(super) fn is_free_listing(&self) -> bool {
        self.name == FREE_LISTING
    }

    /// Returns the stronger of two click ids; the first one if they are equally strong.
    pub(crate) fn stronger(
        first: Option<&'static Self>,
        second: Option<&'static Self>,
    ) -> Option<&'static Self> {
        match (first, second) {
            (Some(one), Some(other)) if other.weight < one.weight => Some(other),
            (Some(one), _) => Some(one),
            (None, other) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_are_unique() {
        for id in &CLICK_IDS {
            assert_eq!(ClickId::of_name(&id.name.to_uppercase()), Some(id));
            assert_eq!(id.name, id.name.to_lowercase());
        }
        for other in ["", "gcli", "gclidx", "id", "utm_source"] {
            assert_eq!(ClickId::of_name(other), None, "{other}");
        }
    }

    #[test]
    fn paid_clicks_outrank_shared_links() {
        let of = ClickId::of_name;
        for (first, second, expected) in [
            ("fbclid", "gclid", "gclid"),
            ("gclid", "fbclid", "gclid"),
            ("mc_cid", "fbclid", "mc_cid"),
            ("gclid", "msclkid", "gclid"),
            ("fbclid", "", "fbclid"),
            ("", "fbclid", "fbclid"),
        ] {
            assert_eq!(ClickId::stronger(of(first), of(second)), of(expected));
        }
    }
}
