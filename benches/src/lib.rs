//! Load generator and limit harness.
