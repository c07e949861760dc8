//! The audit trail, for those who administer a site.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use etappe_core::account::Role;
use etappe_core::ports::Clock;
use http::HeaderMap;
use serde_json::json;

use crate::error::WebError;
use crate::response::private;
use crate::state::WebState;

/// Lists who changed what about the site, newest first. Whoever administers every site also sees
/// what concerns no single one.
pub(crate) async fn list<A, C: Clock>(
    State(state): State<WebState<A, C>>,
    Path(site): Path<String>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let signed_in = state.signed_in(&headers)?;
    let site = state.site_for(&signed_in.user, &site, Role::Admin)?.id;
    let everywhere = signed_in.user.everywhere == Some(Role::Admin);
    let directory = state.directory();
    let entries: Vec<_> = directory.trail().of(&site, everywhere).collect();
    Ok(private(Json(json!({ "entries": entries })).into_response()))
}
