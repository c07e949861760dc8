//! Writes tables as CSV (RFC 4180).
//!
//! Texts that come from events may begin like a formula, which spreadsheets would run; such a text
//! gets an apostrophe in front.

use std::fmt::Display;

/// A table in the making.
#[derive(Debug)]
pub(crate) struct CsvTable {
    text: String,
    is_row_empty: bool,
}

impl CsvTable {
    /// Makes a table with a first row of column names.
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
        let looks_like_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let needs_quotes = text.contains([',', '"', '\n', '\r']);
        if needs_quotes {
            self.text.push('"');
        }
        if looks_like_formula {
            self.text.push('\'');
        }
        if needs_quotes {
            self.text.push_str(&text.replace('"', "\"\""));
            self.text.push('"');
        } else {
            self.text.push_str(text);
        }
    }

    /// Appends a cell with a number; an empty one without it.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
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
