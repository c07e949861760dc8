//! The values of an event in the dimensions that a query asks for.

use std::ops::Deref;
use std::sync::Arc;

/// The [spellings](crate::value) of the requested dimensions, in their order; `None` where the event
/// has no value.
///
/// Many events have the same values, so they can be shared: a clone costs no memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HitValues(Option<Arc<[Option<String>]>>);

impl Deref for HitValues {
    type Target = [Option<String>];

    fn deref(&self) -> &Self::Target {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<Vec<Option<String>>> for HitValues {
    fn from(values: Vec<Option<String>>) -> Self {
        Self((!values.is_empty()).then(|| values.into()))
    }
}

impl FromIterator<Option<String>> for HitValues {
    fn from_iter<I: IntoIterator<Item = Option<String>>>(values: I) -> Self {
        Vec::from_iter(values).into()
    }
}
