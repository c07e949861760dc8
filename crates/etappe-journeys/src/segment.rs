//! A segment: a file with one run per site. The format is described in `docs/journey-index.md`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etappe_runtime::durable_file::sync_parent;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::IndexError;
use crate::group::{GROUP_EVENTS, GroupWriter, as_u64};
use crate::merge::Merge;
use crate::run::{OpenFile, Place, Run, RunPlan};

/// The last bytes of every segment; the digit is the format's version.
const MAGIC: &[u8; 8] = b"ETAPPEJ2";
/// The length of the footer, its checksum and the magic bytes.
const TAIL_BYTES: usize = 24;

/// What a segment says of a site.
#[derive(Debug, Serialize, Deserialize)]
struct SiteEntry {
    site: String,
    run: RunPlan,
}

/// The runs of a site that go into one run of a segment, from the oldest to the newest.
pub(crate) type SiteRuns = (String, Vec<Arc<Run>>);

/// An open segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// Its runs, in order of their sites.
    pub(crate) sites: Vec<(String, Arc<Run>)>,
}

/// Writes a segment durably and opens it. Blocks. A file that is left by an error is no part of the
/// index: the manifest does not name it.
pub(crate) fn write_segment(
    folder: &Path,
    name: &str,
    sites: &[SiteRuns],
) -> Result<Segment, IndexError> {
    let path = folder.join(name);
    let failed = |action| IndexError::while_trying(action, path.clone());
    let file = File::create(&path).map_err(failed("create"))?;
    let mut writer = Writer {
        path: &path,
        file: BufWriter::with_capacity(1 << 20, file),
        offset: 0,
        encoded: Vec::new(),
    };
    let mut entries = Vec::with_capacity(sites.len());
    for (site, runs) in sites {
        let run = writer.write_run(runs)?;
        let site = site.clone();
        entries.push(SiteEntry { site, run });
    }
    writer.finish(&entries)?;
    open_segment(folder, name)
}

struct Writer<'a> {
    path: &'a Path,
    file: BufWriter<File>,
    offset: u64,
    encoded: Vec<u8>,
}

impl Writer<'_> {
    fn write_run(&mut self, runs: &[Arc<Run>]) -> Result<RunPlan, IndexError> {
        let mut merge = Merge::open(runs)?;
        let mut plan = merge.plan();
        let widths = plan.widths();
        let mut group = GroupWriter::default();
        loop {
            let more = merge.next_person(|person, event| group.push(person, event))?;
            if group.events() >= GROUP_EVENTS || (!more && group.events() > 0) {
                self.encoded.clear();
                plan.groups
                    .push(group.finish(&widths, self.offset, &mut self.encoded));
                self.append()?;
            }
            if !more {
                return Ok(plan);
            }
        }
    }

    fn append(&mut self) -> Result<(), IndexError> {
        let written = self.file.write_all(&self.encoded);
        written.map_err(IndexError::while_trying("write", self.path))?;
        self.offset += as_u64(self.encoded.len());
        Ok(())
    }

    fn finish(mut self, entries: &[SiteEntry]) -> Result<(), IndexError> {
        self.encoded = serde_json::to_vec(entries)
            .map_err(io::Error::from)
            .map_err(IndexError::while_trying("write", self.path))?;
        let (length, checksum) = (as_u64(self.encoded.len()), xxh3_64(&self.encoded));
        self.encoded.extend_from_slice(&length.to_le_bytes());
        self.encoded.extend_from_slice(&checksum.to_le_bytes());
        self.encoded.extend_from_slice(MAGIC);
        self.append()?;
        let synced = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error);
        synced
            .and_then(|file| file.sync_all())
            .and_then(|()| sync_parent(self.path))
            .map_err(IndexError::while_trying("sync", self.path))
    }
}

/// Opens a segment and checks its footer; groups are checked when they are read. Blocks.
pub(crate) fn open_segment(folder: &Path, name: &str) -> Result<Segment, IndexError> {
    let path = folder.join(name);
    let failed = |action| IndexError::while_trying(action, path.clone());
    let file = File::open(&path).map_err(failed("open"))?;
    let bytes = file.metadata().map_err(failed("open"))?.len();
    let open = Arc::new(OpenFile {
        file,
        path: path.clone(),
    });
    let footer_end = bytes
        .checked_sub(as_u64(TAIL_BYTES))
        .ok_or_else(|| open.damaged("it is too short"))?;
    let mut tail = [0; TAIL_BYTES];
    open.file
        .read_exact_at(&mut tail, footer_end)
        .map_err(failed("read"))?;
    let (numbers, magic) = tail.split_at(16);
    if magic != MAGIC {
        return Err(open.damaged("it does not end as a segment of this version"));
    }
    let (length, checksum) = (little_endian(numbers, 0), little_endian(numbers, 8));
    let footer_start = footer_end
        .checked_sub(length)
        .ok_or_else(|| open.damaged("its footer is longer than the file"))?;
    let mut footer = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    open.file
        .read_exact_at(&mut footer, footer_start)
        .map_err(failed("read"))?;
    if xxh3_64(&footer) != checksum {
        return Err(open.damaged("its footer has changed"));
    }
    let entries: Vec<SiteEntry> =
        serde_json::from_slice(&footer).map_err(|error| open.damaged(error.to_string()))?;
    let run = |entry: SiteEntry| {
        let place = Place::File(Arc::clone(&open));
        (
            entry.site,
            Arc::new(Run {
                plan: entry.run,
                place,
            }),
        )
    };
    Ok(Segment {
        name: name.to_owned(),
        bytes,
        sites: entries.into_iter().map(run).collect(),
    })
}

fn little_endian(bytes: &[u8], at: usize) -> u64 {
    let part = bytes.get(at..at + 8).and_then(|part| part.try_into().ok());
    u64::from_le_bytes(part.unwrap_or_default())
}

/// Deletes every file of the folder that is neither named nor the manifest: what a crash left.
/// Blocks.
pub(crate) fn delete_others(folder: &Path, named: &[String]) -> Result<(), IndexError> {
    let failed = |action, path: &Path| IndexError::while_trying(action, PathBuf::from(path));
    for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
        let path = entry.map_err(failed("read", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let is_segment = name.is_some_and(|name| name.ends_with(SUFFIX));
        if is_segment && !named.iter().any(|kept| Some(kept.as_str()) == name) {
            fs::remove_file(&path).map_err(failed("delete", &path))?;
        }
    }
    Ok(())
}

/// The end of every segment's name.
const SUFFIX: &str = ".segment";

/// Returns the name of segment `number`.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{number:010}{SUFFIX}")
}

/// Returns the number in the name of a segment.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    name.strip_suffix(SUFFIX)?.parse().ok()
}
