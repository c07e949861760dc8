//! The index: all sites' runs, the segments they are in, and the positions up to which they hold
//! the log.
//!
//! One task changes it; questions read the sites' states, which are replaced as a whole. Files are
//! written here, so the task must be one that may block.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etappe_core::ledger::LedgerPositions;
use parking_lot::RwLock;
use tokio::time::Instant;

use crate::batch::new_outcomes;
use crate::error::IndexError;
use crate::manifest::Manifest;
use crate::merge::add_run;
use crate::outcomes::Outcomes;
use crate::run::Run;
use crate::segment::{
    Segment, SiteRuns, delete_others, open_segment, segment_name, segment_number, write_segment,
};
use crate::site::SiteState;

/// What questions read.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    sites: RwLock<HashMap<String, Arc<SiteState>>>,
    outcomes: RwLock<Arc<Outcomes>>,
}

impl Shared {
    /// Returns the runs of a site; of an unknown site there are none.
    pub(crate) fn site(&self, name: &str) -> Arc<SiteState> {
        self.sites.read().get(name).cloned().unwrap_or_default()
    }

    pub(crate) fn outcomes(&self) -> Arc<Outcomes> {
        Arc::clone(&self.outcomes.read())
    }

    pub(crate) fn set_outcomes(&self, outcomes: Outcomes) {
        *self.outcomes.write() = Arc::new(outcomes);
    }

    /// Forgets all sites.
    pub(crate) fn clear(&self) {
        self.sites.write().clear();
    }

    /// Returns the outcomes in all sites' runs that are not known yet.
    pub(crate) fn outcomes_in_runs(&self, known: &Outcomes) -> Vec<u64> {
        let sites: Vec<Arc<SiteState>> = self.sites.read().values().cloned().collect();
        let runs = sites.iter().flat_map(|site| site.runs());
        new_outcomes(runs, known).into_iter().collect()
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut SiteState)) {
        let mut state = SiteState::clone(&self.site(name));
        change(&mut state);
        self.sites.write().insert(name.to_owned(), Arc::new(state));
    }
}

/// New runs of a site.
#[derive(Debug)]
pub(crate) struct NewRuns {
    pub(crate) site: String,
    pub(crate) settled: Option<Run>,
    pub(crate) unsettled: Option<Run>,
}

/// The index, for the task that changes it.
#[derive(Debug)]
pub(crate) struct Index {
    folder: PathBuf,
    shared: Arc<Shared>,
    segments: Vec<Segment>,
    next_number: u64,
    /// `None` until it was built or opened.
    positions: Option<LedgerPositions>,
    /// The number of events before the positions.
    events: u64,
    /// The positions and the number of events that the segments hold.
    stored: Option<(LedgerPositions, u64)>,
    /// Whether it has settled events that are in no segment.
    has_recent: bool,
    with_unsettled: BTreeSet<String>,
    /// When the last refresh began that found everything.
    pub(crate) refreshed_at: Option<Instant>,
}

impl Index {
    /// Opens the index in `folder`, which is created if need be. It has no positions if there is no
    /// index or a damaged one, which is an error of its own.
    pub(crate) fn open(folder: &Path, shared: Arc<Shared>) -> Result<Self, IndexError> {
        fs::create_dir_all(folder).map_err(IndexError::while_trying("create", folder))?;
        let mut index = Self {
            folder: folder.to_owned(),
            shared,
            segments: Vec::new(),
            next_number: 1,
            positions: None,
            events: 0,
            stored: None,
            has_recent: false,
            with_unsettled: BTreeSet::new(),
            refreshed_at: None,
        };
        match index.load() {
            Err(error @ IndexError::Damaged { .. }) => {
                tracing::warn!(%error, "the journey index is damaged");
                index.discard()?;
            }
            loaded => loaded?,
        }
        Ok(index)
    }

    fn load(&mut self) -> Result<(), IndexError> {
        let Some(manifest) = Manifest::read(&self.folder)? else {
            return delete_others(&self.folder, &[]);
        };
        for name in &manifest.segments {
            let segment = open_segment(&self.folder, name)?;
            self.next_number = self.next_number.max(segment_number(name).unwrap_or(0) + 1);
            self.show(&segment);
            self.segments.push(segment);
        }
        self.stored = Some((manifest.positions.clone(), manifest.events));
        self.positions = Some(manifest.positions);
        self.events = manifest.events;
        delete_others(&self.folder, &manifest.segments)
    }

