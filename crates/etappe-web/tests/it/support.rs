//! The web interface with accounts in memory and a clock of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use etappe_core::account::{AccountChange, AccountChanges, Accounts, Role};
use etappe_core::id::SiteId;
use etappe_core::meaning::{MeaningChange, Meanings, UnusableMeaning};
use etappe_core::ports::{AccountStore, Clock, KeyStore, MeaningStore};
use etappe_core::site::{KeyChange, KeyHash, Site, SiteDirectory, SiteSettings, UnusableKey};
use etappe_core::time::Timestamp;
use etappe_core::trail::{EntryName, Trail, TrailEntry};
use etappe_web::metrics::WebMetrics;
use etappe_web::oidc::Oidc;
use etappe_web::practice::{NameTaken, PracticeSite, PracticeState};
use etappe_web::users::{self, UserRequest};
use etappe_web::{WebParts, WebState};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use prometheus::Registry;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt;

use crate::ParseSite;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// Accounts in memory.
#[derive(Debug)]
pub(crate) struct MemoryAccounts(watch::Sender<Arc<SiteDirectory>>);

impl AccountStore for MemoryAccounts {
    type Error = Infallible;

    async fn change<R: Send>(
        &self,
        decide: impl FnOnce(&Accounts) -> Result<AccountChanges, R> + Send,
    ) -> Result<Result<(), R>, Infallible> {
        let mut accounts = self.0.borrow().accounts().clone();
        let changes = match decide(&accounts) {
            Ok(changes) => changes,
            Err(refusal) => return Ok(Err(refusal)),
        };
        changes
            .changes
            .into_iter()
            .for_each(|it| accounts.apply(it));
        let directory = self.0.borrow().as_ref().clone().with_accounts(accounts);
        let trail = tell(directory.trail(), changes.told);
        let directory = directory.with_trail(trail);
        self.0.send_replace(Arc::new(directory));
        Ok(Ok(()))
    }
}

impl MemoryAccounts {
    /// Replaces the sites, and adds to the trail.
    fn replace(&self, sites: Vec<Site>, told: TrailEntry) {
        let before = Arc::clone(&self.0.borrow());
        let changed = SiteDirectory::new(sites)
            .with_accounts(before.accounts().clone())
            .with_trail(tell(before.trail(), Some(told)));
        self.0.send_replace(Arc::new(changed));
    }
}

impl KeyStore for MemoryAccounts {
    type Error = Infallible;

    async fn change_key(
        &self,
        change: KeyChange,
        told: TrailEntry,
    ) -> Result<Result<(), UnusableKey>, Infallible> {
        let mut sites: Vec<Site> = self.0.borrow().sites().cloned().collect();
        let mut found = sites.iter_mut();
        let Some(site) = found.find(|site| site.id == *change.site()) else {
            return Ok(Err(UnusableKey::UnknownSite));
        };
        if let Err(refusal) = change.check(&site.keys) {
            return Ok(Err(refusal));
        }
        change.apply(&mut site.keys);
        self.replace(sites, told);
        Ok(Ok(()))
    }
}

impl MeaningStore for MemoryAccounts {
    type Error = Infallible;

    async fn change_meaning(
        &self,
        change: MeaningChange,
        told: TrailEntry,
    ) -> Result<Result<(), UnusableMeaning>, Infallible> {
        let mut sites: Vec<Site> = self.0.borrow().sites().cloned().collect();
        let mut found = sites.iter_mut();
        let Some(site) = found.find(|site| site.id == change.site) else {
            return Ok(Err(UnusableMeaning::UnknownSite));
        };
        if let Err(refusal) = change.check(&site.meanings) {
            return Ok(Err(refusal));
        }
        change.apply(&mut site.meanings);
        self.replace(sites, told);
        Ok(Ok(()))
    }
}

fn tell(trail: &Trail, told: Option<TrailEntry>) -> Trail {
    let mut trail = trail.clone();
    if let Some(entry) = told {
        let number = trail.entries().count();
        trail.add(EntryName::new(entry.at, &number.to_string()), entry);
    }
    trail
}

