//! `etappe simulate`: a site of invented people to practise on, or their events in a file.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use etappe_core::event::KeyScope;
use etappe_core::id::SiteId;
use etappe_core::ports::Clock;
use etappe_core::site::SiteSettings;
use etappe_import::{ImportLedger, ImportResult, Importer, Reporter, Sender};
use etappe_runtime::clock::SystemClock;
use etappe_runtime::shutdown::Shutdown;
use etappe_simulate::{Settings, day_end, simulate};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::import::progress::Progress;
use crate::answer::{answer, note};
use crate::cli::SimulateArguments;
use crate::control::{ControlClient, KeyRequest};
use crate::data_dir::DataDir;
use crate::simulated::{SimulatedFiles, write_lines};

/// An hour in milliseconds.
const HOUR: i64 = 3_600_000;

/// Simulates into a file, or into a new site of the running Etappe.
pub(crate) async fn run(arguments: SimulateArguments) -> anyhow::Result<()> {
    let settings = settings(&arguments)?;
    match arguments.out.clone() {
        Some(out) => {
            let (truth, as_json) = (arguments.truth.clone(), arguments.json);
            let written = tokio::task::spawn_blocking(move || write(&settings, &out, truth));
            report(as_json, &written.await??);
            Ok(())
        }
        None => send(&arguments, settings).await,
    }
}

fn settings(arguments: &SimulateArguments) -> anyhow::Result<Settings> {
    let now = SystemClock.now().as_millis();
    let this_hour = chrono::DateTime::from_timestamp_millis(now - now % HOUR);
    let end = match arguments.until {
        Some(date) => day_end(arguments.timezone, date),
        None => this_hour.context("the clock shows no time")?,
    };
    // What is sent may lie a day ahead at most, and nobody comes in the future.
    if end.timestamp_millis() > now && arguments.until.is_some() {
        bail!(
            "--until names a day that is not over: choose yesterday or an earlier one, or leave it out to end now"
        );
    }
    let length = i64::from(arguments.days) * 24 * HOUR;
    if end.timestamp_millis() < length + 24 * HOUR {
        bail!("the first day would lie before 1970: choose a later --until or fewer --days");
    }
    Ok(Settings {
        seed: arguments.seed,
        people: arguments.people,
        days: arguments.days,
        end,
        zone: arguments.timezone,
        currency: arguments.currency.clone(),
    })
}

/// Writes the events, and what is true of them, to files. Blocks.
fn write(
    settings: &Settings,
    out: &Path,
    truth: Option<std::path::PathBuf>,
) -> anyhow::Result<Value> {
    let simulation = simulate(settings);
    write_lines(&simulation, out)
        .with_context(|| format!("cannot write the events to {}", out.display()))?;
    if let Some(path) = truth {
        let summary = serde_json::to_string_pretty(&simulation.truth.summary())?;
        let written = std::fs::File::create(&path).and_then(|mut file| writeln!(file, "{summary}"));
        written.with_context(|| format!("cannot write the truth to {}", path.display()))?;
    }
    Ok(json!({
        "file": out, "people": settings.people, "messages": simulation.messages().count(),
        "events": simulation.truth.events(),
    }))
}

/// Makes the site and sends the events, or goes on where an earlier run was interrupted.
async fn send(arguments: &SimulateArguments, settings: Settings) -> anyhow::Result<()> {
    let site = SiteId::try_new(&arguments.site)?;
    let data = DataDir::existing(&arguments.data)?;
    let control = ControlClient::of(&data)?;
    let files = SimulatedFiles::of(data.root(), &site);
    let is_there = exists(&control, &site).await?;
    if files.is_sent() {
        bail!(
            "the simulated people of the site `{site}` are there already: open it, or name another site with --site"
        );
    }
    if files.is_begun() {
        note(format_args!(
            "going on with the simulation of the site `{site}` that was interrupted, as it was begun"
        ));
    } else if is_there {
        bail!(
            "there is a site `{site}` already, and invented people would spoil its figures: name another with --site"
        );
    } else {
        let (begun, settings) = (files.clone(), settings.clone());
        tokio::task::spawn_blocking(move || begun.begin(&settings)).await??;
    }
    let mut made = Value::Null;
    if !is_there {
        let request = KeyRequest {
            site: site.clone(),
            scope: KeyScope::Server,
        };
        made = json!(control.create_keys(&request).await?.read_token);
        let settings = SiteSettings {
            timezone: settings.zone.name().to_owned(),
            currency: settings.currency.clone(),
            ..SiteSettings::default()
        };
        control.change_settings(&site, &settings).await?;
    }
    let key = control.ephemeral_key(&site).await?;
    let sender = Sender::new(&control.public_url(), key, site.clone())?;
    let importer = Importer::new(ImportLedger::open(data.root(), &site)?, sender, false);
    let messages = import(&importer, &files).await?;
    let done = files.clone();
    tokio::task::spawn_blocking(move || done.finish()).await??;
    report(
        arguments.json,
        &json!({ "site": site, "messages": messages, "read_token": made }),
    );
    Ok(())
}

async fn exists(control: &ControlClient, site: &SiteId) -> anyhow::Result<bool> {
    let sites = control.sites().await?;
    let mut sites = sites.as_array().into_iter().flatten();
    Ok(sites.any(|each| each["site"] == site.as_str()))
}

/// Sends the events that were not sent yet; returns how many messages there are in all.
async fn import(importer: &Importer, files: &SimulatedFiles) -> anyhow::Result<u64> {
    let shutdown = Shutdown::default();
    let signals = shutdown.clone();
    // Ends with the command.
    let mut listening = JoinSet::new();
    listening.spawn(async move { signals.listen_to_signals().await });
    let path = files.events();
    let progress = Arc::new(Progress::of(&path)?);
    let shown = Arc::clone(&progress);
    let reporter: Reporter = Arc::new(move |event| shown.show(event));
    let result = importer.import(&path, &shutdown, &reporter).await;
    progress.finish();
    match result? {
        ImportResult::Finished { record, .. } | ImportResult::ImportedBefore { record, .. } => {
            if record.rejected > 0 {
                bail!(
                    "{} of the events were refused: `etappe up` is of another version than this command",
                    record.rejected
                );
            }
            Ok(record.lines)
        }
        ImportResult::WrongShape { shape, .. } => {
            bail!(
                "{} is damaged ({shape}): remove it and run the same command again",
                path.display()
            )
        }
        ImportResult::NothingAccepted { first, .. } => {
            let reason = first.first().map_or("", |line| &line.reason);
            bail!(
                "no event was accepted ({reason}): is `etappe up` of another version than this command?"
            )
        }
        ImportResult::Interrupted => {
            bail!("interrupted; run the same command again to continue where it stopped")
        }
    }
}

fn report(as_json: bool, said: &Value) {
    if as_json {
        answer!("{said}");
        return;
    }
    for (name, value) in said.as_object().into_iter().flatten() {
        if !value.is_null() {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            answer!("{name:12} {text}");
        }
    }
}
