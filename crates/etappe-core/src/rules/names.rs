//! Finds the candidate rules of an event's name, in the order in which they are tried.
//!
//! This is the slow half of matching. Its result depends only on name and kind, so callers cache
//! it. Order: by vocabulary; within one, rules with conditions before those without; then by the
//! strength of the name match; then by position in the file.

use hashbrown::HashMap;

use crate::event::{EventKind, tidy_name};

use super::pattern::{Name, NameForm, NameMatch, fold};
use super::rule::Rule;
use super::words::Words;

/// The longest name that is compared with patterns, in bytes. Trackers allow 40 to 255. Without a
/// limit, invented names of many kilobytes would cost milliseconds each.
pub(super) const LONGEST_NAME: usize = 256;

/// A rule whose name pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The rule's index in the rule set.
    pub(super) rule: u32,
    pub(super) how: NameMatch,
    /// How many candidates after this one have the same first condition; they are skipped if it
    /// does not hold.
    pub(super) alike: u32,
}

/// The rules by their name patterns.
#[derive(Debug, Default)]
pub(super) struct NameIndex {
    exact: HashMap<String, Vec<u32>>,
    folded: HashMap<String, Vec<u32>>,
    /// Rules with a glob or words, or without a name.
    patterns: Vec<u32>,
}

impl NameIndex {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut index = Self::default();
        for (at, rule) in (0_u32..).zip(rules) {
            for name in &rule.names {
                match &name.form {
                    NameForm::Name { exact, folded } => {
                        push(&mut index.exact, exact, at);
                        if let Some(folded) = folded {
                            push(&mut index.folded, folded, at);
                        }
                    }
                    NameForm::Glob { .. } | NameForm::Words(_) | NameForm::Any => {
                        if index.patterns.last() != Some(&at) {
                            index.patterns.push(at);
                        }
                    }
                }
            }
        }
        index
    }

    /// Returns the rules that an event of this name and kind may match, in order.
    ///
    /// A name longer than [`LONGEST_NAME`] is matched only by rules for any name.
    pub(super) fn candidates(&self, rules: &[Rule], name: &str, kind: EventKind) -> Vec<Candidate> {
        // No rule can list the empty name, and no pattern with a star matches it.
        let name = if name.len() > LONGEST_NAME { "" } else { name };
        let name = &*tidy_name(name.into());
        let mut folded = String::with_capacity(name.len());
        fold(name, &mut folded);
        let named = [self.exact.get(name), self.folded.get(folded.as_str())];
        let mut possible: Vec<u32> = named
            .into_iter()
            .flatten()
            .chain([&self.patterns])
            .flatten()
            .copied()
            .collect();
        possible.sort_unstable();
        possible.dedup();
        let words = Words::of(name);
        let name = Name::new(name, &folded, &words);
        let mut found: Vec<_> = possible
            .into_iter()
            .filter_map(|at| {
                let rule = rules.get(at as usize)?;
                let how = match_name(rule, &name, kind)?;
                let order = (rule.vocabulary, rule.predicates.is_empty(), how, at);
                Some((
                    order,
                    Candidate {
                        rule: at,
                        how,
                        alike: 0,
                    },
                ))
            })
            .collect();
        found.sort_unstable_by_key(|(order, _)| *order);
        found.into_iter().map(|(_, candidate)| candidate).collect()
    }

    /// Fills in [`Candidate::alike`].
    pub(super) fn link(candidates: &mut [Candidate], rules: &[Rule]) {
        let mut next: Option<(u32, u32)> = None;
        for candidate in candidates.iter_mut().rev() {
            let rule = rules.get(candidate.rule as usize);
            let first = rule.and_then(|rule| rule.predicates.first()).copied();
            candidate.alike = match (first, next) {
                (Some(first), Some((asked, alike))) if first == asked => alike + 1,
                _ => 0,
            };
            next = first.map(|first| (first, candidate.alike));
        }
    }

    /// Iterates over every name that is listed in a rule.
    pub(super) fn known_names(&self) -> impl Iterator<Item = &str> {
        self.exact.keys().map(AsRef::as_ref)
    }
}

fn push(map: &mut HashMap<String, Vec<u32>>, name: &str, at: u32) {
    map.entry_ref(name).or_default().push(at);
}

/// Returns the strongest way in which the name matches one of the rule's patterns.
fn match_name(rule: &Rule, name: &Name<'_>, kind: EventKind) -> Option<NameMatch> {
    if !rule.kinds.contains(kind) {
        return None;
    }
    let how = rule
        .names
        .iter()
        .filter_map(|pattern| pattern.matches(name))
        .min()?;
    (!rule.except.include(name)).then_some(how)
}
