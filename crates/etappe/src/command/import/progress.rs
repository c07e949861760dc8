//! Shows an import's progress: a bar on a terminal, an occasional line elsewhere.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use crate::answer::note;

/// How often progress is printed without a terminal.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The progress of one file.
#[derive(Debug)]
pub(crate) struct Progress {
    name: String,
    bytes: u64,
    bar: ProgressBar,
    /// When progress was last printed; `None` on a terminal, which has the bar.
    told: Option<Mutex<Instant>>,
}

impl Progress {
    /// Starts showing the progress of a file of `bytes` bytes, of which `done` are finished.
    pub(crate) fn of(path: &Path, bytes: u64, done: u64) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy());
        let name = name.unwrap_or_default().into_owned();
        let bar = bar_on_terminal(Some(bytes));
        let template =
            "{msg} [{bar:30}] {percent}% {bytes}/{total_bytes} {bytes_per_sec} eta {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(name.clone());
        bar.set_position(done);
        let has_bar = std::io::stderr().is_terminal();
        Self {
            name,
            bytes,
            bar,
            told: (!has_bar).then(|| Mutex::new(Instant::now())),
        }
    }

    /// Shows that the file is read and accepted up to a byte.
    pub(crate) fn reached(&self, byte: u64) {
        self.bar.set_position(byte);
        let Some(told) = &self.told else { return };
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.elapsed() < TELL_EVERY {
            return;
        }
        *told = Instant::now();
        let percent = byte.saturating_mul(100) / self.bytes.max(1);
        note(format_args!(
            "{}: {percent} % done, {} of {}",
            self.name,
            HumanBytes(byte),
            HumanBytes(self.bytes)
        ));
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Makes a bar that is visible only on a terminal.
pub(crate) fn bar_on_terminal(length: Option<u64>) -> ProgressBar {
    ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr_with_hz(5))
}
