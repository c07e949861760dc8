//! The commands, one file each.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod classifier;
pub(crate) mod collector;
pub(crate) mod collectors;
pub(crate) mod config;
pub(crate) mod dead_letters;
pub(crate) mod engine;
pub(crate) mod explain;
pub(crate) mod import;
pub(crate) mod insights;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod models;
pub(crate) mod simulate;
pub(crate) mod site_access;
pub(crate) mod transfer;
pub(crate) mod unmapped;
pub(crate) mod up;
pub(crate) mod users;
