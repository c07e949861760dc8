//! The commands, one file each.

pub(crate) mod config;
pub(crate) mod engine;
pub(crate) mod explain;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod models;
pub(crate) mod up;
