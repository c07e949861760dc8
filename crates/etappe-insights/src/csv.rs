//! Writes tables as CSV (RFC 4180).
//!
//! Text from events may start like a formula, which a spreadsheet would run. Leading blanks do not
//! prevent that. Some spreadsheets also start a cell after a semicolon, a tab or a line break,
//! depending on their settings. So an apostrophe goes before every place where a formula may start.
//! Etappe's own figures are written as numbers and stay numbers, including negative ones.

use std::borrow::Cow;
use std::fmt::Display;

/// A CSV table under construction.
#[derive(Debug)]
pub(crate) struct CsvTable {
    text: String,
    is_row_empty: bool,
}

impl CsvTable {
    /// Creates a table whose first row holds the column names.
    pub(crate) fn new<'a>(columns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut table = Self {
            text: String::new(),
            is_row_empty: true,
        };
        for column in columns {
            table.push_text(column);
        }
        table.end_row();
        table
    }

    /// Appends a cell with text.
    pub(crate) fn push_text(&mut self, text: &str) {
        self.separate();
        let text = disarmed(text);
        if text.contains([',', ';', '"', '\n', '\r', '\t']) {
            self.text.push('"');
            self.text.push_str(&text.replace('"', "\"\""));
            self.text.push('"');
        } else {
            self.text.push_str(&text);
        }
    }

    /// Appends a cell with a number; `None` becomes an empty cell.
    pub(crate) fn push_number<T: Display>(&mut self, number: Option<T>) {
        self.separate();
        if let Some(number) = number {
            self.text.push_str(&number.to_string());
        }
    }

    /// Ends the row.
    pub(crate) fn end_row(&mut self) {
        self.text.push_str("\r\n");
        self.is_row_empty = true;
    }

    /// Returns the table's text.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    fn separate(&mut self) {
        if !self.is_row_empty {
            self.text.push(',');
        }
        self.is_row_empty = false;
    }
}

/// Characters after which some spreadsheet starts a new cell.
const SEPARATORS: [char; 5] = [',', ';', '\t', '\n', '\r'];

/// Returns the text with an apostrophe before every place where a spreadsheet may see a formula.
fn disarmed(text: &str) -> Cow<'_, str> {
    if !text.contains(begins_formula) && !text.starts_with(is_blank) {
        return Cow::Borrowed(text);
    }
    let mut disarmed = String::with_capacity(text.len() + 1);
    for piece in text.split_inclusive(SEPARATORS) {
        // A text that starts with a tab or a line break also gets an apostrophe in front of it.
        let is_first = disarmed.is_empty();
        let begins_with_control = is_first && piece.starts_with(['\t', '\r', '\n']);
        let inner = piece.trim_start_matches(is_blank);
        if begins_with_control || inner.starts_with(begins_formula) {
            disarmed.push('\'');
        }
        disarmed.push_str(piece);
    }
    Cow::Owned(disarmed)
}

/// Returns whether a spreadsheet may read text that starts with `letter` as a formula. Some
/// spreadsheets convert full-width signs to plain ones.
const fn begins_formula(letter: char) -> bool {
    matches!(
        letter,
        '=' | '+'
            | '-'
            | '@'
            | '\u{ff1d}'
            | '\u{ff0b}'
            | '\u{ff0d}'
            | '\u{ff20}'
            | '\u{2212}'
            | '\u{fe62}'..='\u{fe63}' | '\u{fe66}' | '\u{fe6b}'
    )
}

/// Returns whether a letter is invisible: white space, control characters and zero-width letters,
/// which people and programs overlook.
fn is_blank(letter: char) -> bool {
    letter.is_whitespace()
        || letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cell(text: &str) -> String {
        let mut table = CsvTable::new(["x"]);
        table.push_text(text);
        table.into_text().split_off(3)
    }

    #[test]
    fn no_cell_starts_a_formula() {
        let cases = [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "\"'\t'=1\""),
            ("\tx", "\"'\tx\""),
            ("\r=1", "\"'\r'=1\""),
            ("a;=1", "\"a;'=1\""),
            ("a; =1", "\"a;' =1\""),
            ("a\n=1\n+2", "\"a\n'=1\n'+2\""),
            ("a,=1", "\"a,'=1\""),
            ("a\",=1", "\"a\"\",'=1\""),
            ("Hello, -5", "\"Hello,' -5\""),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("\u{ff0b}1", "'\u{ff0b}1"),
            ("\u{ff0d}1", "'\u{ff0d}1"),
            ("\u{ff20}x", "'\u{ff20}x"),
            ("  =1", "'  =1"),
            ("\u{a0}=1", "'\u{a0}=1"),
            ("\u{200b}\u{feff}=1", "'\u{200b}\u{feff}=1"),
        ];
        for (text, expected) in cases {
            assert_eq!(cell(text), expected, "{text:?}");
        }
        for harmless in [
            "",
            "a-b",
            "x=1",
            "a@b.example",
            "1+1",
            "é",
            "2024-03-01",
            " a",
            "it's",
        ] {
            assert_eq!(cell(harmless), harmless);
        }
    }

    #[test]
    fn our_own_negative_figures_stay_numbers() {
        let mut table = CsvTable::new(["x", "y"]);
        table.push_number(Some(-1.5));
        table.push_number(Some(-3));
        assert_eq!(table.into_text(), "x,y\r\n-1.5,-3");
    }

    proptest! {
        #[test]
        fn a_cell_with_any_separator_starts_no_formula(text in "[=+@;,\\t\\r\\n|\" '\u{a0}\u{ff1d}a1-]{0,12}") {
            let written = disarmed(&text);
            for piece in written.split(SEPARATORS) {
                let shown = piece.trim_start_matches(is_blank);
                prop_assert!(!shown.starts_with(begins_formula), "{:?} {:?}", text, written);
            }
        }
    }

    #[test]
    fn cells_are_quoted_where_needed() {
        let mut table = CsvTable::new(["label", "count"]);
        table.push_text("say \"hi\", you");
        table.push_number(Some(3));
        table.end_row();
        table.push_text("=1+1");
        table.push_number(None::<u64>);
        table.end_row();
        let expected = "label,count\r\n\"say \"\"hi\"\", you\",3\r\n'=1+1,\r\n";
        assert_eq!(table.into_text(), expected);
    }
}
