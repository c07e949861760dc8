//! What every Etappe process needs, whatever its role: a hardened HTTP server, fair queues,
//! telemetry, clock, shutdown, health, admin endpoints, backoff.
//!
//! What it is *not*: nothing here knows events, stages or storage; it depends on the domain only
//! for the clock trait.
//!
//! Where to start: [`http_server::serve`] serves every address; components report to
//! [`health::Health`], which [`admin::router`] exposes; [`shutdown::Shutdown`] ends everything.
//!
//! Invariants: the only global is tracing's subscriber, which is set once by [`telemetry::init`]; a
//! component that has never reported is not ready.

pub mod admin;
pub mod authorization;
pub mod background;
pub mod backoff;
pub mod blocking;
pub mod clock;
pub mod durable_file;
pub mod fair_queue;
pub mod health;
pub mod http_server;
pub mod metric_set;
mod metrics;
pub mod shutdown;
pub mod telemetry;
