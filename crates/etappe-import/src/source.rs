//! Import files: plain, gzip or zstd, detected by their first bytes, read line by line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::ImportError;

/// Longer lines cannot be events: the collector accepts 32 KiB each.
const MAX_LINE: u64 = 4 * 1024 * 1024;

/// The character that some editors put at the start of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Opens a file for reading its decompressed content.
pub(crate) fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, ImportError> {
    let file = File::open(path).map_err(ImportError::file("open", path))?;
    let mut file = BufReader::with_capacity(256 * 1024, file);
    let magic = file.fill_buf().map_err(ImportError::file("read", path))?;
    let content: Box<dyn Read + Send> = match magic {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(file)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let decoder = zstd::Decoder::with_buffer(file);
            Box::new(decoder.map_err(ImportError::file("read", path))?)
        }
        _ => return Ok(Box::new(file)),
    };
    Ok(Box::new(BufReader::with_capacity(256 * 1024, content)))
}

/// A file's decompressed content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// Identifies the content, regardless of file name and compression.
    pub(crate) hash: String,
    /// Its length in bytes.
    pub(crate) bytes: u64,
    /// The number of lines, including a last one without a newline.
    pub(crate) lines: u64,
    /// Its prefixes of the requested lengths that are shorter than the content; shortest first.
    pub(crate) prefixes: Vec<Prefix>,
}

/// A prefix of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prefix {
    /// Identifies the prefix, as [`Content::hash`] identifies the whole.
    pub(crate) hash: String,
    /// Its length in bytes.
    pub(crate) bytes: u64,
    /// The number of complete lines; a line that is cut off does not count.
    pub(crate) lines: u64,
}

/// Reads the whole content once to identify it and its prefixes of the given `lengths`, which must
/// ascend; `read` is called with the length of each piece.
pub(crate) fn identify(
    path: &Path,
    lengths: &[u64],
    read: impl Fn(u64),
) -> Result<Content, ImportError> {
    let mut source = open(path)?;
    let mut reading = Reading::default();
    let mut lengths = lengths.iter().copied().peekable();
    let mut prefixes = Vec::new();
    loop {
        let piece = source.fill_buf().map_err(|source| {
            let path = path.to_owned();
            ImportError::DamagedFile { path, source }
        })?;
        if piece.is_empty() {
            break;
        }
        let length = piece.len();
        let mut rest = piece;
        // A prefix is complete when the content continues behind it.
        while let Some(wanted) =
            lengths.next_if(|wanted| *wanted < reading.bytes + rest.len() as u64)
        {
            let within =
                usize::try_from(wanted.saturating_sub(reading.bytes)).unwrap_or(usize::MAX);
            let (before, after) = rest.split_at(within.min(rest.len()));
            reading.take(before);
            prefixes.push(reading.prefix(matches!(after.first(), Some(b'\n' | b'\r'))));
            rest = after;
        }
        reading.take(rest);
        source.consume(length);
        read(length as u64);
    }
    let whole = reading.prefix(true);
    Ok(Content {
        hash: whole.hash,
        bytes: whole.bytes,
        lines: whole.lines,
        prefixes,
    })
}

/// The part of a content read so far.
#[derive(Default)]
struct Reading {
    hasher: blake3::Hasher,
    bytes: u64,
    line_ends: u64,
    is_within_line: bool,
}

impl Reading {
    fn take(&mut self, piece: &[u8]) {
        let Some(last) = piece.last() else { return };
        self.hasher.update(piece);
        self.bytes += piece.len() as u64;
        self.line_ends += memchr::memchr_iter(b'\n', piece).count() as u64;
        self.is_within_line = *last != b'\n';
    }

    /// Returns the content read so far; `is_end` means that a last line without a newline is
    /// complete.
    fn prefix(&self, is_end: bool) -> Prefix {
        // 128 bits: short enough for a message id, and collisions are practically impossible.
        let hash = self.hasher.finalize().to_hex().chars().take(32).collect();
        Prefix {
            hash,
            bytes: self.bytes,
            lines: self.line_ends + u64::from(is_end && self.is_within_line),
        }
    }
}

/// A line of a file.
pub(crate) struct Line {
    /// Its number, counted from 1, empty lines included.
    pub(crate) number: u64,
    /// Its length in the file, including the newline.
    pub(crate) bytes: u64,
    /// Its text; `None` when it is not UTF-8 or is longer than any event.
    pub(crate) text: Option<String>,
}

/// The lines of a file, without empty ones.
pub(crate) struct Lines {
    source: Box<dyn BufRead + Send>,
    number: u64,
}

impl Lines {
    /// Opens a file and reads the first `bytes` of its content: the file may grow meanwhile, and
    /// what is appended belongs to another content.
    pub(crate) fn of(path: &Path, bytes: u64) -> Result<Self, ImportError> {
        Ok(Self {
            source: Box::new(open(path)?.take(bytes)),
            number: 0,
        })
    }

