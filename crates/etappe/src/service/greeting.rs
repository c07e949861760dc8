//! What a process prints once it is ready.

use std::io::Write;
use std::time::Duration;

use etappe_log::sites::{NewKeys, SiteStore};
use serde::Serialize;

use crate::data_dir::RunInfo;

/// How long the start waits for the link of the first account to be stored.
const LINK_PATIENCE: Duration = Duration::from_secs(5);

/// Addresses, and keys at the first start; the only output on standard output.
#[derive(Serialize)]
pub(crate) struct Greeting {
    listen: String,
    admin: String,
    site: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_token: Option<String>,
    /// The address where the first account is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    welcome: Option<String>,
}

impl Greeting {
    /// Makes the greeting of a later start: keys were shown before and are not stored.
    pub(crate) fn new(run: &RunInfo, site: &str) -> Self {
        Self {
            listen: run.listen.clone(),
            admin: run.admin.clone(),
            site: site.to_owned(),
            write_key: None,
            read_token: None,
            admin_token: None,
            welcome: None,
        }
    }

    /// Adds the link that makes the first account; it works once, until the next start.
    pub(crate) fn with_welcome(self, token: &str) -> Self {
        let welcome = format!("http://{}/app/welcome?token={token}", self.listen);
        Self {
            welcome: Some(welcome),
            ..self
        }
    }

    /// Adds the keys of a first start.
    pub(crate) fn with_keys(self, keys: NewKeys, admin_token: String) -> Self {
        Self {
            write_key: Some(keys.write_key),
            read_token: Some(keys.read_token),
            admin_token: Some(admin_token),
            ..self
        }
    }

    /// Prints it: one line of JSON, or some lines for people.
    pub(crate) fn print(&self, as_json: bool) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if as_json {
            writeln!(out, "{}", serde_json::to_string(self)?)?;
            return Ok(out.flush()?);
        }
        writeln!(out, "Etappe is ready")?;
        writeln!(out, "  events and KPIs   http://{}", self.listen)?;
        writeln!(out, "  metrics, health   http://{}", self.admin)?;
        let keys = [
            ("write key", &self.write_key),
            ("read token", &self.read_token),
            ("admin token", &self.admin_token),
        ];
        for (name, key) in keys {
            if let Some(key) = key {
                writeln!(out, "  {name:17} {key}   (shown only now)")?;
            }
        }
        if self.write_key.is_some() {
            let what = "invented people to look around in";
            writeln!(out, "  practice site     etappe simulate   ({what})")?;
        }
        match &self.welcome {
            Some(link) => writeln!(out, "  first account     {link}   (works once)")?,
            None => writeln!(out, "  web interface     http://{}/app/", self.listen)?,
        }
        Ok(out.flush()?)
    }
}

/// Draws the token of the link, while there is no account. Without Kafka there is no link, and
/// everything else starts.
pub(crate) async fn first_account_token(sites: &SiteStore) -> Option<String> {
    let drawn = tokio::time::timeout(LINK_PATIENCE, sites.create_first_account_token()).await;
    match drawn {
        Ok(Ok(token)) => return token,
        Ok(Err(error)) => tracing::warn!(%error, "no link for the first account at this start"),
        Err(_) => tracing::warn!("no link for the first account at this start: Kafka is away"),
    }
    None
}

/// A role's greeting: its addresses and its identity.
#[derive(Debug, Serialize)]
pub(crate) struct RoleGreeting<'a> {
    pub(crate) role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listen: Option<String>,
    pub(crate) admin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) collector: Option<&'a str>,
}

impl RoleGreeting<'_> {
    /// Prints it: one line of JSON, or some lines for people.
    pub(crate) fn print(&self, as_json: bool) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if as_json {
            writeln!(out, "{}", serde_json::to_string(self)?)?;
            return Ok(out.flush()?);
        }
        writeln!(out, "Etappe's {} is ready", self.role)?;
        if let Some(listen) = &self.listen {
            writeln!(out, "  public            http://{listen}")?;
        }
        writeln!(out, "  metrics, health   http://{}", self.admin)?;
        Ok(out.flush()?)
    }
}
