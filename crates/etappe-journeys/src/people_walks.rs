//! Counts people for several questions in one walk.
//!
//! A page asks for a range, the one before it and their course at one moment, and a walk through
//! everybody's events costs more than what each of them counts.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use etappe_core::journey::{EventTraits, PeopleTally};
use etappe_core::kpi::RetentionWeeks;
use etappe_core::milestone::Milestone;
use etappe_core::query::Bots;
use etappe_core::time::Timestamp;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, yield_now};

use crate::error::IndexError;
use crate::kind::EventKind;
use crate::outcomes::Outcomes;
use crate::people::{NOBODY, People};
use crate::scan::counts;
use crate::site::SiteState;

/// What to count.
#[derive(Debug, Clone)]
pub(crate) struct PeopleQuestion {
    pub(crate) bots: Bots,
    /// The model of which events have stages; none if that is not asked.
    pub(crate) model: Option<String>,
    /// Where the periods begin, and where the last one ends.
    pub(crate) starts: Vec<Timestamp>,
    pub(crate) as_of: Timestamp,
    pub(crate) weeks: Option<RetentionWeeks>,
}

/// A question that waits for a walk.
#[derive(Debug)]
struct Waiting {
    number: u64,
    site: Arc<SiteState>,
    question: PeopleQuestion,
    counted: oneshot::Sender<PeopleTally>,
}

/// The questions that wait. There are no more of them than questions in progress.
#[derive(Debug, Default)]
pub(crate) struct PeopleWalks {
    last_number: AtomicU64,
    waiting: Mutex<Vec<Waiting>>,
}

impl PeopleWalks {
    /// Counts for a question, in one walk with others that are asked at the same moment.
    pub(crate) async fn count(
        &self,
        (site, outcomes): (&Arc<SiteState>, &Arc<Outcomes>),
        question: &PeopleQuestion,
    ) -> Result<PeopleTally, IndexError> {
        loop {
            let (number, counted) = self.wait(site, question);
            // The others of this moment get to ask.
            yield_now().await;
            if let Some(walk) = self.take_walk(number) {
                walk.run(outcomes).await?;
            }
            if let Ok(tally) = counted.await {
                return Ok(tally);
            }
            // Whoever walked for this question too was called off or failed.
        }
    }

    fn wait(
        &self,
        site: &Arc<SiteState>,
        question: &PeopleQuestion,
    ) -> (u64, oneshot::Receiver<PeopleTally>) {
        let number = self.last_number.fetch_add(1, Ordering::Relaxed);
        let (counted, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        waiting.retain(|other| !other.counted.is_closed());
        waiting.push(Waiting {
            number,
            site: Arc::clone(site),
            question: question.clone(),
            counted,
        });
        (number, receiver)
    }

    /// Takes a question, and with it all that one walk can count for; `None` if another walk did.
    fn take_walk(&self, number: u64) -> Option<Walk> {
        let mut waiting = self.waiting.lock();
        let place = waiting.iter().position(|other| other.number == number)?;
        let mut walk = Walk::of(waiting.remove(place));
        for other in std::mem::take(&mut *waiting) {
            if let Err(other) = walk.join(other) {
                waiting.push(other);
            }
        }
        Some(walk)
    }
}

/// A walk through everybody's events.
struct Walk {
    site: Arc<SiteState>,
    bots: Bots,
    model: Option<String>,
    tallies: Vec<(PeopleTally, oneshot::Sender<PeopleTally>)>,
}

impl Walk {
    fn of(first: Waiting) -> Self {
        let mut walk = Self {
            site: Arc::clone(&first.site),
            bots: first.question.bots,
            model: None,
            tallies: Vec::new(),
        };
        walk.add(first);
        walk
    }

    /// Adds a question; gives it back if it needs another walk.
    fn join(&mut self, other: Waiting) -> Result<(), Waiting> {
        let models = (&self.model, &other.question.model);
        let is_one_model = models.0 == models.1 || models.0.is_none() || models.1.is_none();
        let is_same = Arc::ptr_eq(&self.site, &other.site) && self.bots == other.question.bots;
        if !is_same || !is_one_model {
            return Err(other);
        }
        self.add(other);
        Ok(())
    }

    fn add(&mut self, waiting: Waiting) {
        let question = waiting.question;
        let tally = PeopleTally::new(question.starts, question.as_of, question.weeks);
        self.tallies.push((tally, waiting.counted));
        self.model = self.model.take().or(question.model);
    }

    /// Counts in a task of its own: the question goes on with its other parts meanwhile.
    async fn run(self, outcomes: &Arc<Outcomes>) -> Result<(), IndexError> {
        let mut walking = JoinSet::new();
        walking.spawn(self.count(Arc::clone(outcomes)));
        match walking.join_next().await {
            Some(Ok(walked)) => walked,
            Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
            // The threads end, and with them whoever asked.
            Some(Err(_)) | None => Ok(()),
        }
    }

    /// Passes everybody's events to all tallies, and these to whoever asked.
    async fn count(mut self, outcomes: Arc<Outcomes>) -> Result<(), IndexError> {
        let signups = [Milestone::Signup, Milestone::ReferredSignup].map(Milestone::as_str);
        let model = self.model.as_deref();
        let wanted = |kind: &EventKind| {
            counts(self.bots, kind.is_bot).then(|| EventTraits {
                is_signup: signups.contains(&kind.milestone.as_str()),
                is_activation: kind.milestone == Milestone::Activation.as_str(),
                has_stage: model.is_some_and(|it| outcomes.stage(kind.outcome, it).is_some()),
            })
        };
        let mut people = People::open(&self.site, (i64::MIN, i64::MAX), wanted)?;
        let mut events = Vec::new();
        while let Some(person) = people.next()? {
            events.clear();
            let each = people.events().iter();
            events.extend(each.map(|(at, traits)| (Timestamp::from_millis(*at), *traits)));
            for (tally, _) in &mut self.tallies {
                if person == NOBODY {
                    tally.nobody(&events);
                } else {
                    tally.person(&events);
                }
            }
            people.pause().await;
        }
        for (tally, counted) in self.tallies {
            // Nobody waits any more for an answer that was called off.
            _ = counted.send(tally);
        }
        Ok(())
    }
}
