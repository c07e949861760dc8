//! IP addresses in the parameters of a URL or a form.

use super::{Name, cut_list};

/// Truncates the IP addresses in parameters such as `ip=203.0.113.77` of a URL or a form; a
/// parameter may hold a list.
pub(super) fn cut_parameters(text: &str) -> Option<String> {
    let is_border = |c: char| matches!(c, '?' | '&' | '#' | ';' | ',') || c.is_whitespace();
    let mut out = String::with_capacity(text.len());
    let mut found = false;
    // The parameter whose list continues.
    let mut open = "";
    for piece in text.split_inclusive(is_border) {
        let pair = piece.trim_end_matches(is_border);
        let (name, value) = pair.split_once('=').unwrap_or((open, pair));
        match cut_parameter(name, value) {
            Some(cut) => {
                found = true;
                out.push_str(pair.strip_suffix(value)?);
                out.push_str(&cut);
                out.push_str(piece.get(pair.len()..)?);
            }
            None => out.push_str(piece),
        }
        open = if piece.ends_with(['?', '&', '#']) {
            ""
        } else {
            name
        };
    }
    found.then_some(out)
}

/// Returns the value of a parameter with its addresses truncated, or `None` if it has none.
fn cut_parameter(name: &str, value: &str) -> Option<String> {
    if Name::of(name) != Name::Address {
        return None;
    }
    let value = percent_encoding::percent_decode_str(value)
        .decode_utf8()
        .ok()?;
    Some(cut_list(name, &value)?.replace(' ', "%20"))
}
