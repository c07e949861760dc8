//! Finds keys and tokens of Etappe in texts of clients, so that none is stored or told.
//!
//! A key belongs into the request's credentials. It also comes where it does not belong: in the
//! address of a page, in copied headers, in a property. It is found there as it is, with characters
//! escaped (JSON, percent), and in Base64, as HTTP Basic has it; a long text of both cases after a
//! known prefix is nothing else.

mod escape;

use std::borrow::Cow;
use std::ops::Range;

use self::escape::Unescaped;

/// How many characters follow the prefix of a key, such as `ew_`.
pub const KEY_LETTERS: usize = 32;
/// How long a key is.
const KEY_BYTES: usize = KEY_LETTERS + 3;
/// The second letters of prefixes: admin, control, read, transient and write.
const KINDS: &[u8] = b"acrtw";
/// How often a text may be escaped over and over.
const ROUNDS: usize = 4;

/// Overwrites every key in `text` by asterisks. A JSON text stays one.
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

/// Returns `text` with asterisks in the place of keys.
#[must_use]
pub fn without_keys(text: &str) -> Cow<'_, str> {
    let mut bytes = text.as_bytes().to_vec();
    mask_keys(&mut bytes);
    if bytes == text.as_bytes() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// Calls `visit` with the place of every key that stands in `text` as it is or in Base64.
fn find(text: &[u8], visit: &mut impl FnMut(Range<usize>)) {
    // A run of so many such characters has one at a multiple of the number: most of a text is not
    // even looked at.
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
    // One of these ways to cut the run into groups of four is that of the encoder.
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

/// Calls `visit` with the start of every key in `bytes`, unless a letter or digit stands before it.
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
        // Hashes and ids of other systems have letters of one case.
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

/// Returns whether `text` ends in a letter or digit, and not in an escape of JSON that does.
fn follows_a_letter(text: &[u8]) -> bool {
    let Some((last, rest)) = text.split_last() else {
        return false;
    };
    // However many there are: a text of JSON may stand in a text of JSON, and what is masked for
    // nothing does less harm than a key that is kept.
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

/// Returns whether a byte can be part of a key or of Base64 of both alphabets.
const fn is_of_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/')
}

/// Decodes Base64 of both alphabets; the bits of an unfinished last group are left out.
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
