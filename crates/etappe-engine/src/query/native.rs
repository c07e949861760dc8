//! Rewrites the `Native` format for the client's protocol version.
//!
//! The library writes `Native` for version 0. Clients that send `client_protocol_version` (the Go
//! driver, and so Grafana) expect more: from version 1 on, eight bytes of information before each
//! block; from 54454 on, a byte before each column's data that says whether the column has a custom
//! serialization. Inserting that byte requires the length of each column's data, so the data is
//! parsed.

mod column;

use bytes::Bytes;

use crate::exception::{Exception, code};
use column::{ColumnType, Cursor};

/// From this version on, each column has a serialization byte.
const WITH_SERIALIZATION: u64 = 54_454;
/// From this version on, the block information has another field, which no known client needs.
const UNSUPPORTED: u64 = 54_480;
/// Field 1, "is overflow": no; field 2, bucket: none (-1); end.
const BLOCK_INFO: [u8; 8] = [1, 0, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0];

/// Rewrites blocks in `Native` for a client of this protocol version.
pub(crate) fn for_version(blocks: &Bytes, version: u64) -> Result<Bytes, Exception> {
    if version == 0 {
        return Ok(blocks.clone());
    }
    let unsupported = |what: &str| {
        let text = format!("the format Native for {what} is not supported. (NOT_IMPLEMENTED)");
        Exception::new(code::NOT_IMPLEMENTED, text)
    };
    if version >= UNSUPPORTED {
        return Err(unsupported(&format!("client_protocol_version {version}")));
    }
    let mut cursor = Cursor::new(blocks);
    let mut rewritten = Vec::with_capacity(blocks.len() + 64);
    while !cursor.is_at_end() {
        rewritten.extend_from_slice(&BLOCK_INFO);
        let start = cursor.position();
        let malformed = || unsupported("this result");
        let columns = cursor.integer().ok_or_else(malformed)?;
        let rows = cursor.integer().ok_or_else(malformed)?;
        rewritten.extend_from_slice(cursor.since(start));
        for _ in 0..columns {
            let start = cursor.position();
            cursor.text().ok_or_else(malformed)?;
            let name = cursor.text().ok_or_else(malformed)?;
            let column = ColumnType::parse(&String::from_utf8_lossy(name));
            let column = column
                .ok_or_else(|| unsupported(&format!("type {}", String::from_utf8_lossy(name))))?;
            rewritten.extend_from_slice(cursor.since(start));
            if version >= WITH_SERIALIZATION {
                rewritten.push(0);
            }
            let start = cursor.position();
            if rows > 0 {
                cursor.skip_column(&column, rows).ok_or_else(malformed)?;
            }
            rewritten.extend_from_slice(cursor.since(start));
        }
    }
    Ok(rewritten.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One block of a `UInt8` and a `String` column with two rows.
    const BLOCK: &[u8] = b"\x02\x02\x01n\x05UInt8\x01\x02\x01s\x06String\x01a\x02bc";

    #[test]
    fn client_version_zero_changes_nothing() {
        let block = Bytes::from_static(BLOCK);
        assert_eq!(for_version(&block, 0).unwrap(), block);
    }

    #[test]
    fn later_client_versions_get_the_format_they_expect() {
        let block = Bytes::from([BLOCK, BLOCK].concat());
        let info: &[u8] = b"\x01\x00\x02\xFF\xFF\xFF\xFF\x00";
        let expected = [info, BLOCK, info, BLOCK].concat();
        assert_eq!(for_version(&block, 54_405).unwrap(), expected);
        let with_flags: &[u8] = b"\x02\x02\x01n\x05UInt8\x00\x01\x02\x01s\x06String\x00\x01a\x02bc";
        let expected = [info, with_flags, info, with_flags].concat();
        assert_eq!(for_version(&block, 54_460).unwrap(), expected);
    }

    #[test]
    fn unsupported_types_and_truncated_blocks_are_refused() {
        let block = Bytes::from_static(b"\x01\x01\x01j\x04JSON\x00");
        assert_eq!(
            for_version(&block, 54_460).unwrap_err().code,
            code::NOT_IMPLEMENTED
        );
        let cut = Bytes::from_static(b"\x01\x02\x01n\x06UInt64\x00");
        assert!(for_version(&cut, 54_460).is_err());
        assert!(for_version(&Bytes::from_static(BLOCK), 60_000).is_err());
    }
}
