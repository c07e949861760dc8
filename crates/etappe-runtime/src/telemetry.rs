//! Logs: text for people, JSON for machines, always on standard error.
//!
//! Standard output is reserved for answers that programs read.

use std::io::IsTerminal;

use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

mod repeated;

use repeated::RepeatedWarnings;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One readable line each; coloured on a terminal.
    #[default]
    Text,
    /// One JSON object each.
    Json,
}

/// Telemetry settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// The format of log lines: `text` or `json`. Default `text`.
    pub format: LogFormat,
    /// The log filter: a level (`error`, `warn`, `info`, `debug`, `trace`) or directives such as
    /// `info,etappe_collector=debug`. Default `info`. Too verbose a level slows the process down.
    pub level: String,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            level: "info".to_owned(),
        }
    }
}

impl TelemetryConfig {
    /// Adds every problem with these settings to `problems`.
    pub fn validate(&self, problems: &mut Vec<String>) {
        if let Err(error) = EnvFilter::try_new(&self.level) {
            problems.push(format!(
                "telemetry.level: `{}` is no log filter: {error}",
                self.level
            ));
            return;
        }
        // The filter takes a mistyped level for a target's name, and then logs nothing else.
        let bare = self.level.split(',').map(str::trim);
        let mut bare = bare.filter(|part| !part.contains(['=', '[']));
        if let Some(wrong) =
            bare.find(|part| part.is_empty() || part.parse::<LevelFilter>().is_err())
        {
            problems.push(format!(
                "telemetry.level: `{wrong}` is no level: use error, warn, info, debug, trace or off; \
                 a level for a part alone is written `etappe_collector=debug`"
            ));
        }
    }
}

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is invalid.
    #[error("`{0}` is no log filter")]
    Filter(String),
    /// Logging was already set up.
    #[error("logging was set up twice")]
    AlreadySet,
}

/// Sets up logging for the whole process; call it once.
///
/// # Errors
/// [`TelemetryError`] when the filter is invalid or this was called before.
pub fn init(config: &TelemetryConfig) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&config.level)
        .map_err(|_| TelemetryError::Filter(config.level.clone()))?;
    // If the log's own disk is full, only the line is lost. If the subscriber reported failed
    // writes, it would print them to the same place and panic.
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    let lines = match config.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(RepeatedWarnings::default())
        .with(lines)
        .try_init()
        .map_err(|_| TelemetryError::AlreadySet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_does_not_exist_is_a_problem() {
        let problems = |level: &str| {
            let config = TelemetryConfig {
                level: level.to_owned(),
                ..TelemetryConfig::default()
            };
            let mut problems = Vec::new();
            config.validate(&mut problems);
            problems
        };
        for level in [
            "info",
            "WARN",
            "off",
            "info,etappe_collector=debug",
            "etappe_log=trace",
        ] {
            assert_eq!(problems(level), [""; 0], "{level}");
        }
        for level in [
            "inof",
            "verbose",
            "info,hyper",
            "info,etappe_collector=loud",
            "",
        ] {
            let found = problems(level);
            assert_eq!(found.len(), 1, "{level}: {found:?}");
            assert!(found[0].starts_with("telemetry.level:"), "{found:?}");
        }
    }
}
