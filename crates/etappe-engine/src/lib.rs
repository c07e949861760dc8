//! ClickHouse's engine (libchdb) in a separate process on loopback, behind ClickHouse's HTTP
//! interface. It is the embedded default for installations that need no ClickHouse server.
//!
//! Clients of ClickHouse (the `clickhouse` crate, Grafana, Metabase, curl) use it like a server,
//! but it is not a full server. There are no sessions across requests, no external tables and no
//! user accounts, and statements cannot access files, networks or programs.
//!
//! Start at [`library`], which finds the shared library; [`process::run_engine`], which the process
//! runs; and [`process::EngineProcess`], the parent's handle to it. A request goes `server` →
//! `http::handler` → `query` (on its own thread) → `ffi`.
//!
//! Two mechanisms keep statements inside: only listed names may be used (`statement`), and the
//! process is sandboxed ([`fence`]).
//!
//! Invariants: an insert's data is one block, written as a whole or not at all; a request's
//! settings never affect another request; every buffer between client and engine is bounded; only
//! `ffi` has `unsafe` code.

pub mod config;
pub mod credentials;
mod engine;
pub mod error;
mod exception;
pub mod fence;
mod ffi;
mod http;
mod incomplete_part;
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
