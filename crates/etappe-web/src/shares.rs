//! Share links: those who make them list, make and revoke them here; `shares/visitor.rs` is for whoever
//! has one.

pub(crate) mod visitor;
mod wanted;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use etappe_core::account::{AccountChange, AccountChanges, Accounts, Role};
use etappe_core::id::SiteId;
use etappe_core::ports::{AccountStore, Clock};
use etappe_core::share::{MOST_OF_A_SITE, Origin, Share};
use etappe_core::site::KeyHash;
use etappe_core::time::Timestamp;
use etappe_core::trail::Action;
use etappe_runtime::random_key::random_key;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::body;
use crate::error::WebError;
use crate::response::private;
use crate::sign_in::store;
use crate::state::WebState;
use wanted::WantedShare;

pub(crate) use wanted::UnusableShare;

/// How long a link that has ended or was revoked is still known, so that whoever opens it reads why it
/// shows nothing.
const KEPT_MILLIS: i64 = 30 * 24 * 3_600_000;

/// A link as it is listed. Its token is not known any more.
#[derive(Debug, Serialize)]
struct ListedShare<'a> {
    id: &'a str,
    page: &'static str,
    view: &'a str,
    period: &'static str,
    by: &'a str,
    created_at: Timestamp,
    expires_at: Timestamp,
    last_opened: Option<Timestamp>,
    has_password: bool,
    origins: &'a [Origin],
}

impl<'a> ListedShare<'a> {
    fn new(share: &'a Share) -> Self {
        Self {
            id: &share.id,
            page: share.page.as_str(),
            view: &share.view,
            period: period(share),
            by: &share.by,
            created_at: share.created_at,
            expires_at: share.expires_at,
            last_opened: share.last_opened,
            has_password: share.password.is_some(),
            origins: &share.origins,
        }
    }
}

/// Says who chooses the period: `free` for visitors, `fixed` for whoever made the link.
const fn period(share: &Share) -> &'static str {
    match share.fixed {
        Some(_) => "fixed",
        None => "free",
    }
}

/// Lists the links to a site's pages, newest first, without those that were revoked.
pub(crate) async fn list<A, C: Clock>(
    State(state): State<WebState<A, C>>,
    Path(site): Path<String>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let signed_in = state.signed_in(&headers)?;
    let site = state.site_for(&signed_in.user, &site, Role::Editor)?.id;
    let directory = state.directory();
    let shares = directory.accounts().shares.values();
    let mut shares: Vec<_> = shares
        .filter(|share| share.site == site && share.revoked_at.is_none())
        .collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.created_at));
    let listed: Vec<_> = shares.into_iter().map(ListedShare::new).collect();
    Ok(private(Json(json!({ "shares": listed })).into_response()))
}

/// Makes a link. Its address is in the answer and nowhere else.
pub(crate) async fn make<A: AccountStore, C: Clock>(
    State(state): State<WebState<A, C>>,
    Path(site): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, WebError> {
    let (site, user) = state.changer(&headers, &site, Role::Editor)?;
    let mut wanted: WantedShare = body::read(&headers, body).await?;
    wanted.check()?;
    let password = match wanted.password.take() {
        Some(password) => Some(state.passwords().hash(password).await),
        None => None,
    };
    let (token, now) = (random_key("el"), state.now());
    let share = wanted.into_share(site, &user, now, password)?;
    let id = share.id.clone();
    let what = format!("{} {id}", share.page);
    let told = state.told(&user, Some(&share.site), Action::LinkMade, &what);
    store(&state, |accounts| {
        let mut changes = with_room(accounts, &share.site, now)?;
        changes.push(AccountChange::PutShare(
            KeyHash::of(&token),
            Box::new(share),
        ));
        Ok(AccountChanges::from(changes).told(told))
    })
    .await?;
    let made = Json(json!({ "id": id, "url": format!("/share/{token}") }));
    Ok(private((StatusCode::CREATED, made).into_response()))
}

/// Returns the changes that remove links which ended long ago.
fn with_room(
    accounts: &Accounts,
    site: &SiteId,
    now: Timestamp,
) -> Result<Vec<AccountChange>, WebError> {
    let open = accounts.shares.values();
    let open = open.filter(|share| share.site == *site && share.is_open(now));
    if open.count() >= MOST_OF_A_SITE {
        return Err(WebError::TooManyLinks);
    }
    let shares = accounts.shares.iter();
    let old = shares.filter(|(_, share)| {
        let ended = share.revoked_at.unwrap_or(share.expires_at);
        now.millis_since(ended) > KEPT_MILLIS
    });
    Ok(old.map(|it| AccountChange::RemoveShare(*it.0)).collect())
}

/// Revokes a link. It stays known for a while, so that its visitors can be told.
pub(crate) async fn revoke<A: AccountStore, C: Clock>(
    State(state): State<WebState<A, C>>,
    Path((site, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, WebError> {
    let (site, user) = state.changer(&headers, &site, Role::Editor)?;
    let now = state.now();
    let telling = state.clone();
    store(&state, move |accounts| {
        let mut shares = accounts.shares.iter();
        let found =
            shares.find(|(_, it)| it.id == id && it.site == site && it.revoked_at.is_none());
        let (hash, share) = found.ok_or(WebError::UnknownLink)?;
        let what = format!("{} {id}", share.page);
        let told = telling.told(&user, Some(&site), Action::LinkRevoked, &what);
        let revoked = Share {
            revoked_at: Some(now),
            ..share.clone()
        };
        let changes = vec![AccountChange::PutShare(*hash, Box::new(revoked))];
        Ok(AccountChanges::from(changes).told(told))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
