//! Warnings about accepted values that do not count: reported to the sender and counted for the
//! site's owner.

use std::borrow::Cow;

/// Why a value of an accepted message does not count. The names are part of the client contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WarningReason {
    /// An id such as `undefined` or `0`, or only white space: it is treated as no id.
    PlaceholderId,
    /// The amount is not a number.
    UnreadAmount,
    /// The amount has several readings, such as `1,234`.
    AmbiguousAmount,
    /// The amount exceeds the site's limit.
    LargeAmount,
    /// The currency is neither an ISO 4217 code nor the sign or name of a currency.
    UnknownCurrency,
    /// The currency's sign or name has several meanings, none of which is the site's own currency.
    AmbiguousCurrency,
    /// The currency beside the amount differs from the currency that was sent for it.
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
    /// The field: `userId`, `properties.revenue`.
    pub field: Cow<'a, str>,
    /// The value: a string without its quotes, or the JSON text of anything else.
    pub value: Cow<'a, str>,
    /// Why it does not count.
    pub reason: WarningReason,
}

impl Warning<'_> {
    /// Returns the warning with owned texts.
    #[must_use]
    pub fn into_owned(self) -> Warning<'static> {
        Warning {
            field: Cow::Owned(self.field.into_owned()),
            value: Cow::Owned(self.value.into_owned()),
            reason: self.reason,
        }
    }
}
