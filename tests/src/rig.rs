//! The fault rig: clients with a ledger, faults at random times, and a checker that compares.
//!
//! [`message`] is what is sent, [`sender`] who sends it and remembers the promises, [`proxy`] does to
//! ClickHouse what a kill cannot, [`shim`] fails the writes of a process, [`fault`] names the
//! faults, [`checker`] compares everything with the ledger; [`trial`] is all of it together.

pub mod checker;
pub mod fault;
pub mod message;
pub mod proxy;
pub mod sender;
pub mod shim;
pub mod trial;
