//! HTTP intake of tracking events: the native protocol and the pixel.
//!
//! What it is *not*: it does not know what an event means, where the log is, or who reads it. It
//! checks the key, the size and the shape, and truncates addresses. It answers 200 only once every
//! accepted event is durable in its log.
//!
//! Where to start: [`Collector`] holds the shared state, [`Collector::router`] has the paths,
//! `intake` handles one request from its head to its answer. The server around it, which limits
//! everything a client can do, is `etappe_runtime::http_server`.
//!
//! Invariants: nothing that a client sends makes it panic, block a worker or grow without bound;
//! one site's flood does not delay another site's requests (`admission`); one bad event never fails
//! its neighbours; a failure is never answered with 200, except by the pixel, which always returns
//! an image; an IP address leaves only truncated, a write key not at all.

mod access;
mod admission;
mod budget;
mod chunk;
mod client_report;
mod collector;
pub mod config;
mod cors;
mod country;
mod demand;
pub mod error;
mod inflate;
mod intake;
pub mod metrics;
mod owner_log;
mod pixel;
mod publication;
mod rate_limit;
mod receptions;
mod rejection_log;
mod request_body;
mod response;
mod tracker_settings;
mod warning_log;

pub use collector::Collector;
pub use owner_log::{Kept, OwnerLog};
pub use rejection_log::{RejectedEvent, RejectionLog};
pub use warning_log::{WarnedEvent, WarningLog};
