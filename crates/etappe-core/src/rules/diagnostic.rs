//! Mistakes in vocabularies and models, each with its position.
//!
//! A file is read to its end whatever is wrong with it, so that its author sees all mistakes at
//! once. A [`Report`] collects them for one file and turns byte spans into lines and columns.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use crate::suggestion;

/// The severity of a diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The rules cannot be used.
    Error,
    /// The rules work, but something in them has no effect.
    Warning,
}

/// A mistake in a rule file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Diagnostic {
    /// The file's name as the source gave it.
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
    /// The character in that line, counted from 1.
    pub column: u32,
    /// Whether the rules can still be used.
    pub severity: Severity,
    /// The problem.
    pub message: String,
    /// How to fix it, if that is known.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let (file, line, column) = (&self.file, self.line, self.column);
        write!(f, "{file}:{line}:{column}: {severity}: {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// The diagnostics of one file.
#[derive(Debug)]
pub(super) struct Report<'a> {
    file: &'a str,
    text: &'a str,
    diagnostics: Vec<Diagnostic>,
    /// Lines that are not valid TOML; no further mistakes are reported for them.
    broken_lines: Vec<u32>,
}

impl<'a> Report<'a> {
    pub(super) const fn new(file: &'a str, text: &'a str) -> Self {
        Self {
            file,
            text,
            diagnostics: Vec::new(),
            broken_lines: Vec::new(),
        }
    }

    /// Records that the text is not valid TOML at the start of `span`.
    pub(super) fn syntax_error(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.push(Severity::Error, span, message.into(), None);
        self.broken_lines.push(self.line_of(span.start));
    }

    /// Records an error at the start of `span`.
    pub(super) fn error(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.push(Severity::Error, span, message.into(), None);
    }

    /// Records an error with advice.
    pub(super) fn error_with(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        self.push(Severity::Error, span, message.into(), help.into());
    }

    /// Records a warning with advice.
    pub(super) fn warn_with(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        self.push(Severity::Warning, span, message.into(), help.into());
    }

    /// Returns the line of a byte position, counted from 1.
    pub(super) fn line_of(&self, position: usize) -> u32 {
        self.place_of(position).0
    }

    pub(super) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    fn push(
        &mut self,
        severity: Severity,
        span: &Range<usize>,
        message: String,
        help: Option<String>,
    ) {
        let (line, column) = self.place_of(span.start);
        if self.broken_lines.contains(&line) {
            return;
        }
        self.diagnostics.push(Diagnostic {
            file: self.file.to_owned(),
            line,
            column,
            severity,
            message,
            help,
        });
    }

    fn place_of(&self, position: usize) -> (u32, u32) {
        let position = self.text.floor_char_boundary(position);
        let before = self.text.get(..position).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let lines = before.bytes().filter(|byte| *byte == b'\n').count();
        let column = before
            .get(line_start..)
            .map_or(0, |line| line.chars().count());
        let counted = |number: usize| u32::try_from(number).map_or(u32::MAX, |n| n + 1);
        (counted(lines), counted(column))
    }
}

/// Returns "did you mean `x`?" for the known word nearest to `word`, if there is one.
pub(super) fn did_you_mean<'k>(
    word: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<String> {
    nearest(word, known).map(|name| format!("did you mean `{name}`?"))
}

/// Returns the known word nearest to `word`, if there is one; of equally near words, the first in
/// alphabetical order.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    suggestion::nearest(word, known, 1).pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_counted_in_lines_and_characters() {
        let mut report = Report::new("x.toml", "a = 1\né = \"ë\" b\n");
        report.error(&(6..7), "first");
        report.error(&(15..16), "second");
        report.error(&(999..1000), "past the end");
        let places: Vec<_> = report
            .into_diagnostics()
            .iter()
            .map(|d| (d.line, d.column))
            .collect();
        assert_eq!(places, [(2, 1), (2, 8), (3, 1)]);
    }

    #[test]
    fn a_similar_word_is_suggested_and_a_different_one_is_not() {
        let known = ["purchase", "refund", "where"];
        assert_eq!(
            did_you_mean("purchse", known),
            Some("did you mean `purchase`?".to_owned())
        );
        assert_eq!(
            did_you_mean("Where", known),
            Some("did you mean `where`?".to_owned())
        );
        assert_eq!(did_you_mean("bought", known), None);
    }

    #[test]
    fn a_diagnostic_reads_like_a_compiler_message() {
        let diagnostic = Diagnostic {
            file: "shop.toml".to_owned(),
            line: 3,
            column: 1,
            severity: Severity::Error,
            message: "`evnt` is not a key of a rule".to_owned(),
            help: Some("did you mean `event`?".to_owned()),
        };
        assert_eq!(
            diagnostic.to_string(),
            "shop.toml:3:1: error: `evnt` is not a key of a rule (did you mean `event`?)"
        );
    }
}
