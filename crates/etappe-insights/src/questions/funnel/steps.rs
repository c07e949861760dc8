//! The steps and exclusions of a funnel question: a model's stages, or selectors.

use etappe_core::funnel::{Exclusion, Step};
use etappe_core::query::{Condition, Selector};
use serde_json::Value;

use crate::catalog::{Model, ModelCatalog};
use crate::field::{Fields, Problems};
use crate::selector::take_selector;

/// The name of a step.
#[derive(Debug, Clone)]
pub(crate) struct StepName {
    pub(crate) label: String,
    /// The stage's id; only in a model's funnel.
    pub(crate) stage: Option<String>,
}

/// The steps parsed so far.
#[derive(Debug, Default)]
pub(super) struct Steps {
    pub(super) names: Vec<StepName>,
    pub(super) steps: Vec<Step>,
    pub(super) conditions: Vec<Condition>,
}

pub(super) fn take_steps(
    fields: &mut Fields,
    model: Option<&Model>,
    catalog: &ModelCatalog,
    problems: &mut Problems,
) -> Steps {
    let had_model_problem = model.is_none() && problems.mentions("model");
    let list = fields.take_list("steps", problems);
    match (model, list) {
        (Some(model), None) => model_steps(model),
        (Some(_), Some(_)) => {
            problems.push("steps", "cannot be combined with `model`: use one of them");
            Steps::default()
        }
        (None, Some(list)) => read_steps(list, catalog, problems),
        (None, None) => {
            if !had_model_problem && !problems.mentions("steps") {
                problems.push("steps", "a funnel needs `steps` or a `model`");
            }
            Steps::default()
        }
    }
}

pub(super) fn model_steps(model: &Model) -> Steps {
    let mut steps = Steps::default();
    for (stage, condition) in model.stages.iter().zip(0..) {
        steps.names.push(StepName {
            label: stage.labels.en.clone(),
            stage: Some(stage.id.clone()),
        });
        steps.steps.push(if stage.gate {
            Step {
                own_hit: stage.own_hit,
                ..Step::gate(condition)
            }
        } else {
            Step::side(condition)
        });
        steps.conditions.push(Condition {
            selector: Selector::Stage {
                model: model.id.clone(),
                stage: stage.id.clone(),
            },
            properties: Vec::new(),
        });
    }
    steps
}

fn read_steps(list: Vec<Value>, catalog: &ModelCatalog, problems: &mut Problems) -> Steps {
    let mut steps = Steps::default();
    if list.is_empty() {
        problems.push("steps", "must not be empty");
    }
    for (index, value) in list.into_iter().enumerate() {
        let path = format!("steps[{index}]");
        let Some(mut fields) = Fields::of(value, &path, problems) else {
            continue;
        };
        let selected = take_selector(&mut fields, &path, catalog, problems);
        steps.steps.push(Step {
            min_gap: fields.take_duration("min_gap", problems),
            max_gap: fields.take_duration("max_gap", problems),
            ..Step::gate(condition_number(index))
        });
        fields.finish(problems);
        let (condition, label) = selected.unwrap_or_else(placeholder);
        steps.names.push(StepName { label, stage: None });
        steps.conditions.push(condition);
    }
    steps
}

/// Returns a condition that takes the place of an unreadable one, so that condition numbers stay
/// right.
fn placeholder() -> (Condition, String) {
    let condition = Condition {
        selector: Selector::Any,
        properties: Vec::new(),
    };
    (condition, String::new())
}

/// Returns the number of a condition; numbers beyond the last bit are reported as a problem.
fn condition_number(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(u8::MAX)
}

pub(super) fn take_exclusions(
    fields: &mut Fields,
    first_condition: usize,
    catalog: &ModelCatalog,
    problems: &mut Problems,
) -> (Vec<Exclusion>, Vec<Condition>) {
    let mut exclusions = Vec::new();
    let mut conditions = Vec::new();
    let list = fields.take_list("exclude", problems).unwrap_or_default();
    for (index, value) in list.into_iter().enumerate() {
        let path = format!("exclude[{index}]");
        let Some(mut fields) = Fields::of(value, &path, problems) else {
            continue;
        };
        let selected = take_selector(&mut fields, &path, catalog, problems);
        let mut number = |name: &'static str| {
            let number = fields.take_number(name, problems);
            let path = fields.path_of(name);
            if number.is_none() && !problems.mentions(&path) {
                problems.push(path, "is missing: the number of a step, counted from 1");
            }
            number
        };
        let (after, before) = (number("after_step"), number("before_step"));
        let keep_entrant = fields.take_bool("keep_entrant", problems).unwrap_or(true);
        fields.finish(problems);
        // An unreadable exclusion keeps its number and adds no further problem.
        let numbers = after.zip(before).unwrap_or((1, usize::MAX));
        exclusions.push(Exclusion {
            condition: condition_number(first_condition + conditions.len()),
            after_step: numbers.0 - 1,
            before_step: numbers.1 - 1,
            keep_entrant,
        });
        conditions.push(selected.unwrap_or_else(placeholder).0);
    }
    (exclusions, conditions)
}
