//! Access control: a token reads only its own site.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use etappe_core::id::SiteId;
use etappe_core::site::{SiteDirectory, SiteSettings};
use etappe_runtime::authorization::bearer_token;
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
    C: Send + Sync + 'static,
{
    type Rejection = InsightsError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &InsightsState<S, C>,
    ) -> Result<Self, Self::Rejection> {
        let directory = Arc::clone(&state.parts().sites.borrow());
        let token = bearer_token(&parts.headers)
            .map_err(InsightsError::UnreadableToken)?
            .ok_or(InsightsError::MissingToken)?
            .to_owned();
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let Path(path) = path.map_err(|_| InsightsError::MalformedPath)?;
        admit(&directory, &token, path)
    }
}

/// Checks that `token` may read the site named in `path`.
///
/// The answer is the same whether a site does not exist or the token may not read it.
fn admit(
    directory: &SiteDirectory,
    token: &str,
    path: HashMap<String, String>,
) -> Result<Access, InsightsError> {
    let site = directory.reader(token).ok_or(InsightsError::UnknownToken)?;
    if path
        .get("site")
        .is_none_or(|asked| asked != site.id.as_str())
    {
        return Err(InsightsError::WrongSite);
    }
    Ok(Access {
        site: site.id.clone(),
        settings: site.settings.clone(),
        path,
    })
}
