//! Marks where another thread may run between two accesses to shared state.
//!
//! Code calls [`point`] at such places. It does nothing outside this crate's tests. In tests, an
//! [`explorer`] executes there the steps of other threads, in every possible order.

/// Marks such a place.
#[cfg(not(test))]
#[inline]
pub(crate) const fn point() {}

#[cfg(test)]
pub(crate) use explorer::point;

#[cfg(test)]
pub(crate) mod explorer;