#[derive(Debug, Clone, Default)]
struct TestClock(Arc<AtomicI64>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A practice site that is as far as a test says.
#[derive(Debug)]
pub(crate) struct FakePractice {
    site: SiteId,
    state: Mutex<Result<PracticeState, NameTaken>>,
    starts: AtomicI64,
}

impl FakePractice {
    /// Sets how far it is, or that its name is taken.
    pub(crate) fn set(&self, state: Result<PracticeState, NameTaken>) {
        *self.state.lock().expect("no test panics with it") = state;
    }

    /// Returns how often it was asked to begin.
    pub(crate) fn starts(&self) -> i64 {
        self.starts.load(Ordering::Relaxed)
    }
}

impl PracticeSite for FakePractice {
    fn site(&self) -> &SiteId {
        &self.site
    }

    fn state(&self) -> PracticeState {
        let state = self.state.lock().expect("no test panics with it");
        state.unwrap_or(PracticeState::None)
    }

    fn is_made(&self) -> bool {
        self.state() != PracticeState::None
    }

    fn start(&self) -> Result<(), NameTaken> {
        self.starts.fetch_add(1, Ordering::Relaxed);
        let state = *self.state.lock().expect("no test panics with it");
        if state? == PracticeState::None {
            self.set(Ok(PracticeState::Running { done: 0.0 }));
        }
        Ok(())
    }
}

pub(crate) struct World {
    accounts: Arc<MemoryAccounts>,
    registry: Registry,
    clock: TestClock,
    router: Router,
    pub(crate) practice: Arc<FakePractice>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

impl World {
    /// Two sites, no account, and the link `ef_once` for the first.
    pub(crate) fn empty() -> Self {
        Self::build(None, true)
    }

    /// The same, where people may sign in with a provider.
    pub(crate) fn with(oidc: Option<Oidc>) -> Self {
        Self::build(oidc, true)
    }

    /// The same, and its program makes no practice site.
    pub(crate) async fn without_practice() -> Self {
        let world = Self::build(None, false);
        world.first_account("ef_once").await;
        world
    }

    fn build(oidc: Option<Oidc>, makes_practice: bool) -> Self {
        let practice = Arc::new(FakePractice {
            site: SiteId::try_new("blog").expect("a name"),
            state: Mutex::new(Ok(PracticeState::None)),
            starts: AtomicI64::default(),
        });
        let site = |name: &str| Site {
            id: SiteId::try_new(name).expect("a name"),
            settings: SiteSettings::default(),
            meanings: Meanings::new(),
            keys: Vec::new(),
        };
        let mut accounts = Accounts::default();
        accounts.apply(AccountChange::FirstAccount(Some(KeyHash::of("ef_once"))));
        let directory = SiteDirectory::new([site("shop"), site("blog")]).with_accounts(accounts);
        let (sender, directory) = watch::channel(Arc::new(directory));
        let accounts = Arc::new(MemoryAccounts(sender));
        let clock = TestClock::default();
        let registry = Registry::new();
        let state = WebState::new(WebParts {
            accounts: Arc::clone(&accounts),
            clock: clock.clone(),
            directory,
            trusted_proxies: 0,
            metrics: WebMetrics::register(&registry).expect("a new registry"),
            oidc,
            practice: makes_practice.then(|| Arc::clone(&practice) as Arc<dyn PracticeSite>),
        });
        Self {
            accounts,
            registry,
            clock,
            router: etappe_web::router::router(state),
            practice,
        }
    }

    /// The same with the first account, `anna@example.com`.
    pub(crate) async fn with_anna() -> Self {
        Self::empty().and_anna().await
    }

    /// Makes the first account.
    pub(crate) async fn and_anna(self) -> Self {
        let world = self;
        let made = world.first_account("ef_once").await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.json);
        world
    }

    pub(crate) fn accounts(&self) -> &MemoryAccounts {
        &self.accounts
    }

    /// Returns everything that is stored, as text.
    pub(crate) fn stored(&self) -> String {
        let directory = self.accounts.0.borrow();
        serde_json::to_string(directory.accounts()).expect("JSON")
    }

    /// Returns the sites as the collector and the questions see them.
    pub(crate) fn directory(&self) -> Arc<SiteDirectory> {
        Arc::clone(&self.accounts.0.borrow())
    }

    /// Returns what the clock shows, in milliseconds.
    pub(crate) fn now(&self) -> i64 {
        self.clock.0.load(Ordering::Relaxed)
    }

    /// Moves the clock.
    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    pub(crate) async fn first_account(&self, token: &str) -> Answer {
        let body = json!({
            "token": token, "name": "Anna", "email": "anna@example.com", "password": PASSWORD,
        });
        self.post("/app/api/first-account", &body, &[]).await
    }

    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Answer {
        let body = json!({ "email": email, "password": password });
        self.post("/app/api/session", &body, &[]).await
    }

    pub(crate) async fn get(&self, path: &str, cookie: Option<&str>) -> Answer {
        let headers: Vec<_> = cookie.into_iter().map(|it| ("cookie", it)).collect();
        self.send(Method::GET, path, &headers, Body::empty()).await
    }

    pub(crate) async fn delete(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::DELETE, path, headers, Body::empty())
            .await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        self.send(Method::POST, path, &all, Body::from(body.to_string()))
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        self.send(Method::PUT, path, &all, Body::from(body.to_string()))
            .await
    }

    /// Returns how often signing in had this result.
    pub(crate) fn sign_ins(&self, result: &str) -> f64 {
        let families = self.registry.gather();
        let values = families.iter().flat_map(|family| family.get_metric());
        let mut found = values.filter(|it| it.get_label().iter().any(|it| it.value() == result));
        found.next().map_or(0.0, |it| it.get_counter().get_value())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Answer {
        let mut request = Request::new(body);
        let peer = SocketAddr::from(([192, 0, 2, 1], 80));
        request.extensions_mut().insert(ConnectInfo(peer));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("a path");
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().expect("a name");
            let value = value.parse().expect("a value");
            request.headers_mut().insert(name, value);
        }
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            json: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }
}

