//! Frames survive encoding and decoding, and no altered frame passes as intact.

use proptest::prelude::*;

use super::*;

fn stamp(base: u64) -> Stamp {
    Stamp {
        base: Offset(base),
        synced: 77,
        written_at: Timestamp::from_millis(-5),
    }
}

fn encode(codec: Codec, base: u64, records: &[Vec<u8>]) -> Vec<u8> {
    let mut encoder = FrameEncoder::new(codec);
    for record in records {
        encoder.push(record);
    }
    let mut out = Vec::new();
    encoder.finish(stamp(base), &mut out);
    out
}

/// Decodes a frame that fills `bytes`.
fn decode(bytes: &[u8]) -> Option<(Header, Records)> {
    let header_bytes = bytes.first_chunk()?;
    let header = Header::parse(header_bytes)?;
    let body = bytes.get(HEADER_BYTES..HEADER_BYTES + header.body_bytes())?;
    if !header.is_intact(header_bytes, body) {
        return None;
    }
    let records = Records::decode(&header, Bytes::copy_from_slice(body)).ok()?;
    Some((header, records))
}

fn drain(mut records: Records) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some(record) = records.take(usize::MAX).unwrap() {
        found.push(record.payload.to_vec());
    }
    found
}

fn any_codec() -> impl Strategy<Value = Codec> {
    prop_oneof![Just(Codec::None), Just(Codec::Lz4)]
}

fn any_records() -> impl Strategy<Value = Vec<Vec<u8>>> {
    // Few distinct bytes, so that compression has an effect.
    let record = prop::collection::vec(0..4_u8, 0..200);
    prop::collection::vec(record, 1..20)
}

proptest! {
    #![proptest_config(crate::seeded(256))]

    #[test]
    fn a_frame_round_trips(codec in any_codec(), base in 0..u64::MAX / 2, records in any_records()) {
        let bytes = encode(codec, base, &records);
        let (header, found) = decode(&bytes).unwrap();
        prop_assert_eq!(header.base, Offset(base));
        prop_assert_eq!(header.end(), Offset(base + records.len() as u64));
        prop_assert_eq!(header.synced, 77);
        prop_assert_eq!(header.written_at, Timestamp::from_millis(-5));
        prop_assert_eq!(header.frame_bytes(), bytes.len() as u64);
        prop_assert_eq!(drain(found), records);
    }

    #[test]
    fn a_changed_bit_is_noticed(
        codec in any_codec(),
        records in any_records(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let mut bytes = encode(codec, 5, &records);
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        prop_assert!(decode(&bytes).is_none());
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(
        codec in 0..3_u8,
        count in 1..100_u32,
        raw in 0..5_000_u32,
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        // A header that matches the body, as only a faulty program would write it.
        let mut header: HeaderBytes = [0; HEADER_BYTES];
        header[..4].copy_from_slice(&MAGIC);
        header[5] = codec;
        header[16..20].copy_from_slice(&count.to_le_bytes());
        header[20..24].copy_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
        header[24..28].copy_from_slice(&raw.to_le_bytes());
        if let Some(parsed) = Header::parse(&header)
            && let Ok(mut records) = Records::decode(&parsed, Bytes::from(body))
        {
            let mut taken = 0;
            while let Ok(Some(_)) = records.take(usize::MAX) {
                taken += 1;
            }
            prop_assert!(taken <= count);
        }
    }
}

#[test]
fn repetitive_records_take_less_room_packed() {
    let records = vec![br#"{"event":"Order Completed"}"#.to_vec(); 50];
    let plain = encode(Codec::None, 0, &records);
    let packed = encode(Codec::Lz4, 0, &records);
    assert_eq!(plain.len(), HEADER_BYTES + 50 * (RECORD_OVERHEAD + 27));
    assert!(packed.len() * 5 < plain.len());
}

#[test]
fn an_empty_frame_is_not_written() {
    let mut out = Vec::new();
    assert_eq!(FrameEncoder::new(Codec::Lz4).finish(stamp(0), &mut out), 0);
    assert!(out.is_empty());
}

#[test]
fn the_layout_is_the_documented_one() {
    let bytes = encode(Codec::None, 0x0102, &[b"ab".to_vec()]);
    let crc = crc32fast::hash(&[&bytes[..40], &bytes[44..]].concat());
    let expected = [
        &[0xF5, b'E', b'F', 0xFF, 1, 0, 0, 0][..],
        &[2, 1, 0, 0, 0, 0, 0, 0],
        &[1, 0, 0, 0, 6, 0, 0, 0, 6, 0, 0, 0, 77, 0, 0, 0],
        &[0xFB, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        &crc.to_le_bytes(),
        &[2, 0, 0, 0, b'a', b'b'],
    ]
    .concat();
    assert_eq!(bytes, expected);
}
