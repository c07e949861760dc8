//! Shared parts of the system tests: real event data, a site client, a ledger of acknowledged
//! events.
//!
//! Its limits: nothing here uses the product's own code to count. [`data_set`] counts the
//! lines of a file, [`ledger`] keeps what was acknowledged, and both are compared with what the
//! running program answers over HTTP.
//!
//! Where to start: [`site::TestSite`] is a site of a running `etappe up`, [`fleet::Fleet`] an
//! installation by role on a separate Kafka.
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
