//! Selectors: the conditions under which an event counts as a step.

use etappe_core::event::tidy_name;
use etappe_core::milestone::Milestone;
use etappe_core::query::{Condition, PropertyCondition, PropertyTest, Selector};
use serde_json::Value;
use utoipa::ToSchema;

use crate::catalog::ModelCatalog;
use crate::field::{Fields, Problems, did_you_mean};

/// The condition on an event: exactly one of `event`, `milestone`, `stage` (with `model`) and
/// `any`.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "this describes what is read by hand, so that every problem can be named"
)]
pub(crate) struct SelectorBody {
    /// The event's name.
    #[schema(example = "Order Completed")]
    event: Option<String>,
    /// The event's milestone.
    #[schema(example = "purchase")]
    milestone: Option<String>,
    /// A stage of `model`.
    #[schema(example = "revenue")]
    stage: Option<String>,
    /// The model that `stage` belongs to.
    #[schema(example = "aaarrr")]
    model: Option<String>,
    /// `true`: any event.
    any: Option<bool>,
    /// Properties and their required values: strings, numbers, booleans or null; or `{"absent":
    /// true}` for a property that must not exist, and `{"absent": false}` for one that must exist
    /// with any value.
    #[schema(value_type = Option<Object>, example = json!({"plan": "pro", "coupon": {"absent": true}}))]
    r#where: Option<Value>,
}

/// The most properties that a selector may test.
const MOST_PROPERTIES: usize = 16;

/// Reads a selector from `fields` and names it.
pub(crate) fn take_selector(
    fields: &mut Fields,
    path: &str,
    catalog: &ModelCatalog,
    problems: &mut Problems,
) -> Option<(Condition, String)> {
    let event = fields.take_text("event", problems);
    let milestone = fields.take_text("milestone", problems);
    let stage = fields.take_text("stage", problems);
    let model = fields.take_text("model", problems);
    let any = fields.take_bool("any", problems);
    let properties = take_properties(fields, problems);
    let given = [
        event.is_some(),
        milestone.is_some(),
        stage.is_some(),
        any.is_some(),
    ];
    let given = given.iter().filter(|given| **given).count();
    if given == 0
        && ["event", "milestone", "stage", "any"]
            .iter()
            .any(|name| problems.mentions(&fields.path_of(name)))
    {
        // The selector's problem was already reported.
        return None;
    }
    if given != 1 {
        problems.push(path, "needs exactly one of event, milestone, stage and any");
        return None;
    }
    if stage.is_none() && model.is_some() {
        problems.push(fields.path_of("model"), "requires `stage`");
    }
    let (selector, label) = if let Some(event) = event {
        let event = tidy_name(event.into()).into_owned();
        (Selector::Event(event.clone()), event)
    } else if let Some(milestone) = milestone {
        select_milestone(&milestone, fields, problems)?
    } else if let Some(stage) = stage {
        select_stage(&stage, model.as_deref(), (fields, catalog), problems)?
    } else {
        if any == Some(false) {
            problems.push(fields.path_of("any"), "must be true");
        }
        (Selector::Any, "any event".to_owned())
    };
    Some((
        Condition {
            selector,
            properties,
        },
        label,
    ))
}

fn select_milestone(
    name: &str,
    fields: &Fields,
    problems: &mut Problems,
) -> Option<(Selector, String)> {
    match name.parse::<Milestone>() {
        Ok(milestone) => Some((Selector::Milestone(milestone), name.to_owned())),
        Err(error) => {
            let known = Milestone::ALL.iter().map(|milestone| milestone.as_str());
            let near = did_you_mean(name, known);
            problems.push(fields.path_of("milestone"), format!("{error}{near}"));
            None
        }
    }
}

fn select_stage(
    stage: &str,
    model: Option<&str>,
    (fields, catalog): (&Fields, &ModelCatalog),
    problems: &mut Problems,
) -> Option<(Selector, String)> {
    let Some(model) = model else {
        problems.push(
            fields.path_of("model"),
            format!("a stage needs its model: {}", catalog.known()),
        );
        return None;
    };
    let Some(found) = catalog.find(model) else {
        problems.push(fields.path_of("model"), catalog.unknown(model));
        return None;
    };
    let Some(stage) = found.stage(stage) else {
        let stages: Vec<&str> = found.stages.iter().map(|stage| stage.id.as_str()).collect();
        let near = did_you_mean(stage, stages.iter().copied());
        let detail = format!(
            "`{model}` has no stage `{stage}`{near}: there is {}",
            stages.join(", ")
        );
        problems.push(fields.path_of("stage"), detail);
        return None;
    };
    let selector = Selector::Stage {
        model: model.to_owned(),
        stage: stage.id.clone(),
    };
    Some((selector, stage.labels.en.clone()))
}

fn take_properties(fields: &mut Fields, problems: &mut Problems) -> Vec<PropertyCondition> {
    let path = fields.path_of("where");
    let members = match fields.take("where") {
        None => return Vec::new(),
        Some(Value::Object(members)) => members,
        Some(_) => {
            problems.push(path, "must be an object of properties and their values");
            return Vec::new();
        }
    };
    if members.len() > MOST_PROPERTIES {
        problems.push(&path, format!("has more than {MOST_PROPERTIES} properties"));
    }
    let mut properties = Vec::new();
    for (name, value) in members {
        if name.is_empty() {
            problems.push(&path, "has a property without a name");
        }
        let Some(test) = property_test(&value) else {
            let detail = "must be a string, a number, true, false, null or {\"absent\": true}";
            problems.push(format!("{path}.{name}"), detail);
            continue;
        };
        properties.push(PropertyCondition { path: name, test });
    }
    properties
}

/// Returns the test of a property; `None` if the value is invalid.
fn property_test(value: &Value) -> Option<PropertyTest> {
    let Value::Object(operators) = value else {
        return PropertyTest::of(value);
    };
    match operators.get("absent").and_then(Value::as_bool) {
        Some(_) if operators.len() > 1 => None,
        Some(true) => Some(PropertyTest::Absent),
        Some(false) => Some(PropertyTest::Present),
        None => None,
    }
}
