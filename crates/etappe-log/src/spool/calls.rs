//! The calls under way: since when on records may be missing from the log.
//!
//! Pure bookkeeping. A call is there from before its records go anywhere until they are durable or
//! refused, whether or not somebody still waits for it; so the low mark never passes a record that
//! can still come.

use std::collections::BTreeMap;

use etappe_core::time::Timestamp;

/// Identifies a call; the order is that of receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallKey {
    received_at: Timestamp,
    number: u64,
}

/// The calls under way, some of them with what was handed over for them.
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

    /// Notes what was handed over for a call.
    pub(crate) fn hand_over(&mut self, key: CallKey, flight: F) {
        self.calls.insert(key, Some(flight));
    }

    /// Ends a call. Ending it twice changes nothing.
    pub(crate) fn end(&mut self, key: CallKey) {
        self.calls.remove(&key);
    }

    /// Returns the earliest receipt of a call under way.
    pub(crate) fn low(&self) -> Option<Timestamp> {
        self.calls.first_key_value().map(|(key, _)| key.received_at)
    }

    /// Returns what was handed over, in order of receipt.
    pub(crate) fn flights(&self) -> Vec<(CallKey, F)> {
        self.calls
            .iter()
            .filter_map(|(key, flight)| flight.clone().map(|flight| (*key, flight)))
            .collect()
    }

    /// Ends the calls whose flight `is_over`.
    pub(crate) fn sweep(&mut self, is_over: impl Fn(&F) -> bool) {
        self.calls
            .retain(|_, flight| !flight.as_ref().is_some_and(&is_over));
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
        Sweep,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0_i64..50).prop_map(Step::Begin),
            (0_usize..20).prop_map(Step::HandOver),
            (0_usize..20).prop_map(Step::End),
            Just(Step::Sweep),
        ];
        proptest::collection::vec(step, 0..60)
    }

    proptest! {
        #[test]
        fn the_low_mark_is_the_earliest_call_that_has_not_ended(steps in steps()) {
            let mut calls = Calls::<i64>::default();
            // The reference: key, receipt, flight; swept when the flight is even.
            let mut model: Vec<(CallKey, i64, Option<i64>)> = Vec::new();
            for step in steps {
                match step {
                    Step::Begin(at) => {
                        model.push((calls.begin(Timestamp::from_millis(at)), at, None));
                    }
                    Step::HandOver(index) if index < model.len() => {
                        let (key, at, flight) = &mut model[index];
                        *flight = Some(*at);
                        calls.hand_over(*key, *at);
                    }
                    Step::End(index) if index < model.len() => {
                        let (key, _, _) = model.remove(index);
                        calls.end(key);
                        calls.end(key);
                    }
                    Step::HandOver(_) | Step::End(_) => {}
                    Step::Sweep => {
                        calls.sweep(|at| at % 2 == 0);
                        model.retain(|(_, _, flight)| flight.is_none_or(|at| at % 2 != 0));
                    }
                }
                let low = model.iter().map(|(_, at, _)| *at).min();
                prop_assert_eq!(calls.low().map(Timestamp::as_millis), low);
                let mut flights: Vec<_> = model
                    .iter()
                    .filter_map(|(key, _, flight)| flight.map(|flight| (*key, flight)))
                    .collect();
                flights.sort();
                prop_assert_eq!(calls.flights(), flights);
            }
        }
    }
}
