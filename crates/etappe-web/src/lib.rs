//! The web interface: its files, signing in, sessions, and share links.
//!
//! The front end (the folder `web`) is built by npm and embedded here; without that build the
//! program works, and its pages say how to get them. Figures come from the KPI API, which accepts
//! a session's cookie like a read token. Its limits: nothing here knows a figure.
//!
//! Where to start: [`router`] lists the addresses. A request that changes something needs a session
//! and the session's CSRF token (`csrf.rs`).
//!
//! Invariants: passwords and tokens are stored as hashes only. Wrong address and wrong password
//! cannot be told apart, neither by the answer nor by its time. Hashing is bounded in memory.

mod assets;
mod body;
pub mod config;
mod cookie;
mod csrf;
mod error;
mod first_account;
mod keys;
mod meanings;
pub mod metrics;
pub mod oidc;
pub mod password;
pub mod practice;
mod response;
pub mod router;
mod shares;
mod sign_in;
mod state;
mod throttle;
mod trail;
pub mod users;
mod whoami;

pub use state::{WebParts, WebState};
