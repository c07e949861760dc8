//! What a site says that its events mean: listed, saved and taken back.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use etappe_core::account::Role;
use etappe_core::meaning::{Meaning, MeaningChange};
use etappe_core::milestone::Milestone;
use etappe_core::ports::{Clock, MeaningStore};
use etappe_core::time::Timestamp;
use etappe_core::trail::{Action, TrailEntry};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use crate::body;
use crate::error::WebError;
use crate::response::private;
use crate::state::WebState;

/// What an event means, as it is listed.
#[derive(Debug, Serialize)]
struct ListedMeaning<'a> {
    event: &'a str,
    milestone: Option<Milestone>,
    /// Whether the event is said to be no step.
    ignore: bool,
    by: &'a str,
    at: Timestamp,
}

/// What an event is to mean: a milestone, or nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedMeaning {
    milestone: Option<Milestone>,
    #[serde(default)]
    ignore: bool,
}

/// Lists what the site says; everybody who may look at it may see that.
pub(crate) async fn list<A, C: Clock>(
    State(state): State<WebState<A, C>>,
    Path(site): Path<String>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let signed_in = state.signed_in(&headers)?;
    let site = state.site_for(&signed_in.user, &site, Role::Viewer)?;
    let meanings = site.meanings.iter();
    let meanings: Vec<_> = meanings
        .map(|(event, meaning)| ListedMeaning {
            event,
            milestone: meaning.milestone,
            ignore: meaning.milestone.is_none(),
            by: &meaning.by,
            at: meaning.at,
        })
        .collect();
    let answer = serde_json::json!({ "meanings": meanings });
    Ok(private(Json(answer).into_response()))
}

/// Saves what an event means; it counts for events that are classified from then on.
pub(crate) async fn save<A: MeaningStore, C: Clock>(
    State(state): State<WebState<A, C>>,
    Path((site, event)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, WebError> {
    let (site, user) = state.changer(&headers, &site, Role::Editor)?;
    let wanted: WantedMeaning = body::read(&headers, body).await?;
    if wanted.milestone.is_some() == wanted.ignore {
        let expected = "say either `\"milestone\": \"…\"` or `\"ignore\": true`";
        return Err(WebError::BadBody(expected.to_owned()));
    }
    let meaning = Meaning {
        milestone: wanted.milestone,
        by: user.email.to_string(),
        at: state.now(),
    };
    let is = wanted.milestone.map_or("no step", Milestone::as_str);
    let what = format!("{event}: {is}");
    let told = state.told(&user, Some(&site), Action::MeaningSaved, &what);
    let change = MeaningChange {
        site,
        event,
        meaning: Some(meaning),
    };
    store(&state, change, told).await
}

/// Takes back what an event means; vocabularies decide about it again.
pub(crate) async fn take_back<A: MeaningStore, C: Clock>(
    State(state): State<WebState<A, C>>,
    Path((site, event)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, WebError> {
    let (site, user) = state.changer(&headers, &site, Role::Editor)?;
    let told = state.told(&user, Some(&site), Action::MeaningTakenBack, &event);
    let change = MeaningChange {
        site,
        event,
        meaning: None,
    };
    store(&state, change, told).await
}

async fn store<A: MeaningStore, C>(
    state: &WebState<A, C>,
    change: MeaningChange,
    told: TrailEntry,
) -> Result<StatusCode, WebError> {
    let stored = state.parts().accounts.change_meaning(change, told).await;
    match stored {
        Ok(decided) => Ok(decided.map(|()| StatusCode::NO_CONTENT)?),
        Err(error) => {
            tracing::warn!(%error, "a meaning cannot be stored");
            Err(WebError::StoreUnavailable)
        }
    }
}
