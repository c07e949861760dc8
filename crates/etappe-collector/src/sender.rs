//! Reads what a request says of its sender.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use etappe_core::time::Timestamp;
use etappe_runtime::http_server::ViaProxy;
use etappe_wire::native::{Reception, Redactor};
use http::header;
use http::request::Parts;
use uuid::Uuid;

use crate::access::Access;
use crate::config::CollectorConfig;
use crate::country::stated_country;
use etappe_runtime::forwarded::client_address;

/// How many bytes of a `User-Agent` are stored.
const KEPT_USER_AGENT: usize = 512;

/// The sender of a request.
#[derive(Clone, Copy)]
pub(crate) struct Sender<'a> {
    parts: &'a Parts,
    config: &'a CollectorConfig,
}

impl<'a> Sender<'a> {
    pub(crate) const fn of(parts: &'a Parts, config: &'a CollectorConfig) -> Self {
        Self { parts, config }
    }

    /// Returns what the request says of all its messages.
    pub(crate) fn reception(self, access: Access, received_at: Timestamp) -> Reception {
        Reception {
            redactor: Redactor::of(&access.key),
            site: access.traffic.site().clone(),
            scope: access.scope,
            counts_money: access.counts_money,
            money_terms: access.money_terms,
            received_at,
            address: self.address(),
            user_agent: self.user_agent(),
            country: self.country(),
            first_id: first_id(received_at),
        }
    }

    /// Returns the client's address.
    pub(crate) fn address(self) -> Option<IpAddr> {
        let peer = self.parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map(|info| info.0);
        client_address(&self.parts.headers, peer, self.proxies())
    }

    /// Returns the client's protocol, which only our own proxy can state.
    pub(crate) fn protocol(self) -> &'static str {
        let forwarded = self
            .parts
            .headers
            .get("x-forwarded-proto")
            .filter(|_| self.proxies() > 0);
        if forwarded.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https")) {
            "https"
        } else {
            "http"
        }
    }

    /// Returns the number of own proxies that the request passed.
    fn proxies(self) -> usize {
        match self.parts.extensions.get::<ViaProxy>() {
            Some(ViaProxy) => self.config.trusted_proxies,
            None => 0,
        }
    }

    /// Returns the client's country as stated by a trusted proxy.
    fn country(self) -> Option<&'static str> {
        if self.proxies() == 0 {
            return None;
        }
        stated_country(&self.parts.headers, &self.config.country_header)
    }

    /// Returns the `User-Agent` of a request that was made by a page or by an image in it, if it is
    /// text.
    ///
    /// A program that sends events for others (a server, a script, `curl`) sends its own user
    /// agent, not a visitor's. If that were used, all its events would count as a bot's.
    fn user_agent(self) -> Option<String> {
        let headers = &self.parts.headers;
        let accept = headers
            .get(header::ACCEPT)
            .and_then(|value| value.to_str().ok());
        let wants_image = accept.is_some_and(|types| types.contains("image/"));
        let has = |name: &str| headers.contains_key(name);
        if !(has("origin") || has("sec-fetch-site") || wants_image) {
            return None;
        }
        let value = headers.get(header::USER_AGENT)?;
        let text = value.to_str().ok().filter(|text| !text.is_empty())?;
        // Header values that are text are ASCII, so no character is cut.
        text.get(..text.len().min(KEPT_USER_AGENT))
            .map(str::to_owned)
    }
}

/// Returns a new UUIDv7 for messages received at `at`.
fn first_id(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.as_millis()).unwrap_or(0);
    let nanos = u32::try_from(millis % 1_000 * 1_000_000).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(
        uuid::NoContext,
        millis / 1_000,
        nanos,
    ))
}
