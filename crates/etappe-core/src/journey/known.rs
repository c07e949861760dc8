//! What a store need not count, because it is known already.

use super::{PeopleFigures, SalesFigures};

/// Those figures of a range that are known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KnownFigures {
    /// The figures of people.
    pub people: Option<PeopleFigures>,
    /// The figures of sales.
    pub sales: Option<SalesFigures>,
}
