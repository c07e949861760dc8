//! Evaluates conditions on one event, each at most once.

use crate::event::Event;

use super::predicate::{Predicate, Scratch};

/// The number of conditions whose result is cached per event; the few beyond are evaluated again.
const REMEMBERED: usize = 256;
const WORDS: usize = REMEMBERED / 64;
/// The most bytes of an object for which a result is cached; longer objects are evaluated each
/// time.
const LONGEST_GROUND: usize = 256;

/// An event, and the results of the conditions evaluated on it so far.
#[derive(Debug)]
pub(super) struct Evaluation<'r, 'a> {
    event: &'r Event<'a>,
    predicates: &'r [Predicate],
    scratch: &'r mut Scratch,
    evaluated: [u64; WORDS],
    held: [u64; WORDS],
}

impl<'r, 'a> Evaluation<'r, 'a> {
    pub(super) const fn new(
        event: &'r Event<'a>,
        predicates: &'r [Predicate],
        scratch: &'r mut Scratch,
    ) -> Self {
        scratch.address.forget();
        Self {
            event,
            predicates,
            scratch,
            evaluated: [0; WORDS],
            held: [0; WORDS],
        }
    }

    pub(super) const fn event(&self) -> &'r Event<'a> {
        self.event
    }

    /// Returns whether the event meets the condition at this index of the rule set.
    pub(super) fn holds(&mut self, predicate: u32) -> bool {
        let at = predicate as usize;
        let (word, bit) = (at / 64, 1_u64 << (at % 64));
        if let Some(evaluated) = self.evaluated.get(word)
            && evaluated & bit != 0
        {
            return self.held[word] & bit != 0;
        }
        let holds = self.evaluate(at);
        if word < WORDS {
            self.evaluated[word] |= bit;
            self.held[word] |= if holds { bit } else { 0 };
        }
        holds
    }

    fn evaluate(&mut self, at: usize) -> bool {
        let Some(predicate) = self.predicates.get(at) else {
            return false;
        };
        let ground = predicate.ground(self.event);
        let Some(ground) = ground.filter(|ground| ground.len() <= LONGEST_GROUND) else {
            return predicate.holds(self.event, self.scratch);
        };
        if let Some((known, held)) = self.scratch.grounds.get(at)
            && known == ground
        {
            return *held;
        }
        let holds = predicate.holds(self.event, self.scratch);
        if self.scratch.grounds.len() <= at {
            self.scratch.grounds.resize(at + 1, (String::new(), false));
        }
        let (known, held) = &mut self.scratch.grounds[at];
        known.clear();
        known.push_str(ground);
        *held = holds;
        holds
    }
}
