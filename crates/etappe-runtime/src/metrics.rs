//! What the process says of its components, as metrics.

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts};

use crate::health::{Health, State};

/// Returns the state of every component, as it is now.
///
/// `etappe_runtime_component_ready`, gauge, by `component`: 1 while it does its work, 0 while it
/// cannot. Alert on 0 for some minutes; `/readyz` tells the reason.
pub(crate) fn component_states(health: &Health) -> Vec<MetricFamily> {
    let ready = IntGaugeVec::new(
        Opts::new(
            "etappe_runtime_component_ready",
            "1 while a component does its work, 0 while it cannot.",
        ),
        &["component"],
    )
    .expect("name and label are well-formed");
    for (component, state) in health.components() {
        ready
            .with_label_values(&[component])
            .set(i64::from(state == State::Ready));
    }
    ready.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_that_cannot_work_is_zero() {
        let health = Health::default();
        health.register("log").ready();
        health.register("warehouse").not_ready("refused");
        let families = component_states(&health);
        let mut states: Vec<_> = families[0]
            .get_metric()
            .iter()
            .map(|metric| {
                let component = metric.get_label()[0].value().to_owned();
                (component, metric.get_gauge().get_value())
            })
            .collect();
        states.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [("log".to_owned(), 1.0), ("warehouse".to_owned(), 0.0)];
        assert_eq!(states, expected);
    }
}
