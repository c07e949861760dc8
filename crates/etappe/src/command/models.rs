//! `etappe models`: lists the journey models and vocabularies in use, and checks their files.

use anyhow::bail;
use etappe_core::rules::{Diagnostic, RuleSet, RuleSource, Severity};
use serde_json::json;

use crate::answer::answer;
use crate::cli::{ConfigSource, ModelsCommand};
use crate::config::{Config, Needs, read_rules};

/// Runs one of the commands.
pub(crate) fn run(command: ModelsCommand) -> anyhow::Result<()> {
    match command {
        ModelsCommand::List { config, json } => {
            let rules = Config::load(&config, Vec::new(), Needs::NOTHING)?.compile_rules()?;
            list(&rules, json);
            Ok(())
        }
        ModelsCommand::Check {
            config,
            files,
            json,
        } => check(&config, &files, json),
    }
}

fn list(rules: &RuleSet, as_json: bool) {
    if as_json {
        let (models, vocabularies) = (rules.models(), rules.vocabularies());
        answer!(
            "{}",
            json!({ "models": models, "vocabularies": vocabularies })
        );
        return;
    }
    answer!("models");
    for model in rules.models() {
        let stages: Vec<_> = model
            .stages
            .iter()
            .map(|stage| stage.labels.en.as_ref())
            .collect();
        answer!("  {:20} {}  {}", model.id, model.version, stages.join(", "));
    }
    answer!("vocabularies, in the order they are tried");
    for vocabulary in rules.vocabularies() {
        let (id, version, title) = (&vocabulary.id, &vocabulary.version, &vocabulary.title);
        answer!("  {id:20} {version}  {title} ({} rules)", vocabulary.rules);
    }
}

fn check(config: &ConfigSource, files: &[std::path::PathBuf], as_json: bool) -> anyhow::Result<()> {
    let mut sources = Vec::new();
    if files.is_empty() {
        let rules = Config::load(config, Vec::new(), Needs::NOTHING)?.rules;
        for path in [rules.vocabularies, rules.models].iter().flatten() {
            sources.extend(read_rules(path)?);
        }
    }
    for path in files {
        sources.extend(read_rules(path)?);
    }
    let sources = sources
        .into_iter()
        .map(|(file, text)| RuleSource::detect(file, text));
    let found: Vec<Diagnostic> = match RuleSet::with_user_files(sources) {
        Ok(rules) => rules.warnings().to_vec(),
        Err(mistakes) => mistakes,
    };
    if as_json {
        answer!("{}", serde_json::to_string(&found)?);
    } else {
        found.iter().for_each(|diagnostic| answer!("{diagnostic}"));
    }
    let errors = found
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .count();
    if errors > 0 {
        bail!("{errors} errors in the rules");
    }
    if !as_json {
        answer!("the rules are valid");
    }
    Ok(())
}
