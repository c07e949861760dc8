//! The arguments of a call.

use super::lexer::{Token, TokenKind};

/// Functions whose first argument may be the bare name of another function: `arrayMap(lower,
/// names)`. In lower case; taken from the engine's table of functions.
pub(super) const HIGHER_ORDER: &[&str] = &[
    "arrayall",
    "arrayavg",
    "arraybottomk",
    "arraycompact",
    "arraycount",
    "arraycumsum",
    "arraycumsumnonnegative",
    "arraydifference",
    "arrayexists",
    "arrayfill",
    "arrayfilter",
    "arrayfirst",
    "arrayfirstindex",
    "arrayfirstornull",
    "arrayfold",
    "arraylast",
    "arraylastindex",
    "arraylastornull",
    "arraymap",
    "arraymax",
    "arraymin",
    "arraypartialreversesort",
    "arraypartialsort",
    "arrayproduct",
    "arrayreversefill",
    "arrayreversesort",
    "arrayreversesplit",
    "arraysort",
    "arraysplit",
    "arraysum",
    "arraytopk",
    "mapall",
    "mapapply",
    "mapexists",
    "mapfilter",
    "mappartialreversesort",
    "mappartialsort",
    "mapreversesort",
    "mapsort",
];

/// Splits the arguments at commas; `tokens` begin with the opening parenthesis.
pub(super) fn arguments<'tokens, 'text>(
    tokens: &'tokens [Token<'text>],
) -> Vec<&'tokens [Token<'text>]> {
    let mut depth = 0_usize;
    let mut begin = 1;
    let mut arguments = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Sign(b'(' | b'[' | b'{') => depth += 1,
            TokenKind::Sign(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            TokenKind::Sign(b',') if depth == 1 => {
                arguments.extend(tokens.get(begin..index));
                begin = index + 1;
            }
            _ => {}
        }
        if depth == 0 {
            arguments.extend(tokens.get(begin..index));
            break;
        }
    }
    arguments
}

/// Returns the function that a call of `callee`, in lower case, names as its first argument;
/// `tokens` begin with the parenthesis. If there is only one argument, it is an array and not a
/// function.
pub(super) fn function_named(callee: &str, tokens: &[Token<'_>]) -> Option<String> {
    if !HIGHER_ORDER.contains(&callee) {
        return None;
    }
    let arguments = arguments(tokens);
    let (first, [_, ..]) = arguments.split_first()? else {
        return None;
    };
    let mut rest = first.iter().skip_while(|token| token.is_sign(b'('));
    let name = rest.next()?;
    let is_alone = rest
        .find(|token| !token.is_sign(b')'))
        .is_none_or(|token| token.is_word("AS"));
    let is_number = name.bytes.first().is_some_and(u8::is_ascii_digit);
    let is_name = matches!(name.kind, TokenKind::Word | TokenKind::QuotedName) && !is_number;
    (is_alone && is_name).then(|| name.name())?
}
