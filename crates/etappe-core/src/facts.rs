//! The known meanings of properties: money, orders, referrals, scores, touchpoints, campaigns.

use std::borrow::Cow;

use crate::money::Amount;

/// What an event's properties and context say, by their known names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventFacts<'a> {
    /// The account (company) the event belongs to.
    pub account: Cow<'a, str>,
    /// The amount of money, if there is one and it counts.
    pub revenue: Option<Amount>,
    /// ISO 4217 code in capitals; empty if none was given.
    pub currency: Cow<'a, str>,
    /// The order's id.
    pub order_id: Cow<'a, str>,
    /// The code of a referral.
    pub referral_code: Cow<'a, str>,
    /// The actor's id who brought this one.
    pub inviter_id: Cow<'a, str>,
    /// The score 0–10 given to "would you recommend us".
    pub nps: Option<u8>,
    /// A rating on the sender's own scale.
    pub rating: Option<f64>,
    /// Sentiment, −1 to 1.
    pub sentiment: Option<f64>,
    /// Where contact happened, such as `web`, `app`, `email`, `store`.
    pub touchpoint: Cow<'a, str>,
    /// `physical`, `digital` or `hybrid`.
    pub touchpoint_kind: Cow<'a, str>,
    /// The named segment.
    pub persona: Cow<'a, str>,
    /// UTM source.
    pub campaign_source: Cow<'a, str>,
    /// UTM medium.
    pub campaign_medium: Cow<'a, str>,
    /// UTM campaign, its name.
    pub campaign_name: Cow<'a, str>,
    /// The page's path.
    pub page_path: Cow<'a, str>,
    /// The page's address.
    pub page_url: Cow<'a, str>,
    /// Where the visitor came from.
    pub referrer: Cow<'a, str>,
    /// The browser's or app's language tag.
    pub locale: Cow<'a, str>,
    /// The kind of device: `desktop`, `mobile`, `tablet`, or empty.
    pub device: Cow<'a, str>,
    /// Two-letter country code, if the sender said it; or empty.
    pub country: Cow<'a, str>,
    /// What kind of bot sent it; empty for people.
    pub bot: Cow<'a, str>,
}
