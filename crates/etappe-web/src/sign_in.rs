//! Signing in and out, renewing a session, and changing one's password.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use etappe_core::account::{AccountChange, AccountChanges, Accounts, Email, Session, User};
use etappe_core::ports::{AccountStore, Clock};
use etappe_core::site::KeyHash;
use etappe_core::time::Timestamp;
use etappe_core::trail::Action;
use etappe_runtime::forwarded::client_address;
use etappe_runtime::random_key::random_key;
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use crate::error::WebError;
use crate::response::private;
use crate::state::{SESSION_LASTS, SignedIn, WebState};
use crate::throttle::Attempt;
use crate::{body, cookie, csrf, password, whoami};

/// The age at which a session's token is replaced.
const RENEW_AFTER_MILLIS: i64 = 3_600_000;
/// How long the replaced token stays valid, for requests that are under way.
const OVERLAP_MILLIS: i64 = 60_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    email: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    current: String,
    new: String,
}

/// Signs in.
pub(crate) async fn sign_in<A: AccountStore, C: Clock>(
    State(state): State<WebState<A, C>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, WebError> {
    csrf::check_origin(&headers)?;
    let asked: Credentials = body::read(&headers, body).await?;
    let peer = peer.map(|Extension(ConnectInfo(peer))| peer);
    let client = client_address(&headers, peer, state.parts().trusted_proxies);
    let attempt = Attempt::new(&asked.email, client);
    if let Some(wait) = state.throttle().wait(&attempt, Instant::now()) {
        state.parts().metrics.record_sign_in("throttled");
        return Err(WebError::TooManyTries(wait));
    }
    let user = find(state.directory().accounts(), &asked.email);
    let hash = user.as_ref().map(|user| user.password.clone());
    let is_right = state.passwords().is_right(asked.password, hash).await;
    let Some(user) = user.filter(|_| is_right) else {
        state.throttle().failed(&attempt, Instant::now());
        state.parts().metrics.record_sign_in("wrong");
        return Err(WebError::WrongPassword);
    };
    state.throttle().succeeded(&attempt);
    state.parts().metrics.record_sign_in("signed_in");
    begin_session(&state, &user, &headers).await
}

fn find(accounts: &Accounts, email: &str) -> Option<User> {
    let email = Email::try_new(email).ok()?;
    accounts.user_of(&email).cloned()
}

/// Tells who is signed in, and replaces the session's token when it is old.
pub(crate) async fn session<A: AccountStore, C: Clock>(
    State(state): State<WebState<A, C>>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let signed_in = state.signed_in(&headers).map_err(|error| {
        if state.directory().accounts().users.is_empty() {
            WebError::FirstAccountNeeded
        } else {
            error
        }
    })?;
    let age = state.now().millis_since(signed_in.session.created_at);
    if age < RENEW_AFTER_MILLIS || is_replaced(&signed_in.session, state.now()) {
        let about = whoami::describe(
            &signed_in.user,
            &state.directory(),
            state.practice(),
            &signed_in.token,
        );
        return Ok(private(Json(about).into_response()));
    }
    match renew(&state, &signed_in, &headers).await {
        // A session that cannot be renewed now is still valid.
        Err(WebError::StoreUnavailable) => {
            let about = whoami::describe(
                &signed_in.user,
                &state.directory(),
                state.practice(),
                &signed_in.token,
            );
            Ok(private(Json(about).into_response()))
        }
        renewed => renewed,
    }
}

/// Returns whether the token was replaced already, by another request of the same page.
fn is_replaced(session: &Session, now: Timestamp) -> bool {
    session.expires_at.millis_since(now) <= OVERLAP_MILLIS
}

async fn renew<A: AccountStore, C: Clock>(
    state: &WebState<A, C>,
    old: &SignedIn,
    headers: &HeaderMap,
) -> Result<Response, WebError> {
    let ending = Session {
        expires_at: Timestamp::from_millis(state.now().as_millis() + OVERLAP_MILLIS),
        ..old.session.clone()
    };
    let change = AccountChange::PutSession(KeyHash::of(&old.token), ending);
    store(state, |_| Ok(vec![change].into())).await?;
    begin_session(state, &old.user, headers).await
}

/// Says how people sign in here.
pub(crate) async fn ways<A, C>(State(state): State<WebState<A, C>>) -> Response {
    let oidc = state.parts().oidc.as_ref();
    let oidc = oidc.map(|oidc| json!({ "name": oidc.name() }));
    private(Json(json!({ "password": true, "oidc": oidc })).into_response())
}

/// Signs out.
pub(crate) async fn sign_out<A: AccountStore, C: Clock>(
    State(state): State<WebState<A, C>>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let signed_in = state.signed_in(&headers)?;
    csrf::check(&headers, &signed_in.token)?;
    let end = AccountChange::RemoveSession(KeyHash::of(&signed_in.token));
    store(&state, |_| Ok(vec![end].into())).await?;
    let header = [(SET_COOKIE, cookie::signing_out(&headers))];
    Ok((StatusCode::NO_CONTENT, header).into_response())
}

/// Changes the password of whoever is signed in, and ends all their other sessions.
pub(crate) async fn change_password<A: AccountStore, C: Clock>(
    State(state): State<WebState<A, C>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, WebError> {
    let signed_in = state.signed_in(&headers)?;
    csrf::check(&headers, &signed_in.token)?;
    let asked: NewPassword = body::read(&headers, body).await?;
    let user = signed_in.user;
    // A session left open on a shared computer must not be a way to guess the password.
    let attempt = Attempt::new(user.email.as_str(), None);
    if let Some(wait) = state.throttle().wait(&attempt, Instant::now()) {
        return Err(WebError::TooManyTries(wait));
    }
    let current = Some(user.password.clone());
    if !state.passwords().is_right(asked.current, current).await {
        state.throttle().failed(&attempt, Instant::now());
        return Err(WebError::WrongPassword);
    }
    password::check(&asked.new)?;
    let user = User {
        password: state.passwords().hash(asked.new).await,
        ..user
    };
    let new = user.clone();
    let told = state.told(&user, None, Action::PasswordChanged, user.email.as_str());
    store(&state, move |accounts| {
        let sessions = accounts.sessions_of(&new.id);
        let mut changes: Vec<_> = sessions.map(AccountChange::RemoveSession).collect();
        changes.push(AccountChange::PutUser(Box::new(new)));
        Ok(AccountChanges::from(changes).told(told))
    })
    .await?;
    begin_session(&state, &user, &headers).await
}

/// Begins a session of `user` and answers with its cookie.
pub(crate) async fn begin_session<A: AccountStore, C: Clock>(
    state: &WebState<A, C>,
    user: &User,
    headers: &HeaderMap,
) -> Result<Response, WebError> {
    let token = new_session(state, user).await?;
    let about = whoami::describe(user, &state.directory(), state.practice(), &token);
    let header = [(SET_COOKIE, cookie::signing_in(&token, headers))];
    Ok(private((header, Json(about)).into_response()))
}

/// Begins a session of `user` and returns its token. Sessions that have ended are removed.
pub(crate) async fn new_session<A: AccountStore, C: Clock>(
    state: &WebState<A, C>,
    user: &User,
) -> Result<String, WebError> {
    let (token, now) = (random_key("es"), state.now());
    let session = Session {
        user: user.id.clone(),
        created_at: now,
        expires_at: now.saturating_add(SESSION_LASTS),
    };
    let begun = AccountChange::PutSession(KeyHash::of(&token), session);
    store(state, move |accounts| {
        let ended = accounts
            .sessions
            .iter()
            .filter(|(_, it)| it.expires_at <= now);
        let ended = ended.map(|(hash, _)| AccountChange::RemoveSession(*hash));
        Ok(ended.chain([begun]).collect::<Vec<_>>().into())
    })
    .await?;
    Ok(token)
}

/// Stores what `decide` wants to change.
pub(crate) async fn store<A: AccountStore, C>(
    state: &WebState<A, C>,
    decide: impl FnOnce(&Accounts) -> Result<AccountChanges, WebError> + Send,
) -> Result<(), WebError> {
    let stored = state.parts().accounts.change(decide).await;
    stored.unwrap_or_else(|error| {
        tracing::warn!(%error, "the accounts cannot be changed");
        Err(WebError::StoreUnavailable)
    })
}
