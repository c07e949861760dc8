//! Tests the classifier between fakes of its ports: what is stored after any kind of failure.

mod assignment;
mod crash;
mod duplicate;
mod failure;
mod flow;
mod mark;
mod owners;
mod world;
