//! Finds values in a message that are accepted but do not count.

use std::borrow::Cow;

use etappe_core::facts::Noticed;
use etappe_core::id::meaningful_id;
use etappe_core::warning::{Warning, WarningReason};
use memchr::memmem;
use serde_json::value::RawValue;

use super::field::{id, member, unquote};
use super::scan::{MAX_DEPTH, Scanner};
use super::{Reason, Reception};

/// A value sent as an id.
#[derive(Debug)]
pub(crate) enum SentId<'a> {
    /// Nothing, or an empty text.
    Nothing,
    /// A placeholder, which is not an id.
    Placeholder,
    /// An id, without surrounding white space.
    Id(Cow<'a, str>),
}

impl<'a> SentId<'a> {
    /// Judges a text sent as an id; a placeholder causes a warning.
    pub(crate) fn judge(
        field: &'static str,
        text: Cow<'a, str>,
        warnings: &mut Vec<Warning<'a>>,
    ) -> Self {
        let kept = meaningful_id(&text).map(str::len);
        match kept {
            Some(length) if length == text.len() => Self::Id(text),
            Some(_) => Self::Id(trim(text)),
            None => {
                warnings.push(Warning {
                    field: Cow::Borrowed(field),
                    value: text,
                    reason: WarningReason::PlaceholderId,
                });
                Self::Placeholder
            }
        }
    }

    pub(crate) const fn is_sent(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    pub(crate) fn into_id(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Id(id) => Some(id),
            Self::Nothing | Self::Placeholder => None,
        }
    }
}

fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(meaningful_id(text).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(meaningful_id(&text).unwrap_or_default().to_owned()),
    }
}

/// Reads the raw text of an id; see [`SentId::judge`].
pub(super) fn sent_id<'a>(
    field: &'static str,
    raw: Option<&'a str>,
    warnings: &mut Vec<Warning<'a>>,
) -> Result<SentId<'a>, Reason> {
    Ok(id(raw)?.map_or(SentId::Nothing, |text| SentId::judge(field, text, warnings)))
}

/// Judges the id of a message. Any number is accepted here: programs number their messages, and
/// many start at zero.
pub(crate) fn judge_message_id<'a>(
    text: Cow<'a, str>,
    warnings: &mut Vec<Warning<'a>>,
) -> SentId<'a> {
    let number = text.trim().parse::<f64>();
    if number.is_ok_and(f64::is_finite) {
        return SentId::Id(text);
    }
    SentId::judge("messageId", text, warnings)
}

/// Adds warnings for values among an event's properties that do not count; `properties` is the text
/// of a valid object or empty.
pub(crate) fn warn_of_properties<'a>(
    event: &str,
    properties: &'a str,
    reception: &Reception,
    warnings: &mut Vec<Warning<'a>>,
) {
    if properties.is_empty() {
        return;
    }
    let mut noticed = Noticed::default();
    let walk = Scanner::new(properties, MAX_DEPTH).members(|name, value| {
        let Some(name) = unquote(name).filter(|name| Noticed::knows(name)) else {
            return;
        };
        if let Ok(raw) = serde_json::from_str::<&RawValue>(value) {
            noticed.note(&name, raw);
        }
    });
    debug_assert_eq!(walk, Ok(()), "the whole message was checked before");
    noticed.warn(
        event,
        reception.counts_money.then_some(&reception.money_terms),
        warnings,
    );
}

/// Warns of a placeholder for the account in the context.
pub(super) fn warn_of_context<'a>(context: &'a str, warnings: &mut Vec<Warning<'a>>) {
    const ACCOUNT: &str = "groupId";
    // A fast test: few contexts contain the member, so most are not parsed.
    if memmem::find(context.as_bytes(), ACCOUNT.as_bytes()).is_some() {
        let raw = member(context, ACCOUNT);
        // Anything but a text or a number is not an account id; it is ignored without a warning.
        sent_id("context.groupId", raw, warnings).ok();
    }
}
