//! The domain of customer journeys: events, milestones, models, rules, and the funnel matchers.
//!
//! Its limits: there is no I/O, no clock, no runtime and no logging here. Time, rules and
//! state come in as arguments, results go out as values. So nothing in this crate can fail for a
//! reason outside its arguments, and the same input always gives the same answer.
//!
//! Where to start: [`event::Event`] is what a tracker sent, [`rules`] turns it into a milestone and
//! into the stages of every journey model, and [`funnel`] answers questions about many events. The
//! interfaces to the outside world are declared, never implemented, in [`ports`].
//!
//! Invariants: client text is borrowed, not copied, until a row is made from it. Numbers keep the
//! text they were sent with, so that money stays exact. Every identifier has a type of its own.

pub mod account;
pub mod amount_text;
pub mod audit;
pub mod channel;
pub mod country;
pub mod currency;
pub mod dead_letter;
pub mod duration_text;
pub mod event;
pub mod facts;
pub mod funnel;
pub mod id;
pub mod journey;
pub mod json;
pub mod kpi;
pub mod ledger;
pub mod meaning;
pub mod milestone;
pub mod money;
pub mod money_terms;
pub mod ports;
pub mod query;
pub mod row_batch;
pub mod rules;
pub mod share;
pub mod site;
pub mod suggestion;
pub mod time;
pub mod trail;
pub mod unmapped;
pub mod value;
pub mod warning;
pub mod watermark;
