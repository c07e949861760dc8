//! A query's failure in ClickHouse's terms: a code and a text.
//!
//! The engine reports failures as text, `Code: 60. DB::Exception: …`, sometimes nested two or three
//! times. Clients of the HTTP interface match on the code, so it is extracted here and mapped to an
//! HTTP status as ClickHouse does.

use std::fmt;

use http::StatusCode;

/// Codes that the interface itself raises, in ClickHouse's numbering.
pub(crate) mod code {
    pub(crate) const BAD_ARGUMENTS: i32 = 36;
    pub(crate) const CHECKSUM_DOESNT_MATCH: i32 = 40;
    pub(crate) const NOT_IMPLEMENTED: i32 = 48;
    pub(crate) const SYNTAX_ERROR: i32 = 62;
    pub(crate) const UNKNOWN_SETTING: i32 = 115;
    pub(crate) const READONLY: i32 = 164;
    pub(crate) const REQUIRED_PASSWORD: i32 = 194;
    pub(crate) const TOO_MANY_SIMULTANEOUS_QUERIES: i32 = 202;
    pub(crate) const SOCKET_TIMEOUT: i32 = 209;
    pub(crate) const NETWORK_ERROR: i32 = 210;
    pub(crate) const CANNOT_DECOMPRESS: i32 = 271;
    pub(crate) const LIMIT_EXCEEDED: i32 = 290;
    pub(crate) const QUERY_IS_TOO_LARGE: i32 = 307;
    pub(crate) const QUERY_WAS_CANCELLED: i32 = 394;
    pub(crate) const CANNOT_SCHEDULE_TASK: i32 = 439;
    pub(crate) const ACCESS_DENIED: i32 = 497;
    pub(crate) const AUTHENTICATION_FAILED: i32 = 516;
    pub(crate) const UNKNOWN_EXCEPTION: i32 = 1002;
}

/// Why a query failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exception {
    pub(crate) code: i32,
    /// The text after `DB::Exception: `.
    pub(crate) text: String,
}

impl Exception {
    pub(crate) fn new(code: i32, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }

    /// Parses the engine's report.
    pub(crate) fn from_engine(report: &str) -> Self {
        let mut code = None;
        let mut rest = report.trim();
        while let Some((found, text)) = split_report(rest) {
            code = Some(found);
            rest = text;
        }
        Self {
            code: code.unwrap_or(code::UNKNOWN_EXCEPTION),
            text: unwrap_endings(rest),
        }
    }

    /// Returns the HTTP status that ClickHouse uses for this code.
    pub(crate) fn status(&self) -> StatusCode {
        match self.code {
            6
            | 26
            | 27
            | 38
            | 41
            | 43
            | 53
            | 62
            | 69
            | 70
            | 72
            | 117
            | 131
            | 167
            | 168
            | 183
            | 427
            | 441
            | 456
            | 457
            | 674
            | 675
            | code::BAD_ARGUMENTS
            | code::CHECKSUM_DOESNT_MATCH
            | code::CANNOT_DECOMPRESS => StatusCode::BAD_REQUEST,
            code::REQUIRED_PASSWORD => StatusCode::UNAUTHORIZED,
            192 | 193 | code::AUTHENTICATION_FAILED | code::ACCESS_DENIED | code::READONLY => {
                StatusCode::FORBIDDEN
            }
            46 | 47 | 50 | 56 | 60 | 63 | 73 | 81 | 124 | code::UNKNOWN_SETTING | 511 => {
                StatusCode::NOT_FOUND
            }
            159 | 160 | code::SOCKET_TIMEOUT => StatusCode::REQUEST_TIMEOUT,
            code::QUERY_IS_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
            code::NOT_IMPLEMENTED => StatusCode::NOT_IMPLEMENTED,
            code::TOO_MANY_SIMULTANEOUS_QUERIES | code::CANNOT_SCHEDULE_TASK => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns the class under which metrics count the failure.
    pub(crate) fn class(&self) -> &'static str {
        match self.code {
            241 | 173 => "memory",
            159 | 160 | code::SOCKET_TIMEOUT => "timeout",
            code::TOO_MANY_SIMULTANEOUS_QUERIES | code::CANNOT_SCHEDULE_TASK => "busy",
            252 => "too_many_parts",
            code::QUERY_WAS_CANCELLED | code::NETWORK_ERROR => "cancelled",
            code::REQUIRED_PASSWORD | code::AUTHENTICATION_FAILED => "auth",
            code::ACCESS_DENIED | code::READONLY => "refused",
            _ if self.status().is_client_error() => "client",
            _ => "engine",
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Code: {}. DB::Exception: {}",
            self.code, self.text
        )
    }
}

/// Splits `Code: 60. DB::Exception: text`; the exception may have another type, such as
/// `DB::NetException`.
fn split_report(report: &str) -> Option<(i32, &str)> {
    let rest = report.strip_prefix("Code: ")?;
    let (code, rest) = rest.split_once(". DB::")?;
    let (kind, text) = rest.split_once(": ")?;
    kind.ends_with("Exception").then_some(())?;
    Some((code.parse().ok()?, text.trim_start()))
}

/// Removes the repeated endings of a nested report: `(NAME) (version …). (NAME)` becomes `(NAME)`.
fn unwrap_endings(text: &str) -> String {
    let mut text = text.trim_end();
    while let Some(open) = text.rfind(" (version ") {
        let after = text.get(open..).unwrap_or_default();
        let Some(close) = after.find(')') else { break };
        let ending = after.get(close + 1..).unwrap_or_default();
        let is_ending = ending.is_empty()
            || ending.strip_prefix(". (").is_some_and(|name| {
                name.strip_suffix(')')
                    .is_some_and(|name| name.chars().all(is_name_character))
            });
        if !is_ending {
            break;
        }
        text = text.get(..open).unwrap_or_default().trim_end();
    }
    text.to_owned()
}

fn is_name_character(character: char) -> bool {
    character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_report_yields_its_code_and_text() {
        let exception = Exception::from_engine(
            "Code: 60. DB::Exception: Unknown table expression identifier 't'. (UNKNOWN_TABLE)",
        );
        assert_eq!(exception.code, 60);
        assert_eq!(
            exception.text,
            "Unknown table expression identifier 't'. (UNKNOWN_TABLE)"
        );
        assert_eq!(exception.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_wrapped_report_is_unwrapped() {
        let exception = Exception::from_engine(
            "Code: 164. DB::Exception: Code: 164. DB::Exception: Cannot modify 'max_threads' setting in readonly mode. (READONLY) (version 26.7.2.1). (READONLY)",
        );
        assert_eq!(exception.code, 164);
        assert_eq!(
            exception.text,
            "Cannot modify 'max_threads' setting in readonly mode. (READONLY)"
        );
    }

    #[test]
    fn a_net_exception_keeps_its_code() {
        let exception = Exception::from_engine("Code: 198. DB::NetException: Not found address");
        assert_eq!(
            (exception.code, exception.text.as_str()),
            (198, "Not found address")
        );
    }

    #[test]
    fn a_report_without_a_code_is_unknown() {
        let exception = Exception::from_engine("Invalid or closed connection");
        assert_eq!(exception.code, code::UNKNOWN_EXCEPTION);
        assert_eq!(exception.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
