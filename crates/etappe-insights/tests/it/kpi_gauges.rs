//! The KPI gauges: the same figures as the API's, for existing sites, within limits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use etappe_core::ports::RetryClass;
use etappe_core::site::SiteDirectory;
use etappe_insights::config::InsightsConfig;
use etappe_insights::kpi_gauge::KpiGauges;
use etappe_testkit::clock::ManualClock;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::{Api, site};
use crate::garden::at;
use crate::kpis::march;
use crate::memory_store::MemoryStore;

/// The first instant of the last 30 days, in Amsterdam.
const MONTH_START: &str = "2024-03-02T23:00:00Z";

/// Gauges running beside the API.
struct Running {
    api: Api,
    stop: CancellationToken,
    task: JoinSet<()>,
}

impl Running {
    fn start(api: Api) -> Self {
        let stop = CancellationToken::new();
        let gauges = KpiGauges::<MemoryStore, ManualClock>::new(api.state.clone());
        let mut task = JoinSet::new();
        task.spawn(gauges.run(stop.clone()));
        Self { api, stop, task }
    }

    /// Advances the clock and lets the due tasks run.
    async fn wait(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// Returns the gauges with a name: labels and values.
    fn gauges(&self, name: &str) -> BTreeMap<String, f64> {
        let families = self.api.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let metrics = family.map(|family| family.get_metric()).unwrap_or_default();
        metrics
            .iter()
            .map(|metric| {
                let mut labels: Vec<_> = metric.get_label().iter().collect();
                labels.sort_by_key(|label| {
                    ["site", "kpi", "currency", "result"]
                        .iter()
                        .position(|name| *name == label.name())
                });
                let labels: Vec<_> = labels.iter().map(|label| label.value()).collect();
                let value = metric.get_gauge().get_value() + metric.get_counter().get_value();
                (labels.join(" "), value)
            })
            .collect()
    }

    fn kpis(&self) -> BTreeMap<String, f64> {
        self.gauges("etappe_insights_kpi_value")
    }
}

fn store() -> MemoryStore {
    MemoryStore {
        kpis: BTreeMap::from([(at(MONTH_START).as_millis(), march())]),
        ..MemoryStore::default()
    }
}

#[tokio::test(start_paused = true)]
async fn gauges_show_what_the_api_answers() {
    let running = Running::start(Api::new(store()));
    running.wait(1).await;
    let shown = running.kpis();
    let answer = running.api.get("kpis").await.ok();
    let mut expected = BTreeMap::new();
    for kpi in answer["kpis"].as_array().unwrap() {
        if let Some(value) = kpi["value"].as_f64() {
            let currency = kpi["currency"].as_str().unwrap_or_default();
            expected.insert(
                format!("demo {} {currency}", kpi["id"].as_str().unwrap()),
                value,
            );
        }
    }
    assert!(expected.len() > 15, "{expected:?}");
    assert_eq!(expected["demo revenue EUR"], 500.1);
    assert_eq!(expected["demo revenue USD"], 90.3333);
    let of_demo: BTreeMap<_, _> = shown
        .clone()
        .into_iter()
        .filter(|(labels, _)| labels.starts_with("demo "))
        .collect();
    assert_eq!(of_demo, expected);
    assert_eq!(shown["other orders "], 27.0, "every site is shown");
}

#[tokio::test(start_paused = true)]
async fn a_figure_that_loses_its_divisor_is_removed() {
    let running = Running::start(Api::new(store()));
    running.wait(1).await;
    assert_eq!(running.kpis()["demo purchases_per_customer "], 1.3);
    // From tomorrow on the range is a different one, in which nothing happened.
    running.api.clock.advance(Duration::from_secs(86_400));
    running.wait(60).await;
    let shown = running.kpis();
    assert_eq!(shown["demo orders "], 0.0);
    assert!(
        !shown.contains_key("demo purchases_per_customer "),
        "{shown:?}"
    );
    assert!(!shown.contains_key("demo revenue USD"), "{shown:?}");
}

#[tokio::test(start_paused = true)]
async fn a_removed_site_has_no_gauges() {
    let running = Running::start(Api::new(store()));
    running.wait(1).await;
    assert!(running.kpis().contains_key("other orders "));
    let fewer = SiteDirectory::new([site("demo")]);
    running.api.sites.send_replace(Arc::new(fewer));
    running.wait(60).await;
    let shown = running.kpis();
    assert!(shown.contains_key("demo orders "));
    assert!(
        shown.keys().all(|labels| labels.starts_with("demo ")),
        "{shown:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn too_many_sites_disable_the_gauges() {
    let config = InsightsConfig {
        kpi_gauge_sites: 2,
        ..InsightsConfig::default()
    };
    let running = Running::start(Api::with_config(store(), config));
    running.wait(1).await;
    assert_eq!(running.gauges("etappe_insights_kpi_shown")[""], 1.0);
    let more = ["demo", "other", "third"].map(site);
    running
        .api
        .sites
        .send_replace(Arc::new(SiteDirectory::new(more)));
    running.wait(60).await;
    let asked = running.api.store.scopes.lock().len();
    running.wait(60).await;
    assert_eq!(running.gauges("etappe_insights_kpi_shown")[""], 0.0);
    assert!(running.kpis().is_empty());
    assert_eq!(running.api.store.scopes.lock().len(), asked);
}

#[tokio::test(start_paused = true)]
async fn failed_refreshes_are_counted() {
    let running = Running::start(Api::new(MemoryStore {
        failure: Some(RetryClass::Transient),
        ..MemoryStore::default()
    }));
    running.wait(61).await;
    let refreshes = running.gauges("etappe_insights_kpi_refreshes_total");
    assert_eq!(refreshes, BTreeMap::from([("error".to_owned(), 2.0)]));
    assert!(running.kpis().is_empty());
    let refreshed = running.gauges("etappe_insights_kpi_refreshed_timestamp_seconds");
    assert_eq!(refreshed[""], 0.0);
}

#[tokio::test(start_paused = true)]
async fn the_age_of_the_watermark_is_shown_while_the_store_hangs() {
    let running = Running::start(Api::new(MemoryStore {
        is_stuck: true,
        ..MemoryStore::default()
    }));
    running.api.clock.advance(Duration::from_secs(90));
    running.wait(6).await;
    assert_eq!(
        running.gauges("etappe_insights_watermark_age_seconds")[""],
        90.0
    );
}

#[tokio::test(start_paused = true)]
async fn gauges_stop_even_during_a_question() {
    let mut running = Running::start(Api::new(MemoryStore {
        is_stuck: true,
        ..MemoryStore::default()
    }));
    running.wait(1).await;
    running.stop.cancel();
    tokio::time::timeout(Duration::from_secs(1), running.task.join_next())
        .await
        .expect("it ends at once")
        .expect("there is a task")
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unresponsive_store_is_queried_less_often() {
    let running = Running::start(Api::new(MemoryStore {
        is_stuck: true,
        ..MemoryStore::default()
    }));
    let refreshes = || running.gauges("etappe_insights_kpi_refreshes_total");
    // Two sites time out after a minute each; then the store is not queried for ten minutes.
    for (seconds, expected) in [(121, 1.0), (590, 1.0), (130, 2.0)] {
        running.wait(seconds).await;
        assert_eq!(refreshes()["error"], expected);
    }
}
