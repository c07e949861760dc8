//! The texts that rules are compiled from, and the common parts of vocabulary and model files.

use std::borrow::Cow;
use std::ops::Range;

use sha2::{Digest, Sha256};
use toml::de::DeTable;

use super::diagnostic::Report;
use super::reader::{Located, Table, canonical_table};

/// The kind of a rule file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleFileKind {
    /// Event names and their milestones.
    Vocabulary,
    /// Stages and the milestones that lead to them.
    Model,
}

/// The author of a rule file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleOrigin {
    /// It ships with Etappe.
    Shipped,
    /// The user wrote it; it replaces a shipped file with the same `id`.
    User,
}

/// The text of a rule file and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSource {
    /// The kind of rule file.
    pub kind: RuleFileKind,
    /// The author.
    pub origin: RuleOrigin,
    /// The name that diagnostics and explanations show.
    pub file: Cow<'static, str>,
    /// The TOML text.
    pub text: Cow<'static, str>,
}

impl RuleSource {
    /// Creates a user's vocabulary.
    #[must_use]
    pub fn vocabulary(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self::user(RuleFileKind::Vocabulary, file.into(), text.into())
    }

    /// Creates a user's model.
    #[must_use]
    pub fn model(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self::user(RuleFileKind::Model, file.into(), text.into())
    }

    /// Creates a user's rule file of the kind that its text shows: a model has stages.
    #[must_use]
    pub fn detect(file: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let (document, _) = DeTable::parse_recoverable(&text);
        let kind = if document.get_ref().contains_key("stage") {
            RuleFileKind::Model
        } else {
            RuleFileKind::Vocabulary
        };
        Self::user(kind, file.into(), text)
    }

    const fn user(kind: RuleFileKind, file: String, text: String) -> Self {
        Self {
            kind,
            origin: RuleOrigin::User,
            file: Cow::Owned(file),
            text: Cow::Owned(text),
        }
    }
}

/// Parses a document and reports invalid TOML; the readable part is still returned.
pub(super) fn parse_document<'t>(text: &'t str, report: &mut Report<'_>) -> DeTable<'t> {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        report.syntax_error(&span, format!("not valid TOML: {}", error.message()));
    }
    document.into_inner()
}

/// Returns the version of a file: a hash of its content, independent of comments and layout.
pub(super) fn version_of(document: &DeTable<'_>) -> String {
    let mut text = String::new();
    canonical_table(document, &mut text);
    short_hash(text.as_bytes())
}

/// Returns twelve hexadecimal digits of a hash.
pub(super) fn short_hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The longest id that is accepted.
const MAX_ID: usize = 64;

/// Reads the `id` of a file, stage or rule; an invalid one is reported.
pub(super) fn read_id<'d>(
    table: &Table<'d, '_>,
    report: &mut Report<'_>,
) -> Option<Located<&'d str>> {
    let id = table.text("id", report)?;
    if is_id(id.value) {
        return Some(id);
    }
    report.error_with(
        &id.span,
        format!("`{}` is not an id", id.value),
        "use 1 to 64 of a-z, 0-9, `-`, `_` and `.`, starting with a letter or digit".to_owned(),
    );
    None
}

fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= MAX_ID
        && text.bytes().next().is_some_and(allowed)
        && text
            .bytes()
            .all(|byte| allowed(byte) || matches!(byte, b'-' | b'_' | b'.'))
}

/// Derives an id from an event's name: `Order Completed` becomes `order-completed`.
pub(super) fn id_from(name: &str) -> Option<String> {
    let mut id = String::new();
    for letter in name.chars().flat_map(char::to_lowercase) {
        if letter.is_ascii_alphanumeric() {
            id.push(letter);
        } else if !id.ends_with('-') && !id.is_empty() {
            id.push('-');
        }
    }
    let id: String = id.trim_end_matches('-').chars().take(MAX_ID).collect();
    (!id.is_empty()).then_some(id)
}

/// Ids that are already used in a file, to find duplicates.
#[derive(Debug, Default)]
pub(super) struct UsedIds {
    used: Vec<(String, u32)>,
}

impl UsedIds {
    /// Records an id and reports it if it was used before; `what` is "rule" or "stage".
    pub(super) fn claim(
        &mut self,
        id: &str,
        span: &Range<usize>,
        what: &str,
        report: &mut Report<'_>,
    ) {
        if let Some((_, line)) = self.used.iter().find(|(used, _)| used == id) {
            report.error_with(
                span,
                format!("{what} `{id}` already exists on line {line}"),
                format!("give this {what} an `id` of its own"),
            );
        } else {
            self.used.push((id.to_owned(), report.line_of(span.start)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_derived_from_names() {
        for (name, expected) in [
            ("Order Completed", Some("order-completed")),
            ("[Amplitude] Page Viewed", Some("amplitude-page-viewed")),
            ("*search*", Some("search")),
            ("$pageview", Some("pageview")),
            ("购买", None),
        ] {
            assert_eq!(id_from(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn a_version_depends_on_the_content_and_not_on_the_layout() {
        let version = |text| version_of(&parse_document(text, &mut Report::new("", text)));
        let plain = version("id = \"a\"\nlist = [1, 2]\n");
        assert_eq!(
            version("# comment\nlist = [ 1,\n 2 ]\n\nid = 'a' # x\n"),
            plain
        );
        assert_ne!(version("id = \"a\"\nlist = [2, 1]\n"), plain);
        assert_ne!(version("id = \"a\"\nlist = [12]\n"), plain);
    }

    #[test]
    fn a_file_with_stages_is_a_model() {
        let kind = |text: &str| RuleSource::detect("x.toml", text).kind;
        assert_eq!(kind("id = 'x'\n[[stage]]\nid = 'a'"), RuleFileKind::Model);
        assert_eq!(kind("id = 'x'\n[[rule]]\n"), RuleFileKind::Vocabulary);
    }
}
