//! Column types, as far as they determine the length of the data.

/// A column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ColumnType {
    /// A fixed number of bytes per row.
    Fixed(u64),
    /// A length and bytes for each row.
    Text,
    /// A byte for each row, then the values.
    Nullable(Box<ColumnType>),
    /// The end offset of each row's elements, then all elements.
    Array(Box<ColumnType>),
    /// The elements, one after the other.
    Tuple(Vec<ColumnType>),
    /// A dictionary, then an index for each row.
    LowCardinality(Box<ColumnType>),
}

impl ColumnType {
    /// Parses a type's name. `None` for types without a simple layout.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (family, arguments) = match name.split_once('(') {
            Some((family, rest)) => (family, split_arguments(rest.strip_suffix(')')?)),
            None => (name, Vec::new()),
        };
        let boxed = |argument: &str| Self::parse(argument).map(Box::new);
        let first = arguments.first().copied();
        Some(match family {
            "UInt8" | "Int8" | "Bool" | "Enum8" | "Nothing" => Self::Fixed(1),
            "UInt16" | "Int16" | "Date" | "Enum16" | "BFloat16" => Self::Fixed(2),
            "UInt32" | "Int32" | "Float32" | "Date32" | "DateTime" | "IPv4" | "Time" => {
                Self::Fixed(4)
            }
            "UInt64" | "Int64" | "Float64" | "DateTime64" | "Time64" => Self::Fixed(8),
            "UInt128" | "Int128" | "UUID" | "IPv6" => Self::Fixed(16),
            "UInt256" | "Int256" => Self::Fixed(32),
            _ if family.starts_with("Interval") => Self::Fixed(8),
            "Decimal" => Self::Fixed(decimal_width(first?.parse().ok()?)),
            "FixedString" => Self::Fixed(first?.parse().ok()?),
            "String" => Self::Text,
            "Nullable" => Self::Nullable(boxed(first?)?),
            "Array" => Self::Array(boxed(first?)?),
            "Map" => Self::Array(Box::new(Self::tuple(&arguments)?)),
            "Tuple" => Self::tuple(&arguments)?,
            "Nested" => Self::Array(Box::new(Self::tuple(&arguments)?)),
            "Point" => Self::Tuple(vec![Self::Fixed(8), Self::Fixed(8)]),
            "SimpleAggregateFunction" => Self::parse(arguments.last()?)?,
            "LowCardinality" => {
                let nested = first?;
                let nested = nested
                    .strip_prefix("Nullable(")
                    .and_then(|nested| nested.strip_suffix(')'))
                    .unwrap_or(nested);
                Self::LowCardinality(boxed(nested)?)
            }
            _ => return None,
        })
    }

    fn tuple(arguments: &[&str]) -> Option<Self> {
        let elements = arguments
            .iter()
            .map(|argument| Self::parse(without_name(argument)));
        elements.collect::<Option<Vec<_>>>().map(Self::Tuple)
    }
}

/// Removes the name from an element of a named tuple: `a UInt8`, `` `a b` UInt8 ``.
fn without_name(element: &str) -> &str {
    let mut quote = false;
    for (at, character) in element.char_indices() {
        match character {
            '`' => quote = !quote,
            '(' if !quote => return element,
            ' ' if !quote => return element.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    element
}

/// Splits at the commas outside parentheses and quotes.
fn split_arguments(text: &str) -> Vec<&str> {
    let mut arguments = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (Some(_), '\\') => drop(characters.next()),
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '`') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                arguments.push(text.get(start..at).unwrap_or_default().trim());
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    arguments.push(text.get(start..).unwrap_or_default().trim());
    arguments
}

fn decimal_width(precision: u64) -> u64 {
    match precision {
        0..=9 => 4,
        10..=18 => 8,
        19..=38 => 16,
        _ => 32,
    }
}

/// Parses blocks. Every method returns `None` if the data ends too early.
pub(super) struct Cursor<'bytes> {
    bytes: &'bytes [u8],
    position: usize,
}

impl<'bytes> Cursor<'bytes> {
    pub(super) fn new(bytes: &'bytes [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.position == self.bytes.len()
    }

