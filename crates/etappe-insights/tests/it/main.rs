//! The API from outside: requests and answers over a store with a handful of events.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod actors;
mod api;
mod changes;
mod documentation;
mod funnel_errors;
mod funnels;
mod garden;
mod kpi_gauges;
mod kpis;
mod lifecycle;
mod limits;
mod live;
mod meaning;
mod memory_store;
mod openapi;
mod people;
mod search;
mod shared;
mod stages_and_referrals;
mod trend;
mod turns;
mod unmapped;