    fn show(&self, segment: &Segment) {
        for (site, run) in &segment.sites {
            let run = Arc::clone(run);
            self.shared.change(site, |state| state.stored.push(run));
        }
    }

    /// Empties the index, in memory and on disk.
    pub(crate) fn discard(&mut self) -> Result<(), IndexError> {
        self.segments.clear();
        self.positions = None;
        self.events = 0;
        self.stored = None;
        self.has_recent = false;
        self.with_unsettled.clear();
        self.shared.clear();
        let nothing = Manifest::new(LedgerPositions::default(), 0, Vec::new());
        nothing.replace(&self.folder)?;
        delete_others(&self.folder, &[])
    }

    /// Returns the positions up to which it holds the log; `None` while it is not built.
    pub(crate) fn positions(&self) -> Option<&LedgerPositions> {
        let positions = self.positions.as_ref();
        positions.filter(|positions| !positions.topic.is_empty())
    }

    pub(crate) const fn events(&self) -> u64 {
        self.events
    }

    /// Returns the bytes of all segments, and their number.
    pub(crate) fn on_disk(&self) -> (u64, usize) {
        let bytes = self.segments.iter().map(|segment| segment.bytes);
        (bytes.sum(), self.segments.len())
    }

    /// Returns the memory that events outside of segments take, roughly.
    pub(crate) fn memory(&self) -> usize {
        let sites = self.shared.sites.read();
        sites.values().map(|site| site.memory()).sum()
    }

    /// Adds new runs; the unsettled ones replace those of before in all sites.
    pub(crate) fn add(
        &mut self,
        runs: Vec<NewRuns>,
        positions: LedgerPositions,
    ) -> Result<(), IndexError> {
        let mut without = std::mem::take(&mut self.with_unsettled);
        for new in runs {
            without.remove(&new.site);
            if new.unsettled.is_some() {
                self.with_unsettled.insert(new.site.clone());
            }
            self.add_to_site(new)?;
        }
        for site in without {
            self.shared.change(&site, |state| state.unsettled = None);
        }
        self.positions = Some(positions);
        Ok(())
    }

    /// Adds a run while the index is built; it has no positions before the end.
    pub(crate) fn add_history(&mut self, site: &str, run: Run) -> Result<(), IndexError> {
        self.add_to_site(NewRuns {
            site: site.to_owned(),
            settled: Some(run),
            unsettled: None,
        })
    }

    fn add_to_site(&mut self, new: NewRuns) -> Result<(), IndexError> {
        let mut state = SiteState::clone(&self.shared.site(&new.site));
        if let Some(run) = new.settled {
            self.events += run.plan.events();
            self.has_recent = true;
            add_run(&mut state.recent, Arc::new(run))?;
        }
        state.unsettled = new.unsettled.map(Arc::new);
        let mut sites = self.shared.sites.write();
        sites.insert(new.site, Arc::new(state));
        Ok(())
    }

    /// Ends the build.
    pub(crate) fn built(&mut self, positions: LedgerPositions) -> Result<(), IndexError> {
        self.flush()?;
        self.stored = Some((positions.clone(), self.events));
        self.positions = Some(positions);
        self.write_manifest()
    }

    /// Writes everything that is in no segment to one, and the manifest.
    pub(crate) fn checkpoint(&mut self) -> Result<(), IndexError> {
        if self.flush()? {
            let positions = self.positions.clone();
            self.stored = positions.map(|positions| (positions, self.events));
            self.write_manifest()?;
        }
        Ok(())
    }

