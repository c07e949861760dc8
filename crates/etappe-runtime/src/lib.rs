//! What every process of Etappe needs, whatever its role: a hardened HTTP server, turns, telemetry,
//! clock, shutdown, health, admin endpoints, backoff.
//!
//! What it is *not*: nothing here knows of events, stages or storage; it depends on the domain only
//! for the clock's seam.
//!
//! Where to start: [`http_server::serve`] serves every address; [`health::Health`] is what components report to and what [`admin::router`]
//! shows; [`shutdown::Shutdown`] is how everything ends.
//!
//! Invariants: there is no global but tracing's subscriber, which is set once by
//! [`telemetry::init`]; a component that was never reported on is not ready.

pub mod admin;
pub mod authorization;
pub mod background;
pub mod backoff;
pub mod clock;
pub mod fair_queue;
pub mod health;
pub mod http_server;
mod metrics;
pub mod shutdown;
pub mod telemetry;
