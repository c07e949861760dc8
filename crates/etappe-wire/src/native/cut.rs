//! Truncates IP addresses in client data, wherever they occur.
//!
//! A text that is an address or a list of addresses is truncated under any name and at any depth,
//! and so is an address in a parameter such as `?ip=`. Only a version number such as `10.0.19.4`
//! looks the same; it is kept if the member's name says that it is a version.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use etappe_core::json::skip;

use super::address::{read_address, truncate_address};
use super::field::unquote;
use crate::record::json_text::push_string;

mod parameters;

use parameters::cut_parameters;

/// The longest text that is parsed as a list of addresses.
const MAX_LIST_BYTES: usize = 1024;

/// Returns the JSON text of an object with all addresses in it truncated. `json` must be valid.
pub(crate) fn cut_addresses(json: &str) -> Cow<'_, str> {
    if json.is_empty() {
        return Cow::Borrowed(json);
    }
    let mut walk = Walk {
        json,
        kept: 0,
        out: Vec::new(),
    };
    walk.run();
    if walk.kept == 0 {
        return Cow::Borrowed(json);
    }
    walk.out
        .extend_from_slice(json.get(walk.kept..).unwrap_or_default().as_bytes());
    Cow::Owned(String::from_utf8(walk.out).expect("cut at the borders of JSON values"))
}

/// Returns free text with every address in it truncated, even in the middle of other words.
#[must_use]
pub fn cut_addresses_in_text(text: &str) -> Cow<'_, str> {
    let is_part = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
    let mut out = String::new();
    let mut kept = 0;
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find(is_part)) {
        let start = at + found;
        let rest = text.get(start..).unwrap_or_default();
        let end = start + rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let word = text.get(start..end).unwrap_or_default();
        let bare = word.trim_end_matches(['.', ':']);
        let has_marks = bare.matches(['.', ':']).count() >= 2;
        // `DB::Exception` is a name, although `DB::E` is an address.
        let is_of_letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let is_in_name = !word.contains(|c: char| c.is_ascii_digit())
            && (is_of_letter(
                text.get(..start)
                    .and_then(|before| before.chars().next_back()),
            ) || is_of_letter(text.get(end..).and_then(|after| after.chars().next())));
        if let Some(address) = (has_marks && !is_in_name)
            .then(|| address_within(bare))
            .flatten()
        {
            out.push_str(text.get(kept..start).unwrap_or_default());
            out.push_str(&truncate_address(address).to_string());
            kept = start + bare.len();
        }
        at = end;
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(kept..).unwrap_or_default());
    Cow::Owned(out)
}

/// Returns the address in a word of digits, dots and colons; letters may be attached to it.
fn address_within(word: &str) -> Option<IpAddr> {
    let digits = word.trim_matches(|c: char| !c.is_ascii_digit());
    read_address(word).or_else(|| read_address(digits))
}

/// A pass over an object.
struct Walk<'a> {
    json: &'a str,
    /// The position up to which the object is written to `out`.
    kept: usize,
    out: Vec<u8>,
}

