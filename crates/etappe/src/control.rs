//! The control endpoints of a running `etappe up`; commands use them through [`client`].
//!
//! They are on the admin address under `/control`. They accept the admin token, or the control
//! token in the data folder's `run.json`, which only the folder's owner can read.

mod client;

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use etappe_core::audit::AuditReport;
use etappe_core::event::KeyScope;
use etappe_core::id::SiteId;
use etappe_core::ports::Clock;
use etappe_core::site::KeyHash;
use etappe_core::site::{Grant, SiteSettings};
use etappe_log::dead_letters::Replayed;
use etappe_log::sites::{NewKeys, SiteStore};
use etappe_runtime::authorization::bearer_token;
use etappe_runtime::clock::SystemClock;
use etappe_web::users::{self, ListedUser, UserAnswer, UserRequest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::backup::maker::{BackupMaker, Made};
use crate::letters::{ShownLetter, show};
use crate::service::auditor::Auditor;
use crate::service::event_log::LetterReplayer;
use crate::service::explainer::StoredEvents;

pub(crate) use client::ControlClient;

/// The state of the control endpoints.
pub(crate) struct Control {
    /// The control token, accepted beside the admin token.
    pub(crate) token: KeyHash,
    pub(crate) sites: Arc<SiteStore>,
    pub(crate) events: StoredEvents,
    pub(crate) replayer: LetterReplayer,
    pub(crate) auditor: Auditor,
    pub(crate) backups: Arc<BackupMaker>,
}

/// Makes the router of the control endpoints.
pub(crate) fn router(control: Control) -> Router {
    let state = Arc::new(control);
    Router::new()
        .route("/control/sites", get(list_sites))
        .route("/control/sites/settings", post(change_settings))
        .route("/control/keys", post(create_keys))
        .route("/control/keys/ephemeral", post(create_ephemeral_key))
        .route("/control/tokens/ephemeral", post(ephemeral_token))
        .route("/control/keys/revoke", post(revoke_key))
        .route("/control/keys/admin", post(create_admin_token))
        .route("/control/users", get(list_users).post(change_user))
        .route("/control/explain", get(explain))
        .route("/control/audit", get(audit))
        .route("/control/backup", post(back_up))
        .route("/control/dead-letters", get(list_letters))
        .route("/control/dead-letters/replay", post(replay_letters))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&state),
            authorize,
        ))
        .with_state(state)
}

async fn authorize(State(state): State<Arc<Control>>, request: Request, next: Next) -> Response {
    let presented = bearer_token(request.headers()).ok().flatten();
    let allowed = presented.is_some_and(|token| {
        // Hashes are compared as texts of equal length, in constant time.
        let hashes = (KeyHash::of(token).to_string(), state.token.to_string());
        bool::from(hashes.0.as_bytes().ct_eq(hashes.1.as_bytes())) || state.sites.is_admin(token)
    });
    if allowed {
        return next.run(request).await;
    }
    let answer = json!({ "error": "present the admin token as `Authorization: Bearer …`" });
    (axum::http::StatusCode::UNAUTHORIZED, Json(answer)).into_response()
}

/// An error that the client can print.
struct Refusal(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let answer = json!({ "error": format!("{:#}", self.0) });
        (axum::http::StatusCode::UNPROCESSABLE_ENTITY, Json(answer)).into_response()
    }
}

/// The keys to create.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyRequest {
    pub(crate) site: SiteId,
    #[serde(default = "default_scope")]
    pub(crate) scope: KeyScope,
}

const fn default_scope() -> KeyScope {
    KeyScope::Browser
}

#[derive(Serialize, Deserialize)]
struct TokenRequest {
    site: SiteId,
}

#[derive(Serialize, Deserialize)]
struct RevokeRequest {
    site: SiteId,
    hash: String,
}

#[derive(Serialize, Deserialize)]
struct SettingsRequest {
    site: SiteId,
    settings: SiteSettings,
}

#[derive(Deserialize)]
struct ExplainQuery {
    site: SiteId,
    message_id: String,
}

async fn list_sites(State(state): State<Arc<Control>>) -> Json<Value> {
    let directory = state.sites.subscribe().borrow().clone();
    Json(sites_as_json(directory.sites()))
}

/// Returns sites with their settings and the hashes of their keys.
pub(crate) fn sites_as_json<'a>(sites: impl Iterator<Item = &'a etappe_core::site::Site>) -> Value {
    let key = |key: &etappe_core::site::KeyRecord| {
        let opens = match key.grant {
            Grant::Read => "read".to_owned(),
            Grant::Write(scope) => format!("write ({})", scope.as_str()),
        };
        let mut listed = json!({ "hash": key.hash, "opens": opens });
        if let Some(created) = &key.created {
            listed["created"] = json!(created);
        }
        listed
    };
    sites
        .map(|site| {
            let keys: Vec<_> = site.keys.iter().map(key).collect();
            json!({ "site": site.id, "settings": site.settings, "keys": keys })
        })
        .collect()
}

