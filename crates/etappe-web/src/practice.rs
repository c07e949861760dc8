//! The practice site: a site of invented people to look around in, made when an administrator asks.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use etappe_core::account::Role;
use etappe_core::id::SiteId;
use etappe_core::ports::Clock;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::csrf;
use crate::error::WebError;
use crate::response::private;
use crate::state::WebState;

/// How far the practice site is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PracticeState {
    /// Nobody has asked for it, or making it failed.
    None,
    /// It is being made.
    Running {
        /// How much is done, from 0 to 1.
        done: f64,
    },
    /// Its figures are there.
    Ready,
}

/// There is a site of the same name that is not for practice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is a site of this name already, with events of its own")]
pub struct NameTaken;

/// Makes the practice site.
pub trait PracticeSite: Send + Sync {
    /// Returns the site's id.
    fn site(&self) -> &SiteId;

    /// Returns how far it is.
    fn state(&self) -> PracticeState;

    /// Returns whether the site of this name is, or is becoming, the practice site.
    fn is_made(&self) -> bool;

    /// Begins to make it in the background, unless it is there or being made.
    ///
    /// # Errors
    /// [`NameTaken`] if there is another site of its name.
    fn start(&self) -> Result<(), NameTaken>;
}

/// Tells how far it is.
pub(crate) async fn show<A, C: Clock>(
    State(state): State<WebState<A, C>>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    state.signed_in(&headers)?;
    let Some(practice) = state.practice() else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let (name, done) = match practice.state() {
        PracticeState::None => ("none", 0.0),
        PracticeState::Running { done } => ("running", done),
        PracticeState::Ready => ("ready", 1.0),
    };
    let answer = json!({ "state": name, "done": done, "site": practice.site() });
    Ok(private(Json(answer).into_response()))
}

/// Begins to make it.
pub(crate) async fn start<A, C: Clock>(
    State(state): State<WebState<A, C>>,
    headers: HeaderMap,
) -> Result<StatusCode, WebError> {
    let signed_in = state.signed_in(&headers)?;
    csrf::check(&headers, &signed_in.token)?;
    if signed_in.user.everywhere != Some(Role::Admin) {
        return Err(WebError::AdminNeeded);
    }
    let Some(practice) = state.practice() else {
        return Ok(StatusCode::NOT_FOUND);
    };
    practice.start()?;
    Ok(StatusCode::ACCEPTED)
}
