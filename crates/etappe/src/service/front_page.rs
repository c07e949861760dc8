//! `/` of a public address: shows what the address serves and where to go.

use axum::Router;
use axum::routing::get;

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Events in.
    Events,
    /// KPIs out.
    Figures,
    /// Both.
    Both,
}

const EVENTS: &str = "\
Events in     POST /v1/track, /v1/page, /v1/identify, /v1/batch and GET /v1/pixel.gif, with a write key
";
const FIGURES: &str = "\
KPIs out      GET /v1/sites/SITE/kpis, POST /v1/sites/SITE/funnel and more, with a read token
All of them   GET /openapi.json
";

/// Returns the route.
pub(crate) fn router(purpose: Purpose) -> Router {
    let page = page(purpose);
    Router::new().route("/", get(async move || page))
}

fn page(purpose: Purpose) -> String {
    let offers = match purpose {
        Purpose::Events => EVENTS.to_owned(),
        Purpose::Figures => FIGURES.to_owned(),
        Purpose::Both => format!("{EVENTS}{FIGURES}"),
    };
    format!(
        "Etappe measures customer journeys.\n\n{offers}\nKeys and tokens are made by `etappe keys create`. \
         Health and metrics are on the admin address.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_page_lists_only_the_routes_of_its_address() {
        assert!(page(Purpose::Both).contains(EVENTS) && page(Purpose::Both).contains(FIGURES));
        assert!(!page(Purpose::Events).contains("openapi"));
        assert!(!page(Purpose::Figures).contains("/v1/track"));
    }
}
