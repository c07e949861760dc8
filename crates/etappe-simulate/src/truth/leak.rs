//! The step that loses the most people compared with its best recent month.

use std::collections::BTreeMap;

use chrono::{Datelike, Months};
use serde_json::{Value, json};

use super::{Range, Span, Truth, as_f64};
use crate::act::Stage;
use crate::calendar::{DAY, day_start, local_date};
use crate::persona::Channel;

/// With fewer people a rate says nothing.
const FEWEST: u64 = 30;
/// How many whole months are looked at.
const MONTHS: u32 = 6;

/// Those who passed each gate.
#[derive(Debug, Clone, Copy, Default)]
struct Gates {
    passed: [u64; 4],
}

impl Gates {
    fn actors(&self, gate: usize) -> u64 {
        self.passed[gate - 1]
    }

    fn rate(&self, gate: usize) -> Option<f64> {
        let actors = self.actors(gate);
        (actors >= FEWEST).then(|| as_f64(self.passed[gate]) / as_f64(actors))
    }
}

/// The gates of a span, for everybody and for those of each channel.
#[derive(Debug, Default)]
struct Counts {
    all: Gates,
    by_channel: BTreeMap<Option<Channel>, Gates>,
}

impl Truth {
    /// Returns the biggest leak, or null.
    pub(super) fn leak(&self, range: Range) -> Value {
        let (span, as_of) = (range.span(), range.as_of_millis());
        let window = window_of(span);
        let counted = self.over(span, window, as_of);
        let now = self.gates(counted, window);
        let months = self.months(span.to.min(as_of));
        let months: Vec<(String, Counts)> = months
            .into_iter()
            .map(|(name, span)| (name, self.gates(self.over(span, window, as_of), window)))
            .collect();
        let mut biggest: Option<(f64, usize, f64, usize)> = None;
        for gate in 1..Stage::GATES.len() {
            let Some(rate) = now.all.rate(gate) else {
                continue;
            };
            let mut best: Option<(f64, usize)> = None;
            for (number, (_, counts)) in months.iter().enumerate() {
                let Some(then) = counts.all.rate(gate) else {
                    continue;
                };
                // Of equally good months it is the last.
                if best.is_none_or(|(best, _)| then >= best) {
                    best = Some((then, number));
                }
            }
            let Some((best_rate, month)) = best else {
                continue;
            };
            let lost = (best_rate - rate) * as_f64(now.all.actors(gate));
            if lost > 0.0 && biggest.is_none_or(|(most, ..)| lost >= most) {
                biggest = Some((lost, gate, best_rate, month));
            }
        }
        let Some((lost, gate, best_rate, month)) = biggest else {
            return Value::Null;
        };
        let (name, best) = &months[month];
        json!({
            "stage": Stage::GATES[gate].id(),
            "from_stage": Stage::GATES[gate - 1].id(),
            "window_s": window / 1_000,
            "from": instant(counted.from),
            "to": instant(counted.to),
            "actors": now.all.actors(gate),
            "reached": now.all.passed[gate],
            "rate": now.all.rate(gate),
            "best_rate": best_rate,
            "best_month": name,
            "lost": lost,
            "worth": self.worth(range, &now.all, (gate, lost)),
            "where": place(gate, &now, best),
        })
    }

    /// Returns the whole months before an instant.
    fn months(&self, at: i64) -> Vec<(String, Span)> {
        let first = local_date(self.zone, at).with_day(1).unwrap_or_default();
        let months = (1..=MONTHS).rev().filter_map(|back| {
            let month = first.checked_sub_months(Months::new(back))?;
            let next = first.checked_sub_months(Months::new(back - 1))?;
            let span = Span {
                from: day_start(self.zone, month),
                to: day_start(self.zone, next),
            };
            Some((month.format("%Y-%m").to_string(), span))
        });
        months.collect()
    }

