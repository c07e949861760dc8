//! Finds the time zones in a reader's statement.
//!
//! The engine keeps a table of about 4.5 MiB for every time zone ever used, until it ends. It also
//! accepts generated names such as `Fixed/UTC+00:00:01`, so one query over numbers could use up the
//! server's memory. A reader's time zones must therefore be known names, written as literals, and
//! their number is limited (see [`crate::zones`]).

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono_tz::Tz;

use super::call::{arguments, function_named};
use super::lexer::{Lexer, Token, TokenKind};
use crate::exception::{Exception, code};

/// Types whose values have a time zone.
const ZONED_TYPES: &[&str] = &["datetime", "datetime32", "datetime64", "timestamp"];

/// The position at which a function takes a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ZoneArgument {
    /// The first argument that may be a time zone.
    from: usize,
    /// Whether the zone is inside the text of a type.
    is_type: bool,
}

/// Functions in lower case.
static ZONE_ARGUMENTS: LazyLock<HashMap<&str, ZoneArgument>> = LazyLock::new(|| {
    let lines = include_str!("../../names/zones.txt").lines();
    lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split(' ');
            let name = words.next()?;
            let from = words.next()?.parse().ok()?;
            let is_type = words.next().is_some();
            Some((name, ZoneArgument { from, is_type }))
        })
        .collect()
});

/// Returns the time zones that the statement names.
pub(super) fn named(tokens: &[Token<'_>]) -> Result<Vec<Tz>, Exception> {
    let mut zones = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let (Some(name), Some(rest)) = (token.name(), tokens.get(index + 1..)) else {
            continue;
        };
        if token.is_word("AT") && rest.first().is_some_and(|next| next.is_word("TIME")) {
            zones.extend(zone_of(rest.get(2..3).unwrap_or_default(), "AT TIME ZONE")?);
        }
        if !rest.first().is_some_and(|next| next.is_sign(b'(')) {
            continue;
        }
        refuse_by_name(&name, rest)?;
        if ZONED_TYPES.contains(&name.as_str()) {
            for argument in arguments(rest) {
                zones.extend(zone_of(argument, &name)?);
            }
        } else if let Some(zoned) = ZONE_ARGUMENTS.get(name.as_str()) {
            let given = arguments(rest);
            for argument in given.get(zoned.from..).unwrap_or_default() {
                if zoned.is_type {
                    zones.extend(zones_of_type(argument, &name)?);
                } else {
                    zones.extend(zone_of(argument, &name)?);
                }
            }
        }
    }
    Ok(zones)
}

