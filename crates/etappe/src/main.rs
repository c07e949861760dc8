//! The command `etappe`.

fn main() {}