impl Answer {
    /// Returns where a browser is sent.
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::FOUND, "{}", self.json);
        self.headers["location"].to_str().expect("ASCII")
    }

    pub(crate) fn problem(&self) -> &str {
        self.json["type"].as_str().unwrap_or_default()
    }

    pub(crate) fn set_cookie(&self) -> &str {
        let header = self.headers.get("set-cookie").expect("a cookie");
        header.to_str().expect("text")
    }

    /// Returns the cookie as the browser sends it back.
    pub(crate) fn cookie(&self) -> String {
        let pair = self.set_cookie().split(';').next();
        pair.unwrap_or_default().to_owned()
    }

    pub(crate) fn token(&self) -> String {
        let cookie = self.cookie();
        let (_, token) = cookie.split_once('=').expect("a pair");
        token.to_owned()
    }

    pub(crate) fn csrf(&self) -> String {
        self.json["csrf"].as_str().expect("a token").to_owned()
    }
}

/// Somebody who is signed in.
pub(crate) struct Person {
    pub(crate) cookie: String,
    csrf: String,
}

impl Person {
    pub(crate) fn of(answer: &Answer) -> Self {
        Self {
            cookie: answer.cookie(),
            csrf: answer.csrf(),
        }
    }

    pub(crate) fn headers(&self) -> [(&str, &str); 2] {
        [
            ("cookie", self.cookie.as_str()),
            ("x-csrf-token", &self.csrf),
        ]
    }
}

pub(crate) async fn anna(world: &World) -> Person {
    Person::of(&world.sign_in("anna@example.com", PASSWORD).await)
}

pub(crate) async fn with_role(world: &World, name: &str, role: Role, site: &str) -> Person {
    let email = format!("{name}@example.com");
    let add = UserRequest::Add {
        email: email.clone(),
        name: name.to_owned(),
        role,
        site: Some(site.parse_site()),
    };
    let added = users::apply(world.accounts(), add, Timestamp::EPOCH).await;
    let password = added.expect("added").password.expect("a password");
    Person::of(&world.sign_in(&email, &password).await)
}
