//! Ids in properties: texts that name an order, an account, a person or a code.

use std::borrow::Cow;

use crate::id::{meaningful_id, referral_code};

/// Returns an id in the form in which ids are compared: trimmed, and empty if it is a placeholder.
pub(super) fn id(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(meaningful_id(text).unwrap_or_default()),
        Cow::Owned(text) => match meaningful_id(&text) {
            Some(id) if id.len() == text.len() => Cow::Owned(text),
            Some(id) => Cow::Owned(id.to_owned()),
            None => Cow::Borrowed(""),
        },
    }
}

/// Returns a referral code in the form in which codes are compared: an id, in lower case.
pub(super) fn code(text: Cow<'_, str>) -> Cow<'_, str> {
    let code = id(text);
    let is_lower = code.chars().all(|c| !c.is_uppercase());
    if is_lower {
        return code;
    }
    referral_code(&code).map_or(Cow::Borrowed(""), Cow::Owned)
}