    /// Returns the days of a span on which attempts began that had their whole window.
    fn over(&self, span: Span, window: i64, as_of: i64) -> Span {
        let end = day_start(self.zone, local_date(self.zone, as_of - window));
        Span {
            from: span.from,
            to: span.to.min(end).max(span.from),
        }
    }

    /// Counts the attempts that began in a span.
    fn gates(&self, span: Span, window: i64) -> Counts {
        let mut counts = Counts::default();
        for person in 0..self.journeys.len() {
            let Some(attempt) = self.best_attempt(person, span, Some(window)) else {
                continue;
            };
            let own = counts.by_channel.entry(attempt.channel).or_default();
            for gates in [&mut counts.all, own] {
                for passed in gates.passed.iter_mut().take(attempt.depth()) {
                    *passed += 1;
                }
            }
        }
        counts
    }

    /// Returns what the lost people would bring in 30 days: customers, and money.
    fn worth(&self, range: Range, now: &Gates, (gate, lost): (usize, f64)) -> Value {
        let span = range.span();
        let counted = self.over(span, window_of(span), range.as_of_millis());
        let elapsed = counted.to - counted.from;
        let paying = Stage::GATES.len() - 1;
        let mut buy_rate = 1.0;
        for further in gate + 1..=paying {
            let actors = now.actors(further);
            if actors == 0 {
                return Value::Null;
            }
            buy_rate *= as_f64(now.passed[further]) / as_f64(actors);
        }
        #[expect(clippy::cast_precision_loss, reason = "months in milliseconds")]
        let days = elapsed as f64 / DAY as f64;
        let customers = two_digits(lost * buy_rate * 30.0 / days);
        let money = self.money(span);
        let per_customer = super::money::amount_per(money.revenue, money.customers);
        let per_customer = per_customer.as_f64().filter(|it| *it > 0.0);
        json!({
            "customers": customers,
            "buy_rate": buy_rate,
            "days": days,
            "revenue": per_customer.map(|it| two_digits(it * customers)),
            "currency": per_customer.map(|_| &self.currency),
        })
    }
}

/// Returns the window of the funnels of a span.
fn window_of(span: Span) -> i64 {
    ((span.to - span.from) / DAY / 4).clamp(1, 30) * DAY
}

fn instant(millis: i64) -> String {
    let at = chrono::DateTime::from_timestamp_millis(millis).unwrap_or_default();
    at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Returns the channel that lost the most people, or null.
fn place(gate: usize, now: &Counts, best: &Counts) -> Value {
    let has_arrived = Stage::GATES[gate] > Stage::Acquisition;
    if !has_arrived || now.by_channel.len() < 2 {
        return Value::Null;
    }
    let mut worst: Option<(f64, Value)> = None;
    for (channel, gates) in by_name(&now.by_channel) {
        let then = best.by_channel.get(&channel);
        let rates = gates.rate(gate).zip(then.and_then(|then| then.rate(gate)));
        let Some((rate, best_rate)) = rates else {
            continue;
        };
        let lost = (best_rate - rate) * as_f64(gates.actors(gate));
        if lost > 0.0 && worst.as_ref().is_none_or(|(most, _)| lost >= *most) {
            let value = channel.map(Channel::name);
            let place = json!({
                "by": "channel", "value": value, "rate": rate, "best_rate": best_rate,
                "actors": gates.actors(gate), "reached": gates.passed[gate],
            });
            worst = Some((lost, place));
        }
    }
    worst.map_or(Value::Null, |(_, place)| place)
}

/// Returns channels in the order of their names.
fn by_name(channels: &BTreeMap<Option<Channel>, Gates>) -> Vec<(Option<Channel>, Gates)> {
    let mut channels: Vec<_> = channels.iter().map(|(it, gates)| (*it, *gates)).collect();
    channels.sort_by_key(|(channel, _)| channel.map(Channel::name));
    channels
}

/// Rounds to two significant digits.
fn two_digits(number: f64) -> f64 {
    let text = format!("{number:.1e}");
    text.parse().unwrap_or(number)
}
