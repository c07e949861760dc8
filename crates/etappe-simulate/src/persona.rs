//! The kinds of people: where they come from, what they use, and how likely each step is.

use crate::calendar::Rhythm;

/// How somebody comes to the shop's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Channel {
    /// An advertisement on Instagram.
    PaidSocial,
    /// The shop's newsletter.
    Email,
    /// A search engine.
    OrganicSearch,
    /// A friend's post.
    OrganicSocial,
    /// A page of somebody else.
    Referral,
    /// The address itself.
    Direct,
}

impl Channel {
    /// Returns the channel's name in the default channel group.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PaidSocial => "Paid Social",
            Self::Email => "Email",
            Self::OrganicSearch => "Organic Search",
            Self::OrganicSocial => "Organic Social",
            Self::Referral => "Referral",
            Self::Direct => "Direct",
        }
    }
}

/// A kind of people. Numbers are probabilities unless they say otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Persona {
    /// The name, as the events carry it.
    pub(crate) name: &'static str,
    /// How many of all who come by themselves are of this kind.
    pub(crate) share: f64,
    /// Channels with their weights.
    pub(crate) channels: &'static [(Channel, f64)],
    /// The first device is a telephone.
    pub(crate) mobile: f64,
    /// Has a second device.
    pub(crate) second_device: f64,
    /// Makes an account on a visit.
    pub(crate) sign_up: f64,
    /// Puts something in the cart on a visit.
    pub(crate) cart: f64,
    /// Goes on from the cart to the checkout.
    pub(crate) checkout: f64,
    /// Pays, if nothing goes wrong.
    pub(crate) pay: f64,
    /// Comes back after a visit, before the first order.
    pub(crate) again: f64,
    /// Comes back after a visit, once a customer; the others have left for good.
    pub(crate) loyal: f64,
    /// The mean number of days between visits.
    pub(crate) gap_days: f64,
    /// Invites friends after an order.
    pub(crate) invites: f64,
    /// Visits the shop itself instead of its pages.
    pub(crate) in_shop: f64,
    /// Calls instead of clicking.
    pub(crate) by_phone: f64,
    /// The score from which answers to "would you recommend us" vary.
    pub(crate) mood: i64,
    /// When they are about.
    pub(crate) rhythm: Rhythm,
}

/// Those who come by themselves.
pub(crate) const ORGANIC: [Persona; 6] = [
    Persona {
        name: "scroller",
        share: 0.34,
        channels: &[
            (Channel::PaidSocial, 8.0),
            (Channel::OrganicSocial, 1.0),
            (Channel::Direct, 1.0),
        ],
        mobile: 0.94,
        second_device: 0.08,
        sign_up: 0.16,
        cart: 0.32,
        checkout: 0.65,
        pay: 0.88,
        again: 0.54,
        loyal: 0.70,
        gap_days: 9.0,
        invites: 0.32,
        ..SEARCHER
    },
    SEARCHER,
    Persona {
        name: "newsletter reader",
        share: 0.14,
        channels: &[
            (Channel::Email, 7.0),
            (Channel::Direct, 2.0),
            (Channel::OrganicSearch, 1.0),
        ],
        mobile: 0.52,
        sign_up: 0.26,
        cart: 0.34,
        again: 0.80,
        loyal: 0.90,
        gap_days: 10.0,
        invites: 0.40,
        mood: 9,
        ..SEARCHER
    },
    Persona {
        name: "shop visitor",
        share: 0.10,
        channels: &[(Channel::Direct, 6.0), (Channel::OrganicSearch, 4.0)],
        mobile: 0.6,
        in_shop: 0.6,
        sign_up: 0.12,
        again: 0.67,
        gap_days: 16.0,
        invites: 0.25,
        mood: 9,
        rhythm: Rhythm::OpeningHours,
        ..SEARCHER
    },
    Persona {
        name: "caller",
        share: 0.06,
        channels: &[(Channel::OrganicSearch, 6.0), (Channel::Direct, 4.0)],
        mobile: 0.2,
        second_device: 0.02,
        by_phone: 0.45,
        sign_up: 0.1,
        again: 0.62,
        gap_days: 20.0,
        invites: 0.18,
        mood: 8,
        rhythm: Rhythm::OpeningHours,
        ..SEARCHER
    },
    Persona {
        name: "bargain hunter",
        share: 0.13,
        channels: &[
            (Channel::Referral, 6.0),
            (Channel::OrganicSearch, 2.0),
            (Channel::Email, 2.0),
        ],
        mobile: 0.5,
        sign_up: 0.2,
        cart: 0.4,
        checkout: 0.5,
        pay: 0.7,
        again: 0.57,
        loyal: 0.65,
        gap_days: 14.0,
        invites: 0.22,
        mood: 6,
        ..SEARCHER
    },
];

/// Those whom a friend invited.
pub(crate) const FRIEND: Persona = Persona {
    name: "friend",
    share: 0.0,
    channels: &[(Channel::Direct, 6.0), (Channel::OrganicSocial, 4.0)],
    mobile: 0.7,
    sign_up: 0.45,
    cart: 0.42,
    checkout: 0.7,
    pay: 0.85,
    again: 0.72,
    loyal: 0.85,
    invites: 0.44,
    mood: 9,
    ..SEARCHER
};

/// Those who find the shop by searching; the others differ from them.
const SEARCHER: Persona = Persona {
    name: "searcher",
    share: 0.23,
    channels: &[(Channel::OrganicSearch, 8.0), (Channel::Direct, 2.0)],
    mobile: 0.35,
    second_device: 0.3,
    sign_up: 0.18,
    cart: 0.3,
    checkout: 0.62,
    pay: 0.82,
    again: 0.62,
    loyal: 0.80,
    gap_days: 11.0,
    invites: 0.30,
    in_shop: 0.02,
    by_phone: 0.02,
    mood: 8,
    rhythm: Rhythm::Online,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_those_of_everybody_who_comes_by_themselves() {
        let sum: f64 = ORGANIC.iter().map(|persona| persona.share).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }
}
