//! A record as it stands in the spool: what is needed to publish it later, then its bytes.
//!
//! The header is 16 bytes, little-endian: the record's key, and its *floor* in milliseconds since
//! 1970: no record in the spool from this one on was received before that instant.

use bytes::{BufMut, Bytes, BytesMut};
use etappe_core::ports::OutgoingRecord;
use etappe_core::time::Timestamp;

/// The length of the header.
pub(crate) const HEADER_BYTES: usize = 16;

/// Returns the entry of `record`.
pub(crate) fn encode(record: &OutgoingRecord, floor: Timestamp) -> Bytes {
    let mut bytes = BytesMut::with_capacity(HEADER_BYTES + record.payload.len());
    bytes.put_u64_le(record.key);
    bytes.put_i64_le(floor.as_millis());
    bytes.put_slice(&record.payload);
    bytes.freeze()
}

/// Returns the record of an entry, with its floor as the time of receipt, or `None` if the entry is
/// too short to be one.
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
        fn what_is_encoded_is_decoded(
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
        fn too_little_is_no_entry(length in 0..HEADER_BYTES) {
            prop_assert!(decode(&Bytes::from(vec![0; length])).is_none());
        }
    }
}
