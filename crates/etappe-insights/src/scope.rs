//! The parameters common to questions about figures: range, zone, model and bots.

use etappe_core::id::SiteId;
use etappe_core::kpi::KpiScope;
use etappe_core::query::{Bots, TimeRange};
use etappe_core::time::Timestamp;
use utoipa::IntoParams;

use crate::access::Access;
use crate::calendar::retention_weeks;
use crate::catalog::{Model, ModelCatalog};
use crate::error::InsightsError;
use crate::field::Problems;
use crate::parameter::Parameters;
use crate::span::Span;

/// The parameters of questions about figures.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "this describes what is read by hand, so that every problem can be named"
)]
pub(crate) struct ScopeParameters {
    /// The first instant (RFC 3339) or date of the range. Default: 30 days before `to`.
    #[param(example = "2024-03-01")]
    from: Option<String>,
    /// The first instant or date after the range. Default: the end of today.
    #[param(example = "2024-04-01")]
    to: Option<String>,
    /// The zone that dates are in, by its IANA name. Default: the site's.
    #[param(example = "Europe/Amsterdam")]
    timezone: Option<String>,
    /// The journey model. Default: `aaarrr`.
    #[param(example = "aaarrr")]
    model: Option<String>,
    /// `exclude` (default), `include` or `only`: whether events of bots are included.
    #[param(example = "exclude")]
    bots: Option<String>,
    /// The counted unit; only `actor` is supported.
    #[param(example = "actor")]
    unit: Option<String>,
}

/// A valid question about figures.
#[derive(Debug)]
pub(crate) struct ScopeQuestion<'a> {
    pub(crate) span: Span,
    pub(crate) model: &'a Model,
    pub(crate) as_of: Timestamp,
    pub(crate) site: SiteId,
    pub(crate) bots: Bots,
    pub(crate) currency: String,
    pub(crate) browser_refunds: bool,
}

impl<'a> ScopeQuestion<'a> {
    /// Parses a question at `now`, when the watermark was `as_of`.
    pub(crate) fn parse(
        pairs: Vec<(String, String)>,
        access: &Access,
        catalog: &'a ModelCatalog,
        (now, as_of): (Timestamp, Timestamp),
    ) -> Result<Self, InsightsError> {
        let mut problems = Problems::default();
        let mut parameters = Parameters::new(pairs);
        let span = parameters.take_span(&access.settings.timezone, now, &mut problems);
        let model = parameters.take_model(catalog, &mut problems);
        if model.is_none() && !problems.mentions("model") {
            problems.push("model", "there are no journey models");
        }
        let bots = parameters.take_bots(&mut problems);
        parameters.take_actor_unit(&mut problems);
        parameters.finish(&mut problems);
        problems.into_result()?;
        let (Some(span), Some(model)) = (span, model) else {
            // If there is no problem, both were parsed.
            return Err(InsightsError::InvalidQuestion(Vec::new()));
        };
        Ok(Self {
            span,
            model,
            as_of,
            site: access.site.clone(),
            bots,
            currency: access.settings.currency.clone(),
            browser_refunds: access.settings.browser_refunds,
        })
    }

    /// Returns the store query for the figures of `range`.
    pub(crate) fn scope(&self, range: TimeRange) -> KpiScope {
        KpiScope {
            site: self.site.clone(),
            range,
            model: self.model.id.clone(),
            stages: self
                .model
                .stages
                .iter()
                .map(|stage| stage.id.clone())
                .collect(),
            weeks: retention_weeks(self.span.zone, range.to.min(self.as_of)),
            bots: self.bots,
            as_of: self.as_of,
            currency: self.currency.clone(),
            browser_refunds: self.browser_refunds,
        }
    }
}
