//! Exports the KPIs of every site as gauges, for alerts and for graphs over years.
//!
//! Once a minute the figures of each site's last 30 days, including today, are computed as the API
//! would compute them, one site after the other, and exported as `etappe_insights_kpi_value`. The
//! refresh is less frequent if it takes long. With more sites than `kpi_gauge_sites` there are no
//! such gauges, because each site costs the database a set of queries.
//!
//! A figure without a divisor has no gauge. If a query fails, the old values stay and
//! `etappe_insights_kpi_refreshes_total` counts the error. The age of the watermark is exported for
//! any number of sites.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use etappe_core::id::SiteId;
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::site::{Site, SiteDirectory};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::error::InsightsError;
use crate::field::{Fields, Problems};
use crate::language::Language;
use crate::metrics::KpiMetrics;
use crate::question::RequestInfo;
use crate::questions::kpis::figures;
use crate::questions::kpis::measure::{Currencies, Measure, measures};
use crate::scope::Scope;
use crate::state::InsightsState;

/// How often the age of the watermark is updated.
const WATERMARK_INTERVAL: Duration = Duration::from_secs(5);
/// The pause after a refresh, as a multiple of its duration, so that gauges take at most a
/// twentieth of the database's time.
const REST_FACTOR: u32 = 19;
/// The longest pause, so that the gauges come back soon after an outage.
const LONGEST_REST: Duration = Duration::from_mins(10);
/// For how many currencies a site's money is shown: its own, and those with the most orders.
const SHOWN_CURRENCIES: usize = 4;

/// The labels of a gauge: site, KPI, currency.
type Labels = (SiteId, &'static str, String);

/// Keeps the gauges up to date while it runs.
#[derive(Debug)]
pub struct KpiGauges<S, C> {
    state: InsightsState<S, C>,
    shown: BTreeSet<Labels>,
}

impl<S: JourneyStore, C: Clock> KpiGauges<S, C> {
    /// Creates the gauges for the sites in `state`; no query runs before [`Self::run`].
    #[must_use]
    pub const fn new(state: InsightsState<S, C>) -> Self {
        Self {
            state,
            shown: BTreeSet::new(),
        }
    }

    /// Refreshes the gauges at once and then at every interval, until `stop` is cancelled. Slow
    /// refreshes are less frequent.
    pub async fn run(mut self, stop: CancellationToken) {
        let state = self.state.clone();
        let interval = state.parts().config.kpi_gauge_interval;
        state.parts().metrics.kpis().record_interval(interval);
        let refreshing = async {
            loop {
                let begun = Instant::now();
                self.refresh().await;
                tokio::time::sleep(pause(interval, begun.elapsed())).await;
            }
        };
        let watching = async {
            let mut ticks = tokio::time::interval(WATERMARK_INTERVAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let age = state.now().millis_since(state.as_of());
                state.parts().metrics.kpis().record_watermark_age(age);
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = refreshing => {}
            () = watching => {}
        }
    }

    /// Queries the figures of all sites and sets the gauges.
    async fn refresh(&mut self) {
        let directory = Arc::clone(&self.state.parts().sites.borrow());
        let limit = self.state.parts().config.kpi_gauge_sites;
        let sites: Vec<&Site> = directory.sites().take(limit.saturating_add(1)).collect();
        let metrics = self.state.parts().metrics.kpis().clone();
        let is_shown = sites.len() <= limit;
        metrics.record_shown(is_shown);
        self.forget_others(if is_shown { Some(&directory) } else { None }, &metrics);
        if !is_shown {
            return;
        }
        let mut all_answered = true;
        for site in sites {
            match self.ask(site).await {
                Ok(measures) => self.show(site, measures, &metrics),
                Err(error) => {
                    all_answered = false;
                    tracing::debug!(site = %site.id, %error, "kpis cannot be shown as gauges");
                }
            }
        }
        metrics.record_refresh(all_answered, self.state.now());
    }

    /// Removes the gauges of sites that are not in `directory`; all of them if it is `None`.
    fn forget_others(&mut self, directory: Option<&SiteDirectory>, metrics: &KpiMetrics) {
        self.shown.retain(|labels| {
            let stays = directory.is_some_and(|sites| sites.site(labels.0.as_str()).is_some());
            if !stays {
                metrics.forget(labels.0.as_str(), labels.1, &labels.2);
            }
            stays
        });
    }

    /// Returns a site's figures in the default range.
    async fn ask(&self, site: &Site) -> Result<Vec<Measure>, InsightsError> {
        let access = Access {
            site: site.id.clone(),
            settings: site.settings.clone(),
            path: HashMap::new(),
            shared: None,
            language: Language::default(),
        };
        let mut problems = Problems::default();
        let mut nothing = Fields::of_query(Vec::new(), &mut problems);
        let request = RequestInfo::new(&self.state, &access);
        let scope = Scope::read(&mut nothing, &request, &mut problems);
        problems.into_result()?;
        let scope = scope.ok_or_else(|| InsightsError::InvalidQuestion(Vec::new()))?;
        let asking = figures(self.state.parts(), &scope, scope.span.range);
        let kpis = self.state.run(&site.id, asking).await?;
        let shown = Currencies::choose(&kpis, None, &scope.currency, SHOWN_CURRENCIES);
        Ok(measures(&kpis, &shown))
    }

    /// Replaces a site's gauges.
    fn show(&mut self, site: &Site, measures: Vec<Measure>, metrics: &KpiMetrics) {
        let mut current = BTreeSet::new();
        for measure in measures {
            if let Some(value) = measure.value {
                let currency = measure.currency.unwrap_or_default();
                metrics.show(site.id.as_str(), measure.id, &currency, value.as_f64());
                current.insert((site.id.clone(), measure.id, currency));
            }
        }
        self.shown.retain(|labels| {
            let stays = labels.0 != site.id || current.contains(labels);
            if !stays {
                metrics.forget(labels.0.as_str(), labels.1, &labels.2);
            }
            stays
        });
        self.shown.append(&mut current);
    }
}

/// Returns how long to wait after a refresh that took `took`.
fn pause(interval: Duration, took: Duration) -> Duration {
    let rest = interval.saturating_sub(took);
    rest.max(took.saturating_mul(REST_FACTOR).min(LONGEST_REST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_with_the_time_that_the_figures_took() {
        let seconds = Duration::from_secs;
        let cases = [
            (seconds(60), seconds(0), seconds(60)),
            (seconds(60), seconds(1), seconds(59)),
            (seconds(60), seconds(10), seconds(190)),
            (seconds(60), seconds(100), seconds(600)),
            (seconds(3_600), seconds(10), seconds(3_590)),
        ];
        for (interval, took, expected) in cases {
            assert_eq!(pause(interval, took), expected, "{interval:?} {took:?}");
        }
    }
}
