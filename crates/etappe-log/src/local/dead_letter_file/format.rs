//! The format of the dead-letter file.
//!
//! `{"crc":…,"letter":{"topic":…,"partition":…,"offset":…,"buried_at":…,"reason":…,"payload":…}}`
//! is a letter; `{"crc":…,"replayed":{"topic":…,"partition":…,"offset":…,"replayed_at":…}}` records
//! that one was replayed. `payload` is Base64, `crc` is the CRC-32 of the text that follows it.

use std::collections::HashMap;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{DeadLetter, StoredDeadLetter};
use etappe_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The maximum length of a stored reason, in characters.
const MAX_REASON: usize = 2_000;

/// The position of a letter's record in the log.
pub(super) type LogPosition = (String, PartitionId, Offset);

/// Returns the log position of the record of `letter`.
pub(super) fn position_of(letter: &StoredDeadLetter) -> LogPosition {
    (
        letter.topic.clone(),
        letter.letter.partition,
        letter.letter.offset,
    )
}

/// A dead letter as stored in the file.
#[derive(Serialize, Deserialize)]
struct StoredLetter {
    topic: String,
    partition: PartitionId,
    offset: Offset,
    buried_at: Timestamp,
    reason: String,
    #[serde(with = "base64_text")]
    payload: Vec<u8>,
}

/// A stored note that a letter was replayed.
#[derive(Serialize, Deserialize)]
struct StoredReplay {
    topic: String,
    partition: PartitionId,
    offset: Offset,
    replayed_at: Timestamp,
}

/// A line of the file: one of the two.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    crc: u32,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    letter: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    replayed: Option<&'a RawValue>,
}

enum Entry {
    Letter(StoredDeadLetter),
    Replay(LogPosition, Timestamp),
}

/// Appends the line of a letter.
pub(super) fn write_letter(letter: &StoredDeadLetter, lines: &mut Vec<u8>) {
    let stored = StoredLetter {
        topic: letter.topic.clone(),
        partition: letter.letter.partition,
        offset: letter.letter.offset,
        buried_at: letter.buried_at,
        reason: letter.letter.reason.chars().take(MAX_REASON).collect(),
        payload: letter.letter.payload.to_vec(),
    };
    let raw = serde_json::value::to_raw_value(&stored).expect("all names are text");
    write_line(
        &Line {
            crc: crc32fast::hash(raw.get().as_bytes()),
            letter: Some(&raw),
            replayed: None,
        },
        lines,
    );
}

/// Appends the line that records a replay.
pub(super) fn write_replay(
    (topic, partition, offset): LogPosition,
    at: Timestamp,
    lines: &mut Vec<u8>,
) {
    let stored = StoredReplay {
        topic,
        partition,
        offset,
        replayed_at: at,
    };
    let raw = serde_json::value::to_raw_value(&stored).expect("all names are text");
    write_line(
        &Line {
            crc: crc32fast::hash(raw.get().as_bytes()),
            letter: None,
            replayed: Some(&raw),
        },
        lines,
    );
}

fn write_line(line: &Line<'_>, lines: &mut Vec<u8>) {
    serde_json::to_writer(&mut *lines, line).expect("a vector takes all bytes");
    lines.push(b'\n');
}

/// The parsed content of a file.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// The letters, in the order in which they were buried.
    pub(super) letters: Vec<StoredDeadLetter>,
    /// The positions of damaged lines, including a last line left unfinished by a crash, which was
    /// never reported as kept.
    pub(super) damaged: Vec<Range<usize>>,
}

/// Parses a file; an unreadable line does not affect the others.
pub(super) fn parse(content: &[u8]) -> Content {
    let mut read = Content::default();
    let mut positions: HashMap<LogPosition, usize> = HashMap::new();
    let mut start = 0;
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        let end = start + line.len();
        let entry = parse_line(line).filter(|_| line.ends_with(b"\n"));
        match entry {
            Some(Entry::Letter(letter)) => {
                positions.insert(position_of(&letter), read.letters.len());
                read.letters.push(letter);
            }
            Some(Entry::Replay(position, at)) => {
                let index = positions.get(&position);
                let letter = index.and_then(|index| read.letters.get_mut(*index));
                if let Some(letter) = letter {
                    letter.replayed_at = Some(at);
                }
            }
            None => read.damaged.push(start..end),
        }
        start = end;
    }
    read
}

fn parse_line(line: &[u8]) -> Option<Entry> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let is_whole = |raw: &RawValue| crc32fast::hash(raw.get().as_bytes()) == line.crc;
    match (line.letter, line.replayed) {
        (Some(raw), None) if is_whole(raw) => {
            let stored: StoredLetter = serde_json::from_str(raw.get()).ok()?;
            Some(Entry::Letter(StoredDeadLetter {
                topic: stored.topic,
                letter: DeadLetter {
                    partition: stored.partition,
                    offset: stored.offset,
                    payload: stored.payload.into(),
                    reason: stored.reason,
                },
                buried_at: stored.buried_at,
                replayed_at: None,
            }))
        }
        (None, Some(raw)) if is_whole(raw) => {
            let stored: StoredReplay = serde_json::from_str(raw.get()).ok()?;
            let position = (stored.topic, stored.partition, stored.offset);
            Some(Entry::Replay(position, stored.replayed_at))
        }
        _ => None,
    }
}

/// Bytes as Base64 text.
mod base64_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::{Engine, STANDARD};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }
}
