//! The addresses of the web interface.

use axum::Router;
use axum::response::Redirect;
use axum::routing::{any, delete, get, post, put};
use etappe_core::ports::{AccountStore, Clock, KeyStore, MeaningStore};
use http::StatusCode;

use crate::shares::visitor;
use crate::state::WebState;
use crate::{assets, first_account, keys, meanings, oidc, practice, shares, sign_in, trail};

/// Returns the routes: everything under `/app`, `/share` and `/embed`.
///
/// It sets no fallback for other paths, so it can be merged with other routers.
pub fn router<A: AccountStore + MeaningStore + KeyStore, C: Clock>(
    state: WebState<A, C>,
) -> Router {
    let session = get(sign_in::session::<A, C>)
        .post(sign_in::sign_in::<A, C>)
        .delete(sign_in::sign_out::<A, C>);
    let meaning = put(meanings::save::<A, C>).delete(meanings::take_back::<A, C>);
    let shares = get(shares::list::<A, C>).post(shares::make::<A, C>);
    let keys = get(keys::list::<A, C>).post(keys::make::<A, C>);
    let visitors = get(visitor::describe::<A, C>).post(visitor::enter::<A, C>);
    Router::new()
        .route("/app/api/session", session)
        .route(
            "/app/api/sites/{site}/meanings",
            get(meanings::list::<A, C>),
        )
        .route("/app/api/sites/{site}/meanings/{*event}", meaning)
        .route("/app/api/sites/{site}/shares", shares)
        .route(
            "/app/api/sites/{site}/shares/{id}",
            delete(shares::revoke::<A, C>),
        )
        .route("/app/api/sites/{site}/keys", keys)
        .route(
            "/app/api/sites/{site}/keys/{id}",
            delete(keys::revoke::<A, C>),
        )
        .route("/app/api/sites/{site}/audit", get(trail::list::<A, C>))
        .route(
            "/app/api/first-account",
            post(first_account::create::<A, C>),
        )
        .route("/app/api/sign-in-ways", get(sign_in::ways::<A, C>))
        .route("/app/api/oidc/start", get(oidc::start::<A, C>))
        .route("/app/api/oidc/callback", get(oidc::callback::<A, C>))
        .route(
            "/app/api/practice",
            get(practice::show::<A, C>).post(practice::start::<A, C>),
        )
        .route("/app/api/password", post(sign_in::change_password::<A, C>))
        .route("/app/api/{*rest}", any(async || StatusCode::NOT_FOUND))
        .route("/app/assets/{*name}", get(assets::asset))
        // Relative, so that it stays behind the prefix of a proxy.
        .route("/app", get(async || Redirect::temporary("app/")))
        .route("/app/", get(assets::page))
        .route("/app/{*view}", get(assets::page))
        .route("/share/{token}", get(visitor::page))
        .route("/embed/{token}", get(visitor::embedded_page::<A, C>))
        .route("/share/api/{token}", visitors)
        .with_state(state)
}
