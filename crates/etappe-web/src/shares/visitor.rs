//! What whoever has a share link sees, without signing in: the page, and what the link is to.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use etappe_core::account::AccountChange;
use etappe_core::ports::{AccountStore, Clock};
use etappe_core::share::{Share, pass};
use etappe_core::site::KeyHash;
use etappe_runtime::authorization::share_pass;
use etappe_runtime::forwarded::client_address;
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::period;
use crate::error::WebError;
use crate::response::private;
use crate::sign_in::store;
use crate::state::WebState;
use crate::throttle::Attempt;
use crate::{assets, body, cookie, csrf};

/// How exactly it is known when a link was last opened.
const OPENED_MILLIS: i64 = 3_600_000;
/// How long a visitor waits at most for that to be stored.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Given {
    password: String,
}

/// Answers with the page, which no other site may show.
pub(crate) async fn page() -> Response {
    assets::shared_page(&[])
}

/// Answers with the page, which the sites that the link lists may show within their own.
pub(crate) async fn embedded_page<A, C: Clock>(
    State(state): State<WebState<A, C>>,
    Path(token): Path<String>,
) -> Response {
    let directory = state.directory();
    let found = directory.accounts().share_of(&token);
    // One that has ended, too: it says so in its place.
    assets::shared_page(found.map_or(&[][..], |(_, share)| &share.origins))
}

/// Tells what a link is to.
pub(crate) async fn describe<A: AccountStore, C: Clock>(
    State(state): State<WebState<A, C>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let (hash, share) = find(&state, &token)?;
    let directory = state.directory();
    let site = directory.site(share.site.as_str());
    let site = site.ok_or(WebError::UnknownLink)?;
    let shown = share_pass(&headers);
    let passed = shown.and_then(|pass| directory.accounts().shared_by_pass(pass, state.now()));
    let is_open = share.password.is_none() || passed.is_some_and(|passed| passed.id == share.id);
    if is_open {
        opened(&state, hash, &share).await;
    }
    let about = json!({
        "site": {
            "id": site.id,
            "name": site.id,
            "timezone": site.settings.timezone,
            "currency": site.settings.currency,
        },
        "page": share.page,
        "view": share.view,
        "period": period(&share),
        "needs_password": share.password.is_some(),
    });
    Ok(private(Json(about).into_response()))
}

/// Takes a link's password and lets the browser in, by a cookie.
pub(crate) async fn enter<A: AccountStore, C: Clock>(
    State(state): State<WebState<A, C>>,
    Path(token): Path<String>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, WebError> {
    csrf::check_origin(&headers)?;
    let given: Given = body::read(&headers, body).await?;
    let (hash, share) = find(&state, &token)?;
    let Some(proof) = share.proof(&hash) else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let peer = peer.map(|Extension(ConnectInfo(peer))| peer);
    let client = client_address(&headers, peer, state.parts().trusted_proxies);
    let attempt = Attempt::new(&hash.to_string(), client);
    if let Some(wait) = state.throttle().wait(&attempt, Instant::now()) {
        state.parts().metrics.record_link("throttled");
        return Err(WebError::TooManyTries(wait));
    }
    let stored = share.password.clone();
    if !state.passwords().is_right(given.password, stored).await {
        state.throttle().failed(&attempt, Instant::now());
        state.parts().metrics.record_link("wrong");
        return Err(WebError::WrongPassword);
    }
    state.throttle().succeeded(&attempt);
    opened(&state, hash, &share).await;
    let seconds = share.expires_at.millis_since(state.now()) / 1_000;
    let cookie = cookie::letting_in(&pass(&hash, &proof), seconds, &headers);
    let header = [(SET_COOKIE, cookie)];
    Ok(private((StatusCode::NO_CONTENT, header).into_response()))
}

fn find<A, C: Clock>(state: &WebState<A, C>, token: &str) -> Result<(KeyHash, Share), WebError> {
    let directory = state.directory();
    let Some((hash, share)) = directory.accounts().share_of(token) else {
        state.parts().metrics.record_link("unknown");
        return Err(WebError::UnknownLink);
    };
    if !share.is_open(state.now()) {
        state.parts().metrics.record_link("over");
        return Err(WebError::LinkOver);
    }
    Ok((hash, share.clone()))
}

/// Notes when a link was opened, once an hour. A visitor neither waits long for that nor fails by it.
async fn opened<A: AccountStore, C: Clock>(state: &WebState<A, C>, hash: KeyHash, share: &Share) {
    state.parts().metrics.record_link("opened");
    let now = state.now();
    let is_noted = share
        .last_opened
        .is_some_and(|at| now.millis_since(at) < OPENED_MILLIS);
    if is_noted {
        return;
    }
    let noting = store(state, move |accounts| {
        let Some(share) = accounts.shares.get(&hash) else {
            return Ok(Vec::new().into());
        };
        let share = Share {
            last_opened: Some(now),
            ..share.clone()
        };
        Ok(vec![AccountChange::PutShare(hash, Box::new(share))].into())
    });
    if timeout(PATIENCE, noting).await.is_err() {
        tracing::warn!("when a share link was opened could not be stored in time");
    }
}
