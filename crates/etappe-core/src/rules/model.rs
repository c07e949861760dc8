//! Reads journey models: ordered stages, and which milestones lead to them.

use std::ops::Range;
use std::sync::Arc;

use crate::milestone::Milestone;

use super::condition::read_conditions;
use super::diagnostic::{Report, did_you_mean};
use super::history::{HistoryCondition, read_history, read_milestone};
use super::info::{Labels, StageInfo, Tone};
use super::phrase::read_phrases;
use super::predicate::Predicate;
use super::reader::{Located, Table};
use super::source::{RuleOrigin, RuleSource, UsedIds, parse_document, read_id, version_of};

/// A model as read from its file.
#[derive(Debug)]
pub(super) struct ModelFile {
    pub(super) id: Arc<str>,
    pub(super) labels: Labels,
    pub(super) description: Arc<str>,
    pub(super) version: Arc<str>,
    pub(super) file: Arc<str>,
    pub(super) origin: RuleOrigin,
    pub(super) stages: Vec<StageInfo>,
    pub(super) rules: Vec<ModelRule>,
}

/// A rule as read from its file.
#[derive(Debug)]
pub(super) struct ModelRule {
    pub(super) id: Arc<str>,
    pub(super) line: u32,
    /// The stage's index in [`ModelFile::stages`].
    pub(super) stage: usize,
    pub(super) milestones: Vec<Milestone>,
    pub(super) predicates: Vec<Predicate>,
    pub(super) history: Vec<HistoryCondition>,
}

/// The most stages of a model: an ordinal is a `u8`, and an actor's stages in a model must fit one
/// machine word.
pub(super) const MAX_STAGES: usize = 64;

const FILE_KEYS: [&str; 5] = ["id", "labels", "description", "stage", "rule"];
const STAGE_KEYS: [&str; 7] = [
    "id",
    "label",
    "description",
    "tone",
    "phrases",
    "gate",
    "own_hit",
];
const RULE_KEYS: [&str; 6] = [
    "id",
    "stage",
    "milestones",
    "when",
    "history",
    "description",
];

/// Reads a model; `None` when it has no usable id. Mistakes are reported either way.
pub(super) fn read_model(source: &RuleSource, report: &mut Report<'_>) -> Option<ModelFile> {
    let document = parse_document(&source.text, report);
    let file = Table::document(&document);
    file.allow_only(&FILE_KEYS, "a model", report);
    let id = read_id(&file, report);
    if file.value("id").is_none() {
        report.error(&file.span, "the model has no `id`");
    }
    let stages = read_stages(&file, report);
    let rules = read_rules(&file, &stages, source.origin, report);
    for (at, stage) in stages.iter().enumerate() {
        if !rules.iter().any(|rule| rule.stage == at) {
            report.warn_with(
                &stage.span,
                format!("no rule leads to stage `{}`", stage.value.id),
                "the stage will always be empty".to_owned(),
            );
        }
    }
    let description = file
        .text("description", report)
        .map_or("", |text| text.value);
    let id: Arc<str> = id?.value.into();
    Some(ModelFile {
        labels: read_labels(&file, "labels", &id, report),
        id,
        description: description.into(),
        version: version_of(&document).into(),
        file: source.file.as_ref().into(),
        origin: source.origin,
        stages: stages.into_iter().map(|stage| stage.value).collect(),
        rules,
    })
}

fn read_stages(file: &Table<'_, '_>, report: &mut Report<'_>) -> Vec<Located<StageInfo>> {
    let tables = file.tables("stage", report);
    if tables.is_empty() {
        report.error_with(
            &file.span,
            "the model has no stages",
            "a stage is [[stage]] with `id` and `label`".to_owned(),
        );
    }
    if let Some(table) = tables.get(MAX_STAGES) {
        report.error(
            &table.span,
            format!(
                "a model may have at most {MAX_STAGES} stages; this one has {}",
                tables.len()
            ),
        );
    }
    let mut used = UsedIds::default();
    let mut stages = Vec::with_capacity(tables.len());
    for (ordinal, table) in (1_u8..).zip(tables.iter().take(MAX_STAGES)) {
        table.allow_only(&STAGE_KEYS, "a stage", report);
        if table.value("id").is_none() {
            report.error(&table.span, "the stage has no `id`");
        }
        let Some(id) = read_id(table, report) else {
            continue;
        };
        used.claim(id.value, &id.span, "stage", report);
        let description = table
            .text("description", report)
            .map_or("", |text| text.value);
        let gate = table.boolean("gate", report).is_none_or(|flag| flag.value);
        let own_hit = table.boolean("own_hit", report);
        if let Some(flag) = own_hit.as_ref().filter(|flag| flag.value && !gate) {
            report.error(
                &flag.span,
                "`own_hit` is supported only on gates: other stages are not passed",
            );
        }
        stages.push(Located {
            value: StageInfo {
                id: id.value.into(),
                labels: read_labels(table, "label", id.value, report),
                description: description.into(),
                tone: read_tone(table, report),
                phrases: read_phrases(table, report),
                gate,
                own_hit: own_hit.is_some_and(|flag| flag.value),
                ordinal,
            },
            span: table.span.clone(),
        });
    }
    stages
}

fn read_tone(table: &Table<'_, '_>, report: &mut Report<'_>) -> Option<Tone> {
    let word = table.text("tone", report)?;
    let tone = Tone::ALL.into_iter().find(|it| it.as_str() == word.value);
    if tone.is_none() {
        let words = Tone::ALL.map(Tone::as_str);
        report.error_with(
            &word.span,
            format!("`{}` is not a tone", word.value),
            did_you_mean(word.value, words)
                .unwrap_or_else(|| format!("the tones are {}", words.join(", "))),
        );
    }
    tone
}

