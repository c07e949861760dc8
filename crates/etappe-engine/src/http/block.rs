//! ClickHouse's compressed blocks, used with `compress=1` and `decompress=1`.
//!
//! A block is a 16-byte CityHash128 (version 1.0.2) of the rest of the block, a method byte (0x82
//! LZ4, 0x02 none), the compressed size including those nine bytes, the uncompressed size (both
//! 32-bit little endian), and the data.

use std::io::{self, Read};

use cityhash_rs::cityhash_102_128;

const CHECKSUM: usize = 16;
const HEADER: usize = 9;
const METHOD_NONE: u8 = 0x02;
const METHOD_LZ4: u8 = 0x82;
/// ClickHouse's own limit on a block; a larger size means a corrupt header.
const MAX_BLOCK: usize = 0x4000_0000;
/// The limit on a decompressed block here; clients send blocks of about a megabyte.
const MAX_UNCOMPRESSED: usize = 128 * 1024 * 1024;

/// Why a block cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BlockError {
    #[error("a compressed block's checksum does not match its content. (CHECKSUM_DOESNT_MATCH)")]
    Checksum,
    #[error("unknown compression method {0:#04x} of a block. (UNKNOWN_COMPRESSION_METHOD)")]
    Method(u8),
    #[error("a compressed block's size is out of range. (TOO_LARGE_SIZE_COMPRESSED)")]
    Size,
    #[error("a compressed block cannot be decompressed. (CANNOT_DECOMPRESS)")]
    Content,
}

/// Compresses `data` into one block.
pub(crate) fn compress(data: &[u8]) -> Vec<u8> {
    let bound = lz4_flex::block::get_maximum_output_size(data.len());
    let mut block = vec![0; CHECKSUM + HEADER + bound];
    let content = block
        .get_mut(CHECKSUM + HEADER..)
        .expect("the vector is longer than that");
    let length = lz4_flex::block::compress_into(data, content)
        .expect("the buffer has the largest size the output can have");
    block.truncate(CHECKSUM + HEADER + length);
    let compressed = u32::try_from(HEADER + length).expect("blocks are cut far below 4 GiB");
    let uncompressed = u32::try_from(data.len()).expect("blocks are cut far below 4 GiB");
    block[CHECKSUM] = METHOD_LZ4;
    block[CHECKSUM + 1..CHECKSUM + 5].copy_from_slice(&compressed.to_le_bytes());
    block[CHECKSUM + 5..CHECKSUM + 9].copy_from_slice(&uncompressed.to_le_bytes());
    let checksum = checksum(&block[CHECKSUM..]);
    block[..CHECKSUM].copy_from_slice(&checksum);
    block
}

/// Returns the hash in ClickHouse's byte order: the high half first.
fn checksum(data: &[u8]) -> [u8; CHECKSUM] {
    cityhash_102_128(data).rotate_left(64).to_le_bytes()
}

/// Decodes a sequence of blocks.
pub(crate) struct BlockReader<R> {
    inner: R,
    content: Vec<u8>,
    position: usize,
}

impl<R: Read> BlockReader<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            content: Vec::new(),
            position: 0,
        }
    }

    /// Reads the next block; false at the end.
    fn read_block(&mut self) -> io::Result<bool> {
        let mut head = [0; CHECKSUM + HEADER];
        let got = read_up_to(&mut self.inner, &mut head)?;
        if got == 0 {
            return Ok(false);
        }
        if got < head.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let size = |at: usize| {
            let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
            usize::try_from(u32::from_le_bytes(bytes)).expect("a usize has 32 bits or more")
        };
        let (compressed, uncompressed) = (size(CHECKSUM + 1), size(CHECKSUM + 5));
        if !(HEADER..=MAX_BLOCK).contains(&compressed) || uncompressed > MAX_UNCOMPRESSED {
            return Err(io::Error::other(BlockError::Size));
        }
        let mut block = Vec::new();
        block.extend_from_slice(&head[CHECKSUM..]);
        // The buffer grows only with the bytes that arrive, regardless of the size in the header.
        let wanted = u64::try_from(compressed - HEADER).expect("a usize has at most 64 bits");
        let got = self.inner.by_ref().take(wanted).read_to_end(&mut block)?;
        if got < compressed - HEADER {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if checksum(&block) != head[..CHECKSUM] {
            return Err(io::Error::other(BlockError::Checksum));
        }
        self.unpack(head[CHECKSUM], &block[HEADER..], uncompressed)?;
        Ok(true)
    }

    fn unpack(&mut self, method: u8, data: &[u8], uncompressed: usize) -> io::Result<()> {
        self.position = 0;
        self.content.clear();
        match method {
            METHOD_NONE if data.len() == uncompressed => self.content.extend_from_slice(data),
            METHOD_NONE => return Err(io::Error::other(BlockError::Content)),
            METHOD_LZ4 => {
                self.content.resize(uncompressed, 0);
                let length = lz4_flex::block::decompress_into(data, &mut self.content)
                    .map_err(|_| io::Error::other(BlockError::Content))?;
                if length != uncompressed {
                    return Err(io::Error::other(BlockError::Content));
                }
            }
            other => return Err(io::Error::other(BlockError::Method(other))),
        }
        Ok(())
    }
}

impl<R: Read> Read for BlockReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.position == self.content.len() {
            if !self.read_block()? {
                return Ok(0);
            }
        }
        let rest = self.content.get(self.position..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.position += length;
        Ok(length)
    }
}

/// Fills `buffer` until it is full or the data ends.
fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        BlockReader::new(bytes).read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn blocks_round_trip() {
        let data: Vec<u8> = (0..300_000_u32)
            .flat_map(|number| (number / 7).to_le_bytes())
            .collect();
        let mut bytes = compress(&data);
        bytes.extend_from_slice(&compress(b"more"));
        bytes.extend_from_slice(&compress(b""));
        assert!(bytes.len() < data.len());
        let mut expected = data;
        expected.extend_from_slice(b"more");
        assert_eq!(read(&bytes).unwrap(), expected);
        assert_eq!(read(b"").unwrap(), b"");
    }

    #[test]
    fn a_damaged_block_is_detected() {
        let good = compress(b"some content that is long enough");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            assert!(read(&bad).is_err(), "byte {at}");
            assert!(at == 0 || read(&good[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn uncompressed_blocks_are_read() {
        let mut block = vec![METHOD_NONE];
        block.extend_from_slice(&(9_u32 + 3).to_le_bytes());
        block.extend_from_slice(&3_u32.to_le_bytes());
        block.extend_from_slice(b"abc");
        let mut bytes = checksum(&block).to_vec();
        bytes.extend_from_slice(&block);
        assert_eq!(read(&bytes).unwrap(), b"abc");
    }
}
