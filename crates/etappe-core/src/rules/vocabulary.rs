//! Reads vocabularies: which events of a tracker have which milestone.

mod reachability;

use std::ops::Range;
use std::sync::Arc;

use crate::event::EventKind;
use crate::milestone::Milestone;

use super::condition::{read_address, read_conditions};
use super::contradiction::find_contradiction;
use super::diagnostic::{Report, did_you_mean};
use super::exception::Exceptions;
use super::history::read_milestone;
use super::lookup::ValuePath;
use super::mapping::FactMapping;
use super::pattern::{NamePattern, Spelling};
use super::predicate::Predicate;
use super::reader::{Located, Table};
use super::source::{
    RuleOrigin, RuleSource, UsedIds, id_from, parse_document, read_id, version_of,
};
use super::word_reader::FileWords;

/// A vocabulary as read from its file.
#[derive(Debug)]
pub(super) struct VocabularyFile {
    pub(super) id: Arc<str>,
    pub(super) title: Arc<str>,
    pub(super) source: Arc<str>,
    pub(super) version: Arc<str>,
    pub(super) file: Arc<str>,
    pub(super) origin: RuleOrigin,
    /// Lower ones are tried first.
    pub(super) priority: i64,
    /// Whether the names are generic, so that any tracker may use them; `event_from` searches here.
    pub(super) is_generic: bool,
    /// Undoing words: they reverse the meaning of a name.
    pub(super) undoing: Vec<Box<str>>,
    pub(super) rules: Vec<VocabularyRule>,
}

/// A rule as read from its file.
#[derive(Debug)]
pub(super) struct VocabularyRule {
    pub(super) id: Arc<str>,
    pub(super) line: u32,
    pub(super) span: Range<usize>,
    pub(super) names: Vec<NamePattern>,
    pub(super) except: Exceptions,
    pub(super) kinds: KindSet,
    pub(super) predicates: Vec<Predicate>,
    /// `None` says that the event is not a step of any journey.
    pub(super) milestone: Option<Milestone>,
    /// Values that are tried as the event's name before `milestone` applies.
    pub(super) event_from: Vec<ValuePath>,
    pub(super) mapping: Option<Arc<FactMapping>>,
}

/// The kinds of message that a rule applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KindSet(u8);

impl KindSet {
    /// All kinds that are events.
    pub(super) const ALL: Self = Self(0b111);

    const fn of(kind: EventKind) -> Self {
        Self(match kind {
            EventKind::Track => 1,
            EventKind::Page => 2,
            EventKind::Screen => 4,
            EventKind::Identify | EventKind::Group | EventKind::Alias => 0,
        })
    }

    /// Returns whether the rule applies to messages of this kind.
    pub(super) const fn contains(self, kind: EventKind) -> bool {
        self.0 & Self::of(kind).0 != 0
    }