/// `arrayMap(toString, times, zones)`: a function passed by name gets its arguments from arrays, so
/// a time zone among them is not a literal.
fn refuse_by_name(name: &str, rest: &[Token<'_>]) -> Result<(), Exception> {
    let Some(function) = function_named(name, rest) else {
        return Ok(());
    };
    let given = arguments(rest).len() - 1;
    match ZONE_ARGUMENTS.get(function.as_str()) {
        Some(zoned) if given > zoned.from => Err(computed(&function)),
        _ => Ok(()),
    }
}

/// Parses the name of a time zone.
pub(crate) fn parse(name: &str) -> Result<Tz, Exception> {
    name.parse()
        .map_err(|_| refused(&format!("the time zone `{name}` is not known")))
}

/// Parses an argument that may be a time zone: a string, or something that cannot be one.
fn zone_of(argument: &[Token<'_>], function: &str) -> Result<Option<Tz>, Exception> {
    match argument {
        [text] if text.kind == TokenKind::Text => match plain_text(text.bytes) {
            Some(name) => parse(name).map(Some),
            None => Err(computed(function)),
        },
        _ if is_number(argument) || is_interval(argument) => Ok(None),
        _ => Err(computed(function)),
    }
}

/// Parses an argument that may be the text of a type.
fn zones_of_type(argument: &[Token<'_>], function: &str) -> Result<Vec<Tz>, Exception> {
    match argument {
        [text] if text.kind == TokenKind::Text => {
            let content = type_text(text.bytes).ok_or_else(|| computed(function))?;
            let inner: Vec<Token<'_>> = Lexer::new(&content).collect();
            named(&inner)
        }
        _ if is_number(argument) => Ok(Vec::new()),
        _ => Err(computed(function)),
    }
}

/// Returns whether the argument is empty or a number with an optional sign; its dot is a separate
/// token.
fn is_number(argument: &[Token<'_>]) -> bool {
    argument.iter().all(|token| match token.kind {
        TokenKind::Word => token.bytes.first().is_some_and(u8::is_ascii_digit),
        TokenKind::Sign(sign) => matches!(sign, b'-' | b'+' | b'.'),
        TokenKind::Text | TokenKind::QuotedName | TokenKind::Broken(_) => false,
    })
}

/// `INTERVAL 1 DAY`.
fn is_interval(argument: &[Token<'_>]) -> bool {
    argument.len() == 3
        && argument.iter().all(|token| token.kind == TokenKind::Word)
        && argument
            .first()
            .is_some_and(|word| word.is_word("INTERVAL"))
}

/// Returns the text inside the quotes, if it contains no escapes.
fn plain_text(bytes: &[u8]) -> Option<&str> {
    let content = bytes.get(1..bytes.len().checked_sub(1)?)?;
    let is_plain = !content.iter().any(|byte| matches!(byte, b'\\' | b'\''));
    is_plain.then(|| std::str::from_utf8(content).ok())?
}

/// Returns the text inside the quotes, if only quotes are escaped in it.
fn type_text(bytes: &[u8]) -> Option<Vec<u8>> {
    let content = bytes.get(1..bytes.len().checked_sub(1)?)?;
    let mut text = Vec::with_capacity(content.len());
    let mut rest = content.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' | b'\'' => match rest.next() {
                Some(b'\'') => text.push(b'\''),
                _ => return None,
            },
            byte => text.push(*byte),
        }
    }
    Some(text)
}

fn computed(function: &str) -> Exception {
    refused(&format!(
        "a time zone or type passed to `{function}` must be a plain string literal"
    ))
}

fn refused(text: &str) -> Exception {
    Exception::new(code::ACCESS_DENIED, format!("{text}. (ACCESS_DENIED)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::Statement;

    fn zones(text: &str) -> Result<Vec<&'static str>, i32> {
        let statement = Statement::read(text.as_bytes(), true).unwrap();
        let zones = named(&statement.tokens).map_err(|error| error.code)?;
        Ok(zones.into_iter().map(Tz::name).collect())
    }

    #[test]
    fn time_zones_are_found_where_they_are_used() {
        for (text, found) in [
            ("SELECT now() AT TIME ZONE 'Asia/Tokyo'", vec!["Asia/Tokyo"]),
            ("SELECT arrayMap(toString, [1]), arraySum(a, b)", vec![]),
            ("SELECT toDateTime(a, 'UTC'), toString(b)", vec!["UTC"]),
            ("SELECT toDateTime64(a, 3), now64(3), toWeek(a, 1)", vec![]),
            (
                "SELECT `toTimeZone`(a, 'Asia/Tokyo'), CAST(a AS DateTime64(3, 'Europe/Paris'))",
                vec!["Asia/Tokyo", "Europe/Paris"],
            ),
            (
                "SELECT a::DateTime('Asia/Tokyo') WHERE b = {t:DateTime64(3, 'UTC')}",
                vec!["Asia/Tokyo", "UTC"],
            ),
            (
                r"SELECT CAST(a, 'Nullable(DateTime(\'Asia/Tokyo\'))'), JSONExtract(b, 'a', 'Int8')",
                vec!["Asia/Tokyo"],
            ),
            (
                "SELECT CAST(a, 'Tuple(a DateTime(''UTC''), b String)')",
                vec!["UTC"],
            ),
            (
                "SELECT toStartOfInterval(t, INTERVAL 1 DAY, 'Asia/Tokyo')",
                vec!["Asia/Tokyo"],
            ),
            (
                "SELECT dateDiff('day', f(a, 'x'), [1, 2][1], 'Asia/Tokyo')",
                vec!["Asia/Tokyo"],
            ),
            (
                "SELECT toDateTime(toString(a, 'UTC')), 'Fixed/UTC+00:00:01'",
                vec!["UTC"],
            ),
        ] {
            assert_eq!(zones(text), Ok(found), "{text}");
        }
    }

    #[test]
    fn computed_and_unknown_time_zones_are_refused() {
        for text in [
            "SELECT toTimeZone(now(), 'Fixed/UTC+00:00:01')",
            "SELECT toTimeZone(now(), concat('Fixed/UTC+00:00:', '01'))",
            "SELECT toString(now(), z) FROM (SELECT 'UTC' AS z)",
            "SELECT toString(now(), {z:String})",
            "SELECT `TOSTRING`(now(), `z`)",
            r"SELECT toTimeZone(now(), 'Fixed\/UTC+00:00:01')",
            "SELECT toTimeZone(now(), '/usr/share/zoneinfo/Asia/Tokyo')",
            "SELECT arrayMap(z -> toHour(now(), z), ['UTC'])",
            "SELECT now()::DateTime('Fixed/UTC+00:00:01')",
            "SELECT CAST(now() AS `DateTime`('Fixed/UTC+00:00:01'))",
            "SELECT CAST(now(), concat('DateTime(', z, ')'))",
            r"SELECT CAST(now(), 'DateTime(\'Fixed/UTC+00:00:01\')')",
            r"SELECT CAST(now(), 'Date\x54ime(\'Fixed/UTC+00:00:01\')')",
            r"SELECT JSONExtract('{}', 'a', 'DateTime(\'Fixed/UTC+00:00:01\')')",
            "SELECT toStartOfInterval(now(), INTERVAL 1 DAY, (z))",
            "SELECT toDateTime(1, ('UTC'))",
            "SELECT arrayMap(toString, [now()], ['Fixed/UTC+00:00:01'])",
            "SELECT arrayMap((`toTimeZone`) AS f, [now()], ['UTC'])",
            "SELECT now() AT TIME ZONE 'Fixed/UTC+00:00:01'",
            "SELECT now() at time zone concat('U', 'TC')",
            "SELECT now() AT TIME ZONE z",
        ] {
            assert_eq!(zones(text), Err(code::ACCESS_DENIED), "{text}");
        }
    }

    #[test]
    fn every_line_of_the_list_is_read() {
        let lines = include_str!("../../names/zones.txt").lines();
        let lines = lines.filter(|line| !line.starts_with('#')).count();
        assert_eq!(ZONE_ARGUMENTS.len(), lines);
        assert!(
            ZONE_ARGUMENTS
                .keys()
                .all(|name| super::super::names::is_function(name))
        );
    }
}
