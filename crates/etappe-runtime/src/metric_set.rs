//! Declares metrics: name, help text, labels and type of each stand in one place.
//!
//! ```
//! use etappe_runtime::metric_set::MetricSet;
//! use prometheus::{HistogramVec, IntCounter, IntCounterVec, Registry};
//!
//! etappe_runtime::metric_set! {
//!     /// Metrics of a kitchen.
//!     #[derive(Debug, Clone)]
//!     pub struct KitchenMetrics {
//!         /// Number of dishes served, by kind.
//!         ///
//!         /// Alert when it stops at noon.
//!         dishes: IntCounterVec = "kitchen_dishes_total" by ["kind"],
//!         /// Number of broken plates.
//!         plates: IntCounter = "kitchen_broken_plates_total",
//!         /// Time from an order to its dish, by kind.
//!         waiting: HistogramVec = "kitchen_waiting_seconds" by ["kind"] in &[60.0, 600.0],
//!     }
//! }
//!
//! # fn main() -> Result<(), prometheus::Error> {
//! let metrics = KitchenMetrics::registered(&Registry::new())?;
//! metrics.dishes.with_label_values(&["soup"]).inc();
//! # metrics.plates.inc();
//! # metrics.waiting.with_label_values(&["soup"]).observe(90.0);
//! # Ok(())
//! # }
//! ```
//!
//! The first line of a metric's documentation is its help text: one sentence with a full stop. A
//! field without a name is another set.

pub use prometheus::Error;
use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

/// Metrics that were declared with [`metric_set!`](crate::metric_set!).
pub trait MetricSet: Sized {
    /// Creates the metrics; called by the methods below.
    ///
    /// # Errors
    /// As [`registered`](Self::registered).
    fn create(registrar: &mut Registrar<'_>) -> Result<Self, Error>;

    /// Creates the metrics and registers them.
    ///
    /// # Errors
    /// The registry's error if a name is taken, or if a declaration is not valid.
    fn registered(registry: &Registry) -> Result<Self, Error> {
        Self::create(&mut Registrar {
            registry,
            skips_taken: false,
        })
    }

    /// Creates the metrics and registers those whose names are free; the others count, but are not
    /// shown.
    ///
    /// # Errors
    /// If a declaration is not valid.
    fn registered_where_free(registry: &Registry) -> Result<Self, Error> {
        Self::create(&mut Registrar {
            registry,
            skips_taken: true,
        })
    }
}

/// Registers the metrics of a set.
#[derive(Debug)]
pub struct Registrar<'r> {
    registry: &'r Registry,
    skips_taken: bool,
}

impl Registrar<'_> {
    /// Creates a metric and registers it.
    ///
    /// # Errors
    /// As [`MetricSet::registered`].
    pub fn make<M: Metric>(&mut self, declaration: &Declaration) -> Result<M, Error> {
        declaration.check(M::HAS_LABELS)?;
        let metric = M::make(declaration)?;
        match self.registry.register(Box::new(metric.clone())) {
            Err(error) if self.skips_taken => {
                tracing::warn!(%error, name = declaration.name, "a metric is not shown");
            }
            registered => registered?,
        }
        Ok(metric)
    }
}

/// A metric's declaration.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    /// The upper bounds of a histogram's buckets.
    buckets: &'static [f64],
}

impl Declaration {
    /// Declares a metric; `labels` are the names of its labels.
    #[must_use]
    pub const fn new(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            help,
            labels,
            buckets: &[],
        }
    }

    /// Sets the upper bounds of a histogram's buckets.
    #[must_use]
    pub const fn with_buckets(mut self, buckets: &'static [f64]) -> Self {
        self.buckets = buckets;
        self
    }

    fn check(&self, has_labels: bool) -> Result<(), Error> {
        let name = self.name;
        if has_labels == self.labels.is_empty() {
            return Err(Error::Msg(format!(
                "`{name}`: the type does not fit its labels"
            )));
        }
        if !self.help.ends_with('.') {
            return Err(Error::Msg(format!(
                "`{name}`: the first line of its documentation is not a sentence"
            )));
        }
        Ok(())
    }

    fn options(&self) -> Opts {
        Opts::new(self.name, self.help.trim_start())
    }

    fn histogram_options(&self) -> HistogramOpts {
        HistogramOpts::from(self.options()).buckets(self.buckets.to_vec())
    }
}

/// A type of metric.
pub trait Metric: Collector + Clone + 'static {
    /// Whether metrics of this type have labels.
    const HAS_LABELS: bool;

    /// Creates the metric.
    ///
    /// # Errors
    /// If the name or a label is not valid.
    fn make(declaration: &Declaration) -> Result<Self, Error>;
}

