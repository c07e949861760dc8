//! `GET …/live`: the events that arrive, as server-sent events.
//!
//! All streams of a site share one look at the store every two seconds, so a hundred open pages ask
//! it no more than one does. A stream shows what is in this look and was not in the one before.
//! Looks hold the latest fifty events, so nothing that was pushed out of them comes back.
//!
//! A stream ends after ten minutes, when the store fails, and when the server stops; browsers
//! connect again by themselves and show their credentials anew.

mod follower;
mod look;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use etappe_core::id::SiteId;
use etappe_core::ports::{Clock, JourneyStore};
use etappe_runtime::http_server::Stopping;
use futures_util::stream;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::access::Access;
use crate::error::InsightsError;
use crate::handler::method_not_allowed;
use crate::openapi;
use crate::state::InsightsState;
use follower::Follower;
use look::SharedLook;

pub(crate) use look::LiveEvent;

/// The most streams at a time; each holds a connection and up to fifty events.
const MOST_STREAMS: usize = 512;
/// The pause between signs of life, so that no proxy closes a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What all streams share.
#[derive(Debug)]
pub(crate) struct Live {
    looks: Mutex<HashMap<SiteId, Weak<SharedLook>>>,
    places: Arc<Semaphore>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            looks: Mutex::default(),
            places: Arc::new(Semaphore::new(MOST_STREAMS)),
        }
    }
}

impl Live {
    /// Returns the look that the streams of a site share, and forgets those of sites without
    /// streams.
    fn look_of(&self, site: &SiteId) -> Arc<SharedLook> {
        let mut looks = self.looks.lock();
        if let Some(look) = looks.get(site).and_then(Weak::upgrade) {
            return look;
        }
        looks.retain(|_, look| look.strong_count() > 0);
        let look = Arc::new(SharedLook::default());
        looks.insert(site.clone(), Arc::downgrade(&look));
        look
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, InsightsError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map_err(|_| InsightsError::TooManyStreams { most: MOST_STREAMS })
    }
}

/// Returns the route, with its description.
pub(crate) fn route<S: JourneyStore, C: Clock>() -> UtoipaMethodRouter<InsightsState<S, C>> {
    let (schemas, paths) = openapi::describe_stream::<LiveEvent>(
        "live",
        "Streams the events that arrive.",
        "Server-sent events. `people` has `{\"now\": 12}`: how many people had an event in the last five minutes, without bots. `event` has one event, bots included; a stream begins with the latest twenty, oldest first. Events of a burst may be left out. Streams end after ten minutes: connect again.",
    );
    let route = get(follow::<S, C>).fallback(method_not_allowed);
    (schemas, paths, route)
}

async fn follow<S: JourneyStore, C: Clock>(
    State(state): State<InsightsState<S, C>>,
    access: Access,
    stopping: Option<Extension<Stopping>>,
) -> Result<Response, InsightsError> {
    let place = state.live().place()?;
    let look = state.live().look_of(&access.site);
    // The first look is taken before the answer begins, so that a problem is answered as one.
    let first = look.latest(&state, &access.site).await?;
    let stopping = stopping.map(|Extension(stopping)| stopping);
    let follower = Follower::new(state, access.site, look, &first, place, stopping);
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok::<Event, Infallible>(event), follower))
    });
    let answer = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    // nginx would collect the events in a buffer.
    Ok(([("x-accel-buffering", "no")], answer).into_response())
}
