//! The publish calls in flight. They define the low mark: every record received before it is
//! durable or refused.
//!
//! Invariant: the low mark never passes a record that can still be written. A call is therefore
//! registered before its records go anywhere, and removed only when all of them are durable or
//! refused. Whether the caller still waits makes no difference.
//!
//! Pure bookkeeping: no client, no clock, no waiting.

use std::collections::BTreeMap;
use std::time::Duration;

use etappe_core::time::Timestamp;

use crate::kafka::delivery::DeliveryStatus;

/// Identifies a call. Keys are ordered by receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallKey {
    received_at: Timestamp,
    number: u64,
}

/// The calls in flight. A call that was handed to Kafka has its pending send here.
#[derive(Debug)]
pub(crate) struct Calls<F> {
    begun: u64,
    calls: BTreeMap<CallKey, Option<F>>,
}

impl<F> Default for Calls<F> {
    fn default() -> Self {
        Self {
            begun: 0,
            calls: BTreeMap::new(),
        }
    }
}

/// The result of one look at the calls in flight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// Records of a call were given up.
    pub(crate) has_failed: bool,
    /// How long the oldest pending send has been waiting.
    pub(crate) oldest_wait: Duration,
}

impl<F: Clone> Calls<F> {
    /// Begins a call whose first record was received at `received_at`.
    pub(crate) fn begin(&mut self, received_at: Timestamp) -> CallKey {
        let key = CallKey {
            received_at,
            number: self.begun,
        };
        self.begun += 1;
        self.calls.insert(key, None);
        key
    }

    /// Stores the pending send of a call.
    pub(crate) fn hand_over(&mut self, key: CallKey, pending: F) {
        self.calls.insert(key, Some(pending));
    }

    /// Ends a call. Ending it twice has no effect.
    pub(crate) fn end(&mut self, key: CallKey) {
        self.calls.remove(&key);
    }

    /// Returns the receive time of the oldest call in flight.
    pub(crate) fn low(&self) -> Option<Timestamp> {
        self.calls.first_key_value().map(|(key, _)| key.received_at)
    }

    /// Returns the pending sends, in order of receipt.
    pub(crate) fn pending_sends(&self) -> Vec<(CallKey, F)> {
        self.calls
            .iter()
            .filter_map(|(key, pending)| pending.clone().map(|pending| (*key, pending)))
            .collect()
    }

    /// Looks at every pending send once, ends the calls that are settled and summarizes the others.
    /// `look` returns the status of a pending send and how long it has been in flight.
    pub(crate) fn survey(&mut self, look: impl Fn(&F) -> (DeliveryStatus, Duration)) -> Survey {
        let mut survey = Survey::default();
        self.calls.retain(|_, pending| {
            let Some(pending) = pending else {
                return true;
            };
            let (status, waited) = look(pending);
            if status == DeliveryStatus::Settled {
                return false;
            }
            survey.has_failed |= status == DeliveryStatus::Failed;
            survey.oldest_wait = survey.oldest_wait.max(waited);
            true
        });
        survey
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Begin(i64),
        HandOver(usize),
        End(usize),
        Survey,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0_i64..50).prop_map(Step::Begin),
            (0_usize..20).prop_map(Step::HandOver),
            (0_usize..20).prop_map(Step::End),
            Just(Step::Survey),
        ];
        proptest::collection::vec(step, 0..60)
    }

    /// Returns the status of the pending send received at `at`; all three occur.
    fn status(at: i64) -> DeliveryStatus {
        [
            DeliveryStatus::Settled,
            DeliveryStatus::Waiting,
            DeliveryStatus::Failed,
        ][usize::try_from(at % 3).unwrap()]
    }

    proptest! {
        #![proptest_config(crate::seeded(256))]
        #[test]
        fn the_low_mark_is_the_earliest_call_that_has_not_ended(steps in steps()) {
            let mut calls = Calls::<i64>::default();
            // The reference: key, receipt, pending send.
            let mut model: Vec<(CallKey, i64, Option<i64>)> = Vec::new();
            for step in steps {
                match step {
                    Step::Begin(at) => {
                        model.push((calls.begin(Timestamp::from_millis(at)), at, None));
                    }
                    Step::HandOver(index) if index < model.len() => {
                        let (key, at, pending) = &mut model[index];
                        *pending = Some(*at);
                        calls.hand_over(*key, *at);
                    }
                    Step::End(index) if index < model.len() => {
                        let (key, _, _) = model.remove(index);
                        calls.end(key);
                        calls.end(key);
                    }
                    Step::HandOver(_) | Step::End(_) => {}
                    Step::Survey => {
                        let waited = |at| Duration::from_secs(u64::try_from(at).unwrap());
                        let found = calls.survey(|at| (status(*at), waited(*at)));
                        let is_open = |at: &i64| status(*at) != DeliveryStatus::Settled;
                        model.retain(|(_, _, pending)| pending.as_ref().is_none_or(is_open));
                        let open: Vec<i64> = model.iter().filter_map(|it| it.2).collect();
                        let expected = Survey {
                            has_failed: open.iter().any(|at| status(*at) == DeliveryStatus::Failed),
                            oldest_wait: waited(open.iter().copied().max().unwrap_or(0)),
                        };
                        prop_assert_eq!(found, expected);
                    }
                }
                let low = model.iter().map(|(_, at, _)| *at).min();
                prop_assert_eq!(calls.low().map(Timestamp::as_millis), low);
                let mut pending_sends: Vec<_> = model
                    .iter()
                    .filter_map(|(key, _, pending)| pending.map(|pending| (*key, pending)))
                    .collect();
                pending_sends.sort();
                prop_assert_eq!(calls.pending_sends(), pending_sends);
            }
        }
    }
}
