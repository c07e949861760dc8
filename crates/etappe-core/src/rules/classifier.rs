//! Classifies many events; caches the candidate rules of each name, and every outcome.
//!
//! The caches never change an answer, only how fast it is found. The name cache has a limit in
//! bytes. Beyond it the cache is cleared and refilled, so a flood of invented names costs time but
//! no memory.

use std::ops::Deref;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::event::{Event, EventKind};
use crate::meaning::OwnRule;
use crate::milestone::Milestone;

use super::evaluation::Evaluation;
use super::history::ActorHistory;
use super::inner_name::{InnerRoom, find_inner};
use super::mapping::FactMapping;
use super::names::{Candidate, LONGEST_NAME, NameIndex};
use super::outcome::Outcome;
use super::predicate::Scratch;
use super::ruleset::{PlanBits, RuleSet};

/// How an event is classified.
#[derive(Debug, Clone, Copy)]
pub struct Classified<'c> {
    /// The milestone and the stages; shared by all events that the same rules decided.
    pub outcome: &'c Arc<Outcome>,
    /// Where the event keeps its facts, if the vocabulary's rule states it.
    pub mapping: Option<&'c Arc<FactMapping>>,
}

/// The most bytes of names and candidate lists that are cached.
const NAMES_BYTES: usize = 4 << 20;
/// The overhead of an entry besides its text and list: the hash table's slot and two allocations.
const ENTRY_OVERHEAD: usize = 96;
/// The most cached outcomes that depend on more than the vocabulary's rule; each takes a few KiB.
const MAX_CONDITIONAL_OUTCOMES: usize = 4096;

/// Classifies events one by one. Not shared: each worker has its own.
#[derive(Debug)]
pub struct RuleClassifier<R = Arc<RuleSet>> {
    rules: R,
    names: NameCache,
    /// By kind, because a page's or a screen's name is always the same.
    page: Option<Box<[Candidate]>>,
    screen: Option<Box<[Candidate]>>,
    outcomes: OutcomeCache,
    scratch: Scratch,
    inner: InnerRoom,
}

impl RuleClassifier {
    /// Creates a classifier with empty caches.
    #[must_use]
    pub fn new(rules: Arc<RuleSet>) -> Self {
        Self::over(rules)
    }

    /// Returns the rules in use.
    #[must_use]
    pub const fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }
}

impl<R: Deref<Target = RuleSet>> RuleClassifier<R> {
    pub(super) fn over(rules: R) -> Self {
        let outcomes = OutcomeCache::new(rules.rules.len());
        Self {
            rules,
            names: NameCache::default(),
            page: None,
            screen: None,
            outcomes,
            scratch: Scratch::default(),
            inner: InnerRoom::default(),
        }
    }

    /// Classifies one event, given its actor's history.
    ///
    /// Deterministic: the answer depends only on the rules, the event and the history. Messages
    /// that are not events (`identify`, `group`, `alias`) are always unmapped.
    pub fn classify(&mut self, event: &Event<'_>, history: &ActorHistory) -> Classified<'_> {
        let rules = &*self.rules;
        if !event.kind.is_event() {
            let outcome = self.outcomes.find(rules, None, PlanBits::default());
            return Classified {
                outcome,
                mapping: None,
            };
        }
        let mut evaluation = Evaluation::new(event, &rules.predicates, &mut self.scratch);
        let candidates = match event.kind {
            EventKind::Page => known_kind(&mut self.page, rules, event),
            EventKind::Screen => known_kind(&mut self.screen, rules, event),
            EventKind::Track | EventKind::Identify | EventKind::Group | EventKind::Alias => {
                self.names.find(rules, &event.name, Wanted::Deciding)
            }
        };
        let outer = rules.first_match(candidates, &mut evaluation);
        let decided = match outer {
            Some(candidate) if !rules.rule(candidate).event_from.is_empty() => {
                let paths = &rules.rule(candidate).event_from;
                let names = &mut self.names;
                let inner = find_inner(rules, event, paths, &mut self.inner, |name| {
                    let candidates = names.find(rules, name, Wanted::ForAnyone);
                    rules.first_match(candidates, &mut evaluation)
                });
                inner.map(|inner| inner.candidate).or(outer)
            }
            Some(_) | None => outer,
        };
        let rule = decided.map(|candidate| rules.rule(candidate));
        let milestone: Option<Milestone> = rule.and_then(|rule| rule.milestone);
        let bits = milestone.map_or_else(PlanBits::default, |milestone| {
            rules.plan_bits(milestone, history, &mut evaluation)
        });
        let mapping = rule
            .and_then(|rule| rule.mapping.as_ref())
            .or_else(|| rules.rule(outer?).mapping.as_ref());
        Classified {
            outcome: self.outcomes.find(rules, decided, bits),
            mapping,
        }
    }

    /// Classifies one event by the rule that its site has for its name, whatever vocabularies say.
    pub fn classify_by(
        &mut self,
        own: &OwnRule,
        event: &Event<'_>,
        history: &ActorHistory,
    ) -> &Arc<Outcome> {
        let rules = &*self.rules;
        let mut evaluation = Evaluation::new(event, &rules.predicates, &mut self.scratch);
        let bits = own.milestone.map_or_else(PlanBits::default, |milestone| {
            rules.plan_bits(milestone, history, &mut evaluation)
        });
        self.outcomes.find_own(rules, own, bits)
    }

    /// Classifies one event and returns a shared outcome.
    pub fn outcome(&mut self, event: &Event<'_>, history: &ActorHistory) -> Arc<Outcome> {
        Arc::clone(self.classify(event, history).outcome)
    }
}

fn known_kind<'c>(
    slot: &'c mut Option<Box<[Candidate]>>,
    rules: &RuleSet,
    event: &Event<'_>,
) -> &'c [Candidate] {
    slot.get_or_insert_with(|| {
        find_candidates(rules, event.kind.as_str(), event.kind, Wanted::Deciding)
    })
}

