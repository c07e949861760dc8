//! Finds the record that the server names in a refusal.
//!
//! ClickHouse counts rows from 1. For a row of the insert that it cannot read it reports `(at row
//! 3)`. For a row that violates a constraint it reports ``Constraint `c` for table etappe.money (…)
//! is violated at row 3``, and that number counts the rows of that table (`IRowInputFormat` and
//! `CheckConstraintsTransform` in its source).

use etappe_core::id::Offset;
use etappe_core::ports::RowBatch;

use super::redo::targets;

/// Returns the record of a batch that the server's answer names, if any.
pub(crate) fn record_named(answer: &str, batch: &RowBatch) -> Option<Offset> {
    let (table, number) = row_named(answer)?;
    let table = targets().find(|target| Some(target.name()) == table);
    let mut rows = batch
        .rows
        .iter()
        .filter(|row| table.is_none_or(|table| table.takes(row)));
    rows.nth(number.checked_sub(1)?).map(|row| row.offset)
}

/// Returns whether the answer concerns a table behind the landing table; it is then unknown what
/// the other such tables stored.
pub(crate) fn is_about_target(answer: &str) -> bool {
    let (table, _) = row_named(answer).unwrap_or_default();
    answer.contains("pushing to view") || targets().any(|target| Some(target.name()) == table)
}

/// Returns the table's name, if the answer contains one, and the row number.
fn row_named(answer: &str) -> Option<(Option<&str>, usize)> {
    let (before, after) = answer.split_once("at row ")?;
    let digits = after.find(|c: char| !c.is_ascii_digit());
    let number = after.get(..digits.unwrap_or(after.len()))?.parse().ok()?;
    let table = before.split_once(" for table ").map(|(_, rest)| {
        let name = rest.split(' ').next().unwrap_or_default();
        name.rsplit('.').next().unwrap_or(name)
    });
    Some((table, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_in_the_server_s_message() {
        let cases = [
            (
                "Cannot read all data.: (at row 27)\n: While",
                Some((None, 27)),
            ),
            (
                "Code: 469. DB::Exception: Constraint `c` for table etappe.money (9f01-…) is violated \
                 at row 3. Expression: (a > 1). (VIOLATED_CONSTRAINT)",
                Some((Some("money"), 3)),
            ),
            ("at row x", None),
            ("Too many parts", None),
        ];
        for (answer, expected) in cases {
            assert_eq!(row_named(answer), expected, "{answer}");
        }
    }
}
