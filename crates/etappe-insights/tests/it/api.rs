//! A test client for the routes.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use etappe_core::event::KeyScope;
use etappe_core::id::{Offset, SiteId};
use etappe_core::meaning::Meanings;
use etappe_core::rules::RuleSet;
use etappe_core::site::{Grant, KeyHash, KeyRecord, Site, SiteDirectory, SiteSettings};
use etappe_core::watermark::Watermark;
use etappe_insights::config::InsightsConfig;
use etappe_insights::metrics::InsightsMetrics;
use etappe_insights::router::router;
use etappe_insights::state::{InsightsParts, InsightsState};
use etappe_testkit::clock::ManualClock;
use prometheus::Registry;
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::garden;
use crate::memory_store::MemoryStore;

/// Compiled once for all tests.
static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| Arc::new(RuleSet::shipped()));

pub(crate) const TOKEN: &str = "read-demo";

/// The API over a store.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) router: Router,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) sites: watch::Sender<Arc<SiteDirectory>>,
    pub(crate) watermark: Watermark,
    pub(crate) registry: Registry,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) state: InsightsState<MemoryStore, ManualClock>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Returns the answer to a question that must succeed.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/json");
        self.json()
    }

    /// Returns the problem of a question that must fail, after checking its form.
    pub(crate) fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(
            problem["type"]
                .as_str()
                .unwrap()
                .starts_with("urn:etappe:problem:")
        );
        assert!(problem["title"].is_string() && problem["detail"].is_string());
        problem
    }
}

pub(crate) fn site(name: &str) -> Site {
    let key = |text: String, grant| KeyRecord {
        hash: KeyHash::of(&text),
        grant,
        created: None,
    };
    Site {
        id: SiteId::try_new(name).unwrap(),
        settings: SiteSettings {
            timezone: "Europe/Amsterdam".to_owned(),
            ..SiteSettings::default()
        },
        meanings: Meanings::new(),
        keys: vec![
            key(format!("read-{name}"), Grant::Read),
            key(format!("write-{name}"), Grant::Write(KeyScope::Server)),
        ],
    }
}

impl Api {
    /// Opens the API over the garden shop.
    pub(crate) fn of_garden() -> Self {
        Self::new(MemoryStore {
            events: garden::events(),
            ..MemoryStore::default()
        })
    }

    pub(crate) fn new(store: MemoryStore) -> Self {
        Self::with_config(store, InsightsConfig::default())
    }

    pub(crate) fn with_config(store: MemoryStore, config: InsightsConfig) -> Self {
        let store = Arc::new(store);
        let now = garden::at(garden::NOW);
        let directory = SiteDirectory::new([site("demo"), site("other")]);
        let (sites, receiver) = watch::channel(Arc::new(directory));
        let watermark = Watermark::new(1);
        watermark.post(0, now, Offset(0));
        let registry = Registry::new();
        let clock = Arc::new(ManualClock::at(now));
        let state = InsightsState::new(InsightsParts {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            sites: receiver,
            watermark: watermark.clone(),
            catalog: Arc::new(garden::catalog()),
            rules: Arc::clone(&RULES),
            config,
            metrics: InsightsMetrics::register(&registry).unwrap(),
        });
        Self {
            router: router(state.clone()),
            store,
            sites,
            watermark,
            registry,
            clock,
            state,
        }
    }

    /// Sends a request and reads the answer; of a stream, which has no end, only the head.
    pub(crate) async fn request(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, mut body) = response.into_parts();
        if head
            .headers
            .get("content-type")
            .is_some_and(|it| it == "text/event-stream")
        {
            body = Body::empty();
        }
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// Sends a request as the owner of the site `demo`.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Body>,
        accept: &str,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("accept", accept)
            .body(body.into())
            .unwrap();
        self.request(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(
            Method::GET,
            &format!("/v1/sites/demo/{path}"),
            Body::empty(),
            "*/*",
        )
        .await
    }

    pub(crate) async fn funnel(&self, question: &Value) -> Answer {
        self.send(
            Method::POST,
            "/v1/sites/demo/funnel",
            question.to_string(),
            "*/*",
        )
        .await
    }

    /// Asks a funnel question about March 2024 with additional fields.
    pub(crate) async fn march(&self, fields: Value) -> Value {
        let mut question = serde_json::json!({"from": "2024-03-01", "to": "2024-04-01"});
        let fields = fields.as_object().unwrap().clone();
        question.as_object_mut().unwrap().extend(fields);
        self.funnel(&question).await.ok()
    }
}
