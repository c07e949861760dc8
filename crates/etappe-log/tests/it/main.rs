//! The event log through its public interface.

mod guard;
mod kill;
mod local;
mod support;
