//! HTTP intake of tracking events: the native protocol and the pixel.
//!
//! Its limits: it does not know what an event means, where the log is, or who reads it. It
//! checks the key, the size and the shape, and truncates addresses. It answers 200 only once every
//! accepted event is durable in its log.
//!
//! Where to start: [`router`] has the paths, [`Collector`] holds the shared state, `intake` handles
//! one request from its head to its answer, `sites` finds what is known of its site. The server
//! around it, which limits everything a client can do, is `etappe_runtime::http_server`.
//!
//! Invariants: nothing that a client sends makes it panic, block a worker or grow without bound;
//! one site's flood does not delay another site's requests (`admission`); one bad event never fails
//! its neighbours; a failure is never answered with 200, except by the pixel, which always returns
//! an image; an IP address leaves only truncated, a write key not at all.

mod access;
mod admission;
mod bucket;
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
mod owner_entries;
mod pixel;
mod publication;
mod receptions;
mod refused_request;
mod request_body;
mod response;
mod routes;
mod sender;
mod sending_state;
mod site_traffic;
mod sites;
mod tracker_settings;

pub use collector::Collector;
pub use owner_entries::{RejectedEvent, WarnedEvent};
pub use routes::{owner_router, router};
