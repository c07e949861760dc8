//! The scope of questions about figures: range, zone, model and bots.

use etappe_core::id::SiteId;
use etappe_core::kpi::KpiScope;
use etappe_core::query::{Bots, TimeRange};
use etappe_core::time::Timestamp;

use crate::access::Shared;
use crate::calendar::retention_weeks;
use crate::catalog::Model;
use crate::field::{Fields, Problems};
use crate::language::Language;
use crate::parameter::{MODEL, Parameter, SPAN, WHO};
use crate::question::{Frame, RequestInfo};
use crate::span::Span;

/// The parameters of a [`Scope`].
pub(crate) const SCOPE: &[&[Parameter]] = &[SPAN, MODEL, WHO];

/// A valid question about figures.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) span: Span,
    pub(crate) model: Model,
    pub(crate) as_of: Timestamp,
    pub(crate) site: SiteId,
    pub(crate) bots: Bots,
    pub(crate) currency: String,
    pub(crate) browser_refunds: bool,
    /// What the share link shows over which the question came.
    pub(crate) shared: Option<Shared>,
    /// The language of sentences in the answer.
    pub(crate) language: Language,
}

impl Scope {
    /// Reads the scope; `None` only if there is a problem.
    pub(crate) fn read(
        fields: &mut Fields,
        request: &RequestInfo<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let settings = &request.access.settings;
        let span = fields.take_span(&settings.timezone, request.now, problems);
        let named = fields.take_model(request.catalog, problems);
        let model = named.or_else(|| request.catalog.default_model());
        Self::over(span, model, fields, request, problems)
    }

    /// Reads the rest of the scope over a range and a model; `None` only if there is a problem.
    pub(crate) fn over(
        span: Option<Span>,
        model: Option<&Model>,
        fields: &mut Fields,
        request: &RequestInfo<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let settings = &request.access.settings;
        if model.is_none() {
            problems.push("model", "there are no journey models");
        }
        let bots = fields.take_bots(problems);
        fields.take_actor_unit(problems);
        Some(Self {
            span: span?,
            model: model?.clone(),
            as_of: request.as_of,
            site: request.access.site.clone(),
            bots,
            currency: settings.currency.clone(),
            browser_refunds: settings.browser_refunds,
            shared: request.shared(),
            language: request.access.language,
        })
    }

    /// Returns the range to compare with, if there is one: a share link that shows certain days shows
    /// none before them.
    pub(crate) fn previous(&self) -> Option<TimeRange> {
        let is_fixed = self.shared.is_some_and(|shared| shared.fixed.is_some());
        self.span.previous().filter(|_| !is_fixed)
    }

    /// Returns the frame of the answer.
    pub(crate) fn frame(&self) -> Frame {
        Frame::of_actors(self.span.zone.name().to_owned(), self.as_of).with_range(self.span.range)
    }

    /// Returns the store query for the figures of `range`.
    pub(crate) fn figures(&self, range: TimeRange) -> KpiScope {
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
