//! What was accepted but not understood: told to whoever sent it, and counted for the site's owner.

use std::borrow::Cow;

/// Why a value of an accepted message does not count. The names are part of the contract with clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WarningReason {
    /// An id such as `undefined` or `0`, or nothing but white space: it is taken for no id.
    PlaceholderId,
    /// The amount is no number.
    UnreadAmount,
    /// The amount has several readings, as `1,234` has.
    AmbiguousAmount,
    /// The amount exceeds the largest that the site counts.
    LargeAmount,
    /// The currency is none of ISO 4217, and no sign or name of one.
    UnknownCurrency,
    /// The currency's sign or name has several meanings, none of which is the site's own currency.
    AmbiguousCurrency,
    /// The currency beside the amount is not the one that is sent for it.
    ConflictingCurrency,
}

impl WarningReason {
    /// All reasons, for registering counters.
    pub const ALL: [Self; 7] = [
        Self::PlaceholderId,
        Self::UnreadAmount,
        Self::AmbiguousAmount,
        Self::LargeAmount,
        Self::UnknownCurrency,
        Self::AmbiguousCurrency,
        Self::ConflictingCurrency,
    ];

    /// Returns the name used in answers and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PlaceholderId => "placeholder_id",
            Self::UnreadAmount => "unread_amount",
            Self::AmbiguousAmount => "ambiguous_amount",
            Self::LargeAmount => "large_amount",
            Self::UnknownCurrency => "unknown_currency",
            Self::AmbiguousCurrency => "ambiguous_currency",
            Self::ConflictingCurrency => "conflicting_currency",
        }
    }
}

/// A value that was accepted but does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning<'a> {
    /// Where it stands: `userId`, `properties.revenue`.
    pub field: Cow<'a, str>,
    /// The value: a string without its quotes, or the JSON text of anything else.
    pub value: Cow<'a, str>,
    /// Why it does not count.
    pub reason: WarningReason,
}

impl Warning<'_> {
    /// Returns the warning with texts of its own.
    #[must_use]
    pub fn into_owned(self) -> Warning<'static> {
        Warning {
            field: Cow::Owned(self.field.into_owned()),
            value: Cow::Owned(self.value.into_owned()),
            reason: self.reason,
        }
    }
}
