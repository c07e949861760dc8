//! The client of the control endpoints, through which commands reach the running `etappe up` of a
//! folder.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use etappe_core::audit::AuditReport;
use etappe_core::id::SiteId;
use etappe_core::site::SiteSettings;
use etappe_log::dead_letters::Replayed;
use etappe_log::sites::NewKeys;
use etappe_web::users::{ListedUser, UserAnswer, UserRequest};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    BackupRequest, KeyRequest, ReplayRequest, RevokeRequest, SettingsRequest, TokenRequest,
};
use crate::backup::maker::Made;
use crate::data_dir::{DataDir, RunInfo};
use crate::letters::ShownLetter;

/// The timeout for a backup.
const LONGEST_BACKUP: Duration = Duration::from_secs(6 * 3600);

/// Talks to the running `etappe up` of a data folder.
#[derive(Debug)]
pub(crate) struct ControlClient {
    client: reqwest::Client,
    run: RunInfo,
}

impl ControlClient {
    /// Finds the running process.
    pub(crate) fn of(data: &DataDir) -> anyhow::Result<Self> {
        let run = data.read_run_info()?.with_context(|| {
            let folder = data.root().display();
            format!(
                "no `etappe up` is running on {folder}: start it with `etappe up --data {folder}`"
            )
        })?;
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .build()?;
        Ok(Self { client, run })
    }

    /// Returns the base address of the public endpoints.
    pub(crate) fn public_url(&self) -> String {
        format!("http://{}", self.run.listen)
    }

    /// Creates a site or another pair of keys for it.
    pub(crate) async fn create_keys(&self, request: &KeyRequest) -> anyhow::Result<NewKeys> {
        let answer = self
            .post("/control/keys", &serde_json::to_value(request)?)
            .await?;
        Ok(serde_json::from_value(answer)?)
    }

    /// Creates a write key that is valid while the process runs.
    pub(crate) async fn ephemeral_key(&self, site: &SiteId) -> anyhow::Result<String> {
        let answer = self
            .post("/control/keys/ephemeral", &json!({ "site": site }))
            .await?;
        let key = answer.get("write_key").and_then(Value::as_str);
        Ok(key.context("the answer contains no key")?.to_owned())
    }

    /// Returns a read token that is valid while the process runs.
    pub(crate) async fn ephemeral_token(&self, site: &SiteId) -> anyhow::Result<String> {
        let request = serde_json::to_value(TokenRequest { site: site.clone() })?;
        let answer = self.post("/control/tokens/ephemeral", &request).await?;
        let token = answer.get("read_token").and_then(Value::as_str);
        Ok(token.context("the answer contains no token")?.to_owned())
    }

    /// Revokes a key.
    pub(crate) async fn revoke_key(&self, site: &SiteId, hash: &str) -> anyhow::Result<()> {
        let request = RevokeRequest {
            site: site.clone(),
            hash: hash.to_owned(),
        };
        self.post("/control/keys/revoke", &serde_json::to_value(request)?)
            .await
            .map(|_| ())
    }

    /// Replaces a site's settings.
    pub(crate) async fn change_settings(
        &self,
        site: &SiteId,
        settings: &SiteSettings,
    ) -> anyhow::Result<()> {
        let request = SettingsRequest {
            site: site.clone(),
            settings: settings.clone(),
        };
        self.post("/control/sites/settings", &serde_json::to_value(request)?)
            .await
            .map(|_| ())
    }

    /// Returns all sites as JSON.
    pub(crate) async fn sites(&self) -> anyhow::Result<Value> {
        self.answer(self.client.get(self.url("/control/sites")))
            .await
    }

    /// Replaces the admin token.
    pub(crate) async fn create_admin_token(&self) -> anyhow::Result<Value> {
        self.post("/control/keys/admin", &json!({})).await
    }

    /// Returns the users.
    pub(crate) async fn users(&self) -> anyhow::Result<Vec<ListedUser>> {
        let answer = self.answer(self.client.get(self.url("/control/users")));
        Ok(serde_json::from_value(answer.await?)?)
    }

    /// Changes a user.
    pub(crate) async fn change_user(&self, request: &UserRequest) -> anyhow::Result<UserAnswer> {
        let request = serde_json::to_value(request)?;
        let answer = self.post("/control/users", &request).await?;
        Ok(serde_json::from_value(answer)?)
    }

    /// Makes a backup in a folder; takes as long as copying everything takes.
    pub(crate) async fn back_up(&self, folder: &Path) -> anyhow::Result<Made> {
        let request = BackupRequest {
            folder: folder.to_owned(),
        };
        let request = self.client.post(self.url("/control/backup")).json(&request);
        let answer = self.answer(request.timeout(LONGEST_BACKUP)).await?;
        Ok(serde_json::from_value(answer)?)
    }

    /// Runs the audit.
    pub(crate) async fn audit(&self) -> anyhow::Result<AuditReport> {
        let answer = self.answer(self.client.get(self.url("/control/audit")));
        Ok(serde_json::from_value(answer.await?)?)
    }

    /// Returns the dead letters: all without their bytes, or the one named with them.
    pub(crate) async fn letters(&self, name: Option<&str>) -> anyhow::Result<Vec<ShownLetter>> {
        let mut url = reqwest::Url::parse(&self.url("/control/dead-letters"))?;
        if let Some(name) = name {
            url.query_pairs_mut().append_pair("letter", name);
        }
        let answer = self.answer(self.client.get(url)).await?;
        Ok(serde_json::from_value(answer)?)
    }

    /// Replays the named letters, or all that were not replayed before.
    pub(crate) async fn replay(&self, letters: Option<Vec<String>>) -> anyhow::Result<Replayed> {
        let request = serde_json::to_value(ReplayRequest { letters })?;
        let answer = self.post("/control/dead-letters/replay", &request).await?;
        Ok(serde_json::from_value(answer)?)
    }

    /// Returns the explanation of a stored message, or `null`.
    pub(crate) async fn explain(&self, site: &SiteId, message_id: &str) -> anyhow::Result<Value> {
        let query = [("site", site.as_str()), ("message_id", message_id)];
        let mut url = reqwest::Url::parse(&self.url("/control/explain"))?;
        url.query_pairs_mut().extend_pairs(query);
        self.answer(self.client.get(url)).await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.answer(self.client.post(self.url(path)).json(body))
            .await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.run.admin)
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let response = request.bearer_auth(&self.run.control_token).send().await;
        let response = response.with_context(|| {
            format!(
                "process {} does not answer on {}; is it running?",
                self.run.pid, self.run.admin
            )
        })?;
        let status = response.status();
        let answer: Value = response.json().await.context("the answer is not JSON")?;
        if status == StatusCode::OK {
            return Ok(answer);
        }
        let reason = answer
            .get("error")
            .and_then(Value::as_str)
            .unwrap_or("no reason given");
        bail!("{reason}")
    }
}
