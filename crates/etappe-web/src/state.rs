//! State shared by the routes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use etappe_core::account::{Role, Session, User};
use etappe_core::id::SiteId;
use etappe_core::ports::Clock;
use etappe_core::site::{Site, SiteDirectory};
use etappe_core::time::Timestamp;
use etappe_core::trail::{Action, TrailEntry};
use etappe_runtime::authorization::session_token;
use http::HeaderMap;
use tokio::sync::watch;

use crate::csrf;
use crate::error::WebError;
use crate::metrics::WebMetrics;
use crate::oidc::Oidc;
use crate::password::Passwords;
use crate::practice::PracticeSite;
use crate::throttle::Throttle;

/// How long a session lasts after it was last renewed.
pub(crate) const SESSION_LASTS: Duration = Duration::from_secs(14 * 24 * 3600);

/// The dependencies of the web interface.
pub struct WebParts<A, C> {
    /// Keeps the accounts.
    pub accounts: Arc<A>,
    /// Tells the time.
    pub clock: C,
    /// The sites and accounts; updated while running.
    pub directory: watch::Receiver<Arc<SiteDirectory>>,
    /// How many proxies in front are trusted to name the client in `X-Forwarded-For`.
    pub trusted_proxies: usize,
    /// The metrics.
    pub metrics: WebMetrics,
    /// The provider whose accounts people may sign in with, if there is one.
    pub oidc: Option<Oidc>,
    /// Makes the practice site; `None` where there is none.
    pub practice: Option<Arc<dyn PracticeSite>>,
}

/// State shared by the routes; clones share it.
pub struct WebState<A, C>(Arc<Shared<A, C>>);

struct Shared<A, C> {
    parts: WebParts<A, C>,
    passwords: Passwords,
    throttle: Throttle,
}

impl<A, C> WebState<A, C> {
    /// Makes the state.
    #[must_use]
    pub fn new(parts: WebParts<A, C>) -> Self {
        Self(Arc::new(Shared {
            parts,
            passwords: Passwords::new(),
            throttle: Throttle::default(),
        }))
    }

    pub(crate) fn parts(&self) -> &WebParts<A, C> {
        &self.0.parts
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    pub(crate) fn practice(&self) -> Option<&dyn PracticeSite> {
        self.0.parts.practice.as_deref()
    }

    /// Returns the sites and accounts as they are now.
    pub(crate) fn directory(&self) -> Arc<SiteDirectory> {
        Arc::clone(&self.0.parts.directory.borrow())
    }
}

impl<A, C: Clock> WebState<A, C> {
    pub(crate) fn now(&self) -> Timestamp {
        self.0.parts.clock.now()
    }

    /// Returns the site called `name`, where `user` has at least this role.
    pub(crate) fn site_for(&self, user: &User, name: &str, role: Role) -> Result<Site, WebError> {
        let directory = self.directory();
        let site = directory.site_of(user, name).ok_or(WebError::NotYourSite)?;
        if user.role_at(&site.id) < Some(role) {
            return Err(WebError::RoleNeeded(role));
        }
        Ok(site.clone())
    }

    /// Checks that whoever sends a request from our own page has at least this role at the site called
    /// `name`, and may so change something there. Returns the site and the user.
    pub(crate) fn changer(
        &self,
        headers: &HeaderMap,
        name: &str,
        role: Role,
    ) -> Result<(SiteId, User), WebError> {
        let signed_in = self.signed_in(headers)?;
        csrf::check(headers, &signed_in.token)?;
        let site = self.site_for(&signed_in.user, name, role)?;
        Ok((site.id, signed_in.user))
    }

    /// Returns an entry of the audit trail about something that `user` does now.
    pub(crate) fn told(
        &self,
        user: &User,
        site: Option<&SiteId>,
        action: Action,
        what: &str,
    ) -> TrailEntry {
        TrailEntry {
            at: self.now(),
            by: user.email.to_string(),
            site: site.cloned(),
            action,
            what: what.to_owned(),
        }
    }

    /// Returns who sends a request, and their session.
    pub(crate) fn signed_in(&self, headers: &HeaderMap) -> Result<SignedIn, WebError> {
        let token = session_token(headers).ok_or(WebError::NotSignedIn)?;
        let directory = self.directory();
        let found = directory.accounts().signed_in(token, self.now());
        let (user, session) = found.ok_or(WebError::NotSignedIn)?;
        Ok(SignedIn {
            token: token.to_owned(),
            user: user.clone(),
            session: session.clone(),
        })
    }
}

/// A person who is signed in.
pub(crate) struct SignedIn {
    pub(crate) token: String,
    pub(crate) user: User,
    pub(crate) session: Session,
}

impl<A, C> Clone for WebState<A, C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A, C> fmt::Debug for WebState<A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebState")
    }
}

impl<A, C> fmt::Debug for WebParts<A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebParts")
    }
}
