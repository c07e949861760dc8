//! The client of the KPI API, through which commands query a site.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use etappe_core::id::SiteId;
use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::cli::ServiceArguments;
use crate::control::ControlClient;
use crate::data_dir::DataDir;

/// The timeout for an answer; the service itself gives up after a minute.
const PATIENCE: Duration = Duration::from_secs(90);
/// The timeout for connecting: an address that does not answer is likely mistyped.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// Queries a service about a site.
pub(crate) struct Reader {
    client: Client,
    base: String,
    read_token: String,
    site: SiteId,
}

impl Reader {
    /// Finds the service: the one at `--url`, or the running `etappe up` of the data folder, for
    /// which the user needs no token.
    pub(crate) async fn of(service: &ServiceArguments, site: &SiteId) -> anyhow::Result<Self> {
        let (base, read_token) = if let Some(url) = &service.url {
            (url.trim_end_matches('/').to_owned(), read_token(service)?)
        } else {
            let control = ControlClient::of(&DataDir::existing(&service.data)?)?;
            let token = control.ephemeral_token(site).await?;
            (control.public_url(), token)
        };
        let client = Client::builder()
            .timeout(PATIENCE)
            .connect_timeout(CONNECT_PATIENCE)
            .user_agent(concat!("etappe/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            base,
            read_token,
            site: site.clone(),
        })
    }

    /// Returns the answer to `GET /v1/sites/{site}/{question}`.
    pub(crate) async fn ask(
        &self,
        question: &str,
        parameters: &[(&str, String)],
    ) -> anyhow::Result<Value> {
        let address = format!("{}/v1/sites/{}/{question}", self.base, self.site);
        let mut url = reqwest::Url::parse(&address).with_context(|| {
            format!("`{}` is not an address such as http://host:7070", self.base)
        })?;
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        let request = self.client.get(url).bearer_auth(&self.read_token);
        let response = request.send().await.with_context(|| {
            format!("{} cannot be reached: is Etappe running there?", self.base)
        })?;
        let status = response.status();
        let answer: Option<Value> = response.json().await.ok();
        match answer {
            Some(answer) if status == StatusCode::OK => Ok(answer),
            Some(problem) => bail!("{}", describe(status, &problem)),
            None => bail!(
                "{} answered {status} without JSON: is Etappe running there?",
                self.base
            ),
        }
    }
}

/// Returns the token for `--url`.
fn read_token(service: &ServiceArguments) -> anyhow::Result<String> {
    let Some(file) = &service.read_token_file else {
        let token = service.read_token.clone();
        return token.context(
            "--url needs a read token of the site: in the variable ETAPPE_READ_TOKEN, or in a file that \
             --read-token-file names",
        );
    };
    token_in(file)
}

fn token_in(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the read token in {}", file.display()))?;
    Ok(text.trim().to_owned())
}

/// Returns a problem (RFC 9457) as one sentence that names every invalid field.
fn describe(status: StatusCode, problem: &Value) -> String {
    let fields = problem["errors"].as_array().into_iter().flatten();
    let fields: Vec<String> = fields
        .filter_map(|error| {
            let (field, detail) = (error["field"].as_str()?, error["detail"].as_str()?);
            Some(format!("{field} {detail}"))
        })
        .collect();
    if !fields.is_empty() {
        return fields.join("; ");
    }
    match problem["detail"].as_str() {
        Some(detail) => detail.to_owned(),
        None => format!("the service answered {status}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_lists_every_invalid_field() {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let problem = json!({
            "detail": "the question has 2 problems",
            "errors": [
                {"field": "from", "detail": "`soon` is not a time"},
                {"field": "model", "detail": "no model is called `x`"},
            ],
        });
        assert_eq!(
            describe(status, &problem),
            "from `soon` is not a time; model no model is called `x`"
        );
        let problem = json!({ "detail": "this token reads no site" });
        assert_eq!(describe(status, &problem), "this token reads no site");
        assert!(describe(status, &json!([])).contains("422"));
    }
}
