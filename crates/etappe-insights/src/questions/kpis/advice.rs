//! Advice for weak figures.
//!
//! A figure is weak if it fell from the previous range by more than chance explains, or if it is
//! below what most businesses need. With fewer than 30 people a figure says little, so it gets no
//! advice.

mod text;

use crate::interval::wilson;
use crate::language::{Language, Text};
use crate::questions::kpis::figure::Figure;
use crate::questions::kpis::measure::Measure;

/// The fewest people or answers for which there is advice.
const FEWEST: u64 = 30;

/// Returns advice about a KPI, or `None` if it is not weak.
///
/// `previous` is the same KPI in the previous range, if both ranges have elapsed.
pub(crate) fn advise(
    present: &Measure,
    previous: Option<&Measure>,
    language: Language,
) -> Option<String> {
    previous
        .and_then(|previous| fall(present, previous, language))
        .or_else(|| weakness(present).map(|text| text.told(language).to_owned()))
}

/// Returns advice if a KPI fell by more than chance explains.
fn fall(present: &Measure, previous: &Measure, language: Language) -> Option<String> {
    if present.id == "unmapped_share" {
        return None;
    }
    if let (Some((part, whole)), Some((part_before, whole_before))) =
        (present.share, previous.share)
    {
        let enough = whole >= FEWEST && whole_before >= FEWEST;
        let (now, before) = (wilson(part, whole)?, wilson(part_before, whole_before)?);
        let (now_rate, before_rate) = (present.value?.as_f64(), previous.value?.as_f64());
        return (enough && now[1] < before[0])
            .then(|| text::fallen_rate(language, before_rate, now_rate));
    }
    let (Some(Figure::Count(now)), Some(Figure::Count(before))) = (present.value, previous.value)
    else {
        return None;
    };
    // At least a fifth, and more than three standard deviations of a count.
    let lost = before.saturating_sub(now);
    let is_fall = before >= FEWEST && lost * 5 >= before && lost * lost > 9 * (before + now);
    is_fall.then(|| text::fallen_count(language, before))
}

