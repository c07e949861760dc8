//! Tells a page who is signed in and what they may see.

use etappe_core::account::User;
use etappe_core::site::SiteDirectory;
use serde_json::{Value, json};

use crate::csrf;
use crate::practice::PracticeSite;

/// What this program can do beyond figures, so that a page offers nothing else.
const OFFERS: [&str; 4] = ["meanings", "audit", "shares", "keys"];
/// What it can do besides where it can make the practice site.
const PRACTICE: &str = "practice";
/// How the practice site is called.
const PRACTICE_NAME: &str = "Practice shop";

/// The answer of every address that signs somebody in.
pub(crate) fn describe(
    user: &User,
    directory: &SiteDirectory,
    practice: Option<&dyn PracticeSite>,
    session_token: &str,
) -> Value {
    let made = practice.filter(|practice| practice.is_made());
    let made = made.map(|practice| practice.site().clone());
    let offers = OFFERS.into_iter().chain(practice.map(|_| PRACTICE));
    let sites: Vec<_> = directory
        .sites()
        .filter_map(|site| {
            let role = user.role_at(&site.id)?;
            let is_practice = made.as_ref() == Some(&site.id);
            let name = if is_practice {
                PRACTICE_NAME
            } else {
                site.id.as_str()
            };
            let mut about = json!({
                "id": site.id,
                "name": name,
                "role": role.as_str(),
                "timezone": site.settings.timezone,
                "currency": site.settings.currency,
            });
            if is_practice {
                about["practice"] = true.into();
            }
            Some(about)
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
        "offers": offers.collect::<Vec<_>>(),
        "csrf": csrf::token_of(session_token),
    })
}
