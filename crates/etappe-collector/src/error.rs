//! Errors of a whole request.

use std::time::Duration;

use etappe_runtime::authorization::SITE_HEADER;
use etappe_wire::native::BodyError;

use crate::client_report::{Listed, RejectedMessage};

/// Why a request was refused as a whole. The display text is sent to the client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntakeError {
    /// The body is empty.
    #[error("the body is empty: send one message as a JSON object, or {{\"batch\":[…]}}")]
    EmptyBody,
    /// The body ended early or the connection broke.
    #[error("the body ended early: send it again")]
    BrokenBody,
    /// The body is not a JSON object.
    #[error("the body is not a JSON object: reading stopped at byte {at}; send UTF-8 JSON")]
    MalformedBody {
        /// Where parsing stopped.
        at: usize,
    },
    /// The body starts like gzip but is not valid gzip.
    #[error("the body starts like gzip but cannot be decompressed: send the complete body again")]
    MalformedGzip,
    /// An object without a list.
    #[error("the body has no array `batch`: send {{\"batch\":[…]}}, or one message to /v1/track")]
    MissingBatch,
    /// An empty list.
    #[error("`batch` is empty: send at least one message")]
    EmptyBatch,
    /// Messages, but none of them acceptable.
    #[error("no message was accepted: see `rejected` for the reason of each")]
    NothingValid {
        /// The reasons.
        rejected: Listed<RejectedMessage>,
    },
    /// No key was given.
    #[error("no write key: send it as the user name of HTTP Basic or as `writeKey` in the body")]
    MissingKey,
    /// The key is unknown.
    #[error("unknown write key: compare it with the key of your site")]
    UnknownKey,
    /// A pixel key used for messages.
    #[error("this key is for the pixel only: use a browser or server key to send messages")]
    WrongScope,
    /// The key belongs to another site than the sender names.
    #[error(
        "this key does not belong to the site that the header {SITE_HEADER} names: use a key of that site"
    )]
    OtherSite,
    /// A browser key used from another origin.
    #[error(
        "this browser key may not be used from this origin: add the origin to the site's allowed_origins"
    )]
    OriginNotAllowed,
    /// The method is not allowed.
    #[error("this path supports only {allowed}")]
    MethodNotAllowed {
        /// The allowed methods.
        allowed: &'static str,
    },
    /// The body arrived too slowly.
    #[error("the body did not arrive within {}: send smaller batches", Seconds::of(.limit))]
    BodyTimeout {
        /// The timeout.
        limit: Duration,
    },
    /// Too many bytes.
    #[error("the body exceeds {limit} bytes: send smaller batches")]
    BodyTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The gzip body is too large.
    #[error("the body exceeds {limit} bytes of gzip: send smaller batches")]
    CompressedBodyTooLarge {
        /// The limit.
        limit: usize,
    },
    /// Too many messages.
    #[error("the batch holds more than {limit} messages: send smaller batches")]
    TooManyEvents {
        /// The limit.
        limit: usize,
    },
    /// The encoding is not gzip.
    #[error("this Content-Encoding is not supported: send the body uncompressed or as gzip")]
    UnknownEncoding,
    /// Over the site's rate.
    #[error("the site exceeds its event rate: try again in {}", Seconds::of(.retry_after))]
    RateLimited {
        /// When the site may send again.
        retry_after: Duration,
    },
    /// Requests in progress use too much memory.
    #[error("too many requests are in progress: try again")]
    Overloaded,
    /// The site sends more than its share under overload.
    #[error(
        "the collector is overloaded, mostly by this site: try again in {}",
        Seconds::of(.retry_after)
    )]
    Crowded {
        /// When to retry.
        retry_after: Duration,
    },
    /// The log does not accept events.
    #[error("events cannot be stored now: try again in {}", Seconds::of(.retry_after))]
    Unavailable {
        /// When to retry.
        retry_after: Duration,
    },
    /// The log did not answer in time.
    #[error("events could not be stored in time: try again")]
    PublishTimeout,
    /// The process is stopping.
    #[error("the service is stopping: try again")]
    Stopping,
}

impl From<BodyError> for IntakeError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Empty => Self::EmptyBody,
            BodyError::Malformed { at } => Self::MalformedBody { at },
            BodyError::MissingBatch => Self::MissingBatch,
            BodyError::TooManyMessages { limit } => Self::TooManyEvents { limit },
        }
    }
}

/// Whole seconds, rounded up, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seconds(u64);

impl Seconds {
    pub(crate) fn of(duration: &Duration) -> Self {
        let started = u64::from(duration.subsec_nanos() > 0);
        Self(duration.as_secs().saturating_add(started).max(1))
    }

    pub(crate) const fn whole(self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} s", self.0)
    }
}