async fn list_users(State(state): State<Arc<Control>>) -> Json<Vec<ListedUser>> {
    let directory = state.sites.subscribe().borrow().clone();
    Json(users::list(directory.accounts()))
}

async fn change_user(
    State(state): State<Arc<Control>>,
    Json(request): Json<UserRequest>,
) -> Result<Json<UserAnswer>, Refusal> {
    Ok(Json(
        users::apply(state.sites.as_ref(), request, SystemClock.now()).await?,
    ))
}

async fn create_keys(
    State(state): State<Arc<Control>>,
    Json(request): Json<KeyRequest>,
) -> Result<Json<NewKeys>, Refusal> {
    let created = state.sites.create_keys(&request.site, request.scope);
    Ok(Json(created.await?))
}

async fn create_ephemeral_key(
    State(state): State<Arc<Control>>,
    Json(request): Json<KeyRequest>,
) -> Result<Json<Value>, Refusal> {
    Ok(Json(
        json!({ "write_key": state.sites.create_ephemeral_key(&request.site)? }),
    ))
}

async fn ephemeral_token(
    State(state): State<Arc<Control>>,
    Json(request): Json<TokenRequest>,
) -> Result<Json<Value>, Refusal> {
    Ok(Json(
        json!({ "read_token": state.sites.ephemeral_token(&request.site)? }),
    ))
}

async fn revoke_key(
    State(state): State<Arc<Control>>,
    Json(request): Json<RevokeRequest>,
) -> Result<Json<Value>, Refusal> {
    let revoked = state.sites.revoke_key(&request.site, &request.hash);
    revoked.await?;
    Ok(Json(json!({ "revoked": request.hash })))
}

async fn change_settings(
    State(state): State<Arc<Control>>,
    Json(request): Json<SettingsRequest>,
) -> Result<Json<Value>, Refusal> {
    state
        .sites
        .change_settings(&request.site, request.settings.clone())
        .await?;
    Ok(Json(
        json!({ "site": request.site, "settings": request.settings }),
    ))
}

async fn explain(
    State(state): State<Arc<Control>>,
    Query(query): Query<ExplainQuery>,
) -> Result<Json<Value>, Refusal> {
    let explanation = state.events.explain(&query.site, &query.message_id).await?;
    Ok(Json(explanation.unwrap_or(Value::Null)))
}

async fn create_admin_token(State(state): State<Arc<Control>>) -> Result<Json<Value>, Refusal> {
    let token = state.sites.create_admin_token().await?;
    Ok(Json(json!({ "admin_token": token })))
}

async fn audit(State(state): State<Arc<Control>>) -> Result<Json<AuditReport>, Refusal> {
    Ok(Json(state.auditor.audit(state.replayer.letters()).await?))
}

/// A request for a backup.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BackupRequest {
    /// The folder to write to: an absolute path.
    pub(crate) folder: PathBuf,
}

async fn back_up(
    State(state): State<Arc<Control>>,
    Json(request): Json<BackupRequest>,
) -> Result<Json<Made>, Refusal> {
    Ok(Json(Arc::clone(&state.backups).make(request.folder).await?))
}

#[derive(Deserialize)]
struct LettersQuery {
    /// The letter to show with its bytes; `None` for all letters without their bytes.
    letter: Option<String>,
}

async fn list_letters(
    State(state): State<Arc<Control>>,
    Query(query): Query<LettersQuery>,
) -> Result<Json<Vec<ShownLetter>>, Refusal> {
    let letters = state.replayer.letters().read_all().await?;
    let shown = match &query.letter {
        Some(name) => letters
            .iter()
            .filter(|letter| letter.name() == *name)
            .map(|letter| show(letter, true))
            .collect(),
        None => letters.iter().map(|letter| show(letter, false)).collect(),
    };
    Ok(Json(shown))
}

#[derive(Serialize, Deserialize)]
struct ReplayRequest {
    /// The letters to replay; `None` for all that were not replayed before.
    letters: Option<Vec<String>>,
}

async fn replay_letters(
    State(state): State<Arc<Control>>,
    Json(request): Json<ReplayRequest>,
) -> Result<Json<Replayed>, Refusal> {
    let replayed = state.replayer.replay(request.letters.as_deref());
    Ok(Json(replayed.await?))
}
