//! Access control: a token reads only its own site, a person the sites where they have a role, and a
//! share link what it shares.
//!
//! A request has a read token, the token of a share link, the cookie of a session of the web
//! interface, or the cookie of a share link with a password. With several a token counts, since a
//! client sent it on purpose, then the session, if it may read the site.
//!
//! Routes take [`Access`], which refuses share links. Only the route of questions takes
//! [`SharedAccess`], and lets through those questions that say so.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use etappe_core::id::SiteId;
use etappe_core::ports::Clock;
use etappe_core::share::{FixedDays, Share};
use etappe_core::site::{Site, SiteDirectory, SiteSettings};
use etappe_core::time::Timestamp;
use etappe_runtime::authorization::{bearer_token, session_token, share_pass};
use http::HeaderMap;
use http::request::Parts;

use crate::error::InsightsError;
use crate::language::Language;
use crate::state::InsightsState;

/// The site a request asks about, after its credential was checked.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) site: SiteId,
    pub(crate) settings: SiteSettings,
    /// The path parameters, percent-decoded.
    pub(crate) path: HashMap<String, String>,
    /// What the share link shows that the request came with; none if it came with none.
    pub(crate) shared: Option<Shared>,
    /// The language that the caller prefers.
    pub(crate) language: Language,
}

/// What a share link shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared {
    /// The only days; none if visitors choose.
    pub(crate) fixed: Option<FixedDays>,
}

/// Access that a share link may give, too.
#[derive(Debug)]
pub(crate) struct SharedAccess(pub(crate) Access);

impl<S, C> FromRequestParts<InsightsState<S, C>> for SharedAccess
where
    S: Send + Sync + 'static,
    C: Clock,
{
    type Rejection = InsightsError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &InsightsState<S, C>,
    ) -> Result<Self, Self::Rejection> {
        let directory = Arc::clone(&state.parts().sites.borrow());
        // Who shows nothing learns nothing, not even about the path.
        let credentials = Credentials::read(&parts.headers)?;
        let credentials = credentials.map(str::to_owned);
        let language = Language::preferred(&parts.headers);
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let Path(path) = path.map_err(|_| InsightsError::MalformedPath)?;
        let asked = path.get("site").map_or("", String::as_str);
        let (site, shared) = credentials.admit(&directory, state.now(), asked)?;
        Ok(Self(Access {
            site: site.id.clone(),
            settings: site.settings.clone(),
            path,
            shared,
            language,
        }))
    }
}

impl<S, C> FromRequestParts<InsightsState<S, C>> for Access
where
    S: Send + Sync + 'static,
    C: Clock,
{
    type Rejection = InsightsError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &InsightsState<S, C>,
    ) -> Result<Self, Self::Rejection> {
        let SharedAccess(access) = SharedAccess::from_request_parts(parts, state).await?;
        match access.shared {
            Some(_) => Err(InsightsError::NotShared),
            None => Ok(access),
        }
    }
}

/// What a request shows to be let in: at least one of these.
struct Credentials<T> {
    /// A site's read token, or the token of a share link.
    token: Option<T>,
    /// The token of a person's session.
    session: Option<T>,
    /// The cookie of a share link with a password.
    pass: Option<T>,
}

impl<'a> Credentials<&'a str> {
    fn read(headers: &'a HeaderMap) -> Result<Self, InsightsError> {
        let found = Self {
            token: bearer_token(headers).map_err(InsightsError::UnreadableToken)?,
            session: session_token(headers),
            pass: share_pass(headers),
        };
        match found {
            Self {
                token: None,
                session: None,
                pass: None,
            } => Err(InsightsError::MissingToken),
            found => Ok(found),
        }
    }

    fn map<T>(self, change: impl Fn(&str) -> T) -> Credentials<T> {
        Credentials {
            token: self.token.map(&change),
            session: self.session.map(&change),
            pass: self.pass.map(&change),
        }
    }
}

impl Credentials<String> {
    /// Returns the site called `asked`, if it may be read.
    ///
    /// The answer is the same whether a site does not exist or may not be read.
    fn admit<'d>(
        &self,
        directory: &'d SiteDirectory,
        now: Timestamp,
        asked: &str,
    ) -> Result<(&'d Site, Option<Shared>), InsightsError> {
        if let Some(token) = &self.token {
            return by_token(directory, token, now, asked);
        }
        let by_session = self.session.as_ref().map(|token| {
            let signed_in = directory.accounts().signed_in(token, now);
            let (user, _) = signed_in.ok_or(InsightsError::SessionOver)?;
            let site = directory.site_of(user, asked);
            Ok((site.ok_or(InsightsError::WrongSite)?, None))
        });
        // Somebody who signed in for another site may still have got a link to this one.
        let by_pass = self.pass.as_ref().map(|pass| {
            let share = directory.accounts().shared_by_pass(pass, now);
            by_share(directory, share.ok_or(InsightsError::LinkOver)?, asked)
        });
        match (by_session, by_pass) {
            (Some(Err(_)), Some(Ok(opened))) => Ok(opened),
            (Some(by_session), _) => by_session,
            (None, Some(by_pass)) => by_pass,
            (None, None) => Err(InsightsError::MissingToken),
        }
    }
}

fn by_token<'d>(
    directory: &'d SiteDirectory,
    token: &str,
    now: Timestamp,
    asked: &str,
) -> Result<(&'d Site, Option<Shared>), InsightsError> {
    if let Some(own) = directory.reader(token) {
        let own = Some(own).filter(|own| own.id.as_str() == asked);
        return Ok((own.ok_or(InsightsError::WrongSite)?, None));
    }
    let share = directory.accounts().shared_by_token(token, now);
    by_share(directory, share.ok_or(InsightsError::UnknownToken)?, asked)
}

fn by_share<'d>(
    directory: &'d SiteDirectory,
    share: &Share,
    asked: &str,
) -> Result<(&'d Site, Option<Shared>), InsightsError> {
    let site = Some(asked).filter(|asked| share.site.as_str() == *asked);
    let site = site.and_then(|asked| directory.site(asked));
    let shared = Shared { fixed: share.fixed };
    Ok((site.ok_or(InsightsError::WrongSite)?, Some(shared)))
}
