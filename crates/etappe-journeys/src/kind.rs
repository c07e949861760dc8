//! Kinds of events: what a question can ask of an event, without its time and person.

use etappe_core::ledger::LedgerRow;
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// Everything that decides which conditions an event meets. A run stores each kind once and a small
/// number, its code, per event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct EventKind {
    /// The event's name.
    pub(crate) event: String,
    /// The milestone that it means; empty if it means none.
    pub(crate) milestone: String,
    /// The outcome of its classification, by which its stages are found.
    pub(crate) outcome: u64,
    /// Whether a bot sent it.
    pub(crate) is_bot: bool,
}

/// The kinds of a run while it is built, found by their content.
#[derive(Debug, Default)]
pub(crate) struct KindTable {
    kinds: Vec<EventKind>,
    codes: HashTable<u32>,
}

impl KindTable {
    /// Returns the code of a row's kind, a new one if the kind is new.
    pub(crate) fn code_of_row(&mut self, row: &LedgerRow<'_>) -> u32 {
        let is_same = |kind: &EventKind| {
            kind.outcome == row.outcome
                && kind.is_bot == row.is_bot
                && kind.event == row.event
                && kind.milestone == row.milestone
        };
        self.code(hash(row.event, row.outcome, row.is_bot), is_same, || {
            EventKind {
                event: row.event.to_owned(),
                milestone: row.milestone.to_owned(),
                outcome: row.outcome,
                is_bot: row.is_bot,
            }
        })
    }

    /// Returns the code of a kind, a new one if the kind is new.
    pub(crate) fn code_of(&mut self, kind: &EventKind) -> u32 {
        let hash = hash(&kind.event, kind.outcome, kind.is_bot);
        self.code(hash, |known| known == kind, || kind.clone())
    }

    fn code(
        &mut self,
        hash: u64,
        is_same: impl Fn(&EventKind) -> bool,
        kind: impl FnOnce() -> EventKind,
    ) -> u32 {
        let kinds = &mut self.kinds;
        let known = |code: &u32| kinds.get(index(*code)).is_some_and(&is_same);
        if let Some(code) = self.codes.find(hash, known) {
            return *code;
        }
        let code = u32::try_from(kinds.len()).expect("memory ends long before four billion kinds");
        kinds.push(kind());
        let hash_of = |code: &u32| {
            let kind = kinds.get(index(*code)).expect("every code has its kind");
            self::hash(&kind.event, kind.outcome, kind.is_bot)
        };
        self.codes.insert_unique(hash, code, hash_of);
        code
    }

    /// Returns the kinds in the order of their codes.
    pub(crate) fn into_kinds(self) -> Vec<EventKind> {
        self.kinds
    }
}

/// Returns the place of a code in a list of kinds.
pub(crate) fn index(code: u32) -> usize {
    usize::try_from(code).unwrap_or(usize::MAX)
}

fn hash(event: &str, outcome: u64, is_bot: bool) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(event.as_bytes());
    hasher.update(&outcome.to_le_bytes());
    hasher.update(&[u8::from(is_bot)]);
    hasher.digest()
}
