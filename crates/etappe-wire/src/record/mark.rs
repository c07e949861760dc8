//! The mark record: a collector's statement about its own records, at its position among them.
//!
//! `{"v":1,"mark":{"collector":…,"reached":…,"writtenAt":…,"state":"direct|spooling|retired"}}`. It
//! has the version of all records, so that a program that does not know the version refuses both.
//!
//! Any JSON of this form is a mark; one with the members in another order is only found more slowly,
//! after decoding it as an event has failed.

use std::borrow::Cow;

use etappe_core::event::Event;
use etappe_core::time::Timestamp;
use etappe_core::watermark::{CollectorMark, CollectorState};
use serde::Deserialize;

use super::json_text::{push_string, push_time};
use super::{RecordError, VERSION, decode};

/// The start of every mark as written here.
const START: &[u8] = br#"{"v":1,"mark":"#;

/// The longest name of a collector, in bytes.
pub const MAX_COLLECTOR_BYTES: usize = 255;

/// A record in the log.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "almost all records are events, and a box would cost each an allocation"
)]
pub enum Record<'a> {
    /// A message of a client.
    Event(Event<'a>),
    /// A collector's statement about its own records.
    Mark(CollectorMark),
}

#[derive(Deserialize)]
struct MarkRecord<'a> {
    v: u32,
    #[serde(borrow)]
    mark: MarkV1<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MarkV1<'a> {
    #[serde(borrow)]
    collector: Cow<'a, str>,
    reached: Timestamp,
    written_at: Timestamp,
    #[serde(borrow)]
    state: Cow<'a, str>,
}

/// Appends the record of `mark` to `out`.
pub fn encode_mark(mark: &CollectorMark, out: &mut Vec<u8>) {
    out.extend_from_slice(START);
    out.extend_from_slice(br#"{"collector":"#);
    push_string(out, &mark.collector);
    out.extend_from_slice(br#","reached":"#);
    push_time(out, mark.reached);
    out.extend_from_slice(br#","writtenAt":"#);
    push_time(out, mark.written_at);
    out.extend_from_slice(br#","state":"#);
    push_string(out, mark.state.as_str());
    out.extend_from_slice(b"}}");
}

/// Returns the mark whose record `bytes` is, or `None` if `bytes` is not a mark of this version.
#[must_use]
pub fn decode_mark(bytes: &[u8]) -> Option<CollectorMark> {
    let record: MarkRecord<'_> = serde_json::from_slice(bytes).ok()?;
    let mark = record.mark;
    let is_known = record.v == VERSION
        && !mark.collector.is_empty()
        && mark.collector.len() <= MAX_COLLECTOR_BYTES;
    is_known.then_some(CollectorMark {
        state: CollectorState::parse(&mark.state)?,
        collector: mark.collector.into_owned(),
        reached: mark.reached,
        written_at: mark.written_at,
    })
}

/// Reads a record of either kind; an event borrows from `bytes`.
///
/// # Errors
/// [`RecordError`] when the bytes are not a record, or are one of a newer version.
pub fn read(bytes: &[u8]) -> Result<Record<'_>, RecordError> {
    if bytes.starts_with(START)
        && let Some(mark) = decode_mark(bytes)
    {
        return Ok(Record::Mark(mark));
    }
    decode(bytes)
        .map(Record::Event)
        .or_else(|error| decode_mark(bytes).map(Record::Mark).ok_or(error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mark() -> CollectorMark {
        CollectorMark {
            collector: "c \"1\"\n".to_owned(),
            reached: Timestamp::from_millis(1_709_294_400_123),
            written_at: Timestamp::from_millis(1_709_294_401_000),
            state: CollectorState::Spooling,
        }
    }

    fn encoded(mark: &CollectorMark) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_mark(mark, &mut bytes);
        bytes
    }

    #[test]
    fn a_mark_is_written_as_documented() {
        assert_eq!(
            String::from_utf8(encoded(&mark())).unwrap(),
            r#"{"v":1,"mark":{"collector":"c \"1\"\n","reached":"2024-03-01T12:00:00.123Z","writtenAt":"2024-03-01T12:00:01.000Z","state":"spooling"}}"#
        );
    }

    #[test]
    fn marks_are_distinguished_from_events_and_from_unknown_records() {
        let spaced = br#" { "v": 1, "mark": {"collector":"c","reached":"2024-03-01T12:00:00Z","writtenAt":"2024-03-01T12:00:00Z","state":"retired"} }"#;
        assert!(
            matches!(read(spaced), Ok(Record::Mark(mark)) if mark.state == CollectorState::Retired)
        );
        let event = br#"{"v":1,"site":"demo","scope":"server","type":"track","event":"x","messageId":"m","timestamp":"2024-03-01T12:00:00Z","receivedAt":"2024-03-01T12:00:00Z"}"#;
        assert!(matches!(read(event), Ok(Record::Event(_))));
        let text = String::from_utf8(encoded(&mark())).unwrap();
        let newer = text.replacen("\"v\":1", "\"v\":2", 1);
        assert!(matches!(
            read(newer.as_bytes()),
            Err(RecordError::UnknownVersion(2))
        ));
        for broken in [
            text.replace("spooling", "asleep"),
            text.replace(r#"c \"1\"\n"#, ""),
            text.replace(r#"c \"1\"\n"#, &"x".repeat(256)),
            text.replace("2024-03-01T12:00:01.000Z", "soon"),
        ] {
            assert!(
                matches!(read(broken.as_bytes()), Err(RecordError::Malformed(_))),
                "{broken}"
            );
        }
    }

    proptest! {
        #[test]
        fn marks_round_trip(
            collector in "[^\\x00]{1,60}",
            reached in 0_i64..4_102_444_800_000,
            written in 0_i64..4_102_444_800_000,
            state in prop::sample::select(vec![
                CollectorState::Direct,
                CollectorState::Spooling,
                CollectorState::Retired,
            ]),
        ) {
            let mark = CollectorMark {
                collector,
                reached: Timestamp::from_millis(reached),
                written_at: Timestamp::from_millis(written),
                state,
            };
            prop_assert_eq!(decode_mark(&encoded(&mark)), Some(mark));
        }

        #[test]
        fn nothing_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(read(&bytes));
            let mut marked = START.to_vec();
            marked.extend(bytes);
            drop(read(&marked));
        }
    }
}
