//! Which formats can be streamed.
//!
//! The library writes each block of a streamed result as a complete document. For formats without
//! header and footer, concatenating the blocks gives the right bytes; for a few with a header, the
//! header of later blocks is removed. All other formats (`JSON`, `Parquet`, `Pretty`…) are
//! collected as a whole. For each format listed here it was tested that the bytes equal those of
//! the collected result, including totals and extremes.

use bytes::{Buf, Bytes};

use crate::exception::{Exception, code};

/// How the blocks of a format are joined into one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Streaming {
    /// Concatenate them.
    Plain,
    /// Remove this header from all but the first.
    Header(Header),
}

/// The content of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// Names, as length-prefixed strings.
    BinaryNames,
    /// Names and types, as length-prefixed strings.
    BinaryNamesAndTypes,
    /// This many lines.
    Lines(usize),
}

/// Formats whose blocks can be concatenated.
const PLAIN: &[&str] = &[
    "tabseparated",
    "tsv",
    "tabseparatedraw",
    "tsvraw",
    "raw",
    "csv",
    "jsoneachrow",
    "jsonl",
    "jsonlines",
    "ndjson",
    "jsoncompacteachrow",
    "jsonstringseachrow",
    "jsoncompactstringseachrow",
    "rowbinary",
    "native",
    "tskv",
    "lineasstring",
    "null",
    "bsoneachrow",
    "msgpack",
];

/// Returns how to stream results in `format`; `None` if they must be collected.
pub(crate) fn streaming(format: &str) -> Option<Streaming> {
    let format = format.to_ascii_lowercase();
    let header = match format.as_str() {
        "rowbinarywithnames" => Header::BinaryNames,
        "rowbinarywithnamesandtypes" => Header::BinaryNamesAndTypes,
        "jsoncompacteachrowwithnames" => Header::Lines(1),
        "jsoncompacteachrowwithnamesandtypes" => Header::Lines(2),
        _ => return PLAIN.contains(&format.as_str()).then_some(Streaming::Plain),
    };
    Some(Streaming::Header(header))
}

/// Removes the header from every block but the first.
pub(crate) struct HeaderStripper {
    kind: Streaming,
    header: Option<Bytes>,
}

impl HeaderStripper {
    pub(crate) fn new(kind: Streaming) -> Self {
        Self { kind, header: None }
    }

    /// Removes the header from the block, unless it is the first.
    pub(crate) fn strip(&mut self, block: &mut Bytes) -> Result<(), Exception> {
        let Streaming::Header(kind) = self.kind else {
            return Ok(());
        };
        let unexpected = || {
            Exception::new(
                code::UNKNOWN_EXCEPTION,
                "a block of the result has an unknown header",
            )
        };
        match &self.header {
            None => {
                let length = header_length(block, kind).ok_or_else(unexpected)?;
                self.header = Some(Bytes::copy_from_slice(
                    block.get(..length).unwrap_or_default(),
                ));
            }
            Some(header) if block.starts_with(header) => block.advance(header.len()),
            Some(_) => return Err(unexpected()),
        }
        Ok(())
    }
}

/// Returns the length of the header at the beginning of a block.
fn header_length(block: &[u8], kind: Header) -> Option<usize> {
    let strings_per_column = match kind {
        Header::Lines(lines) => {
            return memchr::memchr_iter(b'\n', block)
                .nth(lines.checked_sub(1)?)
                .map(|end| end + 1);
        }
        Header::BinaryNames => 1,
        Header::BinaryNamesAndTypes => 2,
    };
    let mut at = 0;
    let columns = variable_length_integer(block, &mut at)?;
    for _ in 0..columns.checked_mul(strings_per_column)? {
        let length = variable_length_integer(block, &mut at)?;
        at = at.checked_add(usize::try_from(length).ok()?)?;
    }
    (at <= block.len()).then_some(at)
}

fn variable_length_integer(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_headers_are_removed() {
        let kind = streaming("RowBinaryWithNamesAndTypes").unwrap();
        let mut stripper = HeaderStripper::new(kind);
        let mut first = Bytes::from_static(b"\x01\x01n\x05UInt8\x07");
        let mut second = Bytes::from_static(b"\x01\x01n\x05UInt8\x08\x09");
        stripper.strip(&mut first).unwrap();
        stripper.strip(&mut second).unwrap();
        assert_eq!(&first[..], b"\x01\x01n\x05UInt8\x07");
        assert_eq!(&second[..], b"\x08\x09");
    }

    #[test]
    fn leading_lines_can_be_headers() {
        assert_eq!(
            header_length(b"[\"a\"]\n[\"UInt8\"]\n[1]\n", Header::Lines(2)),
            Some(16)
        );
        assert_eq!(header_length(b"[\"a\"]\n", Header::Lines(2)), None);
    }

    #[test]
    fn a_truncated_header_is_incomplete() {
        assert_eq!(
            header_length(b"\x02\x01n\x05UInt8", Header::BinaryNamesAndTypes),
            None
        );
        assert_eq!(header_length(b"\x01\x7Fn", Header::BinaryNames), None);
    }

    #[test]
    fn formats_with_a_footer_are_buffered() {
        for format in [
            "JSON",
            "JSONCompact",
            "Parquet",
            "Pretty",
            "Values",
            "XML",
            "CSVWithNames",
        ] {
            assert_eq!(streaming(format), None, "{format}");
        }
        assert_eq!(streaming("rowbinary"), Some(Streaming::Plain));
    }
}
