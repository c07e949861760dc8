//! Funnel tests: examples checked by hand, and a brute force that shares no code with the matchers.

mod brute_force;
mod examples;
mod properties;
