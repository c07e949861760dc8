//! Decodes a request's body, with a limit on the decoded size.

use std::io::{self, Read};

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use lz4_flex::frame::FrameDecoder;

use super::block::{BlockError, BlockReader};
use super::upload::UploadError;
use crate::exception::{Exception, code};

/// How a request's body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct UploadEncoding {
    pub(crate) content: ContentEncoding,
    /// ClickHouse's compressed blocks, requested with `decompress=1`.
    pub(crate) has_blocks: bool,
}

/// A `Content-Encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ContentEncoding {
    #[default]
    Identity,
    Gzip,
    Deflate,
    Lz4,
}

impl ContentEncoding {
    /// Parses a `Content-Encoding` header.
    pub(crate) fn parse(header: &str) -> Result<Self, Exception> {
        match header.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "deflate" => Ok(Self::Deflate),
            "lz4" => Ok(Self::Lz4),
            other => Err(Exception::new(
                code::NOT_IMPLEMENTED,
                format!("unknown HTTP content encoding: {other}. (NOT_IMPLEMENTED)"),
            )),
        }
    }
}

/// Returns a reader of the decoded body that fails beyond `limit` bytes.
pub(crate) fn decoder<'body>(
    body: impl Read + Send + 'body,
    encoding: UploadEncoding,
    limit: u64,
) -> Box<dyn Read + Send + 'body> {
    let content: Box<dyn Read + Send + 'body> = match encoding.content {
        ContentEncoding::Identity => Box::new(body),
        ContentEncoding::Gzip => Box::new(MultiGzDecoder::new(body)),
        ContentEncoding::Deflate => Box::new(ZlibDecoder::new(body)),
        ContentEncoding::Lz4 => Box::new(FrameDecoder::new(body)),
    };
    if encoding.has_blocks {
        Box::new(Bounded {
            inner: BlockReader::new(content),
            left: limit,
            limit,
        })
    } else {
        Box::new(Bounded {
            inner: content,
            left: limit,
            limit,
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the request's body is larger than {0} bytes. (QUERY_IS_TOO_LARGE)")]
struct TooLarge(u64);

/// Fails at the limit instead of ending there, because a truncated insert must never look complete.
struct Bounded<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let used = u64::try_from(length).expect("a usize has at most 64 bits");
        self.left = self
            .left
            .checked_sub(used)
            .ok_or_else(|| io::Error::other(TooLarge(self.limit)))?;
        Ok(length)
    }
}

/// Converts a read error to ClickHouse's terms.
pub(crate) fn exception_of(error: &io::Error) -> Exception {
    let inner = error.get_ref();
    let is = |code| Exception::new(code, error.to_string());
    if inner.is_some_and(|inner| inner.is::<TooLarge>()) {
        is(code::QUERY_IS_TOO_LARGE)
    } else if inner.is_some_and(|inner| inner.is::<UploadError>()) {
        is(code::NETWORK_ERROR)
    } else if let Some(block) = inner.and_then(|inner| inner.downcast_ref::<BlockError>()) {
        match block {
            BlockError::Checksum => is(code::CHECKSUM_DOESNT_MATCH),
            BlockError::Method(_) | BlockError::Size | BlockError::Content => {
                is(code::CANNOT_DECOMPRESS)
            }
        }
    } else {
        Exception::new(
            code::CANNOT_DECOMPRESS,
            format!("the request's body cannot be decompressed: {error}. (CANNOT_DECOMPRESS)"),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::http::block;

    fn decode(bytes: &[u8], encoding: UploadEncoding, limit: u64) -> Result<Vec<u8>, Exception> {
        let mut content = Vec::new();
        match decoder(bytes, encoding, limit).read_to_end(&mut content) {
            Ok(_) => Ok(content),
            Err(error) => Err(exception_of(&error)),
        }
    }

    #[test]
    fn encodings_are_decoded_in_order() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&block::compress(b"content")).unwrap();
        let bytes = gzip.finish().unwrap();
        let encoding = UploadEncoding {
            content: ContentEncoding::Gzip,
            has_blocks: true,
        };
        assert_eq!(decode(&bytes, encoding, 100).unwrap(), b"content");
    }

    #[test]
    fn a_body_over_the_limit_is_refused() {
        let plain = UploadEncoding::default();
        assert_eq!(decode(b"12345", plain, 5).unwrap(), b"12345");
        assert_eq!(
            decode(b"123456", plain, 5).unwrap_err().code,
            code::QUERY_IS_TOO_LARGE
        );
    }

    #[test]
    fn damaged_bodies_and_unknown_encodings_have_error_codes() {
        let gzip = UploadEncoding {
            content: ContentEncoding::Gzip,
            has_blocks: false,
        };
        assert_eq!(
            decode(b"nonsense", gzip, 100).unwrap_err().code,
            code::CANNOT_DECOMPRESS
        );
        let blocks = UploadEncoding {
            content: ContentEncoding::Identity,
            has_blocks: true,
        };
        let mut bad = block::compress(b"content");
        bad[0] ^= 1;
        assert_eq!(
            decode(&bad, blocks, 100).unwrap_err().code,
            code::CHECKSUM_DOESNT_MATCH
        );
        assert!(ContentEncoding::parse("br").is_err());
    }
}
