//! What the system tests share: real event data, a site to talk to, a ledger of promises.
//!
//! What it is *not*: nothing here uses the product's own code to count. What a file holds is
//! counted by [`data_set`] from its lines, what was promised is kept by [`ledger`], and both are
//! compared with what the running program answers over HTTP.
//!
//! Where to start: [`site::TestSite`] is a site of a running `etappe up`, [`fleet::Fleet`] an installation
//! by role on a Kafka of its own.
//!
//! Invariants: a missing binary, engine or data file fails the test that needs it.

pub mod attack;
pub mod data_set;
pub mod fleet;
pub mod ledger;
pub mod question;
pub mod rig;
pub mod role;
pub mod site;
pub mod small_disk;
