//! Lists, shows and replays an installation's dead letters.
//!
//! A letter is replayed once: it is sent with the same messageId, and then marked. If it is refused
//! again, it becomes a new letter at its new log position.

use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use etappe_classifier::DeadLetterFile;
use etappe_core::ports::{Clock, EventPublisher, OutgoingRecord, StoredDeadLetter};
use etappe_core::time::Timestamp;
use etappe_log::kafka::KafkaDeadLetters;
use etappe_runtime::clock::SystemClock;
use etappe_wire::native::cut_addresses_in_text;
use serde::{Deserialize, Serialize};

use crate::service::event_log::{Letters, Publisher};

/// How many letters are replayed at a time.
const CHUNK: usize = 500;

/// A letter as commands show it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ShownLetter {
    /// `TOPIC:PARTITION:OFFSET`: the record's position in the log.
    pub(crate) letter: String,
    pub(crate) reason: String,
    pub(crate) buried_at: Timestamp,
    pub(crate) replayed_at: Option<Timestamp>,
    pub(crate) bytes: usize,
    /// The record, if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// The record in Base64, if it is not text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base64: Option<String>,
}

/// The result of a replay.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Replayed {
    /// How many were sent.
    pub(crate) sent: usize,
    /// How many had been replayed before.
    pub(crate) sent_before: usize,
}

/// The dead letters of a process that can replay them.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetterStore {
    pub(crate) letters: Letters,
    pub(crate) publisher: Publisher,
    pub(crate) clock: SystemClock,
}

/// Returns the name of a letter.
pub(crate) fn name_of(letter: &StoredDeadLetter) -> String {
    format!(
        "{}:{}:{}",
        letter.topic, letter.letter.partition, letter.letter.offset
    )
}

/// Returns a letter for display, with or without its bytes. Addresses in it are truncated: an
/// unreadable record was not written by a collector, so they may be complete.
pub(crate) fn show(letter: &StoredDeadLetter, with_bytes: bool) -> ShownLetter {
    let payload = &letter.letter.payload;
    let text = std::str::from_utf8(payload).ok().map(str::to_owned);
    let base64 = text.is_none().then(|| STANDARD.encode(payload));
    ShownLetter {
        letter: name_of(letter),
        reason: cut_addresses_in_text(&letter.letter.reason).into_owned(),
        buried_at: letter.buried_at,
        replayed_at: letter.replayed_at,
        bytes: payload.len(),
        text: text
            .filter(|_| with_bytes)
            .map(|text| cut_addresses_in_text(&text).into_owned()),
        base64: base64.filter(|_| with_bytes),
    }
}

/// Reads the letters of a file that is not in use; unreadable lines are logged.
pub(crate) fn read_file(file: &Path) -> anyhow::Result<Vec<StoredDeadLetter>> {
    let read = DeadLetterFile::<SystemClock>::read_all(file)?;
    if read.damaged > 0 {
        tell_of_damaged(file, read.damaged);
    }
    Ok(read.letters)
}

#[expect(clippy::print_stderr, reason = "a remark beside the command's answer")]
fn tell_of_damaged(file: &Path, lines: usize) {
    eprintln!(
        "{lines} damaged lines of {} are left out; the next `etappe up` sets them aside",
        file.display()
    );
}

/// Reads the letters of a topic, dropping the bytes of each at once.
pub(crate) async fn without_bytes(
    topic: &KafkaDeadLetters,
) -> anyhow::Result<Vec<StoredDeadLetter>> {
    let mut letters = Vec::new();
    let visit = |mut letter: StoredDeadLetter| {
        letter.letter.payload = Bytes::new();
        letters.push(letter);
    };
    topic.visit(visit).await?;
    Ok(letters)
}

impl DeadLetterStore {
    /// Returns all letters in the order in which they were buried.
    pub(crate) async fn list(&self) -> anyhow::Result<Vec<StoredDeadLetter>> {
        match &self.letters {
            Letters::File(file) => Ok(file.letters().await?),
            Letters::Kafka(topic) => Ok(topic.read_all().await?),
        }
    }

    /// Returns all letters without their bytes, which may not fit into memory.
    pub(crate) async fn list_without_bytes(&self) -> anyhow::Result<Vec<StoredDeadLetter>> {
        match &self.letters {
            Letters::File(file) => Ok(file.letters().await?),
            Letters::Kafka(topic) => without_bytes(topic).await,
        }
    }

    /// Replays the named letters, or all that were not replayed before.
    pub(crate) async fn replay(&self, names: Option<&[String]>) -> anyhow::Result<Replayed> {
        let mut letters = self.list().await?;
        if let Some(names) = names {
            let known: Vec<String> = letters.iter().map(name_of).collect();
            if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
                bail!("there is no dead letter `{unknown}`; `etappe dead-letters list` names them");
            }
            letters.retain(|letter| names.contains(&name_of(letter)));
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

    async fn send(&self, letters: &[StoredDeadLetter]) -> anyhow::Result<()> {
        let now = self.clock.now();
        let record = |letter: &StoredDeadLetter| OutgoingRecord {
            // An unreadable record has no actor whose order must be kept.
            key: etappe_wire::record::decode(&letter.letter.payload)
                .map_or(0, |event| etappe_wire::record::partition_key(&event)),
            received_at: now,
            payload: letter.letter.payload.clone(),
        };
        let records = letters.iter().map(record).collect();
        for outcome in self.publisher.publish(records).await {
            outcome.context("not everything was sent: run the command again")?;
        }
        for letter in letters {
            match &self.letters {
                Letters::File(file) => file.mark_replayed(letter).await?,
                Letters::Kafka(topic) => topic.mark_replayed(letter).await?,
            }
        }
        Ok(())
    }
}
