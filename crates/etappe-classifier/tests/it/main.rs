//! The classifier between fakes of its seams: what is stored, after whatever happens.

mod assignment;
mod crash;
mod duplicate;
mod failure;
mod flow;
mod mark;
mod owners;
mod world;
