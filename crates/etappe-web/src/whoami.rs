//! Tells a page who is signed in and what they may see.

use etappe_core::account::User;
use etappe_core::site::SiteDirectory;
use serde_json::{Value, json};

use crate::csrf;

/// What this program can do beyond figures, so that a page offers nothing else.
const OFFERS: [&str; 3] = ["meanings", "audit", "shares"];

/// The answer of every address that signs somebody in.
pub(crate) fn describe(user: &User, directory: &SiteDirectory, session_token: &str) -> Value {
    let sites: Vec<_> = directory
        .sites()
        .filter_map(|site| {
            let role = user.role_at(&site.id)?;
            Some(json!({
                "id": site.id,
                "name": site.id,
                "role": role.as_str(),
                "timezone": site.settings.timezone,
                "currency": site.settings.currency,
            }))
        })
        .collect();
    json!({
        "user": {
            "id": user.id,
            "name": user.name,
            "email": user.email,
            "role_everywhere": user.everywhere.map(|role| role.as_str()),
        },
        "sites": sites,
        "offers": OFFERS,
        "csrf": csrf::token_of(session_token),
    })
}
