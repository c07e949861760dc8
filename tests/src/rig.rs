//! The fault rig: an installation under load, faults at random times, and a checker that compares
//! what was acknowledged with all stored data and figures.

pub mod by_role;
pub mod checker;
pub mod fault;
pub mod installation;
pub mod message;
pub mod on_one_machine;
pub mod power_loss;
pub mod proxy;
pub mod sender;
pub mod shim;
pub mod switches;
pub mod tail;
pub mod trial;
pub mod trial_result;
