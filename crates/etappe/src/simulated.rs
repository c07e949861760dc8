//! A simulated site on its way into a running Etappe: its events in a file, until all are sent.
//!
//! The file lies beside what is known of the site's imports. It is written once, so that a
//! simulation that was interrupted goes on with the same events, whenever and by whomever it is
//! continued. A mark says that all of them have arrived.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use etappe_core::id::SiteId;
use etappe_runtime::durable_file::{move_into_place, replace_private};
use etappe_simulate::{Settings, Simulation, simulate};
use serde_json::json;

/// The site that is made unless another is named.
pub(crate) const PRACTICE: &str = "practice";

/// The events that are to be sent.
const EVENTS: &str = "simulated.ndjson";
/// The mark: what was simulated.
const SENT: &str = "simulated.done";

/// The files of one simulated site.
#[derive(Debug, Clone)]
pub(crate) struct SimulatedFiles {
    folder: PathBuf,
}

impl SimulatedFiles {
    /// Names the files of a site in a data folder.
    pub(crate) fn of(root: &Path, site: &SiteId) -> Self {
        Self {
            folder: root.join("imports").join(site.as_str()),
        }
    }

    /// Returns the file of the events.
    pub(crate) fn events(&self) -> PathBuf {
        self.folder.join(EVENTS)
    }

    /// Returns whether a simulation was begun and not all of its events were sent.
    pub(crate) fn is_begun(&self) -> bool {
        self.events().exists()
    }

    /// Returns whether all events were sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.folder.join(SENT).exists()
    }

    /// Simulates, and writes the events. Takes a second for the usual size, and blocks.
    pub(crate) fn begin(&self, settings: &Settings) -> anyhow::Result<()> {
        let folder = &self.folder;
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let path = self.events();
        let unfinished = path.with_extension("unfinished");
        write_lines(&simulate(settings), &unfinished)
            .and_then(|()| move_into_place(&unfinished, &path))
            .with_context(|| format!("cannot write the simulated events to {}", path.display()))
    }

    /// Notes that all events were sent, and removes their file.
    pub(crate) fn finish(&self) -> anyhow::Result<()> {
        let mark = self.folder.join(SENT);
        let said = json!({ "simulated": true }).to_string();
        replace_private(&mark, said.as_bytes())
            .with_context(|| format!("cannot write {}", mark.display()))?;
        let events = self.events();
        std::fs::remove_file(&events).with_context(|| format!("cannot remove {}", events.display()))
    }
}

/// Writes the messages to a file, one a line.
pub(crate) fn write_lines(simulation: &Simulation, path: &Path) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for message in simulation.messages() {
        writeln!(file, "{}", message.value)?;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use etappe_core::ports::Clock;
    use etappe_runtime::clock::SystemClock;

    use super::*;

    #[test]
    fn a_simulation_is_begun_then_sent() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let site = SiteId::try_new(PRACTICE).expect("a name");
        let files = SimulatedFiles::of(folder.path(), &site);
        assert!(!files.is_begun() && !files.is_sent());
        let settings = Settings {
            seed: 1,
            people: 3,
            days: 30,
            end: SystemClock.now().to_utc().expect("a time"),
            zone: Tz::UTC,
            currency: "EUR".to_owned(),
        };
        files.begin(&settings).expect("written");
        assert!(files.is_begun() && !files.is_sent());
        let text = std::fs::read_to_string(files.events()).expect("readable");
        assert_eq!(text.lines().count(), simulate(&settings).messages().count());
        files.finish().expect("written");
        assert!(!files.is_begun() && files.is_sent());
    }
}