    /// Returns the bytes read since a position.
    pub(super) fn since(&self, start: usize) -> &'bytes [u8] {
        self.bytes.get(start..self.position).unwrap_or_default()
    }

    fn take(&mut self, length: u64) -> Option<&'bytes [u8]> {
        let end = self.position.checked_add(usize::try_from(length).ok()?)?;
        let taken = self.bytes.get(self.position..end)?;
        self.position = end;
        Some(taken)
    }

    /// Reads a variable-length integer.
    pub(super) fn integer(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// Reads a string.
    pub(super) fn text(&mut self) -> Option<&'bytes [u8]> {
        let length = self.integer()?;
        self.take(length)
    }

    fn fixed_integer(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    /// Skips a column's data.
    pub(super) fn skip_column(&mut self, column: &ColumnType, rows: u64) -> Option<()> {
        self.skip_prefix(column)?;
        self.skip_data(column, rows)
    }

    /// Skips the prefix of the data: the layout version of each dictionary.
    fn skip_prefix(&mut self, column: &ColumnType) -> Option<()> {
        match column {
            ColumnType::Fixed(_) | ColumnType::Text => Some(()),
            ColumnType::Nullable(nested) | ColumnType::Array(nested) => self.skip_prefix(nested),
            ColumnType::Tuple(elements) => elements
                .iter()
                .try_for_each(|element| self.skip_prefix(element)),
            ColumnType::LowCardinality(_) => self.take(8).map(drop),
        }
    }

    fn skip_data(&mut self, column: &ColumnType, rows: u64) -> Option<()> {
        match column {
            ColumnType::Fixed(width) => self.take(width.checked_mul(rows)?).map(drop),
            ColumnType::Text => (0..rows).try_for_each(|_| self.text().map(drop)),
            ColumnType::Nullable(nested) => {
                self.take(rows)?;
                self.skip_data(nested, rows)
            }
            ColumnType::Array(nested) => {
                let ends = self.take(rows.checked_mul(8)?)?;
                let elements = match ends.last_chunk::<8>() {
                    Some(last) => u64::from_le_bytes(*last),
                    None => 0,
                };
                self.skip_data(nested, elements)
            }
            ColumnType::Tuple(elements) => elements
                .iter()
                .try_for_each(|element| self.skip_data(element, rows)),
            ColumnType::LowCardinality(_) if rows == 0 => Some(()),
            ColumnType::LowCardinality(nested) => self.skip_dictionary(nested),
        }
    }

    fn skip_dictionary(&mut self, nested: &ColumnType) -> Option<()> {
        let layout = self.fixed_integer()?;
        let index_width = match layout & 0xFF {
            0 => 1,
            1 => 2,
            2 => 4,
            3 => 8,
            _ => return None,
        };
        // Bit 8 means a dictionary shared by several blocks, which this format does not have.
        if layout & 0x100 != 0 {
            return None;
        }
        let keys = self.fixed_integer()?;
        self.skip_data(nested, keys)?;
        let rows = self.fixed_integer()?;
        self.take(rows.checked_mul(index_width)?).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_names_are_read_with_their_arguments() {
        let parse = |name| ColumnType::parse(name).unwrap();
        assert_eq!(parse("DateTime64(3, 'UTC')"), ColumnType::Fixed(8));
        assert_eq!(parse("Decimal(18, 4)"), ColumnType::Fixed(8));
        assert_eq!(parse("Enum8('a,)\\'(' = 1, 'b' = 2)"), ColumnType::Fixed(1));
        let text = || Box::new(ColumnType::Text);
        assert_eq!(
            parse("LowCardinality(Nullable(String))"),
            ColumnType::LowCardinality(text())
        );
        let pair = ColumnType::Tuple(vec![ColumnType::Text, ColumnType::Fixed(8)]);
        assert_eq!(
            parse("Map(String, UInt64)"),
            ColumnType::Array(Box::new(pair.clone()))
        );
        assert_eq!(parse("Tuple(a String, `b c` UInt64)"), pair);
        assert_eq!(
            parse("SimpleAggregateFunction(max, UInt64)"),
            ColumnType::Fixed(8)
        );
        assert_eq!(ColumnType::parse("AggregateFunction(uniq, UInt64)"), None);
        assert_eq!(ColumnType::parse("Variant(String, UInt8)"), None);
    }

    #[test]
    fn nested_data_is_traversed() {
        // Two rows: ['a'], [NULL, 'bc'].
        let data = b"\x01\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x00\x01\x00\x01a\x00\x02bc";
        let mut cursor = Cursor::new(data);
        let column = ColumnType::parse("Array(Nullable(String))").unwrap();
        cursor.skip_column(&column, 2).unwrap();
        assert!(cursor.is_at_end());
    }
}
