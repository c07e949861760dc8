//! Tests of the index against a plain model, and of what a crash or a damaged file leaves.

mod crashes;
mod formats;
mod model;
mod property;
mod stays;
mod walks;
