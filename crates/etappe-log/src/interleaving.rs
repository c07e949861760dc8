//! Where another thread may come in between two looks at what threads share.
//!
//! Such places call [`point`], which does nothing outside of this crate's tests. In them, an
//! [`explorer`] does there what other threads would do, in every order that is possible.

/// Marks such a place.
#[cfg(not(test))]
#[inline]
pub(crate) const fn point() {}

#[cfg(test)]
pub(crate) use explorer::point;

#[cfg(test)]
pub(crate) mod explorer;
