//! `etappe keys`: manages sites and their keys, in the shared table on Kafka, through the running
//! `up` of a folder or, while none runs, directly.

mod origin;

use std::sync::Arc;

use anyhow::{Context, bail};
use etappe_core::currency::Currency;
use etappe_core::id::SiteId;
use etappe_core::site::SiteSettings;
use etappe_log::sites::SiteStore;
use serde_json::Value;

use crate::answer::{answer, note};
use crate::cli::{KeysCommand, KeysData};
use crate::config::{Config, Needs};
use crate::control::{ControlClient, KeyRequest, sites_as_json};
use crate::data_dir::{DataDir, DataLock};
use crate::service::Service;
use origin::origins_of;

/// Runs one of the commands.
pub(crate) async fn run(command: KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::Create { site, data, scope } => {
            let request = KeyRequest {
                site: SiteId::try_new(&site)?,
                scope: scope.into(),
            };
            let keys = match Access::open(&data).await? {
                Access::Running(control) => control.create_keys(&request).await?,
                Access::Direct(store, _lock) => {
                    store.create_keys(&request.site, request.scope).await?
                }
            };
            print(&data, &serde_json::to_value(keys)?);
        }
        KeysCommand::Admin { data } => {
            let answer = match Access::open(&data).await? {
                Access::Running(control) => control.create_admin_token().await?,
                Access::Direct(store, _lock) => {
                    serde_json::json!({ "admin_token": store.create_admin_token().await? })
                }
            };
            print(&data, &answer);
        }
        KeysCommand::List { data } => {
            let sites = Access::open(&data).await?.sites().await?;
            print(&data, &sites);
        }
        KeysCommand::Revoke { site, hash, data } => {
            let site = SiteId::try_new(&site)?;
            match Access::open(&data).await? {
                Access::Running(control) => control.revoke_key(&site, &hash).await?,
                Access::Direct(store, _lock) => store.revoke_key(&site, &hash).await?,
            }
            print(&data, &serde_json::json!({ "revoked": hash }));
        }
        KeysCommand::Set {
            site,
            settings,
            data,
        } => {
            let site = SiteId::try_new(&site)?;
            let changed = set(&Access::open(&data).await?, &site, &settings).await?;
            print(&data, &serde_json::to_value(changed)?);
        }
    }
    Ok(())
}

/// How a data folder's sites are reached.
enum Access {
    /// Through the running process of the folder.
    Running(ControlClient),
    /// Directly; a folder is locked meanwhile.
    Direct(Arc<SiteStore>, Option<DataLock>),
}

impl Access {
    async fn open(data: &KeysData) -> anyhow::Result<Self> {
        let config = Config::load(&data.config, data.kafka.flags().collect(), Needs::NOTHING)?;
        if config.uses_kafka() {
            let service = Service::start(config)?;
            let cluster = service.kafka()?;
            cluster.ensure_topics().await?;
            return Ok(Self::Direct(
                service.share_sites(&cluster, None).await?,
                None,
            ));
        }
        let folder = DataDir::existing(&data.data)?;
        if folder.read_run_info()?.is_some() {
            let control = ControlClient::of(&folder)?;
            if control.sites().await.is_ok() {
                return Ok(Self::Running(control));
            }
        }
        // Either a killed process left the file behind or one is running: the lock tells which.
        let lock = folder.lock().await?;
        Ok(Self::Direct(
            Arc::new(SiteStore::open_file(folder.path("sites.json"))?),
            Some(lock),
        ))
    }

    async fn sites(&self) -> anyhow::Result<Value> {
        match self {
            Self::Running(control) => control.sites().await,
            Self::Direct(store, _) => Ok(sites_as_json(store.subscribe().borrow().sites())),
        }
    }
}

async fn set(access: &Access, site: &SiteId, pairs: &[String]) -> anyhow::Result<SiteSettings> {
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
        Access::Running(control) => control.change_settings(site, &settings).await?,
        Access::Direct(store, _) => store.change_settings(site, settings.clone()).await?,
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