fn read_rules(
    file: &Table<'_, '_>,
    stages: &[Located<StageInfo>],
    origin: RuleOrigin,
    report: &mut Report<'_>,
) -> Vec<ModelRule> {
    let mut used = UsedIds::default();
    let tables = file.tables("rule", report);
    let mut rules: Vec<ModelRule> = Vec::with_capacity(tables.len());
    for table in &tables {
        let Some(rule) = read_rule(table, stages, &mut used, report) else {
            continue;
        };
        if let Some(earlier) = rules.iter().find(|earlier| hides(earlier, &rule)) {
            report.error_with(
                &table.span,
                format!("rule `{}` is never reached", rule.id),
                format!(
                    "rule `{}` on line {} says the same",
                    earlier.id, earlier.line
                ),
            );
        }
        if origin == RuleOrigin::User {
            warn_of_history(&rule, &table.span, report);
        }
        rules.push(rule);
    }
    rules
}

/// Warns of rules that depend on history. Events are classified without their actors' history so
/// far, so such a rule does not do what it says. The shipped models name such milestones only
/// beside others.
fn warn_of_history(rule: &ModelRule, span: &Range<usize>, report: &mut Report<'_>) {
    let help = "events are not yet classified with a history".to_owned();
    if !rule.history.is_empty() {
        let what = format!("rule `{}` treats every actor as new", rule.id);
        report.warn_with(span, what, help);
    } else if !rule.milestones.is_empty() && rule.milestones.iter().all(|m| m.needs_history()) {
        report.warn_with(span, format!("rule `{}` never applies", rule.id), help);
    }
}

/// Returns whether `earlier` assigns the same stage to everything that `later` matches.
fn hides(earlier: &ModelRule, later: &ModelRule) -> bool {
    earlier.stage == later.stage
        && later
            .milestones
            .iter()
            .all(|m| earlier.milestones.contains(m))
        && earlier
            .predicates
            .iter()
            .all(|p| later.predicates.contains(p))
        && earlier.history.iter().all(|h| later.history.contains(h))
}

fn read_rule(
    table: &Table<'_, '_>,
    stages: &[Located<StageInfo>],
    used: &mut UsedIds,
    report: &mut Report<'_>,
) -> Option<ModelRule> {
    table.allow_only(&RULE_KEYS, "a rule", report);
    table.text("description", report);
    let stage = read_stage(table, stages, report);
    let id = if table.value("id").is_some() {
        read_id(table, report).map(|id| (id.value, id.span))
    } else {
        table
            .text("stage", report)
            .map(|stage| (stage.value, table.span.clone()))
    };
    if let Some((id, span)) = &id {
        used.claim(id, span, "rule", report);
    }
    let milestones = read_milestones(table, report);
    let predicates = table
        .table("when", report)
        .map(|conditions| read_conditions(&conditions, report));
    let history = table
        .table("history", report)
        .map(|conditions| read_history(&conditions, report));
    Some(ModelRule {
        line: report.line_of(table.span.start),
        id: id?.0.into(),
        stage: stage?,
        milestones,
        predicates: predicates.unwrap_or_default(),
        history: history.unwrap_or_default(),
    })
}

fn read_stage(
    table: &Table<'_, '_>,
    stages: &[Located<StageInfo>],
    report: &mut Report<'_>,
) -> Option<usize> {
    if table.value("stage").is_none() {
        report.error(&table.span, "the rule has no `stage`");
    }
    let name = table.text("stage", report)?;
    let found = stages
        .iter()
        .position(|stage| *stage.value.id == *name.value);
    if found.is_none() {
        let known = || stages.iter().map(|stage| &*stage.value.id);
        let help = did_you_mean(name.value, known())
            .unwrap_or_else(|| format!("stages: {}", known().collect::<Vec<_>>().join(", ")));
        report.error_with(
            &name.span,
            format!("`{}` is not a stage of this model", name.value),
            help,
        );
    }
    found
}

fn read_milestones(table: &Table<'_, '_>, report: &mut Report<'_>) -> Vec<Milestone> {
    let Some(names) = table.texts("milestones", report) else {
        let help = "a list such as [\"purchase\", \"renewal\"]".to_owned();
        report.error_with(&table.span, "the rule has no `milestones`", help);
        return Vec::new();
    };
    let mut milestones = Vec::with_capacity(names.len());
    for name in names {
        if let Some(milestone) = read_milestone(name.value, &name.span, report) {
            if milestones.contains(&milestone) {
                report.warn_with(&name.span, format!("`{milestone}` is listed twice"), None);
            }
            milestones.push(milestone);
        }
    }
    milestones
}

/// Reads one label for both languages, or `{ en = "…", nl = "…" }`; the default is the id.
fn read_labels(
    table: &Table<'_, '_>,
    key: &str,
    fallback: &str,
    report: &mut Report<'_>,
) -> Labels {
    let both = |label: &str| Labels {
        en: label.into(),
        nl: label.into(),
    };
    if let Some(label) = table.value(key).and_then(|value| value.get_ref().as_str()) {
        return both(label);
    }
    let Some(languages) = table.table(key, report) else {
        return both(fallback);
    };
    languages.allow_only(&["en", "nl"], &format!("`{key}`"), report);
    let en = languages.text("en", report).map(|label| label.value);
    let nl = languages.text("nl", report).map(|label| label.value);
    Labels {
        en: en.or(nl).unwrap_or(fallback).into(),
        nl: nl.or(en).unwrap_or(fallback).into(),
    }
}
