//! A gzip stream whose slots can be filled in without compressing anything again.
//!
//! The first occurrence of a slot is stored uncompressed, in its own block. Deflate encodes every
//! later occurrence as a copy of an earlier one, because a slot's bytes occur nowhere else in the
//! text. So overwriting that one place changes every copy. The checksum at the end is linear in the
//! bits of the text, so the contribution of a digit at a position is computed once. Building a
//! template verifies all of this by decompression.

use std::io::Read;

use anyhow::{Context, ensure};
use flate2::read::GzDecoder;
use flate2::{Compress, Compression, FlushCompress, Status};

const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A compressed text with open slots.
#[derive(Debug, Clone)]
pub struct GzipTemplate {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
    /// The checksum of the text with every slot filled with `0`.
    base: u32,
    text_length: usize,
}

#[derive(Debug, Clone)]
struct Slot {
    /// The position of the slot's digits in the compressed bytes.
    at: usize,
    /// For each digit position and value, its contribution to the checksum.
    checksums: Vec<[u32; 16]>,
}

impl GzipTemplate {
    /// Compresses `text`; every slot must occur in it, in the given order.
    ///
    /// # Errors
    ///
    /// When a slot does not occur, or the compressor did not encode all of its repeats as copies.
    pub fn new(text: &[u8], slots: &[&[u8]]) -> anyhow::Result<Self> {
        let places: Vec<Vec<usize>> = slots.iter().map(|slot| positions(text, slot)).collect();
        let mut zeroed = text.to_vec();
        for (slot, places) in slots.iter().zip(&places) {
            overwrite(&mut zeroed, places, &vec![b'0'; slot.len()]);
        }
        let base = crc32fast::hash(&zeroed);
        let mut bytes = HEADER.to_vec();
        let mut compress = Compress::new(Compression::new(6), false);
        let mut rest = 0;
        let mut placed = Vec::with_capacity(slots.len());
        for (slot, places) in slots.iter().zip(&places) {
            let found = *places.first().context("a slot is missing in the text")?;
            ensure!(found >= rest, "the slots are not in text order");
            deflate(
                &mut compress,
                &text[rest..found],
                FlushCompress::Sync,
                &mut bytes,
            )?;
            // The compressor must know the slot's bytes, but its encoding of them is replaced.
            let end = bytes.len();
            deflate(&mut compress, slot, FlushCompress::Sync, &mut bytes)?;
            bytes.truncate(end);
            let length = u16::try_from(slot.len()).context("a slot is too long")?;
            bytes.push(0);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(&(!length).to_le_bytes());
            let checksums = checksums(&zeroed, places, slot.len());
            placed.push(Slot {
                at: bytes.len(),
                checksums,
            });
            bytes.extend(std::iter::repeat_n(b'0', slot.len()));
            rest = found + slot.len();
        }
        deflate(
            &mut compress,
            &text[rest..],
            FlushCompress::Finish,
            &mut bytes,
        )?;
        bytes.extend_from_slice(&base.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(text.len())?.to_le_bytes());
        let template = Self {
            bytes,
            slots: placed,
            base,
            text_length: text.len(),
        };
        template.verify(text, slots)?;
        Ok(template)
    }

    /// Returns the compressed stream with each slot filled with the low digits of its value.
    ///
    /// Copies the stream without compressing anything.
    #[must_use]
    pub fn fill(&self, values: &[u64]) -> Vec<u8> {
        let mut out = self.bytes.clone();
        let mut checksum = self.base;
        for (slot, value) in self.slots.iter().zip(values) {
            let width = slot.checksums.len();
            for (place, table) in slot.checksums.iter().enumerate() {
                let digit = digit(*value, width - 1 - place);
                out[slot.at + place] = DIGITS[digit];
                checksum ^= table[digit];
            }
        }
        let trailer = out.len() - 8;
        out[trailer..trailer + 4].copy_from_slice(&checksum.to_le_bytes());
        out
    }

    /// Returns the length of the text.
    #[must_use]
    pub fn text_length(&self) -> usize {
        self.text_length
    }

    fn verify(&self, text: &[u8], slots: &[&[u8]]) -> anyhow::Result<()> {
        let values: Vec<u64> = (0..slots.len() as u64)
            .map(|n| 0xfedc_ba98_7654_3210 + n)
            .collect();
        let mut decoded = Vec::with_capacity(text.len());
        GzDecoder::new(self.fill(&values).as_slice())
            .read_to_end(&mut decoded)
            .context("a filled template does not decompress")?;
        ensure!(
            decoded == filled(text, slots, &values),
            "the compressor did not copy every slot"
        );
        Ok(())
    }
}

/// Returns the digits that fill a slot of `width` bytes, the lowest last.
#[must_use]
pub fn digits(value: u64, width: usize) -> Vec<u8> {
    (0..width)
        .rev()
        .map(|place| DIGITS[digit(value, place)])
        .collect()
}

