//! Reads what a model says of people in a stage, in the words of the interface's sentences.

use super::diagnostic::Report;
use super::info::{Phrase, Phrases};
use super::reader::Table;

const PHRASE_KEYS: [&str; 3] = ["past", "who", "do"];

/// The most characters of a phrase: it is a part of a sentence.
const MAX_CHARS: usize = 60;

/// Where the number of people stands in `do`, if not before it.
const NUMBER: &str = "{n}";

/// Reads `phrases = { en = { past = "…", who = "…", do = "…" }, nl = … }`.
pub(super) fn read_phrases(stage: &Table<'_, '_>, report: &mut Report<'_>) -> Phrases {
    let Some(languages) = stage.table("phrases", report) else {
        return Phrases::default();
    };
    languages.allow_only(&["en", "nl"], "`phrases`", report);
    let mut read = |language: &str| {
        let table = languages.table(language, report)?;
        read_phrase(&table, language, report)
    };
    Phrases {
        en: read("en"),
        nl: read("nl"),
    }
}

fn read_phrase(table: &Table<'_, '_>, language: &str, report: &mut Report<'_>) -> Option<Phrase> {
    let name = format!("`phrases.{language}`");
    table.allow_only(&PHRASE_KEYS, &name, report);
    let missing = PHRASE_KEYS.iter().find(|key| table.value(key).is_none());
    if let Some(missing) = missing {
        let help = "it needs `past` (\"paid\"), `who` (\"pay\") and `do` (\"pay\")".to_owned();
        report.error_with(&table.span, format!("{name} has no `{missing}`"), help);
    }
    let [past, who, does] = PHRASE_KEYS.map(|key| read_part(table, key, report));
    Some(Phrase {
        past: past?.into(),
        who: who?.into(),
        does: does?.into(),
    })
}

fn read_part<'d>(table: &Table<'d, '_>, key: &str, report: &mut Report<'_>) -> Option<&'d str> {
    let part = table.text(key, report)?;
    let text = part.value.trim();
    let rest = if key == "do" {
        text.replacen(NUMBER, "", 1)
    } else {
        text.to_owned()
    };
    let mistake = if rest.trim().is_empty() {
        "is empty".to_owned()
    } else if text.chars().count() > MAX_CHARS {
        format!("is longer than {MAX_CHARS} characters")
    } else if rest.contains(['{', '}']) {
        format!("may hold no braces, except `{NUMBER}` once in `do`")
    } else {
        return Some(text);
    };
    report.error(&part.span, format!("`{key}` {mistake}"));
    None
}
