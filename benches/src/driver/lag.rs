//! The delay from an event's acknowledgement until a KPI counts it, at fixed rates.

use super::bench::Bench;
use super::child::Load;
use super::probe::probe_during;
use super::report::{Figure, progress};

const BATCH: u32 = 100;
/// The rate for which the target is set.
const TARGET_RATE: u32 = 10_000;

/// Measures at each rate.
pub(crate) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for rate in bench.pace.lag_rates {
        let what = format!("acknowledged to visible at {rate} events/s, p95");
        if bench.seconds_left() < bench.pace.lag * 1.25 {
            progress(&format!("{what}: no time"));
            continue;
        }
        let load = Box::pin(Load::open(BATCH, f64::from(*rate), bench.pace.lag).run(&bench.target));
        let (report, lags) = probe_during(bench, load).await?;
        let lag = lags.summary();
        let figure = Figure::new(what, lag.p95_ms / 1e3, "s").note(format!(
            "{} probes, p50 {:.2} s, longest {:.2} s, the question's own time included; \
             {} of {} accepted",
            lag.count,
            lag.p50_ms / 1e3,
            lag.max_ms / 1e3,
            report.accepted_events,
            report.offered_events
        ));
        let is_target = *rate == TARGET_RATE;
        figures.push(if is_target {
            figure.at_most(1.5, 1.0)
        } else {
            figure
        });
    }
    Ok(figures)
}
