//! Decompresses gzip, up to a bound.

use std::io::Read;

use flate2::bufread::MultiGzDecoder;

/// Why a body could not be decompressed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum InflateError {
    /// It is larger than allowed once decompressed.
    TooLarge,
    /// It is not gzip, or is truncated.
    Malformed,
}

/// Returns whether `body` starts like a gzip stream.
pub(crate) fn is_gzip(body: &[u8]) -> bool {
    body.starts_with(&[0x1f, 0x8b])
}

/// Decompresses all members of a gzip stream, up to `limit` bytes. It stops at the limit, so a bomb
/// costs no more than a body of that size.
pub(crate) fn inflate(body: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    let mut text = Vec::with_capacity(stated_size(body).min(limit).saturating_add(64));
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    match MultiGzDecoder::new(body).take(bound).read_to_end(&mut text) {
        Ok(_) if text.len() > limit => Err(InflateError::TooLarge),
        Ok(_) => Ok(text),
        Err(_) => Err(InflateError::Malformed),
    }
}

/// Returns the size that the last member states: only a hint, since the client can forge it.
pub(crate) fn stated_size(body: &[u8]) -> usize {
    let size = body
        .last_chunk::<4>()
        .map_or(0, |tail| u32::from_le_bytes(*tail));
    // Deflate compresses by a factor of about a thousand at most.
    usize::try_from(size)
        .unwrap_or(0)
        .min(body.len().saturating_mul(1032))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_gzip_stream_of_several_members_is_one_text() {
        let body = [gzip(b"{\"a\""), gzip(b":1}")].concat();
        assert!(is_gzip(&body) && !is_gzip(b"{}") && !is_gzip(&[0x1f]));
        assert_eq!(inflate(&body, 100).as_deref(), Ok(&b"{\"a\":1}"[..]));
    }

    #[test]
    fn a_decompression_bomb_is_stopped_at_the_limit() {
        let bomb = gzip(&vec![b' '; 50_000_000]);
        assert!(bomb.len() < 100_000);
        assert_eq!(inflate(&bomb, 4_194_304), Err(InflateError::TooLarge));
        let exact = gzip(&vec![b' '; 1000]);
        assert_eq!(inflate(&exact, 1000).map(|text| text.len()), Ok(1000));
        assert_eq!(inflate(&exact, 999), Err(InflateError::TooLarge));
    }

    #[test]
    fn a_truncated_or_corrupt_stream_is_malformed() {
        let body = gzip(b"some text that is long enough");
        for length in 2..body.len() {
            assert_eq!(
                inflate(&body[..length], 100),
                Err(InflateError::Malformed),
                "{length}"
            );
        }
        let mut corrupt = body;
        let checksum = corrupt.len() - 8;
        corrupt[checksum] ^= 0x55;
        assert_eq!(inflate(&corrupt, 100), Err(InflateError::Malformed));
    }
}
