//! Names that a rule excludes although its pattern matches.

use super::condition::read_globs;
use super::diagnostic::Report;
use super::pattern::{Glob, Name};
use super::reader::Table;
use super::word_reader::FileWords;
use super::words::Phrase;

/// The names that a rule excludes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Exceptions {
    /// Compared with the folded name.
    globs: Box<[Glob]>,
    /// Searched for among the name's words.
    phrases: Box<[Phrase]>,
}

impl Exceptions {
    /// Reads `except` and `except_words` of a rule.
    pub(super) fn read(rule: &Table<'_, '_>, words: &FileWords, report: &mut Report<'_>) -> Self {
        let globs = rule.value("except");
        let globs = globs.map(|value| read_globs("except", value, report));
        let texts = rule.texts("except_words", report).unwrap_or_default();
        Self {
            globs: globs.unwrap_or_default().into(),
            phrases: words.read_list(&texts, report).into(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.globs.is_empty() && self.phrases.is_empty()
    }

    /// Returns whether the name is excluded.
    pub(super) fn include(&self, name: &Name<'_>) -> bool {
        self.globs.iter().any(|glob| name.is_like(glob)) || name.has_words(&self.phrases)
    }
}
