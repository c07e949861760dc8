//! Reads the word patterns of vocabularies: `[words]` of a file, `words` of a rule.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::diagnostic::{Report, did_you_mean};
use super::pattern::{NameForm, NamePattern};
use super::reader::{Located, Table, wrong};
use super::words::{CommonWords, Meaning, Phrase};

const FILE_KEYS: [&str; 3] = ["beside", "undo", "group"];
const MEANING_KEYS: [&str; 4] = ["object", "action", "with", "about"];
/// The parts of a meaning, in the order in which they are matched.
const PARTS: [&str; 3] = ["object", "action", "with"];

/// The `[words]` of a file.
#[derive(Debug, Default)]
pub(super) struct FileWords {
    common: Arc<CommonWords>,
    /// Named lists of words; `@name` refers to one.
    groups: HashMap<Box<str>, Vec<Phrase>>,
}

impl FileWords {
    /// Reads the `[words]` of a file; the table is optional.
    pub(super) fn read(file: &Table<'_, '_>, report: &mut Report<'_>) -> Self {
        let Some(table) = file.table("words", report) else {
            return Self::default();
        };
        table.allow_only(&FILE_KEYS, "`words`", report);
        let mut words = Self::default();
        if let Some(groups) = table.table("group", report) {
            for (name, _, _) in groups.members() {
                words.read_group(name, &groups, &mut Vec::new(), report);
            }
        }
        let beside = words.read_set("beside", &table, report);
        let undo = words.read_set("undo", &table, report);
        for text in table.texts("undo", report).into_iter().flatten() {
            if beside.contains(text.value) {
                let message = format!("`{}` cannot be in both `undo` and `beside`", text.value);
                report.error(&text.span, message);
            }
        }
        words.common = Arc::new(CommonWords { beside, undo });
        words
    }

    /// Reads a group after the groups that it refers to; `open` holds the groups that are being
    /// read.
    fn read_group<'d>(
        &mut self,
        name: &'d str,
        groups: &Table<'d, '_>,
        open: &mut Vec<&'d str>,
        report: &mut Report<'_>,
    ) {
        if self.groups.contains_key(name) {
            return;
        }
        open.push(name);
        let texts = groups.texts(name, report).unwrap_or_default();
        for text in &texts {
            let Some(inner) = text.value.strip_prefix('@') else {
                continue;
            };
            if open.contains(&inner) {
                let message = format!("the group of words `{inner}` names itself");
                report.error(&text.span, message);
            } else if groups.value(inner).is_some() {
                self.read_group(inner, groups, open, report);
            }
        }
        open.pop();
        // A circular reference has been reported above; it is not looked up here.
        let known: Vec<_> = texts
            .into_iter()
            .filter(|text| {
                let inner = text.value.strip_prefix('@');
                inner.is_none_or(|inner| {
                    self.groups.contains_key(inner) || groups.value(inner).is_none()
                })
            })
            .collect();
        let phrases = self.read_list(&known, report);
        self.groups.insert(name.into(), phrases);
    }

    /// Returns the undoing words.
    pub(super) fn undoing(&self) -> impl Iterator<Item = &str> {
        self.common.undo.iter().map(AsRef::as_ref)
    }

    /// Reads the `words` of a rule: one meaning or a list of them.
    pub(super) fn read_meanings(
        &self,
        rule: &Table<'_, '_>,
        report: &mut Report<'_>,
    ) -> Option<Vec<NamePattern>> {
        let value = rule.value("words")?;
        let meanings = match (Table::of(value), value.get_ref().as_array()) {
            (Some(meaning), _) => vec![meaning],
            (None, Some(_)) => rule.tables("words", report),
            (None, None) => {
                wrong::<()>("words", value, "a table or a list of tables", report);
                return Some(Vec::new());
            }
        };
        if meanings.is_empty() {
            report.error(&value.span(), "`words` is empty");
        }
        Some(
            meanings
                .iter()
                .filter_map(|meaning| self.read_meaning(meaning, report))
                .collect(),
        )
    }

    fn read_meaning(&self, table: &Table<'_, '_>, report: &mut Report<'_>) -> Option<NamePattern> {
        table.allow_only(&MEANING_KEYS, "`words` of a rule", report);
        let mut parts: Vec<Box<[Phrase]>> = Vec::with_capacity(PARTS.len());
        let mut written = Vec::with_capacity(PARTS.len());
        let mut action = None;
        let mut is_whole = true;
        for key in PARTS {
            let Some(texts) = table.texts(key, report) else {
                continue;
            };
            let phrases = self.read_list(&texts, report);
            is_whole &= !phrases.is_empty();
            if key == "action" {
                action = Some(parts.len());
            }
            let listed: Vec<_> = texts.iter().map(|text| text.value).collect();
            written.push(format!("{key} {}", listed.join("|")));
            parts.push(phrases.into());
        }
        if action.is_none() {
            report.error_with(
                &table.span,
                "`words` has no `action`",
                "add `action = [\"completed\"]`".to_owned(),
            );
            return None;
        }
        let about = self.read_set("about", table, report);
        is_whole.then(|| NamePattern {
            written: written.join(", ").into(),
            form: NameForm::Words(Arc::new(Meaning {
                parts: parts.into(),
                action,
                about,
                common: Arc::clone(&self.common),
            })),
        })
    }

    /// Reads a list of phrases and groups.
    pub(super) fn read_list(
        &self,
        texts: &[Located<&str>],
        report: &mut Report<'_>,
    ) -> Vec<Phrase> {
        let mut phrases: Vec<Phrase> = Vec::with_capacity(texts.len());
        for text in texts {
            let found = match text.value.strip_prefix('@') {
                Some(name) => self.group(name, text, report).to_vec(),
                None => Vec::from_iter(read_phrase(text, report)),
            };
            for phrase in found {
                if !phrases.contains(&phrase) {
                    phrases.push(phrase);
                }
            }
        }
        phrases
    }

    fn group(&self, name: &str, text: &Located<&str>, report: &mut Report<'_>) -> &[Phrase] {
        if let Some(group) = self.groups.get(name) {
            return group;
        }
        let known = || self.groups.keys().map(AsRef::as_ref);
        let help = did_you_mean(name, known())
            .unwrap_or_else(|| "groups are defined in [words.group]".to_owned());
        report.error_with(&text.span, format!("unknown word group `{name}`"), help);
        &[]
    }

    /// Reads a list of single words and groups of them.
    fn read_set(
        &self,
        key: &str,
        table: &Table<'_, '_>,
        report: &mut Report<'_>,
    ) -> HashSet<Box<str>> {
        let texts = table.texts(key, report).unwrap_or_default();
        let mut set = HashSet::new();
        for text in texts {
            for phrase in self.read_list(std::slice::from_ref(&text), report) {
                match phrase.as_word() {
                    Some(word) => {
                        set.insert(word.into());
                    }
                    None => report.error_with(
                        &text.span,
                        format!("`{phrase}` is more than one word"),
                        format!("`{key}` lists single words"),
                    ),
                }
            }
        }
        set
    }
}

/// Reads one phrase.
pub(super) fn read_phrase(text: &Located<&str>, report: &mut Report<'_>) -> Option<Phrase> {
    let phrase = Phrase::of(text.value);
    if phrase.is_none() {
        report.error_with(
            &text.span,
            format!("`{}` contains no word", text.value),
            "a word consists of letters".to_owned(),
        );
    }
    phrase
}
