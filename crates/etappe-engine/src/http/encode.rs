//! Encodings of a response's body.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

use super::block;

/// The largest piece of a body, so that little memory waits for a slow client.
const PIECE: usize = 256 * 1024;

/// How a response's body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    /// ClickHouse's compressed blocks, requested with `compress=1`.
    Blocks,
    Lz4,
    Gzip,
}

impl Encoding {
    /// Chooses an encoding from an `Accept-Encoding` header.
    pub(crate) fn accepted(header: &str) -> Self {
        let accepts = |name: &str| {
            header.split(',').any(|part| {
                let (coding, quality) = part.split_once(';').unwrap_or((part, ""));
                let refused = matches!(quality.trim().strip_prefix("q="), Some("0" | "0.0"));
                coding.trim().eq_ignore_ascii_case(name) && !refused
            })
        };
        if accepts("lz4") {
            Self::Lz4
        } else if accepts("gzip") {
            Self::Gzip
        } else {
            Self::Identity
        }
    }

    /// Returns the `Content-Encoding`, if any. ClickHouse's blocks have none.
    pub(crate) fn header(self) -> Option<&'static str> {
        match self {
            Self::Identity | Self::Blocks => None,
            Self::Lz4 => Some("lz4"),
            Self::Gzip => Some("gzip"),
        }
    }
}

/// Encodes a body piece by piece.
pub(crate) enum Encoder {
    Identity,
    Blocks,
    Lz4(Box<FrameEncoder<Vec<u8>>>),
    Gzip(Box<GzEncoder<Vec<u8>>>),
}

impl Encoder {
    pub(crate) fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Identity => Self::Identity,
            Encoding::Blocks => Self::Blocks,
            Encoding::Lz4 => {
                let info = FrameInfo::new()
                    .block_size(BlockSize::Max256KB)
                    .block_mode(BlockMode::Independent);
                Self::Lz4(Box::new(FrameEncoder::with_frame_info(info, Vec::new())))
            }
            Encoding::Gzip => Self::Gzip(Box::new(GzEncoder::new(Vec::new(), Compression::fast()))),
        }
    }

    /// Removes the first piece of `data`, encodes it and returns the bytes that are ready to send;
    /// `None` if `data` is empty. Without an encoding nothing is copied.
    pub(crate) fn encode(&mut self, data: &mut Bytes) -> io::Result<Option<Bytes>> {
        if data.is_empty() {
            return Ok(None);
        }
        let piece = data.split_to(data.len().min(PIECE));
        let encoded = match self {
            Self::Identity => piece,
            Self::Blocks => block::compress(&piece).into(),
            Self::Lz4(encoder) => {
                encoder.write_all(&piece)?;
                std::mem::take(encoder.get_mut()).into()
            }
            Self::Gzip(encoder) => {
                encoder.write_all(&piece)?;
                std::mem::take(encoder.get_mut()).into()
            }
        };
        Ok(Some(encoded))
    }

    /// Encodes `tail` as a separate unit, so that a client that decodes unit by unit receives it
    /// whole. Clients look for an exception at the end of the last decoded unit.
    pub(crate) fn encode_apart(&mut self, tail: &[u8]) -> io::Result<Vec<Bytes>> {
        let apart = |before: Vec<u8>, after: Vec<u8>| vec![before.into(), after.into()];
        Ok(match self {
            Self::Identity => vec![Bytes::copy_from_slice(tail)],
            Self::Blocks => vec![block::compress(tail).into()],
            Self::Lz4(encoder) => {
                encoder.flush()?;
                let before = std::mem::take(encoder.get_mut());
                encoder.write_all(tail)?;
                encoder.flush()?;
                apart(before, std::mem::take(encoder.get_mut()))
            }
            Self::Gzip(encoder) => {
                encoder.flush()?;
                let before = std::mem::take(encoder.get_mut());
                encoder.write_all(tail)?;
                encoder.flush()?;
                apart(before, std::mem::take(encoder.get_mut()))
            }
        })
    }

    /// Finishes the encoding and returns the last bytes.
    pub(crate) fn finish(self) -> io::Result<Bytes> {
        Ok(match self {
            Self::Identity | Self::Blocks => Bytes::new(),
            Self::Lz4(encoder) => encoder.finish().map_err(io::Error::other)?.into(),
            Self::Gzip(encoder) => encoder.finish()?.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn round_trip(encoding: Encoding, decode: impl Fn(&[u8]) -> Vec<u8>) {
        let data: Vec<u8> = (0..400_000_u32)
            .flat_map(|number| (number / 9).to_le_bytes())
            .collect();
        let mut encoder = Encoder::new(encoding);
        let mut rest = Bytes::from(data.clone());
        let mut sent = Vec::new();
        while let Some(piece) = encoder.encode(&mut rest).unwrap() {
            sent.extend_from_slice(&piece);
        }
        for piece in encoder.encode_apart(b"the end").unwrap() {
            sent.extend_from_slice(&piece);
        }
        sent.extend_from_slice(&encoder.finish().unwrap());
        let mut expected = data;
        expected.extend_from_slice(b"the end");
        assert!(decode(&sent) == expected, "{encoding:?}");
    }

    fn read_all(mut reader: impl Read) -> Vec<u8> {
        let mut content = Vec::new();
        reader.read_to_end(&mut content).unwrap();
        content
    }

    #[test]
    fn every_encoding_can_be_decoded() {
        round_trip(Encoding::Identity, <[u8]>::to_vec);
        round_trip(Encoding::Blocks, |bytes| {
            read_all(block::BlockReader::new(bytes))
        });
        round_trip(Encoding::Lz4, |bytes| {
            read_all(lz4_flex::frame::FrameDecoder::new(bytes))
        });
        round_trip(Encoding::Gzip, |bytes| {
            read_all(flate2::read::GzDecoder::new(bytes))
        });
    }

    #[test]
    fn the_encoding_follows_what_the_client_accepts() {
        assert_eq!(Encoding::accepted("lz4"), Encoding::Lz4);
        assert_eq!(Encoding::accepted("gzip, deflate, LZ4"), Encoding::Lz4);
        assert_eq!(Encoding::accepted("lz4;q=0, gzip;q=0.5"), Encoding::Gzip);
        assert_eq!(Encoding::accepted("zstd, br"), Encoding::Identity);
    }
}
