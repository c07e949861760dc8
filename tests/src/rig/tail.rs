//! Modifies the end of a log segment, as docs/log-record.md describes it: a torn or corrupt frame,
//! as a crash may leave, and records that no collector wrote.

use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use rand::RngExt;
use rand::rngs::StdRng;

/// The first bytes of a frame, see docs/log-record.md.
const MAGIC: [u8; 4] = [0xF5, 0x45, 0x46, 0xFF];
/// The offsets of fields in a frame's head, and the head's length.
const BASE: usize = 8;
const COUNT: usize = 16;
const STORED: usize = 20;
const RAW: usize = 24;
const CHECKSUM: usize = 40;
const HEAD: usize = 44;

/// The damage to the last write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It ends early.
    Torn,
    /// It is complete in length, but some of its bytes are wrong.
    Corrupt,
}

/// Appends a damaged frame to the newest segment of each partition below `folder`, like an
/// unacknowledged write that a crash interrupted; does nothing where there is no frame yet. The log
/// must not be in use.
///
/// # Errors
/// When a file cannot be read or written.
pub fn damage(folder: &Path, damage: Damage, random: &mut StdRng) -> anyhow::Result<()> {
    for path in newest_segments(folder)? {
        let Some(mut segment) = Segment::open(&path)? else {
            continue;
        };
        let mut frame = segment.next_frame(&segment.last_body()?)?;
        match damage {
            Damage::Torn => frame.truncate(random.random_range(1..frame.len())),
            Damage::Corrupt => {
                let position = random.random_range(HEAD..frame.len());
                frame[position] ^= 1 << random.random_range(0..8);
            }
        }
        segment.append(&frame)?;
    }
    Ok(())
}

/// Appends a record to the newest segment of each partition below `folder`; returns the number of
/// partitions. The log must not be in use.
///
/// # Errors
/// When a file cannot be read or written.
pub fn append(folder: &Path, record: &[u8]) -> anyhow::Result<u64> {
    let mut appended = 0;
    for path in newest_segments(folder)? {
        if let Some(mut segment) = Segment::open(&path)? {
            let length = u32::try_from(record.len())?;
            let body = [&length.to_le_bytes(), record].concat();
            let frame = segment.next_frame(&Body {
                codec: 0,
                count: 1,
                raw: u32::try_from(body.len())?,
                stored: body,
            })?;
            segment.append(&frame)?;
            appended += 1;
        }
    }
    Ok(appended)
}

/// A segment of a log that is not in use.
struct Segment {
    path: PathBuf,
    /// The end of its last complete frame.
    end: u64,
    last: Vec<u8>,
}

/// The content of a frame.
struct Body {
    codec: u8,
    count: u32,
    raw: u32,
    stored: Vec<u8>,
}

impl Segment {
    /// Opens a segment, unless it has no complete frame.
    fn open(path: &Path) -> anyhow::Result<Option<Self>> {
        let bytes = std::fs::read(path)?;
        Ok(last_frame(&bytes).map(|(end, last)| Self {
            path: path.to_owned(),
            end: end as u64,
            last: last.to_vec(),
        }))
    }

    /// Returns the content of the last frame.
    fn last_body(&self) -> anyhow::Result<Body> {
        Ok(Body {
            codec: self.last[5],
            count: number_at(&self.last, COUNT)?,
            raw: number_at(&self.last, RAW)?,
            stored: self.last[HEAD..].to_vec(),
        })
    }

    /// Returns the next frame with this body.
    fn next_frame(&self, body: &Body) -> anyhow::Result<Vec<u8>> {
        let mut frame = self.last[..HEAD].to_vec();
        let base = u64::from_le_bytes(frame[BASE..BASE + 8].try_into()?);
        let next = base + u64::from(number_at(&frame, COUNT)?);
        frame[5] = body.codec;
        frame[BASE..BASE + 8].copy_from_slice(&next.to_le_bytes());
        let stored = u32::try_from(body.stored.len())?;
        for (at, number) in [(COUNT, body.count), (STORED, stored), (RAW, body.raw)] {
            frame[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        frame.extend_from_slice(&body.stored);
        let mut checksum = flate2::Crc::new();
        checksum.update(&frame[..CHECKSUM]);
        checksum.update(&frame[HEAD..]);
        frame[CHECKSUM..HEAD].copy_from_slice(&checksum.sum().to_le_bytes());
        Ok(frame)
    }

    /// Appends bytes behind the last complete frame, replacing whatever a crash left there.
    fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).open(&self.path)?;
        file.set_len(self.end)?;
        file.seek(std::io::SeekFrom::End(0))?;
        Ok(file.write_all(bytes)?)
    }
}

fn number_at(bytes: &[u8], at: usize) -> anyhow::Result<u32> {
    let number = bytes.get(at..at + 4).context("a frame has a head")?;
    Ok(u32::from_le_bytes(number.try_into()?))
}

/// Returns the end of a segment's last complete frame, and the frame.
fn last_frame(segment: &[u8]) -> Option<(usize, &[u8])> {
    let mut last = None;
    let mut at = 0;
    while let Some(rest) = segment.get(at..).filter(|rest| rest.starts_with(&MAGIC)) {
        let Ok(stored) = number_at(rest, STORED) else {
            break;
        };
        let Some(frame) = rest.get(..HEAD + stored as usize) else {
            break;
        };
        at += frame.len();
        last = Some((at, frame));
    }
    last
}

/// Returns the newest segment of each partition below `folder`.
fn newest_segments(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut newest = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let partition = entry?.path();
        if !partition.is_dir() {
            continue;
        }
        let mut segments = Vec::new();
        for entry in std::fs::read_dir(&partition)? {
            let path = entry?.path();
            if path.file_name().is_some_and(is_segment) {
                segments.push(path);
            }
        }
        newest.extend(segments.into_iter().max());
    }
    newest.sort();
    Ok(newest)
}

fn is_segment(name: &std::ffi::OsStr) -> bool {
    let name = name.to_string_lossy();
    let number = name.strip_suffix(".log").unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}