/// Returns advice if a KPI is low.
fn weakness(present: &Measure) -> Option<Text> {
    let bounds = present.share.filter(|(_, whole)| *whole >= FEWEST);
    let bounds = bounds.and_then(|(part, whole)| wilson(part, whole));
    let is_surely_below = |limit: f64| bounds.is_some_and(|bounds| bounds[1] < limit);
    let is_surely_above = |limit: f64| bounds.is_some_and(|bounds| bounds[0] > limit);
    let is_below = |limit: f64, among: &str| {
        let enough = present
            .counts
            .get(among)
            .is_some_and(|count| count.as_f64() >= 30.0);
        enough && present.value.is_some_and(|value| value.as_f64() < limit)
    };
    match present.id {
        "activation_rate" if is_surely_below(0.25) => Some(text::ACTIVATION_RATE),
        "repeat_rate" if is_surely_below(0.2) => Some(text::REPEAT_RATE),
        "purchases_per_customer" if is_below(1.2, "customers") => {
            Some(text::PURCHASES_PER_CUSTOMER)
        }
        "retention_rate" if is_surely_below(0.1) => Some(text::RETENTION_RATE),
        "referrals_per_customer" if is_below(f64::MIN_POSITIVE, "customers") => {
            Some(text::NO_REFERRALS)
        }
        "referrals_per_customer" if is_below(0.05, "customers") => Some(text::FEW_REFERRALS),
        "nps" if is_below(0.0, "answers") => Some(text::NPS),
        "unmapped_share" if is_surely_above(0.2) => Some(text::UNMAPPED_SHARE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use etappe_core::kpi::{KpiFigures, ReferralFigures};

    use super::*;
    use crate::questions::kpis::measure::{Currencies, measures};

    fn advise(present: &Measure, previous: Option<&Measure>) -> Option<String> {
        super::advise(present, previous, Language::En)
    }

    fn referrals(referred: u64) -> ReferralFigures {
        ReferralFigures {
            referred,
            ..ReferralFigures::default()
        }
    }

    fn measure(id: &str, figures: &KpiFigures) -> Measure {
        let currencies = Currencies::choose(figures, None, "EUR", 1);
        let all = measures(figures, &currencies);
        all.into_iter().find(|measure| measure.id == id).unwrap()
    }

    #[test]
    fn a_rate_is_weak_only_when_chance_cannot_explain_it() {
        let rate = |activated| KpiFigures {
            activation_eligible: 100,
            activated,
            ..KpiFigures::default()
        };
        assert!(
            advise(&measure("activation_rate", &rate(5)), None)
                .unwrap()
                .contains("one in four")
        );
        assert_eq!(advise(&measure("activation_rate", &rate(20)), None), None);
        let few = KpiFigures {
            activation_eligible: 29,
            ..KpiFigures::default()
        };
        assert_eq!(advise(&measure("activation_rate", &few), None), None);
    }

    #[test]
    fn a_drop_is_reported_with_both_figures() {
        let rate = |activated| {
            measure(
                "activation_rate",
                &KpiFigures {
                    activation_eligible: 200,
                    activated,
                    ..KpiFigures::default()
                },
            )
        };
        let advice = advise(&rate(80), Some(&rate(140))).unwrap();
        assert!(
            advice.starts_with("This fell from 70 % to 40 %"),
            "{advice}"
        );
        assert_eq!(
            super::advise(&rate(80), Some(&rate(140)), Language::Nl).unwrap(),
            "Dit zakte van 70% naar 40%, meer dan toeval verklaart: kijk wat er veranderde."
        );
        assert_eq!(advise(&rate(130), Some(&rate(140))), None);
        assert_eq!(advise(&rate(140), Some(&rate(80))), None);
    }

    #[test]
    fn a_falling_count_is_reported_when_it_is_large() {
        let visitors = |visitors| {
            measure(
                "visitors",
                &KpiFigures {
                    visitors,
                    ..KpiFigures::default()
                },
            )
        };
        assert!(
            advise(&visitors(500), Some(&visitors(1_000)))
                .unwrap()
                .contains("1000")
        );
        assert_eq!(advise(&visitors(900), Some(&visitors(1_000))), None);
        assert_eq!(advise(&visitors(25), Some(&visitors(32))), None);
    }

    #[test]
    fn unmapped_events_are_bad_when_there_are_many() {
        let share = |unmapped_events| KpiFigures {
            events: 1_000,
            unmapped_events,
            ..KpiFigures::default()
        };
        assert!(advise(&measure("unmapped_share", &share(400)), None).is_some());
        assert_eq!(advise(&measure("unmapped_share", &share(100)), None), None);
    }

    #[test]
    fn missing_referrals_prompt_advice_to_check_the_tracking() {
        let customers = |referred| KpiFigures {
            customers: 100,
            referrals: referrals(referred),
            ..KpiFigures::default()
        };
        let advice = |referred| {
            advise(
                &measure("referrals_per_customer", &customers(referred)),
                None,
            )
        };
        assert!(advice(0).unwrap().contains("referral_code"));
        assert!(advice(2).unwrap().contains("Hardly any"));
        assert_eq!(advice(10), None);
    }

    #[test]
    fn a_negative_nps_gets_advice() {
        let mut figures = KpiFigures::default();
        figures.nps_scores[2] = 20;
        figures.nps_scores[10] = 15;
        assert!(advise(&measure("nps", &figures), None).is_some());
        figures.nps_scores[10] = 25;
        assert_eq!(advise(&measure("nps", &figures), None), None);
    }

    #[test]
    fn one_time_customers_get_advice() {
        let figures = KpiFigures {
            customers: 100,
            customer_orders: 105,
            repeat_customers: 5,
            referrals: referrals(1),
            ..KpiFigures::default()
        };
        for id in [
            "purchases_per_customer",
            "repeat_rate",
            "referrals_per_customer",
        ] {
            assert!(advise(&measure(id, &figures), None).is_some(), "{id}");
        }
    }
}
