//! Prepared requests that are filled in cheaply, so that making them does not take CPU from the
//! server under test.
//!
//! Every request of every run has unique message ids. Actors return: the samples of the pool belong
//! to the same few hundred people for [`PASSES_PER_EPOCH`] passes, about 64 events each, and then
//! to new ones.

use bytes::Bytes;
use etappe_core::time::Timestamp;

use crate::gzip_template::{GzipTemplate, digits, positions};
use crate::sample::{ACTOR_SLOT, MESSAGE_SLOT, Sample};

/// How many times the pool is sent with the same actors.
pub const PASSES_PER_EPOCH: u64 = 8;
const POOL_EVENTS: u64 = 3_200;

/// The content of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A gzip batch of this many events.
    Batch(u32),
    /// One event, not compressed.
    Single,
}

/// A request to send.
#[derive(Debug, Clone)]
pub struct PreparedRequest {
    /// The path it is posted to.
    pub path: &'static str,
    /// The value of Content-Encoding.
    pub encoding: Option<&'static str>,
    /// The body.
    pub body: Bytes,
    /// The number of events in it.
    pub events: u32,
}

/// Makes requests of one shape.
#[derive(Debug)]
pub struct RequestPool {
    templates: Templates,
    /// Makes the ids of this run unique to the run.
    nonce: u32,
}

#[derive(Debug)]
enum Templates {
    Batches {
        events: u32,
        batches: Vec<GzipTemplate>,
    },
    Singles(Vec<SingleTemplate>),
}

#[derive(Debug)]
struct SingleTemplate {
    path: &'static str,
    text: Vec<u8>,
    message_slots: Vec<usize>,
    actor_slots: Vec<usize>,
}

impl RequestPool {
    /// Makes the pool; takes some tenths of a second.
    ///
    /// # Errors
    ///
    /// When a batch cannot be made into a template.
    pub fn new(shape: Shape, now: Timestamp, nonce: u32) -> anyhow::Result<Self> {
        let templates = match shape {
            Shape::Batch(events) => Templates::Batches {
                events,
                batches: batches(events, now)?,
            },
            Shape::Single => Templates::Singles(
                (0..POOL_EVENTS)
                    .map(|number| SingleTemplate::new(number, now))
                    .collect(),
            ),
        };
        Ok(Self { templates, nonce })
    }

    /// Returns the request with this number. Little more than a copy of its body.
    #[must_use]
    pub fn request(&self, number: u64) -> PreparedRequest {
        let message = (u64::from(self.nonce) << 32) | (number & 0xffff_ffff);
        match &self.templates {
            Templates::Batches { events, batches } => {
                let (template, epoch) = select(batches, number);
                PreparedRequest {
                    path: "/v1/batch",
                    encoding: Some("gzip"),
                    body: template.fill(&[message, self.actor(epoch)]).into(),
                    events: *events,
                }
            }
            Templates::Singles(singles) => {
                let (template, epoch) = select(singles, number);
                PreparedRequest {
                    path: template.path,
                    encoding: None,
                    body: template.fill(message, self.actor(epoch)).into(),
                    events: 1,
                }
            }
        }
    }

    fn actor(&self, epoch: u64) -> u64 {
        (u64::from(self.nonce) << 16) | (epoch & 0xffff)
    }
}

/// Returns the template of a request's number, and its actors' epoch.
fn select<T>(templates: &[T], number: u64) -> (&T, u64) {
    let count = templates.len() as u64;
    let index = usize::try_from(number % count).expect("an index into a vector fits");
    (&templates[index], number / count / PASSES_PER_EPOCH)
}

fn batches(events: u32, now: Timestamp) -> anyhow::Result<Vec<GzipTemplate>> {
    let events = u64::from(events.max(1));
    let count = (POOL_EVENTS / events).max(4);
    let batch = |index: u64| {
        let messages: Vec<String> = (index * events..(index + 1) * events)
            .map(|number| Sample::new(number, now).to_json(None))
            .collect();
        let text = format!(r#"{{"batch":[{}],"sentAt":"{now}"}}"#, messages.join(","));
        GzipTemplate::new(text.as_bytes(), &[&MESSAGE_SLOT, &ACTOR_SLOT])
    };
    (0..count).map(batch).collect()
}

impl SingleTemplate {
    fn new(number: u64, now: Timestamp) -> Self {
        let sample = Sample::new(number, now);
        let text = sample.to_json(Some(now)).into_bytes();
        Self {
            path: if sample.kind == "page" {
                "/v1/page"
            } else {
                "/v1/track"
            },
            message_slots: positions(&text, &MESSAGE_SLOT),
            actor_slots: positions(&text, &ACTOR_SLOT),
            text,
        }
    }

    fn fill(&self, message: u64, actor: u64) -> Vec<u8> {
        let mut out = self.text.clone();
        for (slots, width, value) in [
            (&self.message_slots, MESSAGE_SLOT.len(), message),
            (&self.actor_slots, ACTOR_SLOT.len(), actor),
        ] {
            let digits = digits(value, width);
            for at in slots {
                out[*at..at + width].copy_from_slice(&digits);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::io::Read;

    const NOW: Timestamp = Timestamp::from_millis(1_750_000_000_000);

    fn messages(request: &PreparedRequest) -> Vec<serde_json::Value> {
        if request.encoding.is_none() {
            return vec![serde_json::from_slice(&request.body).unwrap()];
        }
        let mut text = String::new();
        flate2::read::GzDecoder::new(&request.body[..])
            .read_to_string(&mut text)
            .unwrap();
        let mut body: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(body["sentAt"], "2025-06-15T15:06:40.000Z");
        serde_json::from_value(body["batch"].take()).unwrap()
    }

    #[test]
    fn no_two_messages_of_a_run_have_the_same_id() {
        for (shape, requests) in [(Shape::Batch(100), 80), (Shape::Single, 7_000)] {
            let pool = RequestPool::new(shape, NOW, 9).unwrap();
            let mut ids = HashSet::new();
            let mut events = 0;
            for number in 0..requests {
                let request = pool.request(number);
                let messages = messages(&request);
                assert_eq!(messages.len(), request.events as usize);
                for message in messages {
                    events += 1;
                    ids.insert(message["messageId"].as_str().unwrap().to_owned());
                }
            }
            assert_eq!(ids.len(), events);
        }
    }

    #[test]
    fn two_runs_share_neither_messages_nor_actors() {
        let ids = |nonce| -> HashSet<String> {
            let pool = RequestPool::new(Shape::Batch(50), NOW, nonce).unwrap();
            messages(&pool.request(0))
                .iter()
                .flat_map(|message| [&message["messageId"], &message["anonymousId"]])
                .map(|id| id.as_str().unwrap().to_owned())
                .collect()
        };
        assert!(ids(1).is_disjoint(&ids(2)));
    }

    #[test]
    fn actors_return_within_an_epoch_and_change_with_it() {
        let pool = RequestPool::new(Shape::Batch(100), NOW, 1).unwrap();
        let actor = |number| messages(&pool.request(number))[0]["anonymousId"].clone();
        let epoch = PASSES_PER_EPOCH * POOL_EVENTS / 100;
        assert_eq!(actor(0), actor(epoch - POOL_EVENTS / 100));
        assert_ne!(actor(0), actor(epoch));
    }
}
