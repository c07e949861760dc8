//! Finds Etappe keys and tokens in client texts, so that none is stored or shown.
//!
//! A key belongs in the request's credentials. Clients also put it where it does not belong: in the
//! address of a page, in copied headers, in a property. It is found in plain form, with escaped
//! characters (JSON, percent), and in Base64, as in HTTP Basic. A long text of mixed case after a
//! known prefix is always a key.

mod escape;

use std::borrow::Cow;
use std::ops::Range;

use etappe_core::site::KEY_LETTERS;

use self::escape::Unescaped;

/// The length of a key.
const KEY_BYTES: usize = KEY_LETTERS + 3;
/// The second letters of the prefixes: admin, control, first account, link, password, read, session,
/// transient and write.
const KINDS: &[u8] = b"acflprstw";
/// The most levels of nested escapes that are decoded.
const ROUNDS: usize = 4;

/// Masks every key in `text` with asterisks. A JSON text stays valid JSON.
pub fn mask_keys(text: &mut [u8]) {
    let mut found = Vec::new();
    find(text, &mut |range| found.push(range));
    if escape::may_hide_a_letter(text) {
        let mut unescaped = Unescaped::of(text);
        for _ in 0..ROUNDS {
            find(unescaped.text(), &mut |range| {
                found.push(unescaped.source(range));
            });
            if !escape::may_hide_a_letter(unescaped.text()) {
                break;
            }
            unescaped = unescaped.again();
        }
    }
    for range in found {
        if let Some(key) = text.get_mut(range) {
            key.fill(b'*');
        }
    }
}

/// Returns `text` with its keys replaced by asterisks.
#[must_use]
pub fn without_keys(text: &str) -> Cow<'_, str> {
    let mut bytes = text.as_bytes().to_vec();
    mask_keys(&mut bytes);
    if bytes == text.as_bytes() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// Calls `visit` with the range of every key in `text`, in plain form or in Base64.
fn find(text: &[u8], visit: &mut impl FnMut(Range<usize>)) {
    // A run of at least `KEY_BYTES` such characters covers one of the positions checked here, which
    // are `KEY_BYTES` apart. So most of a text is never looked at.
    let mut at = KEY_BYTES - 1;
    let mut done = 0;
    while at < text.len() {
        if !is_of_run(text[at]) {
            at += KEY_BYTES;
            continue;
        }
        let before = text[done..at].iter().rposition(|byte| !is_of_run(*byte));
        let start = before.map_or(done, |place| done + place + 1);
        let behind = text[at..].iter().position(|byte| !is_of_run(*byte));
        done = behind.map_or(text.len(), |count| at + count);
        if done - start >= KEY_BYTES {
            find_in_run(text, start..done, visit);
        }
        at = done + KEY_BYTES;
    }
}

fn find_in_run(text: &[u8], run: Range<usize>, visit: &mut impl FnMut(Range<usize>)) {
    let bytes = &text[run.clone()];
    let before = |place: usize| follows_a_letter(&text[..run.start + place]);
    find_plain(bytes, before, |place| {
        visit(run.start + place..run.start + place + KEY_BYTES);
    });
    // One of these four shifts is the encoder's grouping into four characters.
    for shift in 0..4.min(bytes.len()) {
        let decoded = decode_base64(&bytes[shift..]);
        let before = |place: usize| place > 0 && is_word(decoded[place - 1]);
        find_plain(&decoded, before, |place| {
            let start = run.start + shift + place * 4 / 3;
            let end = run.start + shift + ((place + KEY_BYTES) * 4).div_ceil(3);
            visit(start..end.min(run.end));
        });
    }
}

/// Calls `visit` with the start of every key in `bytes` that does not follow a letter or digit.
fn find_plain(
    bytes: &[u8],
    follows_a_letter: impl Fn(usize) -> bool,
    mut visit: impl FnMut(usize),
) {
    for line in memchr::memchr_iter(b'_', bytes) {
        let Some(start) = line.checked_sub(2) else {
            continue;
        };
        let Some(key) = bytes.get(start..start + KEY_BYTES) else {
            return;
        };
        let (prefix, letters) = key.split_at(3);
        let has = |is: fn(&u8) -> bool| letters.iter().any(is);
        // Hashes and ids of other systems have letters of a single case.
        let is_key = prefix[0] == b'e'
            && KINDS.contains(&prefix[1])
            && letters.iter().all(u8::is_ascii_alphanumeric)
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_lowercase);
        if is_key && !follows_a_letter(start) {
            visit(start);
        }
    }
}

/// Returns whether `text` ends in a letter or digit that is not part of a JSON or percent escape.
fn follows_a_letter(text: &[u8]) -> bool {
    let Some((last, rest)) = text.split_last() else {
        return false;
    };
    // The number of backslashes does not matter: JSON text may be nested in JSON text, and masking
    // too much does less harm than keeping a key.
    let is_escape = |rest: &[u8]| rest.last() == Some(&b'\\');
    let is_short = b"bfnrt".contains(last) && is_escape(rest);
    let is_long = text
        .len()
        .checked_sub(5)
        .is_some_and(|start| text[start] == b'u' && is_escape(&text[..start]));
    let is_percent = text.len() >= 3 && text[text.len() - 3] == b'%';
    is_word(*last) && !is_short && !is_long && !is_percent
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// Returns whether a byte can be part of a key or of Base64 in either alphabet.
const fn is_of_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/')
}

/// Decodes Base64 in either alphabet; the bits of an incomplete last group are dropped.
fn decode_base64(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push(u8::try_from(bits >> count & 0xff).unwrap_or_default());
        }
    }
    decoded
}

#[cfg(test)]
mod tests;
