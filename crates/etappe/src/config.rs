//! The configuration of a process: every component's settings, put together from all layers.

mod layers;

use std::fmt;

pub(crate) use layers::Problem;

/// The configuration cannot be used; lists every problem.
#[derive(Debug)]
pub(crate) struct BadConfiguration(pub(crate) Vec<Problem>);

impl fmt::Display for BadConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} problems", self.0.len())
    }
}

impl std::error::Error for BadConfiguration {}
