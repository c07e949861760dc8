//! Detects files that are not JSON lines, so that they are refused with a helpful message instead
//! of line by line.

use std::fmt;
use std::path::Path;

use crate::error::ImportError;
use crate::source::{self, Lines};

/// Why a whole file is not an import file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrongShape {
    /// All of its lines are blank.
    Empty,
    /// A CSV table: its first line names the columns.
    Csv {
        /// The names of its columns.
        columns: Vec<String>,
    },
    /// One JSON array around all events.
    Array,
    /// UTF-16 text, as some spreadsheets save it.
    Utf16,
}

/// The number of columns listed in a message.
const SHOWN_COLUMNS: usize = 8;

/// Checks the first two lines of a file and returns what is wrong with its format, if anything.
pub(crate) fn wrong_shape(path: &Path) -> Result<Option<WrongShape>, ImportError> {
    if is_utf16(path)? {
        return Ok(Some(WrongShape::Utf16));
    }
    let mut lines = Lines::of(path, u64::MAX)?;
    let mut next_line = || {
        let line = lines.next_line();
        line.map_err(ImportError::file("read", path))
    };
    let Some(first) = next_line()? else {
        return Ok(Some(WrongShape::Empty));
    };
    let second = next_line()?.and_then(|line| line.text);
    let first = first.text.unwrap_or_default();
    Ok(shape_of(first.trim(), second.as_deref().map(str::trim)))
}

fn is_utf16(path: &Path) -> Result<bool, ImportError> {
    let mut source = source::open(path)?;
    let beginning = source.fill_buf().map_err(ImportError::file("read", path))?;
    Ok(matches!(beginning, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]))
}

fn shape_of(first: &str, second: Option<&str>) -> Option<WrongShape> {
    let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if first.starts_with('[') {
        let is_whole = second.is_none() || !is_json(first);
        return is_whole.then_some(WrongShape::Array);
    }
    // A bad line before good ones is rejected on its own.
    let has_event = first.starts_with('{') || second.is_some_and(|it| it.starts_with('{'));
    if has_event || is_json(first) {
        return None;
    }
    let columns = [',', ';', '\t', '|']
        .iter()
        .map(|separator| first.split(*separator).collect::<Vec<_>>())
        .max_by_key(Vec::len)?;
    let names = columns.iter().map(|name| name.trim().trim_matches('"'));
    let names: Vec<String> = names.map(str::to_owned).collect();
    let is_table = names.len() > 1 && names.iter().all(|name| !name.is_empty());
    is_table.then_some(WrongShape::Csv { columns: names })
}

impl fmt::Display for WrongShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => return f.write_str("it holds no events"),
            Self::Csv { columns } => {
                let shown = columns.iter().take(SHOWN_COLUMNS).cloned();
                let shown: Vec<String> = shown.collect();
                let more = if columns.len() > SHOWN_COLUMNS {
                    ", …"
                } else {
                    ""
                };
                write!(
                    f,
                    "this is CSV: a table with the columns {}{more}",
                    shown.join(", ")
                )?;
            }
            Self::Array => f.write_str("this is one JSON array around all events")?,
            Self::Utf16 => f.write_str("this is UTF-16: save it as UTF-8")?,
        }
        f.write_str(
            r#"; an import takes one JSON object a line, such as {"event":"Signed Up","distinct_id":"u1","timestamp":"2024-03-01T12:00:00Z","properties":{}}"#,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Option<WrongShape> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("events");
        std::fs::write(&path, text).expect("written");
        wrong_shape(&path).expect("readable")
    }

    fn csv(columns: &[&str]) -> Option<WrongShape> {
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        Some(WrongShape::Csv { columns })
    }

    #[test]
    fn tables_arrays_and_empty_files_are_recognised() {
        let line = r#"{"event":"x"}"#;
        let cases = [
            (format!("{line}\n"), None),
            (format!("\u{feff}\r\n{line}\r\n"), None),
            (format!("not, json\n{line}\n"), None),
            ("nonsense\nmore\n".to_owned(), None),
            ("[1]\n[2]\n".to_owned(), None),
            ("5\n".to_owned(), None),
            (String::new(), Some(WrongShape::Empty)),
            ("\u{feff}\r\n \n".to_owned(), Some(WrongShape::Empty)),
            (
                "event,user,at\nx,u,2024-01-01\n".to_owned(),
                csv(&["event", "user", "at"]),
            ),
            (
                "\u{feff}\"event\";\"user\"\r\n".to_owned(),
                csv(&["event", "user"]),
            ),
            ("event\tuser\n".to_owned(), csv(&["event", "user"])),
            (format!("[{line},\n{line}]"), Some(WrongShape::Array)),
            (format!("[\n{line},\n{line}\n]"), Some(WrongShape::Array)),
            (format!("[{line}]"), Some(WrongShape::Array)),
        ];
        for (text, expected) in cases {
            assert_eq!(shape(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_message_about_a_table_lists_its_columns() {
        let message = csv(&["event", "user"]).map(|shape| shape.to_string());
        let message = message.unwrap_or_default();
        assert!(
            message.starts_with("this is CSV: a table with the columns event, user; "),
            "{message}"
        );
    }

    #[test]
    fn text_of_16_bits_is_recognised() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("events");
        std::fs::write(&path, [0xff, 0xfe, b'{', 0, b'}', 0]).expect("written");
        assert_eq!(
            wrong_shape(&path).expect("readable"),
            Some(WrongShape::Utf16)
        );
    }
}