    /// Returns whether all kinds of `other` are in this set.
    pub(super) const fn includes(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

const FILE_KEYS: [&str; 13] = [
    "id",
    "title",
    "source",
    "priority",
    "generic",
    "event",
    "kind",
    "match",
    "where",
    "facts",
    "words",
    "rule",
    "description",
];
const RULE_KEYS: [&str; 13] = [
    "id",
    "event",
    "words",
    "except",
    "except_words",
    "kind",
    "match",
    "where",
    "url",
    "event_from",
    "milestone",
    "facts",
    "description",
];
/// The default for a user's vocabulary: it is tried before the shipped ones, which start at 100.
const DEFAULT_PRIORITY: i64 = 10;

/// The defaults that a file sets for all its rules.
struct Defaults {
    names: Option<Vec<NamePattern>>,
    kinds: Option<KindSet>,
    spelling: Spelling,
    predicates: Vec<Predicate>,
    mapping: FactMapping,
    words: FileWords,
}

/// Reads a vocabulary; `None` when it has no usable id. Mistakes are reported either way.
pub(super) fn read_vocabulary(
    source: &RuleSource,
    report: &mut Report<'_>,
) -> Option<VocabularyFile> {
    let document = parse_document(&source.text, report);
    let file = Table::document(&document);
    file.allow_only(&FILE_KEYS, "a vocabulary", report);
    let id = read_id(&file, report);
    if file.value("id").is_none() {
        report.error(&file.span, "the vocabulary has no `id`");
    }
    let title = file.text("title", report);
    let names_from = file.text("source", report).map_or("", |text| text.value);
    file.text("description", report);
    let defaults = read_defaults(&file, report);
    let mut used = UsedIds::default();
    let rules: Vec<_> = file
        .tables("rule", report)
        .iter()
        .filter_map(|rule| read_rule(rule, &defaults, &mut used, report))
        .collect();
    if file.value("rule").is_none() {
        report.error_with(
            &file.span,
            "the vocabulary has no rules",
            "a rule is [[rule]] with `event` and `milestone`".to_owned(),
        );
    }
    reachability::report_hidden(&rules, report);
    let priority = file.integer("priority", report);
    let generic = file.boolean("generic", report);
    let id: Arc<str> = id?.value.into();
    Some(VocabularyFile {
        title: title.map_or_else(|| Arc::clone(&id), |title| title.value.into()),
        id,
        source: names_from.into(),
        version: version_of(&document).into(),
        file: source.file.as_ref().into(),
        origin: source.origin,
        priority: priority.map_or(DEFAULT_PRIORITY, |priority| priority.value),
        is_generic: generic.is_some_and(|flag| flag.value),
        undoing: defaults.words.undoing().map(Into::into).collect(),
        rules,
    })
}

fn read_defaults(file: &Table<'_, '_>, report: &mut Report<'_>) -> Defaults {
    let spelling = read_spelling(file, report).unwrap_or(Spelling::Any);
    Defaults {
        names: read_names(file, spelling, report),
        kinds: read_kinds(file, report),
        spelling,
        predicates: read_where(file, report),
        mapping: file
            .table("facts", report)
            .map(|facts| FactMapping::read(&facts, report))
            .unwrap_or_default(),
        words: FileWords::read(file, report),
    }
}

fn read_rule(
    rule: &Table<'_, '_>,
    defaults: &Defaults,
    used: &mut UsedIds,
    report: &mut Report<'_>,
) -> Option<VocabularyRule> {
    // Everything is read before the rule is rejected, so that all mistakes are reported.
    rule.allow_only(&RULE_KEYS, "a rule", report);
    rule.text("description", report);
    let spelling = read_spelling(rule, report).unwrap_or(defaults.spelling);
    let own_names = read_own_names(rule, spelling, &defaults.words, report);
    let id = rule_id(rule, own_names.as_deref(), used, report);
    let kinds = read_kinds(rule, report);
    let except = Exceptions::read(rule, &defaults.words, report);
    let predicates = read_predicates(rule, defaults, report);
    let event_from = rule.texts("event_from", report).unwrap_or_default();
    let mapping = rule.table("facts", report);
    let mapping = mapping
        .map(|facts| FactMapping::read(&facts, report))
        .unwrap_or_default()
        .or(&defaults.mapping);
    let milestone = read_meaning(rule, report);
    let names = own_names.or_else(|| defaults.names.clone());
    if names.is_none() && rule.value("where").is_none() && predicates.is_empty() {
        report.error_with(
            &rule.span,
            "the rule has no condition, so it would match every event",
            "add `event`; `event = \"*\"` if every event is meant".to_owned(),
        );
    }
    let names = names.unwrap_or_else(|| vec![NamePattern::any()]);
    if names.is_empty() {
        return None;
    }
    Some(VocabularyRule {
        line: report.line_of(rule.span.start),
        span: rule.span.clone(),
        id: id?.into(),
        names,
        except,
        kinds: kinds.or(defaults.kinds).unwrap_or(KindSet::ALL),
        predicates,
        milestone: milestone?,
        event_from: event_from
            .iter()
            .map(|path| ValuePath::new(path.value))
            .collect(),
        mapping: (!mapping.is_empty()).then(|| Arc::new(mapping)),
    })
}

/// Returns the conditions of the file and of the rule. The file's come first, since they decide for
/// most events whether the vocabulary applies at all.
fn read_predicates(
    rule: &Table<'_, '_>,
    defaults: &Defaults,
    report: &mut Report<'_>,
) -> Vec<Predicate> {
    let mut predicates = defaults.predicates.clone();
    if let Some(patterns) = rule.texts("url", report) {
        predicates.extend(read_address(&patterns, report));
    }
    let own = read_where(rule, report);
    let is_own_mistake = find_contradiction(&own).is_some();
    predicates.extend(own);
    if !is_own_mistake && let Some(path) = find_contradiction(&predicates) {
        report.error(
            &rule.span,
            format!("no value of `{path}` can meet the conditions of both the file and the rule"),
        );
    }
    predicates
}

/// Returns the rule's id: its own, or one derived from its first event or its milestone.
fn rule_id(
    rule: &Table<'_, '_>,
    names: Option<&[NamePattern]>,
    used: &mut UsedIds,
    report: &mut Report<'_>,
) -> Option<String> {
    let (id, span) = if rule.value("id").is_some() {
        let id = read_id(rule, report)?;
        (id.value.to_owned(), id.span)
    } else {
        let of_name = match names {
            Some(names) => names.first()?.written_name().and_then(id_from),
            None => None,
        };
        let made = match of_name {
            Some(id) => Some(id),
            None => id_from(rule.value("milestone")?.get_ref().as_str()?),
        };
        (made?, rule.span.clone())
    };
    used.claim(&id, &span, "rule", report);
    Some(id)
}

/// Reads `milestone`; the inner `None` is "no step".
#[expect(
    clippy::option_option,
    reason = "the outer one is a mistake in the file, the inner one a meaning"
)]
fn read_meaning(rule: &Table<'_, '_>, report: &mut Report<'_>) -> Option<Option<Milestone>> {
    let Some(name) = rule.text("milestone", report) else {
        if rule.value("milestone").is_none() {
            report.error_with(
                &rule.span,
                "the rule has no `milestone`",
                "`milestone = \"none\"` says that the event is not a step".to_owned(),
            );
        }
        return None;
    };
    if name.value == "none" {
        return Some(None);
    }
    let milestone = read_milestone(name.value, &name.span, report)?;
    if milestone.needs_history() {
        report.error_with(
            &name.span,
            format!("`{milestone}` is derived from an actor's history and cannot be set here"),
            "set what the event is by itself, such as `visit`, `signup` or `purchase`".to_owned(),
        );
        return None;
    }
    Some(Some(milestone))
}

