//! Turns rule files into a rule set, or into the list of all their mistakes.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use crate::milestone::Milestone;

use super::diagnostic::{Diagnostic, Report, Severity};
use super::history::can_derive;
use super::info::{ModelInfo, VocabularyInfo};
use super::model::{ModelFile, read_model};
use super::names::NameIndex;
use super::predicate::Predicate;
use super::rule::{Rule, StageRule};
use super::ruleset::{MAX_CONDITIONAL, MilestonePlan, PlanCondition, PlanEntry, RuleSet};
use super::source::{RuleFileKind, RuleOrigin, RuleSource, short_hash};
use super::vocabulary::{VocabularyFile, read_vocabulary};

impl RuleSet {
    /// Compiles rule files; their order does not matter.
    ///
    /// A user's file replaces a shipped file of the same kind with the same id.
    ///
    /// # Errors
    /// All mistakes in all files, sorted by file and line, when at least one of them is an error.
    /// Otherwise [`RuleSet::warnings`] returns the warnings.
    pub fn compile(sources: impl IntoIterator<Item = RuleSource>) -> Result<Self, Vec<Diagnostic>> {
        let mut sources: Vec<_> = sources.into_iter().collect();
        sources.sort_by(|a, b| {
            (a.kind, a.origin, &a.file, &a.text).cmp(&(b.kind, b.origin, &b.file, &b.text))
        });
        let mut diagnostics = Vec::new();
        let mut vocabularies = FilesById::default();
        let mut models = FilesById::default();
        for source in &sources {
            let mut report = Report::new(&source.file, &source.text);
            match source.kind {
                RuleFileKind::Vocabulary => {
                    if let Some(read) = read_vocabulary(source, &mut report) {
                        vocabularies.add(Arc::clone(&read.id), source, read, &mut report);
                    }
                }
                RuleFileKind::Model => {
                    if let Some(read) = read_model(source, &mut report) {
                        models.add(Arc::clone(&read.id), source, read, &mut report);
                    }
                }
            }
            diagnostics.extend(report.into_diagnostics());
        }
        let mut vocabularies = vocabularies.into_files();
        vocabularies.sort_by(|a, b| (a.priority, &a.id).cmp(&(b.priority, &b.id)));
        let built = build(vocabularies, models.into_files(), &mut diagnostics);
        diagnostics.sort();
        diagnostics.dedup();
        if diagnostics.iter().any(|d| d.severity == Severity::Error) {
            return Err(diagnostics);
        }
        Ok(Self {
            warnings: diagnostics,
            ..built
        })
    }
}

/// Files of one kind by id: the user's replaces the shipped one.
#[derive(Debug)]
struct FilesById<T> {
    files: BTreeMap<Arc<str>, (RuleOrigin, String, T)>,
}

impl<T> Default for FilesById<T> {
    fn default() -> Self {
        Self {
            files: BTreeMap::new(),
        }
    }
}

impl<T> FilesById<T> {
    /// Adds a file; shipped ones must be added first.
    fn add(&mut self, id: Arc<str>, source: &RuleSource, read: T, report: &mut Report<'_>) {
        if let Some((origin, file, _)) = self.files.get(&id)
            && *origin == source.origin
        {
            let message = format!("`{id}` is already the id of {file}");
            report.error_with(&(0..0), message, "give this file another `id`".to_owned());
            return;
        }
        let entry = (source.origin, source.file.to_string(), read);
        self.files.insert(id, entry);
    }

    /// Returns the files in the order of their ids.
    fn into_files(self) -> Vec<T> {
        self.files.into_values().map(|(_, _, file)| file).collect()
    }
}

/// Conditions without duplicates.
#[derive(Debug, Default)]
struct PredicateTable {
    places: HashMap<String, u32>,
    predicates: Vec<Predicate>,
}

