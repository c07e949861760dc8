//! Advice about weak figures, in every language.

use crate::language::{Language, Text};

pub(super) const ACTIVATION_RATE: Text = Text {
    en: "Fewer than one in four who sign up get to a first success within 14 days: make the first step after signing up smaller.",
    nl: "Minder dan één op de vier aanmelders komt binnen 14 dagen tot een eerste succes: maak de eerste stap na het aanmelden kleiner.",
};

pub(super) const REPEAT_RATE: Text = Text {
    en: "Fewer than one in five customers buy again: give them a reason to come back soon after the first order.",
    nl: "Minder dan één op de vijf klanten koopt nog eens: geef ze kort na de eerste bestelling een reden om terug te komen.",
};

pub(super) const PURCHASES_PER_CUSTOMER: Text = Text {
    en: "Most customers buy once: a second offer shortly after the first order is the easiest sale.",
    nl: "De meeste klanten kopen één keer: een tweede aanbod kort na de eerste bestelling verkoopt het makkelijkst.",
};

pub(super) const RETENTION_RATE: Text = Text {
    en: "Fewer than one in ten come back the week after: remind them of what they came for.",
    nl: "Minder dan één op de tien komt de week erna terug: herinner ze aan waar ze voor kwamen.",
};

pub(super) const NO_REFERRALS: Text = Text {
    en: "Nobody was seen to bring anybody: send `referral_code` or `inviter_id` with signups and orders, or ask customers to invite others.",
    nl: "We zagen niemand een ander meebrengen: stuur `referral_code` of `inviter_id` mee met aanmeldingen en bestellingen, of vraag klanten om anderen uit te nodigen.",
};

pub(super) const FEW_REFERRALS: Text = Text {
    en: "Hardly any customer brings another one: ask right after something went well, and give them a link to share.",
    nl: "Bijna geen klant brengt een ander mee: vraag het vlak nadat iets goed ging, en geef ze een link om te delen.",
};

pub(super) const NPS: Text = Text {
    en: "More people warn others than recommend you: read what the lowest scores say first.",
    nl: "Meer mensen raden je af dan aan: lees eerst wat er bij de laagste cijfers staat.",
};

pub(super) const UNMAPPED_SHARE: Text = Text {
    en: "More than a fifth of the events are in no stage, so the figures miss them: map their names in a vocabulary.",
    nl: "Meer dan een vijfde van de gebeurtenissen hoort bij geen fase en telt dus niet mee: zeg wat hun namen betekenen.",
};

/// Returns the advice about a rate that fell.
pub(super) fn fallen_rate(language: Language, before: f64, now: f64) -> String {
    let (before, now) = (percent(language, before), percent(language, now));
    match language {
        Language::En => format!(
            "This fell from {before} to {now}, which is more than chance explains: see what changed."
        ),
        Language::Nl => format!(
            "Dit zakte van {before} naar {now}, meer dan toeval verklaart: kijk wat er veranderde."
        ),
    }
}

/// Returns the advice about a count that fell.
pub(super) fn fallen_count(language: Language, before: u64) -> String {
    match language {
        Language::En => {
            format!("Down from {before} in the time before: see which channel brought fewer.")
        }
        Language::Nl => {
            format!("In de tijd ervoor waren het er {before}: kijk welk kanaal er minder bracht.")
        }
    }
}

fn percent(language: Language, share: f64) -> String {
    format!("{:.0}{}%", share * 100.0, language.of(" ", ""))
}
