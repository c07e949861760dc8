//! The counts behind the cards that are neither money nor referrals.

use super::{Span, Truth, as_f64};
use crate::act::Act;
use crate::calendar::{DAY, day_start, local_date};
use chrono::{Datelike, Days};
use serde_json::{Value, json};

/// How long somebody who signed up has to activate.
const ACTIVATION: i64 = 14 * DAY;

/// Signups and what became of them.
#[derive(Debug, Default)]
pub(super) struct Signups {
    pub(super) signups: u64,
    pub(super) eligible: u64,
    pub(super) activated: u64,
}

/// Answers to "would you recommend us".
#[derive(Debug, Default)]
pub(super) struct Scores {
    pub(super) promoters: u64,
    pub(super) passives: u64,
    pub(super) detractors: u64,
}

impl Scores {
    pub(super) const fn answers(&self) -> u64 {
        self.promoters + self.passives + self.detractors
    }

    /// Returns the share of promoters less that of detractors, times 100; null without answers.
    pub(super) fn value(&self) -> Value {
        if self.answers() == 0 {
            return Value::Null;
        }
        let more = as_f64(self.promoters) - as_f64(self.detractors);
        json!(100.0 * more / as_f64(self.answers()))
    }
}

impl Truth {
    /// Returns the numbers of events and of events without a stage.
    pub(super) fn events_in(&self, span: Span) -> (u64, u64) {
        let mut counts = (0, 0);
        for happening in self.all().filter(|it| span.contains(it.at)) {
            counts.0 += 1;
            counts.1 += u64::from(happening.act.stage().is_none());
        }
        counts
    }

    /// Counts those whose first signup is in the range, and how many activated within 14 days.
    pub(super) fn signups(&self, span: Span, as_of: i64) -> Signups {
        let mut counts = Signups::default();
        for (person, journey) in self.journeys.iter().enumerate() {
            let signed_up = self.first(person, |act| act == Act::SignedUp);
            let Some(signed_up) = signed_up.filter(|at| span.contains(*at)) else {
                continue;
            };
            let in_time = signed_up..=signed_up + ACTIVATION;
            let has_activated = journey
                .iter()
                .any(|it| it.act == Act::AccountActivated && in_time.contains(&it.at));
            let is_over = signed_up + ACTIVATION < as_of;
            counts.signups += 1;
            counts.activated += u64::from(has_activated && is_over);
            counts.eligible += u64::from(is_over);
        }
        counts
    }

    /// Counts scores.
    pub(super) fn scores(&self, span: Span) -> Scores {
        let mut scores = Scores::default();
        for happening in self.all().filter(|it| span.contains(it.at)) {
            match happening.act {
                Act::Surveyed { score: 9.. } => scores.promoters += 1,
                Act::Surveyed { score: 7..=8 } => scores.passives += 1,
                Act::Surveyed { score: ..=6 } => scores.detractors += 1,
                _ => {}
            }
        }
        scores
    }

    /// Returns how many people were active in the last week whose following week is over, and how
    /// many of them in the following week.
    pub(super) fn retention(&self, span: Span, as_of: i64) -> (u64, u64) {
        let today = local_date(self.zone, span.to.min(as_of));
        let since_monday = u64::from(today.weekday().num_days_from_monday());
        let monday = |weeks: u64| {
            let date = today.checked_sub_days(Days::new(since_monday + 7 * weeks));
            date.map_or(0, |date| day_start(self.zone, date)).max(0)
        };
        let week = |weeks| {
            self.active(Span {
                from: monday(weeks),
                to: monday(weeks - 1),
            })
        };
        let (cohort, next) = (week(2), week(1));
        let returned = cohort.intersection(&next).count();
        (cohort.len() as u64, returned as u64)
    }
}
