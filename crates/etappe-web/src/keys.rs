//! The keys of a site: listed, made and revoked by its administrators.
//!
//! A key's text is in the answer that makes it and nowhere else; afterwards only its hash is known.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use etappe_core::account::Role;
use etappe_core::ports::{Clock, KeyStore};
use etappe_core::site::{Grant, KeyChange, KeyCreation, KeyHash, KeyRecord, UnusableKey};
use etappe_core::time::Timestamp;
use etappe_core::trail::{Action, TrailEntry};
use etappe_runtime::random_key::random_key;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::body;
use crate::error::WebError;
use crate::response::private;
use crate::state::WebState;

/// A key as it is listed.
#[derive(Debug, Serialize)]
struct ListedKey<'a> {
    /// The hash of the key, by which it is revoked.
    id: KeyHash,
    /// The first digits of the hash, as the audit trail names the key.
    digits: String,
    kind: &'static str,
    by: Option<&'a str>,
    created_at: Option<Timestamp>,
}

impl<'a> ListedKey<'a> {
    fn new(key: &'a KeyRecord) -> Self {
        Self {
            id: key.hash,
            digits: key.hash.shown(),
            kind: key.grant.as_str(),
            by: key.created.as_ref().map(|it| it.by.as_str()),
            created_at: key.created.as_ref().map(|it| it.at),
        }
    }
}

/// What a new key is to open: the scope of a write key, or `read`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedKey {
    kind: String,
}

/// Lists the keys of a site, newest first, then those whose creation is not known.
pub(crate) async fn list<A, C: Clock>(
    State(state): State<WebState<A, C>>,
    Path(site): Path<String>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let signed_in = state.signed_in(&headers)?;
    let site = state.site_for(&signed_in.user, &site, Role::Admin)?;
    let mut keys: Vec<_> = site.keys.iter().map(ListedKey::new).collect();
    keys.sort_by_key(|key| std::cmp::Reverse(key.created_at));
    Ok(private(Json(json!({ "keys": keys })).into_response()))
}

/// Makes a key. It opens the site as soon as this is answered.
pub(crate) async fn make<A: KeyStore, C: Clock>(
    State(state): State<WebState<A, C>>,
    Path(site): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, WebError> {
    let (site, user) = state.changer(&headers, &site, Role::Admin)?;
    let wanted: WantedKey = body::read(&headers, body).await?;
    let mut grants = Grant::ALL.into_iter();
    let grant = grants.find(|grant| grant.as_str() == wanted.kind);
    let grant = grant.ok_or_else(|| {
        let known = Grant::ALL.map(Grant::as_str).join(", ");
        WebError::BadBody(format!("`kind` is one of: {known}"))
    })?;
    let key = random_key(grant.prefix());
    let record = KeyRecord {
        hash: KeyHash::of(&key),
        grant,
        created: Some(KeyCreation {
            by: user.email.to_string(),
            at: state.now(),
        }),
    };
    let told = state.told(&user, Some(&site), Action::KeyCreated, &about(&record));
    let made = json!({ "id": record.hash, "kind": grant.as_str(), "key": key });
    store(&state, KeyChange::Add(site, record), told).await?;
    Ok(private((StatusCode::CREATED, Json(made)).into_response()))
}

/// Revokes a key; it opens nothing from then on.
pub(crate) async fn revoke<A: KeyStore, C: Clock>(
    State(state): State<WebState<A, C>>,
    Path((site, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, WebError> {
    let (site, user) = state.changer(&headers, &site, Role::Admin)?;
    let hash = KeyHash::of_hex(&id);
    let directory = state.directory();
    let found = directory.site(site.as_str()).into_iter();
    let mut keys = found.flat_map(|site| &site.keys);
    let key = keys.find(|key| Some(key.hash) == hash);
    let key = key.ok_or(UnusableKey::Unknown)?;
    let told = state.told(&user, Some(&site), Action::KeyRevoked, &about(key));
    store(&state, KeyChange::Revoke(site, key.hash), told).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says in the audit trail which key it is.
fn about(key: &KeyRecord) -> String {
    format!("{} {}", key.grant.as_str(), key.hash.shown())
}

async fn store<A: KeyStore, C>(
    state: &WebState<A, C>,
    change: KeyChange,
    told: TrailEntry,
) -> Result<(), WebError> {
    let stored = state.parts().accounts.change_key(change, told).await;
    match stored {
        Ok(decided) => Ok(decided?),
        Err(error) => {
            tracing::warn!(%error, "a key cannot be stored");
            Err(WebError::StoreUnavailable)
        }
    }
}
