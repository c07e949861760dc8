//! Checks that a data folder still holds the parts that it held before.
//!
//! A missing part would be created anew, empty, and the service would look healthy. So a start with
//! a missing part is refused until the operator restores the part or accepts its loss.

use std::fmt;
use std::path::Path;

use clap::ValueEnum;

use super::DataDir;

/// A part of a data folder that cannot be recreated without loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// `sites.json`: sites, settings, hashes of keys.
    Sites,
    /// `log`: events that were acknowledged, until they are stored.
    Log,
    /// `engine`: stored events and figures.
    Engine,
}

/// Which parts an installation keeps only in its folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    /// Events and sites, which are otherwise on Kafka.
    pub(crate) log: bool,
    /// The stored data, which is otherwise in a ClickHouse server.
    pub(crate) engine: bool,
}

/// Parts of a data folder are missing; explains how to continue, one sentence for each.
#[derive(Debug)]
pub(crate) struct MissingParts(pub(crate) Vec<String>);

impl fmt::Display for MissingParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for MissingParts {}

impl DataDir {
    /// Checks that no part is missing except those in `accepted`; returns which of these are
    /// missing.
    ///
    /// # Errors
    /// [`MissingParts`] with every part that is missing and not accepted.
    pub(crate) fn check_parts(
        &self,
        kept: Kept,
        accepted: &[Part],
    ) -> Result<Vec<Part>, MissingParts> {
        let missing = self.missing_parts(kept);
        let refused = missing.iter().filter(|part| !accepted.contains(part));
        let problems: Vec<String> = refused.map(|part| self.advice(*part)).collect();
        if problems.is_empty() {
            self.warn_of_minor_parts(kept);
            Ok(missing)
        } else {
            Err(MissingParts(problems))
        }
    }

    fn missing_parts(&self, kept: Kept) -> Vec<Part> {
        let has_sites = self.path("sites.json").exists();
        let has_log = self.path("log").join("log.json").exists();
        let has_events = has_records(&self.path("log"));
        // The sites are written at the end of the first start, before events are accepted.
        let was_used = has_sites || has_events || self.path("engine-synced.json").exists();
        let parts = [
            (Part::Sites, kept.log && has_events && !has_sites),
            (Part::Log, kept.log && has_sites && !has_log && !has_events),
            (
                Part::Engine,
                kept.engine && was_used && !has_entries(&self.path("engine")),
            ),
        ];
        let missing = parts.into_iter().filter(|(_, is_missing)| *is_missing);
        missing.map(|(part, _)| part).collect()
    }

    fn advice(&self, part: Part) -> String {
        let folder = self.root().display();
        match part {
            Part::Sites => format!(
                "{folder} has events, but no sites.json: no key would work. Restore the file \
                 from a backup; or give `--accept-missing sites`, which creates a new site `demo` \
                 with new keys (sites of the same names have their stored events again)"
            ),
            Part::Log => format!(
                "{folder} was used before, but has no log: events that were acknowledged and not \
                 stored yet would be lost. Put the folder `log` back (if events went through Kafka, \
                 give --kafka); or give `--accept-missing log`, which starts with an empty one"
            ),
            Part::Engine => format!(
                "{folder} was used before, but has no engine: everything stored would be lost. Put \
                 the folder `engine` back (if rows went to a ClickHouse server, give --clickhouse); \
                 or give `--accept-missing engine`, which starts with an empty one and stores again what the event log \
                 still holds"
            ),
        }
    }

    /// Warns about missing parts without which the service works as before.
    fn warn_of_minor_parts(&self, kept: Kept) {
        if !self.path("sites.json").exists() {
            return;
        }
        if !self.path("imports").exists() {
            tracing::warn!(
                "`imports` is missing: files that were imported before will be imported again"
            );
        }
        if kept.log && !self.path("dead-letters").exists() {
            tracing::warn!("`dead-letters` is missing: earlier dead letters are lost");
        }
    }
}

fn has_entries(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

/// Returns whether `log` is a log with records in its segments.
fn has_records(log: &Path) -> bool {
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries(log)
        .flat_map(|partition| entries(&partition.path()).collect::<Vec<_>>())
        .any(|file| {
            let is_segment = file.path().extension().is_some_and(|it| it == "log");
            is_segment && file.metadata().is_ok_and(|metadata| metadata.len() > 0)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Kept = Kept {
        log: true,
        engine: true,
    };

    fn folder(files: &[&str]) -> (tempfile::TempDir, DataDir) {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            let content = if file.ends_with("empty.log") { "" } else { "x" };
            std::fs::write(path, content).expect("written");
        }
        let data = DataDir::open(folder.path()).expect("a data folder");
        (folder, data)
    }

    const SITES: &str = "sites.json";
    const LOG: [&str; 2] = ["log/log.json", "log/partition-0/0.log"];
    const ENGINE: &str = "engine/engine-secret.json";

    #[test]
    fn a_missing_part_prevents_the_start_until_its_loss_is_accepted() {
        for (files, missing) in [
            (&[][..], &[][..]),
            (&[SITES, LOG[0], LOG[1], ENGINE], &[]),
            // An interrupted first start.
            (&[ENGINE], &[]),
            (&[ENGINE, LOG[0], "log/partition-0/empty.log"], &[]),
            (&[LOG[0], LOG[1], ENGINE], &[Part::Sites]),
            (&[SITES, ENGINE], &[Part::Log]),
            (&[SITES, LOG[0], LOG[1]], &[Part::Engine]),
            (&[SITES, LOG[0]], &[Part::Engine]),
            (&[LOG[0], LOG[1]], &[Part::Sites, Part::Engine]),
            (&[SITES], &[Part::Log, Part::Engine]),
        ] {
            let (_folder, data) = folder(files);
            match data.check_parts(ALL, &[]) {
                Ok(none) => assert!(none.is_empty() && missing.is_empty(), "{files:?}"),
                Err(MissingParts(advice)) => {
                    assert_eq!(advice.len(), missing.len(), "{files:?} {advice:?}");
                    assert!(advice.iter().all(|it| it.contains("--accept-missing")));
                }
            }
            let accepted = data.check_parts(ALL, missing).expect("accepted");
            assert_eq!(accepted, missing, "{files:?}");
        }
    }

    #[test]
    fn parts_kept_elsewhere_are_not_required() {
        let nowhere = Kept {
            log: false,
            engine: false,
        };
        let (_folder, data) = folder(&[SITES]);
        assert!(data.check_parts(nowhere, &[]).is_ok());
        let (_folder, data) = folder(&["engine-synced.json"]);
        let engine = Kept {
            log: false,
            engine: true,
        };
        assert!(data.check_parts(engine, &[]).is_err());
        assert!(data.check_parts(nowhere, &[]).is_ok());
    }
}
