//! What sites say that their events mean, which is stored with the sites.

use etappe_core::meaning::{MeaningChange, UnusableMeaning};
use etappe_core::ports::MeaningStore;
use etappe_core::site::stored::SiteChange;
use etappe_core::trail::TrailEntry;

use super::SiteStore;
use super::trail::telling;
use crate::error::SiteError;

impl MeaningStore for SiteStore {
    type Error = SiteError;

    async fn change_meaning(
        &self,
        change: MeaningChange,
        told: TrailEntry,
    ) -> Result<Result<(), UnusableMeaning>, SiteError> {
        let mut decided = Ok(());
        self.change(|stored| {
            let site = stored.site(&change.site);
            let site = site.ok_or(UnusableMeaning::UnknownSite);
            decided = site.and_then(|site| change.check(&site.meanings));
            if decided.is_err() {
                return Ok(Vec::new());
            }
            Ok(telling(stored, SiteChange::Meaning(change), told))
        })
        .await?;
        Ok(decided)
    }
}
