//! The states of the process's components as metrics.

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts};

use crate::health::{Health, State};

/// Returns the current state of every component.
///
/// `etappe_runtime_component_ready`, gauge, by `component`: 1 while it works, 0 while it cannot.
/// Alert on 0 for some minutes; `/readyz` states the reason. `etappe_runtime_component_degraded`,
/// gauge, by `component`: 1 while it works without something that it needs, such as Kafka.
pub(crate) fn component_states(health: &Health) -> Vec<MetricFamily> {
    let ready = by_component(
        "etappe_runtime_component_ready",
        "1 while a component does its work, 0 while it cannot.",
    );
    let degraded = by_component(
        "etappe_runtime_component_degraded",
        "1 while a component works without something that it needs.",
    );
    for (component, state) in health.components() {
        let is_degraded = matches!(state, State::Degraded(_));
        let component = [component];
        ready
            .with_label_values(&component)
            .set(i64::from(state.works()));
        degraded
            .with_label_values(&component)
            .set(i64::from(is_degraded));
    }
    let mut families = ready.collect();
    families.extend(degraded.collect());
    families
}

fn by_component(name: &str, help: &str) -> IntGaugeVec {
    IntGaugeVec::new(Opts::new(name, help), &["component"]).expect("name and label are well-formed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_that_cannot_work_is_zero() {
        let health = Health::default();
        health.register("log").ready();
        health.register("warehouse").not_ready("refused");
        health.register("kafka").degraded("refused");
        let families = component_states(&health);
        let states = |family: &MetricFamily| {
            let metrics = family.get_metric().iter();
            let mut states: Vec<_> = metrics
                .map(|metric| {
                    let component = metric.get_label()[0].value().to_owned();
                    (component, metric.get_gauge().get_value())
                })
                .collect();
            states.sort_by(|a, b| a.0.cmp(&b.0));
            states
        };
        let of = |values: [f64; 3]| {
            let components = ["kafka", "log", "warehouse"].map(str::to_owned);
            components.into_iter().zip(values).collect::<Vec<_>>()
        };
        assert_eq!(states(&families[0]), of([1.0, 1.0, 0.0]));
        assert_eq!(states(&families[1]), of([1.0, 0.0, 0.0]));
    }
}
