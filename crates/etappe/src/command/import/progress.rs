//! Shows an import's progress: a bar on a terminal, an occasional line elsewhere.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use etappe_import::ImportEvent;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::answer::note;

/// How often progress is printed without a terminal.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The progress of one file.
#[derive(Debug)]
pub(crate) struct Progress {
    path: String,
    name: String,
    bar: ProgressBar,
    /// When progress was last printed; `None` on a terminal, which has the bar.
    told: Option<Mutex<Instant>>,
}

impl Progress {
    /// Starts showing that the file at `path` is being read.
    pub(crate) fn of(path: &Path) -> anyhow::Result<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy());
        let name = name.unwrap_or_default().into_owned();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
        bar.set_style(ProgressStyle::with_template(
            "{spinner} reading {msg} {bytes}",
        )?);
        bar.set_message(path.display().to_string());
        let has_bar = std::io::stderr().is_terminal();
        Ok(Self {
            path: path.display().to_string(),
            name,
            bar,
            told: (!has_bar).then(|| Mutex::new(Instant::now())),
        })
    }

    /// Shows an event.
    pub(crate) fn show(&self, event: ImportEvent<'_>) {
        match event {
            ImportEvent::Identifying { bytes } => self.bar.inc(bytes),
            ImportEvent::Continues { earlier, lines } => note(format_args!(
                "{} begins with the content imported as {earlier}: its first {lines} lines are not \
                 sent again; --all sends them",
                self.path
            )),
            ImportEvent::Begins { bytes, done } => self.begin(bytes, done),
            ImportEvent::Reached { byte } => self.reached(byte),
            ImportEvent::Waiting { reason } => {
                note(format_args!(
                    "no event is accepted now ({reason}); retrying"
                ));
            }
        }
    }

    fn begin(&self, bytes: u64, done: u64) {
        let template =
            "{msg} [{bar:30}] {percent}% {bytes}/{total_bytes} {bytes_per_sec} eta {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("=> "));
        }
        self.bar.set_message(self.name.clone());
        self.bar.set_length(bytes);
        self.bar.set_position(done);
        self.bar.reset_eta();
    }

    fn reached(&self, byte: u64) {
        self.bar.set_position(byte);
        let Some(told) = &self.told else { return };
        let mut told = told.lock();
        if told.elapsed() < TELL_EVERY {
            return;
        }
        *told = Instant::now();
        let bytes = self.bar.length().unwrap_or_default();
        let percent = byte.saturating_mul(100) / bytes.max(1);
        note(format_args!(
            "{}: {percent} % done, {} of {}",
            self.name,
            HumanBytes(byte),
            HumanBytes(bytes)
        ));
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
