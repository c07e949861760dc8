//! An installation's dead letters: in a file beside the local log, or on a topic beside Kafka's.
//!
//! A letter is replayed once: its record is published again, with the same message id, and the
//! letter is marked. If the record is refused again, it becomes a new letter at its new position.

use bytes::Bytes;
use etappe_core::ports::{
    Clock, DeadLetter, DeadLetters, EventPublisher, OutgoingRecord, StoredDeadLetter,
};
use serde::{Deserialize, Serialize};

use crate::error::LogError;
use crate::kafka::KafkaDeadLetters;
use crate::local::DeadLetterFile;

/// How many letters are replayed at a time.
const CHUNK: usize = 500;

/// Stores dead letters; clones write to the same place.
#[derive(Debug, Clone)]
pub enum DeadLetterStore {
    /// In a file.
    File(DeadLetterFile),
    /// On a topic.
    Kafka(KafkaDeadLetters),
}

impl DeadLetters for DeadLetterStore {
    type Error = LogError;

    async fn store(&self, letters: &[DeadLetter]) -> Result<(), LogError> {
        match self {
            Self::File(file) => file.store(letters).await,
            Self::Kafka(topic) => topic.store(letters).await,
        }
    }
}

impl DeadLetterStore {
    /// Returns how many damaged lines a file had when it was opened. A topic has none.
    #[must_use]
    pub const fn damaged(&self) -> usize {
        match self {
            Self::File(file) => file.damaged(),
            Self::Kafka(_) => 0,
        }
    }

    /// Returns all letters in the order in which they were buried.
    ///
    /// # Errors
    /// [`LogError`] if they cannot be read.
    pub async fn read_all(&self) -> Result<Vec<StoredDeadLetter>, LogError> {
        match self {
            Self::File(file) => file.letters().await,
            Self::Kafka(topic) => topic.read_all().await,
        }
    }

    /// Returns all letters, those of a topic without their payloads, which may not fit into memory.
    ///
    /// # Errors
    /// [`LogError`] if they cannot be read.
    pub async fn read_positions(&self) -> Result<Vec<StoredDeadLetter>, LogError> {
        match self {
            Self::File(file) => file.letters().await,
            Self::Kafka(topic) => {
                let mut letters = Vec::new();
                let visit = |mut letter: StoredDeadLetter| {
                    letter.letter.payload = Bytes::new();
                    letters.push(letter);
                };
                topic.visit(visit).await?;
                Ok(letters)
            }
        }
    }

    async fn mark_replayed(&self, letter: &StoredDeadLetter) -> Result<(), LogError> {
        match self {
            Self::File(file) => file.mark_replayed(letter).await,
            Self::Kafka(topic) => topic.mark_replayed(letter).await,
        }
    }
}

/// The result of a replay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// How many were sent.
    pub sent: usize,
    /// How many had been replayed before.
    pub sent_before: usize,
}

/// Replays dead letters into the event log.
#[derive(Debug, Clone)]
pub struct Replayer<P, C> {
    letters: DeadLetterStore,
    publisher: P,
    clock: C,
    key_of: fn(&[u8]) -> Option<u64>,
}

impl<P: EventPublisher, C: Clock> Replayer<P, C> {
    /// Makes a replayer of `letters`. `key_of` returns a record's key; one that it cannot read has
    /// no actor whose order must be kept, and gets the key 0.
    pub const fn new(
        letters: DeadLetterStore,
        publisher: P,
        clock: C,
        key_of: fn(&[u8]) -> Option<u64>,
    ) -> Self {
        Self {
            letters,
            publisher,
            clock,
            key_of,
        }
    }

    /// Returns the letters that this replays.
    pub const fn letters(&self) -> &DeadLetterStore {
        &self.letters
    }

    /// Replays the letters with these [names](StoredDeadLetter::name), or all that were not
    /// replayed before. Named letters that were replayed before are only counted.
    ///
    /// # Errors
    /// [`LogError::UnknownDeadLetter`] before anything is sent, and [`LogError::ReplayIncomplete`]
    /// when the log refuses a record. Letters that were sent but not marked are sent again by the
    /// next replay; the classifier recognises the duplicates.
    pub async fn replay(&self, names: Option<&[String]>) -> Result<Replayed, LogError> {
        let mut letters = self.letters.read_all().await?;
        if let Some(names) = names {
            let known: Vec<String> = letters.iter().map(StoredDeadLetter::name).collect();
            if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
                let name = unknown.clone();
                return Err(LogError::UnknownDeadLetter { name });
            }
            letters.retain(|letter| names.contains(&letter.name()));
        }
        let all = letters.len();
        letters.retain(|letter| letter.replayed_at.is_none());
        for some in letters.chunks(CHUNK) {
            self.send(some).await?;
        }
        Ok(Replayed {
            sent: letters.len(),
            sent_before: all - letters.len(),
        })
    }

    async fn send(&self, letters: &[StoredDeadLetter]) -> Result<(), LogError> {
        let now = self.clock.now();
        let record = |letter: &StoredDeadLetter| OutgoingRecord {
            key: (self.key_of)(&letter.letter.payload).unwrap_or(0),
            received_at: now,
            payload: letter.letter.payload.clone(),
        };
        let records = letters.iter().map(record).collect();
        for outcome in self.publisher.publish(records).await {
            outcome.map_err(|source| LogError::ReplayIncomplete { source })?;
        }
        for letter in letters {
            self.letters.mark_replayed(letter).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use etappe_core::id::{Offset, PartitionId};
    use etappe_testkit::clock::ManualClock;
    use etappe_testkit::memory_log::MemoryLog;

    use super::*;

    async fn replayer(folder: &std::path::Path) -> Replayer<MemoryLog, ManualClock> {
        let clock = ManualClock::default();
        let path = folder.join("letters.ndjson");
        let file = DeadLetterFile::open(&path, "t", 10_000, Arc::new(clock.clone()));
        let letters = DeadLetterStore::File(file.expect("a good file"));
        let letter = |offset, payload| DeadLetter {
            partition: PartitionId(0),
            offset: Offset(offset),
            payload: Bytes::from_static(payload),
            reason: "refused".to_owned(),
        };
        let buried = [letter(3, b"three"), letter(4, b"four")];
        letters.store(&buried).await.expect("room");
        Replayer::new(letters, MemoryLog::new("t", 1), clock, |_| None)
    }

    #[tokio::test]
    async fn each_letter_is_published_by_one_replay_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let replayer = replayer(folder.path()).await;
        let counts = async |names| {
            let replayed = replayer.replay(names).await.expect("a log that takes all");
            (replayed.sent, replayed.sent_before)
        };
        let four = ["t:0:4".to_owned()];
        assert_eq!(counts(Some(&four[..])).await, (1, 0));
        assert_eq!(counts(None).await, (1, 1));
        assert_eq!(counts(None).await, (0, 2));
        let records = replayer.publisher.records(PartitionId(0));
        let payloads: Vec<_> = records.into_iter().map(|record| record.payload).collect();
        assert_eq!(payloads, ["four", "three"]);
    }

    #[tokio::test]
    async fn a_replay_with_an_unknown_name_publishes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let replayer = replayer(folder.path()).await;
        let names = ["t:0:3".to_owned(), "t:0:9".to_owned()];
        let refused = replayer.replay(Some(&names)).await;
        assert!(matches!(refused, Err(LogError::UnknownDeadLetter { name }) if name == "t:0:9"));
        assert!(replayer.publisher.records(PartitionId(0)).is_empty());
    }
}
