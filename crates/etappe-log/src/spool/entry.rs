//! The encoding of a record in the spool: a header with what publishing needs, then the payload.
//!
//! The header is 16 bytes, little-endian: the record's key, then its *floor* in milliseconds since
//! 1970. The floor is a lower bound: neither this record nor any later one in the spool was
//! received before it.

use bytes::{BufMut, Bytes, BytesMut};
use etappe_core::ports::OutgoingRecord;
use etappe_core::time::Timestamp;

/// The header's length in bytes.
pub(crate) const HEADER_BYTES: usize = 16;

/// Returns the entry of `record`.
pub(crate) fn encode(record: &OutgoingRecord, floor: Timestamp) -> Bytes {
    let mut bytes = BytesMut::with_capacity(HEADER_BYTES + record.payload.len());
    bytes.put_u64_le(record.key);
    bytes.put_i64_le(floor.as_millis());
    bytes.put_slice(&record.payload);
    bytes.freeze()
}

/// Decodes an entry, with the floor as the record's receive time. Returns `None` if the entry is
/// too short.
pub(crate) fn decode(entry: &Bytes) -> Option<OutgoingRecord> {
    let (key, rest) = entry.split_first_chunk::<8>()?;
    let (floor, _) = rest.split_first_chunk::<8>()?;
    Some(OutgoingRecord {
        key: u64::from_le_bytes(*key),
        received_at: Timestamp::from_millis(i64::from_le_bytes(*floor)),
        payload: entry.slice(HEADER_BYTES..),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(crate::seeded(256))]
        #[test]
        fn an_encoded_entry_is_decoded(
            key in any::<u64>(),
            floor in any::<i64>(),
            payload in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let record = OutgoingRecord {
                key,
                received_at: Timestamp::EPOCH,
                payload: Bytes::from(payload.clone()),
            };
            let found = decode(&encode(&record, Timestamp::from_millis(floor))).unwrap();
            prop_assert_eq!(found.key, key);
            prop_assert_eq!(found.received_at.as_millis(), floor);
            prop_assert_eq!(&found.payload[..], &payload[..]);
        }

        #[test]
        fn too_few_bytes_are_not_an_entry(length in 0..HEADER_BYTES) {
            prop_assert!(decode(&Bytes::from(vec![0; length])).is_none());
        }
    }
}