impl<'a> Walk<'a> {
    fn run(&mut self) {
        let bytes = self.json.as_bytes();
        // For each open bracket, the name of the member whose value it begins or lies in.
        let mut outer: Vec<&'a str> = Vec::with_capacity(8);
        let mut name = "";
        let mut at = 0;
        while let Some(found) = bytes.get(at..).and_then(|rest| {
            rest.iter()
                .position(|byte| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']'))
        }) {
            at += found;
            match bytes.get(at) {
                Some(b'{') => {
                    outer.push(name);
                    at += 1;
                }
                Some(b'[') => {
                    outer.push(name);
                    at = self.elements(name, at + 1);
                }
                Some(b'"') => {
                    let Some(end) = skip::string(bytes, at) else {
                        return;
                    };
                    let text = self.json.get(at..end).unwrap_or_default();
                    let after = skip::space(bytes, end);
                    if bytes.get(after) == Some(&b':') {
                        self.key(outer.last().copied().unwrap_or_default(), text, at);
                        name = text;
                        at = self.number(name, after + 1);
                    } else {
                        self.string(name, text, at);
                        at = self.elements(name, end);
                    }
                }
                _ => {
                    name = outer.pop().unwrap_or_default();
                    at = self.elements(name, at + 1);
                }
            }
        }
    }

    /// Truncates an IPv4 address written as a single number from `at` on; returns where to
    /// continue.
    fn number(&mut self, name: &str, at: usize) -> usize {
        let start = skip::space(self.json.as_bytes(), at);
        let rest = self.json.get(start..).unwrap_or_default();
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let end = start + digits;
        let is_whole = !rest
            .get(digits..)
            .is_some_and(|rest| rest.starts_with(['.', 'e', 'E']));
        let number = rest
            .get(..digits)
            .and_then(|digits| digits.parse::<u32>().ok());
        // The first byte of a smaller number is zero, so it is not a client's address.
        let number = number.filter(|number| is_whole && *number > 0x00ff_ffff);
        if let Some(number) = number.filter(|_| Name::of(name) == Name::Address) {
            self.replace(start, end, (number & 0xffff_ff00).to_string().as_bytes());
        }
        end
    }

    /// Truncates addresses written as numbers among the elements of an array from `at` on; returns
    /// where the next string or bracket may be.
    fn elements(&mut self, name: &str, mut at: usize) -> usize {
        let bytes = self.json.as_bytes();
        let is_part =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-');
        loop {
            at = self.number(name, at);
            let rest = bytes.get(at..).unwrap_or_default();
            at += rest.iter().take_while(|byte| is_part(byte)).count();
            let after = skip::space(bytes, at);
            if bytes.get(after) != Some(&b',') {
                return at;
            }
            at = skip::space(bytes, after + 1);
            if !bytes.get(at).is_some_and(is_part) {
                return at;
            }
        }
    }

    /// Truncates a member name that is an address, as in counts by address. The name begins at `at`
    /// and lies in the value of a member called `outer`.
    fn key(&mut self, outer: &str, quoted: &str, at: usize) {
        if !has_marks(quoted) {
            return;
        }
        let cut = unquote(quoted).and_then(|key| cut_list(outer, &key));
        if let Some(cut) = cut {
            self.replace_string(at, quoted, &cut);
        }
    }

    /// Truncates the addresses in a string that begins at `at`.
    fn string(&mut self, name: &str, quoted: &str, at: usize) {
        let Some(text) = unquote(quoted) else { return };
        let cut = cut_value(name, &text);
        if let Some(cut) = cut {
            self.replace_string(at, quoted, &cut);
        }
    }

    fn replace_string(&mut self, at: usize, quoted: &str, by: &str) {
        let mut string = Vec::with_capacity(by.len() + 2);
        push_string(&mut string, by);
        self.replace(at, at + quoted.len(), &string);
    }

    fn replace(&mut self, start: usize, end: usize, by: &[u8]) {
        let before = self.json.get(self.kept..start).unwrap_or_default();
        self.out.extend_from_slice(before.as_bytes());
        self.out.extend_from_slice(by);
        self.kept = end;
    }
}

/// Returns the value of a member with its addresses truncated, or `None` if it has none.
fn cut_value(name: &str, text: &str) -> Option<String> {
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    // `Ad::Bed` is a class name, and `dead::beef` is an address only if the member's name says so.
    if !(has_digit || text.contains(':') && Name::of(name) == Name::Address) {
        return None;
    }
    if could_be_list(text) && text.len() <= MAX_LIST_BYTES {
        let list = cut_list(name, text);
        if list.is_some() {
            return list;
        }
    }
    if has_marks(text) && Name::of(name) == Name::Address {
        // `unknown, 203.0.113.77`, or a sentence.
        if let Cow::Owned(cut) = cut_addresses_in_text(text) {
            return Some(cut);
        }
    }
    if text.contains('=') {
        return cut_parameters(text);
    }
    None
}

