//! Rejections and warnings that are kept for a site's owner.
//!
//! Entries are redacted: they hold what, why and when, but no other properties, no user ids, no
//! addresses. They are kept in memory only. A site keeps its latest [`KEPT_PER_SITE`]; the bytes of
//! all sites' lists are counted in one [`Room`].

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use etappe_core::time::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;

/// How many entries are kept per site.
pub(crate) const KEPT_PER_SITE: usize = 1_000;

/// One rejection: of a message, or of a request as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RejectedEvent {
    /// When it was received.
    pub received_at: Timestamp,
    /// A message's rejection reason, or the code of the request's error.
    pub reason: &'static str,
    /// The kind of message, if it is known.
    #[serde(rename = "type")]
    pub kind: Option<&'static str>,
    /// The beginning of the event's name, if it has one.
    pub event: Option<Box<str>>,
    /// The beginning of the message's id, if it has one.
    pub message_id: Option<Box<str>>,
    /// The size of the message, or of the body, in bytes.
    pub bytes: usize,
    /// The beginning of the page's origin, if that is why the request was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Box<str>>,
}

/// A value of an accepted message that does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WarnedEvent {
    /// When the message came in.
    pub received_at: Timestamp,
    /// Why the value does not count.
    pub reason: &'static str,
    /// The kind of message.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The beginning of the event's name.
    pub event: Box<str>,
    /// The beginning of the message's id.
    pub message_id: Box<str>,
    /// The field that holds the value.
    pub field: Box<str>,
    /// The beginning of the value.
    pub value: Box<str>,
}

/// An entry that can be kept.
pub(crate) trait Kept: Clone {
    /// Returns its size in memory, in bytes.
    fn memory(&self) -> usize;
}

impl Kept for RejectedEvent {
    fn memory(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_deref().map_or(0, text_memory);
        let texts = [&self.event, &self.message_id, &self.origin];
        size_of::<Self>() + texts.map(text).iter().sum::<usize>()
    }
}

impl Kept for WarnedEvent {
    fn memory(&self) -> usize {
        let texts = [&self.event, &self.message_id, &self.field, &self.value];
        size_of::<Self>() + texts.map(|text| text_memory(text)).iter().sum::<usize>()
    }
}

/// Returns the memory of a text and the pointer to it.
const fn text_memory(text: &str) -> usize {
    text.len() + 16
}

/// The memory that all sites' lists of one kind of entry may use together.
#[derive(Debug)]
pub(crate) struct Room {
    limit: usize,
    used: AtomicUsize,
}

impl Room {
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            limit,
            used: AtomicUsize::new(0),
        }
    }

    /// Returns whether the lists use more than the limit.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.limit
    }
}

/// The latest entries of a site.
#[derive(Debug)]
pub(crate) struct Latest<E>(Mutex<List<E>>);

#[derive(Debug)]
struct List<E> {
    bytes: usize,
    entries: VecDeque<E>,
}

impl<E: Kept> Latest<E> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(List {
            bytes: 0,
            entries: VecDeque::new(),
        }))
    }

    /// Adds entries, oldest first.
    pub(crate) fn extend(&self, entries: impl IntoIterator<Item = E>, room: &Room) {
        let mut list = self.0.lock();
        for entry in entries {
            let added = entry.memory();
            list.bytes += added;
            room.used.fetch_add(added, Ordering::Relaxed);
            list.entries.push_back(entry);
            if list.entries.len() > KEPT_PER_SITE {
                list.drop_oldest(room);
            }
        }
    }

    /// Drops the oldest entry, if there is one, and returns the bytes of the others.
    pub(crate) fn drop_oldest(&self, room: &Room) -> usize {
        let mut list = self.0.lock();
        list.drop_oldest(room);
        list.bytes
    }

    /// Returns the entries, newest first.
    pub(crate) fn list(&self) -> Vec<E> {
        self.0.lock().entries.iter().rev().cloned().collect()
    }

    /// Returns the newest entry.
    pub(crate) fn newest(&self) -> Option<E> {
        self.0.lock().entries.back().cloned()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.lock().bytes
    }
}

impl<E: Kept> List<E> {
    fn drop_oldest(&mut self, room: &Room) {
        let dropped = self.entries.pop_front().map_or(0, |entry| entry.memory());
        self.bytes -= dropped;
        room.used.fetch_sub(dropped, Ordering::Relaxed);
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
    }
}