/// Which candidates are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All up to the first one without a condition.
    Deciding,
    /// The same, but only from users' vocabularies and from generic ones, whose names any tracker
    /// may use.
    ForAnyone,
}

/// Returns the candidates for a name, in order, up to the first one that always matches.
pub(super) fn find_candidates(
    rules: &RuleSet,
    name: &str,
    kind: EventKind,
    wanted: Wanted,
) -> Box<[Candidate]> {
    let mut found = rules.names.candidates(&rules.rules, name, kind);
    if wanted == Wanted::ForAnyone {
        found.retain(|candidate| {
            let rule = rules.rule(*candidate);
            rule.is_for_anyone && rule.event_from.is_empty()
        });
    }
    let always = |candidate: &Candidate| rules.rule(*candidate).predicates.is_empty();
    if let Some(at) = found.iter().position(always) {
        found.truncate(at + 1);
    }
    NameIndex::link(&mut found, &rules.rules);
    found.into()
}

/// Candidates by name, of `track` events.
#[derive(Debug, Default)]
struct NameCache {
    deciding: HashMap<String, Box<[Candidate]>>,
    for_anyone: HashMap<String, Box<[Candidate]>>,
    bytes: usize,
}

impl NameCache {
    fn find(&mut self, rules: &RuleSet, name: &str, wanted: Wanted) -> &[Candidate] {
        if self.bytes > NAMES_BYTES {
            self.deciding.clear();
            self.for_anyone.clear();
            self.bytes = 0;
        }
        let map = match wanted {
            Wanted::Deciding => &mut self.deciding,
            Wanted::ForAnyone => &mut self.for_anyone,
        };
        // All names that are too long have the same candidates.
        let name = if name.len() > LONGEST_NAME { "" } else { name };
        let bytes = &mut self.bytes;
        map.entry_ref(name).or_insert_with(|| {
            let found = find_candidates(rules, name, EventKind::Track, wanted);
            *bytes += name.len() + size_of_val(&*found) + ENTRY_OVERHEAD;
            found
        })
    }
}

/// Outcomes by what they depend on: the vocabulary's rule and the model conditions that hold.
#[derive(Debug)]
struct OutcomeCache {
    unknown: Option<Arc<Outcome>>,
    by_rule: Box<[Option<Arc<Outcome>>]>,
    conditional: HashMap<(u32, PlanBits), Arc<Outcome>>,
    /// Those of sites' own rules, by the rule's hash.
    own: HashMap<(u64, PlanBits), Arc<Outcome>>,
}

impl OutcomeCache {
    fn new(rules: usize) -> Self {
        Self {
            unknown: None,
            by_rule: vec![None; rules].into(),
            conditional: HashMap::new(),
            own: HashMap::new(),
        }
    }

    fn find(
        &mut self,
        rules: &RuleSet,
        decided: Option<Candidate>,
        bits: PlanBits,
    ) -> &Arc<Outcome> {
        let build = || Arc::new(rules.build_outcome(decided.map(|c| rules.rule(c)), bits));
        let Some(candidate) = decided else {
            return self.unknown.get_or_insert_with(build);
        };
        if bits.is_empty()
            && let Some(slot) = self.by_rule.get_mut(candidate.rule as usize)
        {
            return slot.get_or_insert_with(build);
        }
        let key = (candidate.rule, bits);
        if self.conditional.len() >= MAX_CONDITIONAL_OUTCOMES
            && !self.conditional.contains_key(&key)
        {
            self.conditional.clear();
        }
        self.conditional.entry(key).or_insert_with(build)
    }

    fn find_own(&mut self, rules: &RuleSet, own: &OwnRule, bits: PlanBits) -> &Arc<Outcome> {
        let key = (own.hash, bits);
        if self.own.len() >= MAX_CONDITIONAL_OUTCOMES && !self.own.contains_key(&key) {
            self.own.clear();
        }
        let build = || Arc::new(rules.outcome_of(own.milestone, Some(own.decision.clone()), bits));
        self.own.entry(key).or_insert_with(build)
    }
}