/// Returns whether a text has enough dots or colons for an address.
fn has_marks(text: &str) -> bool {
    let marks = text.bytes().filter(|byte| matches!(byte, b'.' | b':'));
    marks.take(2).count() == 2
}

/// Returns whether a text may be an address or a list of addresses.
fn could_be_list(text: &str) -> bool {
    let is_start = |byte: u8| {
        byte.is_ascii_hexdigit() || matches!(byte, b':' | b'[' | b'"' | b'\'' | b' ' | b'\t')
    };
    let number = || text.bytes().all(|byte| byte.is_ascii_digit());
    text.as_bytes().first().is_some_and(|byte| is_start(*byte)) && (has_marks(text) || number())
}

/// Truncates a list of one or more addresses. Returns `None` if it contains anything else.
fn cut_list(name: &str, text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut are_versions = true;
    let mut found = false;
    for piece in text.split_inclusive([',', ';', ' ']) {
        let item = piece.trim_end_matches([',', ';', ' ']);
        if item.is_empty() {
            out.push_str(piece);
            continue;
        }
        let address = read_address(item).or_else(|| read_number(name, item))?;
        are_versions &= address.is_ipv4();
        found = true;
        out.push_str(&truncate_address(address).to_string());
        out.push_str(piece.get(item.len()..)?);
    }
    let is_version = are_versions && Name::of(name) == Name::Version;
    (found && !is_version).then_some(out)
}

/// Reads an IPv4 address written as a single number, which only the member's name can identify.
fn read_number(name: &str, text: &str) -> Option<IpAddr> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text
        .parse::<u32>()
        .ok()
        .filter(|number| is_number && *number > 0x00ff_ffff)?;
    (Name::of(name) == Name::Address).then(|| IpAddr::V4(Ipv4Addr::from_bits(number)))
}

/// The meaning of a member's name for an address in its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Address,
    Version,
    Other,
}

impl Name {
    /// Classifies a name, with or without its quotes, by its words: `$ip`, `clientIp`, `x-real-ip`.
    fn of(name: &str) -> Self {
        if !may_tell(name) {
            return Self::Other;
        }
        let name = unquote(name).unwrap_or(Cow::Borrowed(name));
        let words = words(&name);
        let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
        if has(&[
            "ip",
            "ips",
            "ipv4",
            "ipv6",
            "ip4",
            "ip6",
            "ipaddress",
            "ipaddr",
            "clientip",
            "userip",
            "remoteip",
            "remoteaddr",
            "remoteaddress",
            "forwarded",
            "forwardedfor",
        ]) || (has(&["addr", "address"]) && has(&["remote", "client", "peer", "host", "inet"]))
        {
            Self::Address
        } else if has(&[
            "version",
            "versions",
            "ver",
            "v",
            "build",
            "release",
            "firmware",
            "revision",
            "rev",
            "sdk",
            "appversion",
            "osversion",
            "browserversion",
            "oid",
        ]) {
            Self::Version
        } else {
            Self::Other
        }
    }
}

/// Returns whether a name may be anything but [`Name::Other`]: a fast test that rules out most
/// names.
fn may_tell(name: &str) -> bool {
    let has = |part: &[u8]| {
        let mut windows = name.as_bytes().windows(part.len());
        windows.any(|window| window.eq_ignore_ascii_case(part))
    };
    let parts: [&[u8]; 9] = [
        b"ip", b"addr", b"forw", b"v", b"build", b"rel", b"firm", b"sdk", b"oid",
    ];
    name.contains('\\') || parts.into_iter().any(has)
}

/// Returns the words of a name in lower case: they are separated by characters other than letters
/// and digits, and begin at capitals after small letters.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        let begins = !c.is_alphanumeric() || (c.is_uppercase() && was_small);
        if begins {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        was_small = c.is_lowercase() || c.is_numeric();
    }
    words
}

#[cfg(test)]
mod tests;
