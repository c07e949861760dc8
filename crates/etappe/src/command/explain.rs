//! `etappe explain`: shows which milestone and stages an event gets, and which rule decided.

use std::io::Read;

use anyhow::{Context, bail};
use etappe_core::event::{EventKind, KeyScope};
use etappe_core::id::SiteId;
use etappe_core::money_terms::MoneyTerms;
use etappe_core::ports::Clock;
use etappe_core::rules::ActorHistory;
use etappe_runtime::clock::SystemClock;
use etappe_wire::native::{Body, Limits, Reception};
use etappe_wire::record;
use serde_json::Value;

use crate::answer::answer;
use crate::cli::ExplainArguments;
use crate::config::{Config, Needs};
use crate::control::ControlClient;
use crate::data_dir::DataDir;

/// Explains an event given as JSON, or a stored event given by its message id.
pub(crate) async fn run(arguments: ExplainArguments) -> anyhow::Result<()> {
    let text = match arguments.event.as_str() {
        "-" => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read standard input")?;
            Some(text)
        }
        event => match event.strip_prefix('@') {
            Some(file) => {
                Some(std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?)
            }
            None => event
                .trim_start()
                .starts_with('{')
                .then(|| event.to_owned()),
        },
    };
    let explained = match text {
        Some(text) => {
            let rules =
                Config::load(&arguments.config, Vec::new(), Needs::NOTHING)?.compile_rules()?;
            let record = record_of(&text, &arguments.site)?;
            let event = record::decode(&record)?;
            serde_json::to_value(rules.explain(&event, &ActorHistory::default()))?
        }
        None => stored(&arguments).await?,
    };
    print(&explained, arguments.json);
    Ok(())
}

/// Turns an event as a tracker would send it into a log record.
fn record_of(text: &str, site: &str) -> anyhow::Result<Vec<u8>> {
    let kind = serde_json::from_str::<Value>(text)
        .context("the event is not JSON")?
        .get("type")
        .map_or(Ok(EventKind::Track), |kind| {
            serde_json::from_value(kind.clone())
        })
        .context("`type` must be one of track, page, screen, identify, group, alias")?;
    let body = Body::of_message(text.as_bytes().to_vec(), kind)?;
    let reception = Reception {
        site: SiteId::try_new(site)?,
        scope: KeyScope::Server,
        counts_money: true,
        money_terms: MoneyTerms::default(),
        received_at: SystemClock.now(),
        address: None,
        user_agent: None,
        country: None,
        first_id: uuid::Uuid::now_v7(),
        redactor: None,
    };
    let message = body.message(0, &reception, &Limits::default());
    let message = message.map_err(|rejection| {
        anyhow::anyhow!("the event would be rejected: {}", rejection.reason.as_str())
    })?;
    let mut bytes = Vec::new();
    message.encode(None, &mut bytes);
    Ok(bytes)
}

async fn stored(arguments: &ExplainArguments) -> anyhow::Result<Value> {
    let control = ControlClient::of(&DataDir::existing(&arguments.data)?)?;
    let site = SiteId::try_new(&arguments.site)?;
    let explained = control.explain(&site, &arguments.event).await?;
    if explained.is_null() {
        bail!(
            "`{}` is not an event in JSON, and site `{site}` has no event with that messageId",
            arguments.event
        );
    }
    Ok(explained)
}

fn print(explained: &Value, as_json: bool) {
    if as_json {
        answer!("{explained}");
        return;
    }
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    answer!("event      {}", text(&explained["event"]));
    if let Some(stored) = explained["stored"].as_object() {
        answer!("stored     milestone {}", text(&stored["milestone"]));
        for stage in stored["stages"].as_array().into_iter().flatten() {
            let (model, rule) = (text(&stage["model"]), text(&stage["rule"]));
            answer!(
                "           {model}: {} by rule {rule}",
                text(&stage["stage"])
            );
        }
        answer!("by the current rules");
    }
    answer!("milestone  {}", text(&explained["milestone"]));
    let decided = &explained["decided_by"];
    if decided.is_null() {
        answer!("           no vocabulary has a rule for this name");
        if let Some(suggestion) = explained["suggestion"].as_object() {
            let told = ["milestone", "why", "rule", "vocabulary"].map(|key| text(&suggestion[key]));
            let [milestone, why, rule, vocabulary] = told;
            answer!("           perhaps `{milestone}`, but {why} (rule {rule} of {vocabulary})");
        }
        if let Some(name) = explained["did_you_mean"].as_str() {
            answer!("           did you mean `{name}`?");
        }
    } else {
        let (file, line) = (text(&decided["file"]), text(&decided["line"]));
        answer!(
            "           rule {} of {} ({file}:{line})",
            text(&decided["rule"]),
            text(&decided["vocabulary"])
        );
    }
    for stage in explained["stages"].as_array().into_iter().flatten() {
        let (model, main) = (text(&stage["model"]), &stage["main"]);
        if main.is_null() {
            answer!("{model:20} unmapped");
        } else {
            let place = format!("{}:{}", text(&main["file"]), text(&main["line"]));
            answer!(
                "{model:20} {} by rule {} ({place})",
                text(&main["stage"]),
                text(&main["rule"])
            );
        }
    }
}
