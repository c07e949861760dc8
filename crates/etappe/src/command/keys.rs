//! `etappe keys`: manages sites and their keys, in the shared table on Kafka, through the running
//! `up` of a folder or, while none runs, directly.

mod origin;

use anyhow::{Context, bail};
use etappe_core::currency::Currency;
use etappe_core::id::SiteId;
use etappe_core::site::SiteSettings;
use serde_json::Value;

use crate::answer::{answer, note};
use crate::cli::{KeysCommand, KeysData};
use crate::command::site_access::SiteAccess;
use crate::control::KeyRequest;
use origin::origins_of;

/// Runs one of the commands.
pub(crate) async fn run(command: KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::Create { site, data, scope } => {
            let request = KeyRequest {
                site: SiteId::try_new(&site)?,
                scope: scope.into(),
            };
            let keys = match SiteAccess::open(&data).await? {
                SiteAccess::Running(control) => control.create_keys(&request).await?,
                SiteAccess::Direct(store, _lock) => {
                    store.create_keys(&request.site, request.scope).await?
                }
            };
            print(&data, &serde_json::to_value(keys)?);
        }
        KeysCommand::Admin { data } => {
            let answer = match SiteAccess::open(&data).await? {
                SiteAccess::Running(control) => control.create_admin_token().await?,
                SiteAccess::Direct(store, _lock) => {
                    serde_json::json!({ "admin_token": store.create_admin_token().await? })
                }
            };
            print(&data, &answer);
        }
        KeysCommand::List { data } => {
            let sites = SiteAccess::open(&data).await?.sites().await?;
            print(&data, &sites);
        }
        KeysCommand::Revoke { site, hash, data } => {
            let site = SiteId::try_new(&site)?;
            match SiteAccess::open(&data).await? {
                SiteAccess::Running(control) => control.revoke_key(&site, &hash).await?,
                SiteAccess::Direct(store, _lock) => store.revoke_key(&site, &hash).await?,
            }
            print(&data, &serde_json::json!({ "revoked": hash }));
        }
        KeysCommand::Set {
            site,
            settings,
            data,
        } => {
            let site = SiteId::try_new(&site)?;
            let changed = set(&SiteAccess::open(&data).await?, &site, &settings).await?;
            print(&data, &serde_json::to_value(changed)?);
        }
    }
    Ok(())
}

async fn set(access: &SiteAccess, site: &SiteId, pairs: &[String]) -> anyhow::Result<SiteSettings> {
    let sites = access.sites().await?;
    let found = sites
        .as_array()
        .into_iter()
        .flatten()
        .find(|entry| entry["site"] == site.as_str());
    let mut settings =
        found.with_context(|| format!("site `{site}` not found"))?["settings"].clone();
    for pair in pairs {
        let (name, text) = pair
            .split_once('=')
            .with_context(|| format!("`{pair}` has no `=`"))?;
        if settings.get(name).is_none() {
            bail!(
                "unknown setting `{name}`; the settings are: {}",
                names(&settings)
            );
        }
        settings[name] = match name {
            "allowed_origins" => read_origins(text)?.into(),
            _ => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
        };
    }
    let settings: SiteSettings = serde_json::from_value(settings)?;
    check(&settings)?;
    match access {
        SiteAccess::Running(control) => control.change_settings(site, &settings).await?,
        SiteAccess::Direct(store, _) => store.change_settings(site, settings.clone()).await?,
    }
    let sets_origins = pairs
        .iter()
        .any(|pair| pair.starts_with("allowed_origins="));
    if sets_origins && !settings.allowed_origins.is_empty() {
        note(format_args!(
            "with a browser key only pages on {} may send from now on; others get 403 \
             `origin_not_allowed`, and so do apps, which have no origin. \
             `allowed_origins=` lets all send again",
            settings.allowed_origins.join(", ")
        ));
    }
    Ok(settings)
}

/// Reads a list of origins.
fn read_origins(text: &str) -> anyhow::Result<Vec<String>> {
    let mut origins: Vec<String> = Vec::new();
    for one in text.split(',').filter(|one| !one.trim().is_empty()) {
        for origin in origins_of(one)? {
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
    }
    Ok(origins)
}

fn check(settings: &SiteSettings) -> anyhow::Result<()> {
    if settings.timezone.parse::<chrono_tz::Tz>().is_err() {
        bail!(
            "`{}` is not a time zone: use a name such as Europe/Amsterdam",
            settings.timezone
        );
    }
    settings.currency.parse::<Currency>()?;
    Ok(())
}

fn names(settings: &Value) -> String {
    let names = settings
        .as_object()
        .into_iter()
        .flat_map(|members| members.keys());
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn print(data: &KeysData, answer: &Value) {
    match (data.json, answer) {
        (true, answer) => answer!("{answer}"),
        (false, Value::Object(members)) => {
            for (name, value) in members {
                answer!(
                    "{name:12} {}",
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned)
                );
            }
        }
        (false, answer) => answer!("{answer:#}"),
    }
}