    /// Returns the next line that is not empty, or `None` at the end.
    pub(crate) fn next_line(&mut self) -> std::io::Result<Option<Line>> {
        loop {
            let mut buffer = Vec::new();
            let length = self
                .source
                .by_ref()
                .take(MAX_LINE)
                .read_until(b'\n', &mut buffer)? as u64;
            if length == 0 {
                return Ok(None);
            }
            self.number += 1;
            let is_cut = length == MAX_LINE && buffer.last() != Some(&b'\n');
            let bytes = if is_cut {
                length + self.skip_rest()?
            } else {
                length
            };
            let text = String::from_utf8(buffer).ok().filter(|_| !is_cut);
            // Concatenated files have a byte order mark wherever one of them began.
            let text = text.map(|text| match text.strip_prefix(BYTE_ORDER_MARK) {
                Some(rest) => rest.to_owned(),
                None => text,
            });
            if text.as_deref().is_some_and(|text| text.trim().is_empty()) {
                continue;
            }
            return Ok(Some(Line {
                number: self.number,
                bytes,
                text,
            }));
        }
    }

    /// Skips the rest of a line that is too long to keep.
    fn skip_rest(&mut self) -> std::io::Result<u64> {
        let mut skipped = 0;
        loop {
            let piece = self.source.fill_buf()?;
            let end = memchr::memchr(b'\n', piece);
            let length = end.map_or(piece.len(), |at| at + 1);
            let is_last = end.is_some() || piece.is_empty();
            self.source.consume(length);
            skipped += length as u64;
            if is_last {
                return Ok(skipped);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn byte_order_marks_blank_lines_and_carriage_returns_lose_no_line() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("windows");
        let text = "\u{feff}{\"a\":1}\r\n\r\n \t\r\n{\"a\":2}\r\n\u{feff}{\"a\":3}\r\n\u{feff}\r\n";
        std::fs::write(&path, text).expect("written");
        let expected = [(1, "{\"a\":1}"), (4, "{\"a\":2}"), (5, "{\"a\":3}")];
        let expected = expected.map(|(number, text)| (number, Some(text.to_owned())));
        assert_eq!(lines(&path), expected);
    }

    const TEXT: &[u8] = b"{\"a\":1}\n\n{\"a\":2}\n\xff\n{\"a\":3}";

    fn lines(path: &Path) -> Vec<(u64, Option<String>)> {
        let mut lines = Lines::of(path, u64::MAX).expect("readable");
        let mut all = Vec::new();
        while let Some(line) = lines.next_line().expect("readable") {
            all.push((line.number, line.text.map(|text| text.trim().to_owned())));
        }
        all
    }

    #[test]
    fn compression_changes_neither_lines_nor_identity() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let plain = folder.path().join("plain");
        std::fs::write(&plain, TEXT).expect("written");
        let gzip = folder.path().join("gzip");
        let mut encoder =
            flate2::write::GzEncoder::new(File::create(&gzip).expect("made"), Default::default());
        encoder.write_all(TEXT).expect("written");
        encoder.finish().expect("written");
        let zstandard = folder.path().join("zstd");
        std::fs::write(&zstandard, zstd::encode_all(TEXT, 1).expect("encoded")).expect("written");
        let expected = vec![
            (1, Some("{\"a\":1}".to_owned())),
            (3, Some("{\"a\":2}".to_owned())),
            (4, None),
            (5, Some("{\"a\":3}".to_owned())),
        ];
        let content = identify(&plain, &[], |_| ()).expect("readable");
        assert_eq!(content.bytes, TEXT.len() as u64);
        for path in [&plain, &gzip, &zstandard] {
            assert_eq!(lines(path), expected);
            assert_eq!(identify(path, &[], |_| ()).expect("readable"), content);
        }
    }

    #[test]
    fn an_overlong_line_is_skipped_without_being_kept_in_memory() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("long");
        let mut text = vec![b'x'; 5 * 1024 * 1024];
        text.extend_from_slice(b"\nshort\n");
        std::fs::write(&path, text).expect("written");
        assert_eq!(lines(&path), vec![(1, None), (2, Some("short".to_owned()))]);
    }

    #[test]
    fn prefixes_have_the_identity_of_the_files_they_were() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let identified = |text: &[u8], lengths: &[u64]| {
            let path = folder.path().join("file");
            std::fs::write(&path, text).expect("written");
            identify(&path, lengths, |_| ()).expect("readable")
        };
        // The file, the one that begins with it, and the complete lines that they share.
        let cases: [(&[u8], &[u8], u64); 6] = [
            (b"a\nb\n", b"a\nb\nc\n", 2),
            (b"a\nb", b"a\nb\nc\n", 2),
            (b"a\r\nb", b"a\r\nb\r\nc", 2),
            (b"a\nb", b"a\nbc\n", 1),
            (b"a", b"ab", 0),
            (b"a\n", b"a\n\n", 1),
        ];
        for (earlier, longer, lines) in cases {
            let whole = identified(earlier, &[]);
            let prefixes = identified(longer, &[whole.bytes]).prefixes;
            let expected = Prefix {
                hash: whole.hash,
                bytes: whole.bytes,
                lines,
            };
            assert_eq!(prefixes, [expected], "{earlier:?} {longer:?}");
        }
        let text = vec![b'x'; 3 << 20];
        let lengths = [0, 1, 256 * 1024, 256 * 1024 + 1, 1 << 20, 3 << 20, 4 << 20];
        let prefixes = identified(&text, &lengths).prefixes;
        let found: Vec<u64> = prefixes.iter().map(|prefix| prefix.bytes).collect();
        assert_eq!(found, lengths[..5], "neither the whole nor more than it");
        for prefix in prefixes {
            let length = usize::try_from(prefix.bytes).expect("small");
            assert_eq!(prefix.hash, identified(&text[..length], &[]).hash);
        }
    }
}
