//! ClickHouse's own engine (libchdb) in a process of its own, on loopback, behind ClickHouse's
//! HTTP interface: the embedded default where a ClickHouse server would be too much.
//!
//! Clients of ClickHouse (the `clickhouse` crate, Grafana, Metabase, curl) talk to it as they would to a
//! server. What it is *not*: a full server. There are no sessions over several requests, no external
//! tables, no users of one's own, and nothing reaches files, networks or programs.
//!
//! Where to start: [`library`] finds the shared library, [`process::run_engine`] is what the
//! process does, [`process::EngineProcess`] is what its parent holds. Inside, a request goes
//! `server` → `http::handler` → `query` (a thread of its own) → `ffi`.
//!
//! Two things keep statements inside: names that may be used are listed (`statement`), and the
//! process is fenced in ([`fence`]).
//!
//! Invariants: an insert's data is one block, written as a whole or not at all; a request's
//! settings never reach another request; every buffer between client and engine is bounded; the
//! only `unsafe` code is in `ffi`.

pub mod config;
pub mod credentials;
mod engine;
pub mod error;
mod exception;
pub mod fence;
mod ffi;
mod http;
pub mod library;
mod metrics;
pub mod process;
mod query;
mod server;
mod server_config;
mod statement;
mod turns;
mod zones;

pub use engine::{CHDB_VERSION, backups_dir};
