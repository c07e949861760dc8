//! How questions and the follower meet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::index::Shared;
use crate::outcomes::Outcomes;
use crate::site::SiteState;

/// How long a question waits for a refresh before the database answers it.
const REFRESH_PATIENCE: Duration = Duration::from_secs(2);

/// How far the follower is.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// Whether the index holds everything that the last refresh found.
    is_usable: bool,
    /// Questions with numbers up to this one have their refresh.
    refreshed: u64,
    /// Questions with numbers up to this one had one that failed.
    failed: u64,
}

/// Shared by the follower and everyone who asks.
#[derive(Debug)]
pub(crate) struct Link {
    shared: Arc<Shared>,
    numbers: AtomicU64,
    asked: Notify,
    progress: watch::Sender<Progress>,
    is_damaged: AtomicBool,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            shared: Arc::default(),
            numbers: AtomicU64::new(0),
            asked: Notify::new(),
            progress: watch::Sender::new(Progress::default()),
            is_damaged: AtomicBool::new(false),
        }
    }
}

impl Link {
    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Returns a site's runs with everything that the database shows now; `None` if the index
    /// cannot say, so that the database has to.
    pub(crate) async fn current(&self, site: &str) -> Option<(Arc<SiteState>, Arc<Outcomes>)> {
        if !self.progress.borrow().is_usable {
            return None;
        }
        let number = self.ask();
        let mut progress = self.progress.subscribe();
        let is_decided = |progress: &Progress| {
            !progress.is_usable || progress.refreshed >= number || progress.failed >= number
        };
        let decided = timeout(REFRESH_PATIENCE, progress.wait_for(is_decided)).await;
        let decided = *decided.ok()?.ok()?;
        let is_fresh = decided.is_usable && decided.refreshed >= number;
        is_fresh.then(|| (self.shared.site(site), self.shared.outcomes()))
    }

    /// Asks for a refresh; returns the question's number.
    pub(crate) fn ask(&self) -> u64 {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst) + 1;
        self.asked.notify_one();
        number
    }

    /// Reports that a file of the index turned out to be damaged.
    pub(crate) fn report_damage(&self) {
        self.is_damaged.store(true, Ordering::SeqCst);
        self.asked.notify_one();
    }

    pub(super) fn take_damaged(&self) -> bool {
        self.is_damaged.swap(false, Ordering::SeqCst)
    }

    /// Waits until a question asks for a refresh.
    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Returns the number of the last question. A refresh that begins now is one for all up to it.
    pub(super) fn last_number(&self) -> u64 {
        self.numbers.load(Ordering::SeqCst)
    }

    /// Returns whether a question waits for a refresh.
    pub(super) fn is_waited_for(&self) -> bool {
        self.progress.borrow().refreshed < self.last_number()
    }

    pub(super) fn is_usable(&self) -> bool {
        self.progress.borrow().is_usable
    }

    pub(super) fn set_usable(&self, is_usable: bool) {
        self.progress
            .send_modify(|progress| progress.is_usable = is_usable);
    }

    pub(super) fn refreshed(&self, number: u64, is_usable: bool) {
        self.progress.send_modify(|progress| {
            progress.refreshed = progress.refreshed.max(number);
            progress.is_usable = is_usable;
        });
    }

    pub(super) fn failed(&self, number: u64) {
        self.progress.send_modify(|progress| {
            progress.failed = progress.failed.max(number);
        });
    }
}