impl PredicateTable {
    fn intern(&mut self, predicates: Vec<Predicate>) -> Box<[u32]> {
        let mut places: Vec<u32> = Vec::with_capacity(predicates.len());
        for predicate in predicates {
            let next = u32::try_from(self.predicates.len())
                .expect("fewer conditions than bytes of rule files");
            let place = *self.places.entry(predicate.to_string()).or_insert(next);
            if place == next {
                self.predicates.push(predicate);
            }
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places.into()
    }
}

fn build(
    vocabularies: Vec<VocabularyFile>,
    models: Vec<ModelFile>,
    diagnostics: &mut Vec<Diagnostic>,
) -> RuleSet {
    let mut predicates = PredicateTable::default();
    let mut rules = Vec::new();
    let mut undoing = HashSet::new();
    let mut vocabulary_infos = Vec::with_capacity(vocabularies.len());
    for (at, vocabulary) in (0_u32..).zip(vocabularies) {
        vocabulary_infos.push(vocabulary_info(&vocabulary));
        let heeds_undoing = !vocabulary.undoing.is_empty();
        undoing.extend(vocabulary.undoing);
        let is_for_anyone = vocabulary.is_generic || vocabulary.origin == RuleOrigin::User;
        rules.extend(vocabulary.rules.into_iter().map(|rule| Rule {
            vocabulary: at,
            id: rule.id,
            line: rule.line,
            names: rule.names.into(),
            except: rule.except,
            kinds: rule.kinds,
            predicates: predicates.intern(rule.predicates),
            milestone: rule.milestone,
            event_from: rule.event_from.into(),
            mapping: rule.mapping,
            is_for_anyone,
            heeds_undoing,
        }));
    }
    let model_infos: Box<[ModelInfo]> = models.iter().map(model_info).collect();
    let model_rules: Box<[Box<[StageRule]>]> = models
        .into_iter()
        .map(|model| stage_rules(model, &mut predicates))
        .collect();
    let plans = Milestone::ALL
        .iter()
        .map(|milestone| plan(*milestone, &model_infos, &model_rules, diagnostics))
        .collect();
    let names = NameIndex::new(&rules);
    let version = overall_version(&vocabulary_infos, &model_infos).into();
    RuleSet {
        vocabularies: vocabulary_infos.into(),
        rules: rules.into(),
        predicates: predicates.predicates.into(),
        names,
        undoing,
        models: model_infos,
        model_rules,
        plans,
        warnings: Vec::new(),
        version,
    }
}

fn overall_version(vocabularies: &[VocabularyInfo], models: &[ModelInfo]) -> String {
    let vocabularies = vocabularies.iter().map(|v| (&v.id, &v.version));
    let models = models.iter().map(|m| (&m.id, &m.version));
    let text: String = vocabularies
        .chain(models)
        .map(|(id, version)| format!("{id}@{version}\n"))
        .collect();
    short_hash(text.as_bytes())
}

fn vocabulary_info(file: &VocabularyFile) -> VocabularyInfo {
    VocabularyInfo {
        id: Arc::clone(&file.id),
        title: Arc::clone(&file.title),
        source: Arc::clone(&file.source),
        version: Arc::clone(&file.version),
        priority: file.priority,
        origin: file.origin,
        file: Arc::clone(&file.file),
        rules: file.rules.len(),
    }
}

fn model_info(file: &ModelFile) -> ModelInfo {
    ModelInfo {
        id: Arc::clone(&file.id),
        labels: file.labels.clone(),
        description: Arc::clone(&file.description),
        version: Arc::clone(&file.version),
        origin: file.origin,
        file: Arc::clone(&file.file),
        stages: file.stages.clone().into(),
        rules: file.rules.len(),
    }
}

fn stage_rules(model: ModelFile, predicates: &mut PredicateTable) -> Box<[StageRule]> {
    model
        .rules
        .into_iter()
        .map(|rule| StageRule {
            id: rule.id,
            line: rule.line,
            stage: rule.stage,
            milestones: rule.milestones.into(),
            predicates: predicates.intern(rule.predicates),
            history: rule.history.into(),
        })
        .collect()
}

/// Collects the rules of the models that can apply to a milestone.
fn plan(
    milestone: Milestone,
    models: &[ModelInfo],
    model_rules: &[Box<[StageRule]>],
    diagnostics: &mut Vec<Diagnostic>,
) -> MilestonePlan {
    let mut entries = Vec::new();
    let mut conditional: Vec<PlanCondition> = Vec::new();
    let mut wants_history = true;
    for (model, rules) in model_rules.iter().enumerate() {
        let mut by_stage: Vec<_> = rules.iter().enumerate().collect();
        by_stage.sort_by_key(|(_, rule)| std::cmp::Reverse(rule.stage));
        for (at, rule) in by_stage {
            let direct = rule.milestones.contains(&milestone);
            let derived: Box<[Milestone]> = rule
                .milestones
                .iter()
                .copied()
                .filter(|derived| can_derive(milestone, *derived))
                .collect();
            if !direct && derived.is_empty() {
                continue;
            }
            let always = direct && rule.predicates.is_empty() && rule.history.is_empty();
            if !always && conditional.len() == MAX_CONDITIONAL {
                diagnostics.push(too_many(milestone, &models[model], rule));
                continue;
            }
            let bit = (!always).then_some(conditional.len());
            entries.push(PlanEntry {
                model,
                rule: at,
                bit,
            });
            if !always {
                // An empty history meets conditions such as "no orders so far".
                wants_history &= !direct;
                conditional.push(PlanCondition {
                    model,
                    rule: at,
                    direct,
                    derived,
                });
            }
        }
    }
    MilestonePlan {
        entries: entries.into(),
        conditional: conditional.into(),
        wants_history,
    }
}

fn too_many(milestone: Milestone, model: &ModelInfo, rule: &StageRule) -> Diagnostic {
    Diagnostic {
        file: model.file.to_string(),
        line: rule.line,
        column: 1,
        severity: Severity::Error,
        message: format!("more than {MAX_CONDITIONAL} rules with conditions ask for `{milestone}`"),
        help: None,
    }
}
