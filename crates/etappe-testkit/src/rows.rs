//! Decodes encoded rows, for tests that check what was stored.

use std::collections::BTreeMap;

use etappe_core::id::{Offset, PartitionId};
use etappe_wire::row::COLUMNS;

/// A decoded row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRow {
    /// Its record's partition.
    pub partition: PartitionId,
    /// Its record's offset.
    pub offset: Offset,
    /// Whether it is a collector's mark instead of a message.
    pub is_mark: bool,
    /// Whether it is marked as a duplicate.
    pub is_duplicate: bool,
    /// The columns that hold text, by name.
    pub texts: BTreeMap<&'static str, String>,
}

/// The kind number of marks.
const MARK: u64 = 7;

/// How a column is encoded.
enum Kind {
    Text,
    Fixed(usize),
    Nullable(usize),
}

fn kind_of(column: &str) -> Kind {
    match column {
        "kind" | "scope" | "amount_state" | "is_view" => Kind::Fixed(1),
        table if table.starts_with("to_") => Kind::Fixed(1),
        "partition" => Kind::Fixed(4),
        "outcome_id" | "occurred_at" | "received_at" | "offset" => Kind::Fixed(8),
        "revenue" => Kind::Nullable(16),
        "rating" | "sentiment" => Kind::Nullable(8),
        "nps" => Kind::Nullable(1),
        hash if hash.ends_with("_hash") => Kind::Fixed(8),
        _ => Kind::Text,
    }
}

/// Decodes all rows in `bytes`.
///
/// # Panics
/// When the bytes are not complete rows: then the classifier stored broken data.
#[must_use]
pub fn read_rows(bytes: &[u8]) -> Vec<StoredRow> {
    let mut rest = bytes;
    let mut rows = Vec::new();
    while !rest.is_empty() {
        rows.push(read_row(&mut rest).expect("rows are whole"));
    }
    rows
}

fn read_row(rest: &mut &[u8]) -> Option<StoredRow> {
    let mut row = StoredRow::empty();
    for column in COLUMNS.split(", ") {
        match kind_of(column) {
            Kind::Text => {
                row.texts.insert(column, text(rest)?);
            }
            Kind::Nullable(size) => {
                if take(rest, 1)? == [0] {
                    take(rest, size)?;
                }
            }
            Kind::Fixed(size) => row.set(column, number(take(rest, size)?)),
        }
    }
    Some(row)
}

/// Decodes all rows of one block of columns, or returns `None` if the bytes are anything else.
#[must_use]
pub fn try_read_block(bytes: &[u8]) -> Option<Vec<StoredRow>> {
    let mut rest = bytes;
    let (columns, count) = (length(&mut rest)?, length(&mut rest)?);
    let mut rows = vec![StoredRow::empty(); count];
    for _ in 0..columns {
        let name = text(&mut rest)?;
        text(&mut rest)?;
        let column = COLUMNS.split(", ").find(|column| *column == name)?;
        if matches!(kind_of(column), Kind::Nullable(_)) {
            take(&mut rest, count)?;
        }
        for row in &mut rows {
            match kind_of(column) {
                Kind::Text => {
                    let text = text(&mut rest)?;
                    row.texts.insert(column, text);
                }
                Kind::Nullable(size) => drop(take(&mut rest, size)?),
                Kind::Fixed(size) => row.set(column, number(take(&mut rest, size)?)),
            }
        }
    }
    rest.is_empty().then_some(rows)
}

impl StoredRow {
    const fn empty() -> Self {
        Self {
            partition: PartitionId(0),
            offset: Offset(0),
            is_mark: false,
            is_duplicate: false,
            texts: BTreeMap::new(),
        }
    }

    fn set(&mut self, column: &str, number: u64) {
        match column {
            "partition" => {
                self.partition = PartitionId(u32::try_from(number).expect("four bytes"));
            }
            "offset" => self.offset = Offset(number),
            "kind" => self.is_mark = number == MARK,
            "to_duplicates" => self.is_duplicate = number == 1,
            _ => {}
        }
    }
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let length = length(rest)?;
    String::from_utf8(take(rest, length)?.to_vec()).ok()
}

fn take<'a>(rest: &mut &'a [u8], size: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(size)?;
    *rest = left;
    Some(taken)
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn length(rest: &mut &[u8]) -> Option<usize> {
    let mut length = 0_usize;
    for shift in (0..35).step_by(7) {
        let byte = number(take(rest, 1)?);
        length |= usize::try_from(byte & 0x7f).ok()? << shift;
        if byte < 0x80 {
            return Some(length);
        }
    }
    None
}
