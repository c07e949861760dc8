//! Limits how many queries run and how many wait, so that slow reads hold up neither inserts nor
//! each other.
//!
//! Every query takes a turn. A quarter of the turns is reserved for changes, and readers may take
//! at most a third of the rest. So slow questions never delay an insert, and slow queries of
//! readers never delay a question. Nothing has priority: within its turns each kind is served in
//! order. Each kind also has a waiting queue of its own; a full queue or a long wait refuses the
//! query.
//!
//! Trap: one turn cannot be divided, and of two none is left for questions alone. The first
//! guarantee needs two turns, the second three.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::exception::{Exception, code};

/// The kind of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The writer inserts or changes something.
    Change,
    /// The writer reads.
    Question,
    /// A reader reads.
    Reader,
}

/// A turn; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Turn {
    _permits: Vec<OwnedSemaphorePermit>,
}

/// All turns.
pub(crate) struct Turns {
    total: usize,
    queue: usize,
    timeout: Duration,
    any: Arc<Semaphore>,
    reading: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    waiting: [Semaphore; 3],
}

impl Turns {
    /// Creates `total` turns, and room for `queue` waiting queries of each kind.
    pub(crate) fn new(total: usize, queue: usize, timeout: Duration) -> Self {
        let (reading, readers) = shares(total);
        let semaphore = |count| Arc::new(Semaphore::new(count));
        Self {
            total,
            queue,
            timeout,
            any: semaphore(total),
            reading: semaphore(reading),
            readers: semaphore(readers),
            waiting: [queue; 3].map(Semaphore::new),
        }
    }

    /// Returns the largest number of running and waiting queries.
    pub(crate) fn capacity(&self) -> usize {
        self.total + 3 * self.queue
    }

    /// Waits for a turn.
    pub(crate) async fn take(&self, claim: Claim) -> Result<Turn, Exception> {
        let (wanted, waiting): (&[&Arc<Semaphore>], _) = match claim {
            Claim::Change => (&[&self.any], &self.waiting[0]),
            Claim::Question => (&[&self.reading, &self.any], &self.waiting[1]),
            Claim::Reader => (&[&self.readers, &self.reading, &self.any], &self.waiting[2]),
        };
        let deadline = Instant::now() + self.timeout;
        let mut place = None;
        let mut permits = Vec::with_capacity(wanted.len());
        // Semaphores are acquired from the narrowest to the widest, so a waiting query never holds a
        // turn that is reserved for another kind.
        for semaphore in wanted {
            let semaphore = Arc::clone(semaphore);
            if let Ok(permit) = Arc::clone(&semaphore).try_acquire_owned() {
                permits.push(permit);
                continue;
            }
            if place.is_none() {
                place = Some(waiting.try_acquire().map_err(|_| busy(claim))?);
            }
            match tokio::time::timeout_at(deadline, semaphore.acquire_owned()).await {
                Ok(Ok(permit)) => permits.push(permit),
                Ok(Err(_)) | Err(_) => return Err(busy(claim)),
            }
        }
        Ok(Turn { _permits: permits })
    }

    /// Waits until all turns have been given back.
    pub(crate) async fn all_ended(&self) {
        let all = u32::try_from(self.total).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        drop(self.any.acquire_many(all).await);
    }
}

/// Returns how many of `total` turns may read, and how many of those readers may take.
fn shares(total: usize) -> (usize, usize) {
    let kept = if total > 1 { (total / 4).max(1) } else { 0 };
    let reading = total - kept;
    (reading, (reading / 3).max(1))
}

fn busy(claim: Claim) -> Exception {
    let whose = match claim {
        Claim::Change => "changes",
        Claim::Question => "questions",
        Claim::Reader => "readers",
    };
    let text = format!(
        "Too many simultaneous queries of {whose}: ask again later. (TOO_MANY_SIMULTANEOUS_QUERIES)"
    );
    Exception::new(code::TOO_MANY_SIMULTANEOUS_QUERIES, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_turns_are_reserved_for_changes_and_some_for_questions() {
        assert_eq!(shares(16), (12, 4));
        assert_eq!(shares(4), (3, 1));
        assert_eq!(shares(2), (1, 1));
        assert_eq!(shares(1), (1, 1));
    }

    async fn take_all(turns: &Turns, claim: Claim) -> Vec<Turn> {
        let mut taken = Vec::new();
        while let Ok(turn) = turns.take(claim).await {
            taken.push(turn);
        }
        taken
    }

    #[tokio::test]
    async fn readers_leave_turns_to_questions_and_both_to_changes() {
        let turns = Turns::new(16, 0, Duration::ZERO);
        let readers = take_all(&turns, Claim::Reader).await;
        assert_eq!(readers.len(), 4);
        let questions = take_all(&turns, Claim::Question).await;
        assert_eq!(questions.len(), 8);
        let changes = take_all(&turns, Claim::Change).await;
        assert_eq!(changes.len(), 4);
        drop(readers);
        let more_questions = take_all(&turns, Claim::Question).await;
        assert_eq!(more_questions.len(), 4);
        let error = turns.take(Claim::Reader).await.unwrap_err();
        assert_eq!(error.code, code::TOO_MANY_SIMULTANEOUS_QUERIES);
        assert!(error.text.contains("readers"), "{}", error.text);
    }

    #[tokio::test]
    async fn a_full_waiting_room_of_readers_does_not_affect_the_others() {
        let turns = Arc::new(Turns::new(4, 1, Duration::from_secs(60)));
        let reader = turns.take(Claim::Reader).await.unwrap();
        let mut waiting = tokio::task::JoinSet::new();
        {
            let turns = Arc::clone(&turns);
            waiting.spawn(async move { turns.take(Claim::Reader).await });
        }
        while turns.waiting[2].available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(turns.take(Claim::Reader).await.is_err());
        let changes = take_all(&Turns::new(4, 0, Duration::ZERO), Claim::Change).await;
        assert_eq!(changes.len(), 4);
        assert!(turns.take(Claim::Question).await.is_ok());
        assert!(turns.take(Claim::Change).await.is_ok());
        drop(reader);
        assert!(waiting.join_next().await.unwrap().unwrap().is_ok());
        turns.all_ended().await;
    }
}