/// Returns the name patterns that the rule itself states, by name and by words.
fn read_own_names(
    rule: &Table<'_, '_>,
    spelling: Spelling,
    words: &FileWords,
    report: &mut Report<'_>,
) -> Option<Vec<NamePattern>> {
    let names = read_names(rule, spelling, report);
    match (names, words.read_meanings(rule, report)) {
        (None, meanings) => meanings,
        (names, None) => names,
        (Some(mut names), Some(meanings)) => {
            names.extend(meanings);
            Some(names)
        }
    }
}

fn read_names(
    table: &Table<'_, '_>,
    spelling: Spelling,
    report: &mut Report<'_>,
) -> Option<Vec<NamePattern>> {
    let texts = table.texts("event", report)?;
    let read = |text: &Located<&str>, report: &mut Report<'_>| match NamePattern::parse(
        text.value, spelling,
    ) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            report.error(&text.span, format!("`event` `{}`: {error}", text.value));
            None
        }
    };
    Some(texts.iter().filter_map(|text| read(text, report)).collect())
}

fn read_spelling(table: &Table<'_, '_>, report: &mut Report<'_>) -> Option<Spelling> {
    let text = table.text("match", report)?;
    match text.value {
        "exact" => Some(Spelling::Exact),
        "any" => Some(Spelling::Any),
        other => {
            let message = format!("`match` is \"exact\" or \"any\", not \"{other}\"");
            report.error(&text.span, message);
            None
        }
    }
}

fn read_kinds(table: &Table<'_, '_>, report: &mut Report<'_>) -> Option<KindSet> {
    let texts = table.texts("kind", report)?;
    let mut kinds = KindSet(0);
    for text in &texts {
        match text.value {
            "track" => kinds.0 |= KindSet::of(EventKind::Track).0,
            "page" => kinds.0 |= KindSet::of(EventKind::Page).0,
            "screen" => kinds.0 |= KindSet::of(EventKind::Screen).0,
            other => {
                let help = did_you_mean(other, ["track", "page", "screen"])
                    .unwrap_or_else(|| "kinds: track, page, screen".to_owned());
                report.error_with(
                    &text.span,
                    format!("`{other}` is not a kind of event"),
                    help,
                );
            }
        }
    }
    (kinds.0 != 0).then_some(kinds)
}

fn read_where(table: &Table<'_, '_>, report: &mut Report<'_>) -> Vec<Predicate> {
    table
        .table("where", report)
        .map(|conditions| read_conditions(&conditions, report))
        .unwrap_or_default()
}
