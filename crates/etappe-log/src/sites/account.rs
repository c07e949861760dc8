//! Accounts, which are stored with the sites.

use etappe_core::account::{AccountChange, AccountChanges, Accounts};
use etappe_core::ports::AccountStore;
use etappe_core::site::KeyHash;
use etappe_core::site::stored::SiteChange;
use etappe_runtime::random_key::random_key;

use super::SiteStore;
use super::trail::entry_suffix;
use crate::error::SiteError;

impl SiteStore {
    /// Draws the token that the first account is made with, replacing an earlier one; `None` when
    /// there is an account.
    ///
    /// # Errors
    /// [`SiteError`] if the token's hash cannot be stored.
    pub async fn create_first_account_token(&self) -> Result<Option<String>, SiteError> {
        let token = random_key("ef");
        let change = AccountChange::FirstAccount(Some(KeyHash::of(&token)));
        let mut is_wanted = false;
        self.change(|stored| {
            is_wanted = stored.accounts.users.is_empty();
            let changes = is_wanted.then_some(SiteChange::Account(change));
            Ok(changes.into_iter().collect())
        })
        .await?;
        Ok(is_wanted.then_some(token))
    }
}

impl AccountStore for SiteStore {
    type Error = SiteError;

    async fn change<R: Send>(
        &self,
        decide: impl FnOnce(&Accounts) -> Result<AccountChanges, R> + Send,
    ) -> Result<Result<(), R>, SiteError> {
        let mut decided = Ok(());
        Self::change(self, |stored| {
            let wanted = decide(&stored.accounts).unwrap_or_else(|refusal| {
                decided = Err(refusal);
                AccountChanges::default()
            });
            let changes = wanted.changes.into_iter().map(SiteChange::Account);
            let told = wanted
                .told
                .map(|entry| stored.telling(entry, &entry_suffix()));
            Ok(changes.chain(told.into_iter().flatten()).collect())
        })
        .await?;
        Ok(decided)
    }
}
