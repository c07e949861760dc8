//! One stream: what its reader has not seen yet.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use etappe_core::id::SiteId;
use etappe_core::ports::{Clock, JourneyStore};
use etappe_runtime::http_server::Stopping;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until};

use super::look::{LOOK_LASTS, Look, Place, SharedLook};
use crate::state::InsightsState;

/// The most events of one look that a stream shows.
const MOST_EVENTS: usize = 20;
/// How long a stream goes on before its reader has to connect again.
const STREAM_LASTS: Duration = Duration::from_secs(10 * 60);
/// The number of people is said at least this often, whether or not it changes.
const PEOPLE_LAST: Duration = Duration::from_secs(15);

pub(super) struct Follower<S, C> {
    state: InsightsState<S, C>,
    site: SiteId,
    look: Arc<SharedLook>,
    stopping: Option<Stopping>,
    /// The events of the last look.
    seen: BTreeSet<Place>,
    /// The number of people that was said last, and when.
    people: Option<(u64, Instant)>,
    pending: VecDeque<Event>,
    next_look: Instant,
    ends: Instant,
    /// Given back when the stream ends.
    _place: OwnedSemaphorePermit,
}

impl<S: JourneyStore, C: Clock> Follower<S, C> {
    pub(super) fn new(
        state: InsightsState<S, C>,
        site: SiteId,
        look: Arc<SharedLook>,
        first: &Look,
        place: OwnedSemaphorePermit,
        stopping: Option<Stopping>,
    ) -> Self {
        let now = Instant::now();
        let mut follower = Self {
            state,
            site,
            look,
            stopping,
            seen: BTreeSet::new(),
            people: None,
            pending: VecDeque::new(),
            next_look: now + LOOK_LASTS,
            ends: now + STREAM_LASTS,
            _place: place,
        };
        follower.take(first);
        follower
    }

    /// Waits for the next event of the stream; `None` ends it.
    pub(super) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            if Instant::now() >= self.ends {
                return None;
            }
            tokio::select! {
                () = stopped(self.stopping.as_ref()) => return None,
                () = sleep_until(self.next_look) => {}
            }
            match self.look.latest(&self.state, &self.site).await {
                Ok(look) => self.take(&look),
                Err(error) => {
                    tracing::debug!(%error, "a stream of live events ends");
                    return None;
                }
            }
            self.next_look = Instant::now() + LOOK_LASTS;
        }
    }

    /// Queues what is new in a look, oldest first.
    fn take(&mut self, look: &Look) {
        let now = Instant::now();
        let is_known = self.people.is_some_and(|(people, said)| {
            people == look.people && now.duration_since(said) < PEOPLE_LAST
        });
        if !is_known {
            self.people = Some((look.people, now));
            let data = format!("{{\"now\":{}}}", look.people);
            self.pending
                .push_back(Event::default().event("people").data(data));
        }
        let new = look.events.iter();
        let new = new.filter(|(place, _)| !self.seen.contains(place));
        let new: Vec<&String> = new.take(MOST_EVENTS).map(|(_, json)| json).collect();
        for json in new.into_iter().rev() {
            self.pending
                .push_back(Event::default().event("event").data(json));
        }
        self.seen = look.events.iter().map(|(place, _)| *place).collect();
    }
}

async fn stopped(stopping: Option<&Stopping>) {
    match stopping {
        Some(stopping) => stopping.begun().await,
        None => std::future::pending().await,
    }
}
