//! Access control: a token reads only its own site, a person the sites where they have a role.
//!
//! A request has either a read token or the cookie of a session of the web interface. With both the
//! token counts, since a client sent it on purpose.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use etappe_core::id::SiteId;
use etappe_core::ports::Clock;
use etappe_core::site::{SiteDirectory, SiteSettings};
use etappe_core::time::Timestamp;
use etappe_runtime::authorization::{bearer_token, session_token};
use http::request::Parts;

use crate::error::InsightsError;
use crate::state::InsightsState;

/// The site a request asks about, after its token was checked.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) site: SiteId,
    pub(crate) settings: SiteSettings,
    /// The path parameters, percent-decoded.
    pub(crate) path: HashMap<String, String>,
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
        let directory = Arc::clone(&state.parts().sites.borrow());
        let token = bearer_token(&parts.headers).map_err(InsightsError::UnreadableToken)?;
        let credential = match token {
            Some(token) => Credential::Token(token.to_owned()),
            None => Credential::Session(
                session_token(&parts.headers)
                    .ok_or(InsightsError::MissingToken)?
                    .to_owned(),
            ),
        };
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let Path(path) = path.map_err(|_| InsightsError::MalformedPath)?;
        admit(&directory, &credential, state.now(), path)
    }
}

/// What a request shows to be let in.
enum Credential {
    /// A site's read token.
    Token(String),
    /// The token of a person's session.
    Session(String),
}

/// Checks that the site named in `path` may be read.
///
/// The answer is the same whether a site does not exist or may not be read.
fn admit(
    directory: &SiteDirectory,
    credential: &Credential,
    now: Timestamp,
    path: HashMap<String, String>,
) -> Result<Access, InsightsError> {
    let asked = path.get("site").map_or("", String::as_str);
    let site = match credential {
        Credential::Token(token) => {
            let own = directory.reader(token).ok_or(InsightsError::UnknownToken)?;
            Some(own).filter(|own| own.id.as_str() == asked)
        }
        Credential::Session(token) => {
            let signed_in = directory.accounts().signed_in(token, now);
            let (user, _) = signed_in.ok_or(InsightsError::SessionOver)?;
            directory.site_of(user, asked)
        }
    };
    let site = site.ok_or(InsightsError::WrongSite)?;
    Ok(Access {
        site: site.id.clone(),
        settings: site.settings.clone(),
        path,
    })
}
