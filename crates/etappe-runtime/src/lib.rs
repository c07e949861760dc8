//! The parts that every Etappe process shares, whatever its role.
//!
//! - HTTP: [`http_server`] serves every address with the same limits, [`authorization`] reads
//!   tokens, [`forwarded`] finds the client behind proxies, [`admin`] serves health and metrics.
//! - Life of a process: [`telemetry`], [`health`], [`shutdown`], [`clock`].
//! - Work: [`backoff`] between attempts, [`blocking`] and [`background`] threads, [`fair_queue`].
//! - Keys: [`mod@random_key`] draws them. Trust: [`tls`] is for connections that Etappe opens.
//! - Files and metrics: [`durable_file`] replaces files, [`mod@metric_set`] declares metrics.
//!
//! Its limits: nothing here knows events, stages or storage; it depends on the domain only
//! for ids, ports and the format of durations. Every adapter and application may use it.
//!
//! Where to start: [`http_server::serve`] serves an address; components report to
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
pub mod forwarded;
pub mod health;
pub mod http_server;
pub mod metric_set;
mod metrics;
pub mod random_key;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
