//! The latest rejections of each site, for its owner.

use etappe_core::time::Timestamp;
use serde::Serialize;

use crate::owner_log::{Kept, OwnerLog, text_memory};

/// The latest rejections of all sites.
pub type RejectionLog = OwnerLog<RejectedEvent>;

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
}

impl Kept for RejectedEvent {
    fn memory(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_deref().map_or(0, text_memory);
        size_of::<Self>() + text(&self.event) + text(&self.message_id)
    }
}
