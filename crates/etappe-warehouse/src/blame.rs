//! Finds the record that a refusal of the server names.
//!
//! ClickHouse counts rows from 1. It names a row of the insert that it cannot read: `(at row 3)`; and
//! one that violates a constraint: ``Constraint `c` for table etappe.money (…) is violated at row 3``,
//! which counts the rows of that table (`IRowInputFormat` and `CheckConstraintsTransform` in its
//! source).

use etappe_core::id::Offset;
use etappe_core::ports::RowBatch;
use etappe_wire::row;

use crate::target::TARGETS;

/// Returns the record of a batch that the server's answer names, if it names one.
pub(crate) fn record_named(answer: &str, batch: &RowBatch) -> Option<Offset> {
    let (table, number) = row_named(answer)?;
    let rows = row::marks(&batch.bytes).ok()?;
    let target = TARGETS.iter().find(|target| Some(target.table) == table);
    let mut rows = rows
        .iter()
        .filter(|row| target.is_none_or(|target| target.takes(row)));
    rows.nth(number.checked_sub(1)?).map(|row| row.offset)
}

/// Returns whether the answer is about a table behind the landing table: then what others of them
/// stored is not known.
pub(crate) fn is_about_target(answer: &str) -> bool {
    let (table, _) = row_named(answer).unwrap_or_default();
    answer.contains("pushing to view") || TARGETS.iter().any(|it| Some(it.table) == table)
}

/// Returns a table's name, if it is in the answer, and the number of a row.
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
    fn rows_are_found_in_the_servers_words() {
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
