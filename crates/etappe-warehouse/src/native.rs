//! Reads ClickHouse's column format ("Native"): blocks of columns, each a plain run of values.
//!
//! It costs the server and the reader almost nothing per row, which matters for streams of millions
//! of rows. A block is its number of columns and rows as LEB128, then per column its name, its type
//! and its values: numbers little-endian, text as length and bytes.

use bytes::{Buf, Bytes, BytesMut};

use crate::error::WarehouseError;

/// A larger block is refused: no query here has such an answer.
const MAX_BLOCK_BYTES: usize = 1 << 30;

/// Some rows of an answer.
#[derive(Debug)]
pub(crate) struct Block {
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    name: String,
    kind: String,
    data: Bytes,
}

/// The position of a column's values in a buffer.
struct Layout {
    name: String,
    kind: String,
    start: usize,
    end: usize,
}

impl Block {
    /// Takes the values of a numeric column.
    pub(crate) fn numbers(&mut self, name: &str) -> Result<Numbers, WarehouseError> {
        let column = self.take(name)?;
        match column.kind.as_str() {
            "UInt64" | "Int64" => Ok(Numbers(column.data)),
            other => Err(unexpected(format!(
                "column `{name}` is `{other}`, not 64-bit numbers"
            ))),
        }
    }

    /// Takes the values of a numeric column, all at once.
    pub(crate) fn all_numbers(&mut self, name: &str) -> Result<Vec<u64>, WarehouseError> {
        Ok(self.numbers(name)?.iter().collect())
    }

    /// Takes the values of a text column.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Texts, WarehouseError> {
        let column = self.take(name)?;
        match column.kind.as_str() {
            "String" => Ok(Texts(column.data)),
            other => Err(unexpected(format!(
                "column `{name}` is `{other}`, not text"
            ))),
        }
    }

    fn take(&mut self, name: &str) -> Result<Column, WarehouseError> {
        let index = self
            .columns
            .iter()
            .position(|column| column.name == name)
            .ok_or_else(|| unexpected(format!("column `{name}` is missing")))?;
        Ok(self.columns.swap_remove(index))
    }
}

/// 64-bit numbers, one after the other.
#[derive(Debug)]
pub(crate) struct Numbers(Bytes);

impl Numbers {
    /// Returns all numbers as unsigned.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.0
            .chunks_exact(8)
            .map(|bytes| u64::from_le_bytes(bytes.try_into().expect("a chunk has 8 bytes")))
    }
}

/// Texts, one after the other.
#[derive(Debug)]
pub(crate) struct Texts(Bytes);

impl Texts {
    /// Takes the bytes of the next text; empty after the last.
    pub(crate) fn next(&mut self) -> Bytes {
        let Some((length, size)) = read_length(&self.0) else {
            return Bytes::new();
        };
        self.0.advance(size);
        self.0.split_to(length.min(self.0.len()))
    }
}

/// Removes the first block from the buffer and returns it; `None` while it is incomplete.
pub(crate) fn take_block(buffer: &mut BytesMut) -> Result<Option<Block>, WarehouseError> {
    let Some(layouts) = measure(buffer)? else {
        if buffer.len() > MAX_BLOCK_BYTES {
            return Err(unexpected(format!(
                "a block of more than {MAX_BLOCK_BYTES} bytes"
            )));
        }
        return Ok(None);
    };
    let end = layouts.last().map_or(2, |layout| layout.end);
    let bytes = buffer.split_to(end.min(buffer.len())).freeze();
    let columns = layouts
        .into_iter()
        .map(|layout| Column {
            name: layout.name,
            kind: layout.kind,
            data: bytes.slice(layout.start..layout.end),
        })
        .collect();
    Ok(Some(Block { columns }))
}

/// Checks that an answer did not end in the middle of a block.
pub(crate) fn expect_end(buffer: &BytesMut) -> Result<(), WarehouseError> {
    if buffer.is_empty() {
        Ok(())
    } else {
        Err(unexpected(
            "the answer ends in the middle of a block".to_owned(),
        ))
    }
}

/// Returns the layout of the first block, or `None` while it is incomplete.
fn measure(buffer: &[u8]) -> Result<Option<Vec<Layout>>, WarehouseError> {
    let mut reader = Reader {
        bytes: buffer,
        at: 0,
    };
    let (Some(columns), Some(rows)) = (reader.length(), reader.length()) else {
        return Ok(None);
    };
    let mut layouts = Vec::with_capacity(columns.min(64));
    for _ in 0..columns {
        let (Some(name), Some(kind)) = (reader.text(), reader.text()) else {
            return Ok(None);
        };
        let start = reader.at;
        let complete = match kind.as_str() {
            "UInt64" | "Int64" => reader.skip(rows.saturating_mul(8)),
            "String" => (0..rows).all(|_| reader.skip_text()),
            other => return Err(unexpected(format!("column `{name}` of type `{other}`"))),
        };
        if !complete {
            return Ok(None);
        }
        layouts.push(Layout {
            name,
            kind,
            start,
            end: reader.at,
        });
    }
    Ok(Some(layouts))
}

/// Reads bytes that may end too early.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn length(&mut self) -> Option<usize> {
        let (length, size) = read_length(self.bytes.get(self.at..)?)?;
        self.at += size;
        Some(length)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.length()?;
        let bytes = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    fn skip(&mut self, count: usize) -> bool {
        match self.at.checked_add(count) {
            Some(end) if end <= self.bytes.len() => {
                self.at = end;
                true
            }
            _ => false,
        }
    }

    fn skip_text(&mut self) -> bool {
        self.length().is_some_and(|length| self.skip(length))
    }
}

/// Returns a LEB128 number and its length in bytes.
fn read_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            return Some((value, index + 1));
        }
    }
    None
}

fn unexpected(what: String) -> WarehouseError {
    WarehouseError::UnexpectedAnswer(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two columns with two rows, as the server writes them.
    const BLOCK: &[u8] = b"\x02\x02\x01n\x06UInt64\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\
        \x01t\x06String\x02ab\x00";

    #[test]
    fn a_block_is_read_from_pieces_of_any_size() {
        for cut in 0..BLOCK.len() {
            let mut buffer = BytesMut::from(&BLOCK[..cut]);
            assert!(take_block(&mut buffer).unwrap().is_none(), "{cut}");
            buffer.extend_from_slice(&BLOCK[cut..]);
            buffer.extend_from_slice(b"\x02");
            let mut block = take_block(&mut buffer).unwrap().unwrap();
            assert_eq!(
                block.numbers("n").unwrap().iter().collect::<Vec<_>>(),
                [1, 2]
            );
            let mut texts = block.texts("t").unwrap();
            assert_eq!(
                (&*texts.next(), &*texts.next(), &*texts.next()),
                (&b"ab"[..], &b""[..], &b""[..])
            );
            assert!(expect_end(&buffer).is_err());
        }
    }

    #[test]
    fn an_unknown_type_is_refused() {
        let mut buffer = BytesMut::from(&b"\x01\x01\x01n\x05Tuple\0"[..]);
        assert!(take_block(&mut buffer).is_err());
    }

    #[test]
    fn an_absurd_length_is_incomplete_not_a_panic() {
        let mut buffer =
            BytesMut::from(&b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x01n\x06UInt64"[..]);
        assert!(take_block(&mut buffer).unwrap().is_none());
    }
}