macro_rules! metric_types {
    ($($metric:ident, $labelled:ident, $options:ident;)+) => {$(
        impl Metric for $metric {
            const HAS_LABELS: bool = false;

            fn make(declaration: &Declaration) -> Result<Self, Error> {
                Self::with_opts(declaration.$options())
            }
        }

        impl Metric for $labelled {
            const HAS_LABELS: bool = true;

            fn make(declaration: &Declaration) -> Result<Self, Error> {
                Self::new(declaration.$options(), declaration.labels)
            }
        }
    )+};
}

metric_types! {
    IntCounter, IntCounterVec, options;
    IntGauge, IntGaugeVec, options;
    Gauge, GaugeVec, options;
    Histogram, HistogramVec, histogram_options;
}

/// Declares a struct of metrics that implements [`MetricSet`](crate::metric_set::MetricSet); see
/// [the module](mod@crate::metric_set).
#[macro_export]
macro_rules! metric_set {
    (@field $registrar:ident, $set:ty, $help:literal) => {
        <$set as $crate::metric_set::MetricSet>::create($registrar)?
    };
    (
        @field $registrar:ident, $metric:ty, $help:literal,
        $name:literal, [$($label:literal),*], [$($buckets:expr)?]
    ) => {
        $registrar.make::<$metric>(
            &$crate::metric_set::Declaration::new($name, $help, &[$($label),*])
                $(.with_buckets($buckets))?
        )?
    };
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $set:ident {$(
            #[doc = $help:literal]
            $(#[doc = $more:literal])*
            $field_visibility:vis $field:ident: $metric:ty
                $(= $name:literal $(by [$($label:literal),+])? $(in $buckets:expr)?)?
        ),+ $(,)?}
    ) => {
        $(#[$attribute])*
        $visibility struct $set {$(
            #[doc = $help]
            $(#[doc = $more])*
            $field_visibility $field: $metric
        ),+}

        impl $crate::metric_set::MetricSet for $set {
            fn create(
                registrar: &mut $crate::metric_set::Registrar<'_>,
            ) -> Result<Self, $crate::metric_set::Error> {
                Ok(Self {$(
                    $field: $crate::metric_set!(
                        @field registrar, $metric, $help
                        $(, $name, [$($($label),+)?], [$($buckets)?])?
                    )
                ),+})
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    metric_set! {
        /// Metrics of a part.
        #[derive(Debug)]
        struct PartMetrics {
            /// Number of parts.
            count: IntGauge = "part_count",
        }
    }

    metric_set! {
        /// Metrics of a whole.
        #[derive(Debug)]
        struct WholeMetrics {
            /// Number of events, by kind.
            ///
            /// Alert on any.
            events: IntCounterVec = "whole_events_total" by ["kind", "result"],
            /// Time of an event.
            seconds: Histogram = "whole_seconds" in &[1.0, 2.0],
            /// Metrics of the part.
            part: PartMetrics,
        }
    }

    metric_set! {
        /// Declared wrongly.
        #[derive(Debug)]
        struct LabelledWrongly {
            /// Number of events.
            _events: IntCounter = "events_total" by ["kind"],
        }
    }

    metric_set! {
        /// Declared wrongly.
        #[derive(Debug)]
        struct ExplainedWrongly {
            /// Number of events, by
            /// kind.
            _events: IntCounter = "events_total",
        }
    }

    #[test]
    fn each_metric_is_registered_as_declared() {
        let registry = Registry::new();
        let metrics = WholeMetrics::registered(&registry).unwrap();
        metrics.events.with_label_values(&["a", "ok"]).inc();
        metrics.seconds.observe(1.5);
        metrics.part.count.set(3);
        let text = prometheus::TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        assert_eq!(
            text,
            "# HELP part_count Number of parts.\n\
             # TYPE part_count gauge\n\
             part_count 3\n\
             # HELP whole_events_total Number of events, by kind.\n\
             # TYPE whole_events_total counter\n\
             whole_events_total{kind=\"a\",result=\"ok\"} 1\n\
             # HELP whole_seconds Time of an event.\n\
             # TYPE whole_seconds histogram\n\
             whole_seconds_bucket{le=\"1\"} 0\n\
             whole_seconds_bucket{le=\"2\"} 1\n\
             whole_seconds_bucket{le=\"+Inf\"} 1\n\
             whole_seconds_sum 1.5\n\
             whole_seconds_count 1\n"
        );
    }

    #[test]
    fn a_taken_name_is_refused_or_not_shown() {
        let registry = Registry::new();
        let first = PartMetrics::registered(&registry).unwrap();
        assert!(PartMetrics::registered(&registry).is_err());
        let second = PartMetrics::registered_where_free(&registry).unwrap();
        first.count.set(1);
        second.count.set(2);
        let shown = registry.gather()[0].get_metric()[0].get_gauge().get_value();
        assert!((shown - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_wrong_declaration_is_refused() {
        let registry = Registry::new();
        assert!(LabelledWrongly::registered(&registry).is_err());
        assert!(ExplainedWrongly::registered(&registry).is_err());
        assert!(ExplainedWrongly::registered_where_free(&registry).is_err());
    }
}
