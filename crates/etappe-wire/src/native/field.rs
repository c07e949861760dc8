//! Reads the values of single members from their raw JSON text.

use std::borrow::Cow;

use etappe_core::json::skip;

use super::Reason;

/// Returns the text of a JSON string without its quotes and escapes.
pub(super) fn unquote(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(raw).ok().map(Cow::Owned)
}

/// Reads an id: a string, or a number, which keeps its text. Null and the empty string count as
/// none.
pub(super) fn id(raw: Option<&str>) -> Result<Option<Cow<'_, str>>, Reason> {
    let Some(raw) = raw else { return Ok(None) };
    let text = match raw.as_bytes().first() {
        Some(b'"') => unquote(raw).ok_or(Reason::InvalidId)?,
        Some(b'-' | b'0'..=b'9') => Cow::Borrowed(raw),
        _ => return Err(Reason::InvalidId),
    };
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Reads a string. Null and the empty string count as none.
pub(super) fn string(raw: Option<&str>) -> Result<Option<Cow<'_, str>>, Reason> {
    let Some(raw) = raw else { return Ok(None) };
    let text = unquote(raw).ok_or(Reason::InvalidField)?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Reads an object: returns its text, empty if there is none. An empty array is accepted as an
/// empty object, because that is how PHP encodes one.
pub(super) fn object(raw: Option<&str>) -> Result<&str, Reason> {
    let Some(raw) = raw else { return Ok("") };
    let inner = |open, close| {
        raw.strip_prefix(open)
            .and_then(|rest: &str| rest.strip_suffix(close))
    };
    if let Some(members) = inner('{', '}') {
        return Ok(if is_blank(members) { "" } else { raw });
    }
    match inner('[', ']') {
        Some(items) if is_blank(items) => Ok(""),
        _ => Err(Reason::InvalidField),
    }
}

fn is_blank(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// Returns the raw value of the last member called `wanted` of a valid object, unless it is null;
/// the empty text is an object without members.
pub(super) fn member<'a>(object: &'a str, wanted: &str) -> Option<&'a str> {
    skip::member(object, wanted).filter(|value| *value != "null")
}
