//! `etappe unmapped`: lists event names without a meaning, and suggestions for them.

use etappe_core::id::SiteId;
use serde::Deserialize;

use crate::answer::answer;
use crate::cli::UnmappedArguments;
use crate::reader::Reader;

/// The last line, which explains what to do next.
const NEXT_STEP: &str = "To give a name a meaning, write a rule for it into a file of the folder that `rules.vocabularies` names, and \
     start Etappe again: docs/vocabularies.md shows how, and `etappe explain EVENT` tells more about a name.";
/// The maximum width of the name column; longer names shift their row to the right.
const WIDEST_NAME: usize = 48;

/// The part of the API's answer that is printed.
#[derive(Debug, Deserialize)]
struct Unmapped {
    from: String,
    to: String,
    events: u64,
    names: Vec<Name>,
    names_more: u64,
    events_more: u64,
}

#[derive(Debug, Deserialize)]
struct Name {
    name: String,
    kind: String,
    why: String,
    milestone: Option<String>,
    events: u64,
    people: u64,
    first_seen: String,
    last_seen: String,
    understood_now: bool,
    suggestion: Option<Suggestion>,
}

#[derive(Debug, Deserialize)]
struct Suggestion {
    milestone: String,
    why: String,
}

/// Asks the service and prints its answer.
pub(crate) async fn run(arguments: UnmappedArguments) -> anyhow::Result<()> {
    let site = SiteId::try_new(&arguments.site)?;
    let reader = Reader::of(&arguments.service, &site).await?;
    let found = reader.ask("unmapped", &parameters(&arguments)).await?;
    if arguments.json {
        answer!("{found}");
        return Ok(());
    }
    for line in table(&site, &serde_json::from_value(found)?) {
        answer!("{line}");
    }
    Ok(())
}

fn parameters(arguments: &UnmappedArguments) -> Vec<(&'static str, String)> {
    let given = [
        ("from", arguments.from.clone()),
        ("to", arguments.to.clone()),
        ("model", arguments.model.clone()),
        ("kind", arguments.kind.clone()),
        ("bots", arguments.bots.clone()),
        ("limit", arguments.limit.map(|limit| limit.to_string())),
    ];
    given
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// Returns the lines of output for people.
fn table(site: &SiteId, found: &Unmapped) -> Vec<String> {
    let (from, to) = (minute(&found.from), minute(&found.to));
    if found.names.is_empty() {
        return vec![format!(
            "every name of `{site}` from {from} to {to} UTC has a meaning"
        )];
    }
    let names: Vec<String> = found.names.iter().map(|name| shown(&name.name)).collect();
    let longest = names.iter().map(|name| name.chars().count()).max();
    let width = longest.unwrap_or(0).clamp("name".len(), WIDEST_NAME);
    let mut lines = vec![format!(
        "{:>10} {:>10}  {:width$}  {:6}  {:10}  {:10}  what it may mean",
        "events", "people", "name", "kind", "first seen", "last seen"
    )];
    for (name, text) in found.names.iter().zip(&names) {
        lines.push(format!(
            "{:>10} {:>10}  {text:width$}  {:6}  {:10}  {:10}  {}",
            name.events,
            name.people,
            name.kind,
            day(&name.first_seen),
            day(&name.last_seen),
            remark(name)
        ));
    }
    if found.names_more > 0 {
        lines.push(format!(
            "{:>10} {:>10}  in {} more (--limit)",
            found.events_more, "", found.names_more
        ));
    }
    lines.push(format!(
        "{} events from {from} to {to} UTC have no meaning or no stage.",
        found.events
    ));
    lines.push(NEXT_STEP.to_owned());
    lines
}

/// Describes what is known about a name.
fn remark(name: &Name) -> String {
    match (&name.milestone, &name.suggestion) {
        (Some(milestone), _) if name.why == "no_stage" => {
            format!("`{milestone}`, for which the model has no stage")
        }
        _ if name.understood_now => "has a rule now; these events are older".to_owned(),
        (_, Some(suggestion)) => {
            format!("perhaps `{}`, but {}", suggestion.milestone, suggestion.why)
        }
        _ => "-".to_owned(),
    }
}

/// Returns an instant without its seconds: a range begins and ends on a day of the site's time
/// zone.
fn minute(instant: &str) -> String {
    instant.get(..16).unwrap_or(instant).replace('T', " ")
}

/// Returns the date of an instant in UTC.
fn day(instant: &str) -> &str {
    instant.get(..10).unwrap_or(instant)
}

/// Returns a name without control characters that a terminal would act on: anybody can send one.
fn shown(name: &str) -> String {
    let hidden = |letter: char| {
        letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    name.chars()
        .map(|letter| if hidden(letter) { '\u{fffd}' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(names: serde_json::Value, names_more: u64) -> Vec<String> {
        let found = json!({
            "from": "2024-01-31T23:00:00.000Z", "to": "2024-02-29T23:00:00.000Z",
            "events": 7, "names": names, "names_more": names_more, "events_more": 2,
        });
        let site = SiteId::try_new("shop").unwrap();
        table(&site, &serde_json::from_value(found).unwrap())
    }

    fn name(change: serde_json::Value) -> serde_json::Value {
        let mut name = json!({
            "name": "Tip read", "kind": "track", "why": "not_understood", "milestone": null,
            "events": 5, "people": 2, "understood_now": false, "suggestion": null,
            "first_seen": "2024-02-11T18:30:00.000Z", "last_seen": "2024-02-21T18:30:00.000Z",
        });
        let change = change.as_object().unwrap().clone();
        name.as_object_mut().unwrap().extend(change);
        name
    }

    #[test]
    fn each_name_has_a_row_and_the_last_line_gives_the_next_step() {
        let suggestion =
            json!({"milestone": "subscribe", "why": "the vocabulary does not know `garden`"});
        let found = lines(
            json!([
                name(json!({})),
                name(json!({"suggestion": suggestion})),
                name(json!({"why": "no_stage", "milestone": "login", "understood_now": true})),
                name(json!({"understood_now": true, "name": "\u{1b}[2Jx"})),
            ]),
            3,
        );
        let expected = [
            "    events     people  name      kind    first seen  last seen   what it may mean",
            "         5          2  Tip read  track   2024-02-11  2024-02-21  -",
            "         5          2  Tip read  track   2024-02-11  2024-02-21  perhaps `subscribe`, but the vocabulary does not know `garden`",
            "         5          2  Tip read  track   2024-02-11  2024-02-21  `login`, for which the model has no stage",
            "         5          2  \u{fffd}[2Jx     track   2024-02-11  2024-02-21  has a rule now; these events are older",
            "         2             in 3 more (--limit)",
            "7 events from 2024-01-31 23:00 to 2024-02-29 23:00 UTC have no meaning or no stage.",
            NEXT_STEP,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_empty_result_is_one_line() {
        assert_eq!(
            lines(json!([]), 0),
            ["every name of `shop` from 2024-01-31 23:00 to 2024-02-29 23:00 UTC has a meaning"]
        );
    }
}