/// Returns one hexadecimal digit of a value; position 0 is the lowest, from the 16th on all are 0.
fn digit(value: u64, place: usize) -> usize {
    let shift = u32::try_from(place * 4).unwrap_or(u32::MAX);
    usize::from(value.checked_shr(shift).unwrap_or(0).to_le_bytes()[0] & 0xf)
}

/// Returns, for each digit position and value, its contribution to the checksum of the text of
/// zeros.
fn checksums(zeroed: &[u8], places: &[usize], width: usize) -> Vec<[u32; 16]> {
    let base = crc32fast::hash(zeroed);
    let mut text = zeroed.to_vec();
    let mut tables = vec![[0; 16]; width];
    for (place, table) in tables.iter_mut().enumerate() {
        let mut digits = vec![b'0'; width];
        for (value, entry) in table.iter_mut().enumerate().skip(1) {
            digits[place] = DIGITS[value];
            overwrite(&mut text, places, &digits);
            *entry = crc32fast::hash(&text) ^ base;
        }
        overwrite(&mut text, places, &vec![b'0'; width]);
    }
    tables
}

/// Returns the text with every slot filled with the low digits of its value.
fn filled(text: &[u8], slots: &[&[u8]], values: &[u64]) -> Vec<u8> {
    let mut out = text.to_vec();
    for (slot, value) in slots.iter().zip(values) {
        overwrite(
            &mut out,
            &positions(text, slot),
            &digits(*value, slot.len()),
        );
    }
    out
}

fn overwrite(text: &mut [u8], places: &[usize], with: &[u8]) {
    for at in places {
        text[*at..at + with.len()].copy_from_slice(with);
    }
}

/// Returns the positions of `part`.
pub(crate) fn positions(text: &[u8], part: &[u8]) -> Vec<usize> {
    let windows = text.windows(part.len()).enumerate();
    windows
        .filter(|(_, window)| *window == part)
        .map(|(at, _)| at)
        .collect()
}

fn deflate(
    compress: &mut Compress,
    mut input: &[u8],
    flush: FlushCompress,
    out: &mut Vec<u8>,
) -> anyhow::Result<()> {
    // Room for the worst case, so that each step makes progress; the loop is bounded nevertheless.
    for _ in 0..64 {
        out.reserve(input.len() + 1024);
        let (before, written) = (compress.total_in(), out.len());
        let status = compress.compress_vec(input, out, flush)?;
        input = &input[usize::try_from(compress.total_in() - before)?..];
        let done = match flush {
            FlushCompress::Finish => status == Status::StreamEnd,
            _ => input.is_empty() && (out.len() < out.capacity() || out.len() == written),
        };
        if done {
            return Ok(());
        }
    }
    anyhow::bail!("the compressor does not finish")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{ACTOR_SLOT, MESSAGE_SLOT, Sample};
    use etappe_core::time::Timestamp;

    fn batch(events: u64) -> Vec<u8> {
        let now = Timestamp::from_millis(1_750_000_000_000);
        let messages: Vec<String> = (0..events)
            .map(|number| Sample::new(number, now).to_json(None))
            .collect();
        format!(r#"{{"batch":[{}]}}"#, messages.join(",")).into_bytes()
    }

    fn inflate(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        GzDecoder::new(bytes)
            .read_to_end(&mut out)
            .expect("valid gzip, checksum included");
        out
    }

    #[test]
    fn a_filled_template_is_the_gzip_of_the_filled_text() {
        let text = batch(100);
        let slots: [&[u8]; 2] = [&MESSAGE_SLOT, &ACTOR_SLOT];
        let template = GzipTemplate::new(&text, &slots).unwrap();
        for (message, actor) in [(0, 0), (1, u64::MAX), (0x0123_4567_89ab_cdef, 0xdead_beef)] {
            let expected = filled(&text, &slots, &[message, actor]);
            assert_eq!(inflate(&template.fill(&[message, actor])), expected);
        }
    }

    #[test]
    fn a_template_compresses_about_as_well_as_gzip() {
        let text = batch(100);
        let template = GzipTemplate::new(&text, &[&MESSAGE_SLOT, &ACTOR_SLOT]).unwrap();
        let mut plain = flate2::write::GzEncoder::new(Vec::new(), Compression::new(6));
        std::io::Write::write_all(&mut plain, &text).unwrap();
        let plain = plain.finish().unwrap().len();
        let ours = template.fill(&[1, 1]).len();
        assert!(ours < plain * 21 / 20, "{ours} bytes, gzip takes {plain}");
        assert_eq!(template.text_length(), text.len());
    }

    #[test]
    fn a_missing_slot_is_refused() {
        assert!(GzipTemplate::new(b"nothing open here", &[&MESSAGE_SLOT]).is_err());
        let text = [&ACTOR_SLOT[..], &MESSAGE_SLOT[..]].concat();
        assert!(GzipTemplate::new(&text, &[&MESSAGE_SLOT, &ACTOR_SLOT]).is_err());
    }

    #[test]
    fn digits_are_the_low_ones_of_the_value() {
        assert_eq!(digits(0x1a2b_3c4d, 4), b"3c4d");
        assert_eq!(digits(0xf, 18), b"00000000000000000f");
    }
}
