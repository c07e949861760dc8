//! Notes requests that were refused as a whole, for the owner of their site.

use etappe_core::ports::Clock;
use etappe_wire::secret::without_keys;

use crate::client_report::{REPEATED_VALUE, beginning};
use crate::collector::Collector;
use crate::error::IntakeError;
use crate::owner_entries::RejectedEvent;
use crate::response::status_and_code;
use crate::sending_state::UnknownSender;
use crate::site_traffic::SiteTraffic;

/// A request that was refused.
#[derive(Debug)]
pub(crate) struct RefusedRequest<'a> {
    /// Why.
    pub(crate) error: &'a IntakeError,
    /// The kind of its message, if its path says it.
    pub(crate) kind: Option<&'static str>,
    /// The origin of the page that sent it.
    pub(crate) origin: Option<&'a str>,
    /// The size of the body.
    pub(crate) bytes: usize,
}

impl RefusedRequest<'_> {
    /// Records the request for its site's owner. Of a request without a known site only the time and
    /// the reason are kept.
    pub(crate) fn note<P, C: Clock>(
        &self,
        collector: &Collector<P, C>,
        site: Option<&SiteTraffic>,
    ) {
        let Some(site) = site else {
            note_unknown_sender(collector, self.error);
            return;
        };
        let is_about_origin = matches!(self.error, IntakeError::OriginNotAllowed);
        let origin = self.origin.filter(|_| is_about_origin);
        let refusal = RejectedEvent {
            received_at: collector.clock.now(),
            reason: status_and_code(self.error).1,
            kind: self.kind,
            event: None,
            message_id: None,
            bytes: self.bytes,
            origin: origin.map(kept_origin),
        };
        collector.sites.record_rejections(site, [refusal]);
    }
}

/// Returns the beginning of an origin; a client may write anything into it, a key too.
fn kept_origin(origin: &str) -> Box<str> {
    let seen = without_keys(beginning(origin, REPEATED_VALUE * 8));
    beginning(&seen, REPEATED_VALUE).into()
}

/// Records that a request has no key, or one of no site.
pub(crate) fn note_unknown_sender<P, C: Clock>(collector: &Collector<P, C>, error: &IntakeError) {
    if matches!(error, IntakeError::MissingKey | IntakeError::UnknownKey) {
        let sender = UnknownSender::new(collector.clock.now(), status_and_code(error).1);
        collector.sites.record_unknown_sender(sender);
    }
}
