//! Makes the practice site of a running `etappe up`, when an administrator asks for it.
//!
//! The events are sent to this process's own address, as `etappe simulate` does. After a crash the
//! next request goes on with the same events.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use etappe_core::event::KeyScope;
use etappe_core::id::SiteId;
use etappe_core::ports::Clock;
use etappe_core::site::SiteSettings;
use etappe_core::watermark::Watermark;
use etappe_import::{ImportEvent, ImportLedger, ImportResult, Importer, Reporter, Sender};
use etappe_log::sites::SiteStore;
use etappe_runtime::clock::SystemClock;
use etappe_runtime::shutdown::Shutdown;
use etappe_simulate::Settings;
use etappe_web::practice::{NameTaken, PracticeSite, PracticeState};
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use crate::simulated::{PRACTICE, SimulatedFiles};

/// How much of the work is done once the events are written and once they are sent.
const WRITTEN: f64 = 0.05;
const SENT: f64 = 0.95;
/// How often it is looked whether the events are visible.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long they may take to be visible; after that the site is shown as it is.
const VISIBLE_WITHIN: Duration = Duration::from_secs(60);

/// What the practice site is made of.
#[derive(Debug)]
pub(crate) struct PracticeParts {
    /// The data folder.
    pub(crate) data: PathBuf,
    /// The base address of this process's public endpoints.
    pub(crate) url: String,
    pub(crate) sites: Arc<SiteStore>,
    pub(crate) watermark: Watermark,
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: Shutdown,
}

/// Makes the practice site; clones share the work.
#[derive(Debug, Clone)]
pub(crate) struct PracticeMaker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    parts: PracticeParts,
    site: SiteId,
    files: SimulatedFiles,
    /// How much is done, from 0 to 1; `None` while nothing is under way.
    done: Mutex<Option<f64>>,
}

impl PracticeMaker {
    pub(crate) fn new(parts: PracticeParts) -> anyhow::Result<Self> {
        let site = SiteId::try_new(PRACTICE)?;
        Ok(Self(Arc::new(Shared {
            files: SimulatedFiles::of(&parts.data, &site),
            site,
            parts,
            done: Mutex::default(),
        })))
    }

    fn is_there(&self) -> bool {
        let directory = self.0.parts.sites.subscribe().borrow().clone();
        directory.site(self.0.site.as_str()).is_some()
    }
}

impl PracticeSite for PracticeMaker {
    fn site(&self) -> &SiteId {
        &self.0.site
    }

    fn state(&self) -> PracticeState {
        match *self.0.done.lock() {
            Some(done) => PracticeState::Running { done },
            None if self.0.files.is_sent() => PracticeState::Ready,
            None => PracticeState::None,
        }
    }

    fn is_made(&self) -> bool {
        self.0.files.is_sent() || self.0.files.is_begun()
    }

    fn start(&self) -> Result<(), NameTaken> {
        let mut done = self.0.done.lock();
        if done.is_some() || self.0.files.is_sent() {
            return Ok(());
        }
        if self.is_there() && !self.0.files.is_begun() {
            return Err(NameTaken);
        }
        *done = Some(0.0);
        drop(done);
        let shared = Arc::clone(&self.0);
        self.0.parts.tasks.spawn(async move {
            if let Err(error) = shared.make().await {
                let error = format!("{error:#}");
                tracing::warn!(error, "the practice site could not be made");
            }
            *shared.done.lock() = None;
        });
        Ok(())
    }
}

impl Shared {
    /// Makes the site, sends the events, and waits until they are visible.
    async fn make(self: &Arc<Self>) -> anyhow::Result<()> {
        let settings = self.settings();
        if !self.files.is_begun() {
            let (files, simulation) = (self.files.clone(), simulation(&settings)?);
            tokio::task::spawn_blocking(move || files.begin(&simulation)).await??;
        }
        self.reached(WRITTEN);
        let (sites, site) = (&self.parts.sites, &self.site);
        let is_new = sites.subscribe().borrow().site(site.as_str()).is_none();
        if is_new {
            // Whoever wants to send or ask by a key makes another pair.
            sites.create_keys(site, KeyScope::Server).await?;
            sites.change_settings(site, settings).await?;
        }
        self.send().await?;
        self.wait_until_visible().await;
        let files = self.files.clone();
        tokio::task::spawn_blocking(move || files.finish()).await?
    }

    /// Returns the settings of the site: the time zone and the currency are those of the first one.
    fn settings(&self) -> SiteSettings {
        let directory = self.parts.sites.subscribe().borrow().clone();
        let first = directory.sites().find(|site| site.id != self.site);
        let own = first.map(|site| site.settings.clone()).unwrap_or_default();
        SiteSettings {
            timezone: own.timezone,
            currency: own.currency,
            ..SiteSettings::default()
        }
    }

    async fn send(self: &Arc<Self>) -> anyhow::Result<()> {
        let parts = &self.parts;
        let key = parts.sites.create_ephemeral_key(&self.site)?;
        let sender = Sender::new(&parts.url, key, self.site.clone())?;
        let importer = Importer::new(ImportLedger::open(&parts.data, &self.site)?, sender, false);
        let (shown, bytes) = (Arc::clone(self), Mutex::new(1));
        let reporter: Reporter = Arc::new(move |event| match event {
            ImportEvent::Begins { bytes: all, .. } => *bytes.lock() = all.max(1),
            ImportEvent::Reached { byte } => {
                shown.reached(WRITTEN + (SENT - WRITTEN) * share(byte, *bytes.lock()));
            }
            _ => {}
        });
        let path = self.files.events();
        match importer.import(&path, &parts.shutdown, &reporter).await? {
            ImportResult::Finished { record, .. } | ImportResult::ImportedBefore { record, .. } => {
                if record.rejected > 0 {
                    tracing::warn!(record.rejected, "events of the practice site were refused");
                }
                Ok(())
            }
            ImportResult::Interrupted => bail!("Etappe stops; ask again to go on"),
            ImportResult::WrongShape { shape, .. } => bail!("{}: {shape}", path.display()),
            ImportResult::NothingAccepted { .. } => bail!("no event was accepted"),
        }
    }

    async fn wait_until_visible(&self) {
        let sent = SystemClock.now();
        let visible = async {
            while self.parts.watermark.as_of(SystemClock.now()) <= sent {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let waited = tokio::time::timeout(VISIBLE_WITHIN, visible);
        tokio::select! {
            waited = waited => if waited.is_err() {
                tracing::warn!("the events of the practice site are not visible yet");
            },
            () = self.parts.shutdown.begun() => {}
        }
    }

    fn reached(&self, share: f64) {
        *self.done.lock() = Some(share);
    }
}

/// Returns the simulation of a site with these settings, up to now.
fn simulation(settings: &SiteSettings) -> anyhow::Result<Settings> {
    Ok(Settings {
        seed: Settings::SEED,
        people: Settings::PEOPLE,
        days: Settings::DAYS,
        end: SystemClock
            .now()
            .to_utc()
            .context("the clock shows no time")?,
        zone: settings.timezone.parse().unwrap_or(chrono_tz::Tz::UTC),
        currency: settings.currency.clone(),
    })
}

#[expect(clippy::cast_precision_loss, reason = "how far a bar is")]
fn share(part: u64, whole: u64) -> f64 {
    (part as f64 / whole as f64).min(1.0)
}
