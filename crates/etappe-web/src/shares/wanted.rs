//! A share link as somebody wants it.

use std::time::Duration;

use etappe_core::account::{PasswordHash, User};
use etappe_core::id::SiteId;
use etappe_core::share::{
    DAYS, FixedDays, InvalidOrigin, MOST_ORIGINS, MOST_VIEW_BYTES, Origin, Share, SharedPage,
};
use etappe_core::time::Timestamp;
use etappe_runtime::random_key::random_key;
use serde::Deserialize;

use crate::password;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Who chooses the period of a shared page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WantedPeriod {
    Free,
    Fixed,
}

/// A link as somebody wants it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedShare {
    page: SharedPage,
    view: String,
    period: WantedPeriod,
    days: u32,
    #[serde(default)]
    pub(super) password: Option<String>,
    #[serde(default)]
    origins: Vec<String>,
}

/// A link that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnusableShare {
    /// It would last too short or too long.
    #[error("`days` must be {} to {}", DAYS.0, DAYS.1)]
    Days,
    /// The parameters of the page are too long, or are none.
    #[error(
        "`view` must be the parameters of a page's address, of at most {MOST_VIEW_BYTES} bytes"
    )]
    View,
    /// A fixed period needs dates.
    #[error("a fixed period needs its first and last day in `view`, as `p=2026-04-12..2026-05-11`")]
    NoDates,
    /// One origin is none.
    #[error(transparent)]
    Origin(#[from] InvalidOrigin),
    /// There are too many origins.
    #[error("at most {MOST_ORIGINS} sites can show a page within their own")]
    TooManyOrigins,
    /// Browsers keep the cookie of a password from a page within another site.
    #[error("a page with a password cannot be shown within another site: leave one of both out")]
    LockedWithin,
    /// The password cannot be used.
    #[error(transparent)]
    Password(#[from] password::UnusablePassword),
}

impl WantedShare {
    /// Checks everything that can be checked before the password is hashed, which is costly.
    pub(super) fn check(&self) -> Result<(), UnusableShare> {
        if !(DAYS.0..=DAYS.1).contains(&self.days) {
            return Err(UnusableShare::Days);
        }
        let is_printed = self.view.bytes().all(|byte| byte.is_ascii_graphic());
        if self.view.len() > MOST_VIEW_BYTES || !is_printed {
            return Err(UnusableShare::View);
        }
        self.fixed()?;
        if self.origins.len() > MOST_ORIGINS {
            return Err(UnusableShare::TooManyOrigins);
        }
        self.origins()?;
        match &self.password {
            Some(_) if !self.origins.is_empty() => Err(UnusableShare::LockedWithin),
            Some(text) => Ok(password::check(text)?),
            None => Ok(()),
        }
    }

    /// Returns the link.
    pub(super) fn into_share(
        self,
        site: SiteId,
        user: &User,
        now: Timestamp,
        password: Option<PasswordHash>,
    ) -> Result<Share, UnusableShare> {
        Ok(Share {
            id: random_key("").trim_start_matches('_').to_owned(),
            site,
            page: self.page,
            fixed: self.fixed()?,
            origins: self.origins()?,
            view: self.view,
            by: user.email.to_string(),
            created_at: now,
            expires_at: now.saturating_add(DAY * self.days),
            revoked_at: None,
            last_opened: None,
            password,
        })
    }

    /// Returns the only days that the link shows, which the page's parameters name.
    fn fixed(&self) -> Result<Option<FixedDays>, UnusableShare> {
        if self.period == WantedPeriod::Free {
            return Ok(None);
        }
        let mut periods = self
            .view
            .split('&')
            .filter_map(|pair| pair.strip_prefix("p="));
        let days = periods.next().and_then(FixedDays::of_text);
        match (days, periods.next()) {
            (Some(days), None) => Ok(Some(days)),
            _ => Err(UnusableShare::NoDates),
        }
    }

    fn origins(&self) -> Result<Vec<Origin>, UnusableShare> {
        let origins = self.origins.iter();
        let origins = origins.map(|text| Origin::try_new(text));
        Ok(origins.collect::<Result<_, _>>()?)
    }
}