    /// Writes everything that is in no segment to one, which the manifest does not name yet.
    /// Returns false if there was nothing.
    pub(crate) fn flush(&mut self) -> Result<bool, IndexError> {
        if !self.has_recent {
            return Ok(false);
        }
        let recent: BTreeMap<String, Vec<Arc<Run>>> = {
            let sites = self.shared.sites.read();
            let recent = sites.iter().filter(|(_, state)| !state.recent.is_empty());
            recent
                .map(|(site, state)| (site.clone(), state.recent.clone()))
                .collect()
        };
        let sites: Vec<SiteRuns> = recent.into_iter().collect();
        let name = self.next_name();
        let segment = write_segment(&self.folder, &name, &sites)?;
        for (site, run) in &segment.sites {
            let run = Arc::clone(run);
            self.shared.change(site, |state| {
                state.stored.push(run);
                state.recent.clear();
            });
        }
        self.segments.push(segment);
        self.has_recent = false;
        Ok(true)
    }

    fn next_name(&mut self) -> String {
        self.next_number += 1;
        segment_name(self.next_number - 1)
    }

    fn write_manifest(&self) -> Result<(), IndexError> {
        let Some((positions, events)) = self.stored.clone() else {
            return Ok(());
        };
        let manifest = Manifest::new(positions, events, self.names());
        manifest.replace(&self.folder)
    }

    /// Returns the newest segments if they should become one: each is to be at least twice as large
    /// as all that are newer, so there are few.
    pub(crate) fn next_merge(&mut self) -> Option<SegmentMerge> {
        let mut newer = 0;
        let mut first = None;
        for (place, segment) in self.segments.iter().enumerate().rev() {
            if newer > 0 && segment.bytes < 2 * newer {
                first = Some(place);
            }
            newer += segment.bytes;
        }
        let merged = self.segments.get(first?..)?;
        let mut sites: BTreeMap<String, Vec<Arc<Run>>> = BTreeMap::new();
        for (site, run) in merged.iter().flat_map(|segment| &segment.sites) {
            sites.entry(site.clone()).or_default().push(Arc::clone(run));
        }
        let names = merged.iter().map(|segment| segment.name.clone()).collect();
        Some(SegmentMerge {
            folder: self.folder.clone(),
            name: self.next_name(),
            names,
            sites: sites.into_iter().collect(),
        })
    }

    /// Puts a merged segment in the place of those that it was made of, unless the index was
    /// discarded meanwhile.
    pub(crate) fn take_merged(&mut self, merged: MergedSegment) -> Result<(), IndexError> {
        let names = self.segments.iter().map(|segment| segment.name.as_str());
        let names: Vec<&str> = names.collect();
        let first = merged.names.first().map_or("", String::as_str);
        let start = names.iter().position(|name| *name == first);
        let end = start.map(|start| start + merged.names.len());
        let is_same = |range: &[&str]| range.iter().eq(&merged.names);
        let range = start.zip(end).map(|(start, end)| start..end);
        let range = range.filter(|range| names.get(range.clone()).is_some_and(is_same));
        let Some(range) = range else {
            return delete_others(&self.folder, &self.names());
        };
        self.segments.splice(range, [merged.segment]);
        self.write_manifest()?;
        self.show_stored();
        delete_others(&self.folder, &self.names())
    }

    fn names(&self) -> Vec<String> {
        let names = self.segments.iter().map(|segment| segment.name.clone());
        names.collect()
    }

    fn show_stored(&self) {
        let mut stored: BTreeMap<&str, Vec<Arc<Run>>> = BTreeMap::new();
        for (site, run) in self.segments.iter().flat_map(|segment| &segment.sites) {
            stored.entry(site).or_default().push(Arc::clone(run));
        }
        for (site, runs) in stored {
            self.shared.change(site, |state| state.stored = runs);
        }
    }
}

/// Segments that are to become one. The work needs no index, so it can be done beside its task.
#[derive(Debug)]
pub(crate) struct SegmentMerge {
    folder: PathBuf,
    name: String,
    names: Vec<String>,
    sites: Vec<SiteRuns>,
}

/// A segment that several were merged into.
#[derive(Debug)]
pub(crate) struct MergedSegment {
    names: Vec<String>,
    segment: Segment,
}

impl SegmentMerge {
    /// Writes the merged segment. Blocks.
    pub(crate) fn run(self) -> Result<MergedSegment, IndexError> {
        let segment = write_segment(&self.folder, &self.name, &self.sites)?;
        Ok(MergedSegment {
            names: self.names,
            segment,
        })
    }
}
