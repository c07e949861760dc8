//! Share links: a page of figures for whoever has its link, without signing in.
//!
//! A link shows figures and no people. It ends by itself, can be revoked, can have a password, and
//! can be held to one range of days. Of its token only the SHA-256 is stored, like that of a key.

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::account::PasswordHash;
use crate::id::SiteId;
use crate::site::KeyHash;
use crate::time::Timestamp;

/// The most links of a site that have not ended.
pub const MOST_OF_A_SITE: usize = 200;
/// The most sites that may show one page within their own.
pub const MOST_ORIGINS: usize = 20;
/// The fewest and the most days that a link may last.
pub const DAYS: (u32, u32) = (1, 365);
/// The most bytes of the parameters of a shared page.
pub const MOST_VIEW_BYTES: usize = 1_000;

/// A page that can be shared: figures, and no people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SharedPage {
    /// The KPI cards.
    Today,
    /// The funnel of a journey model.
    Journey,
    /// Who brings others.
    Referral,
    /// What people bring in.
    Revenue,
}

impl SharedPage {
    /// Returns the name used in addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Today => "today",
            Self::Journey => "journey",
            Self::Referral => "referral",
            Self::Revenue => "revenue",
        }
    }
}

impl fmt::Display for SharedPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The days that a link shows, both included, in the site's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedDays {
    /// The first day.
    pub first: NaiveDate,
    /// The last day.
    pub last: NaiveDate,
}

impl FixedDays {
    /// Reads days as a page's address writes them: `2026-04-12..2026-05-11`.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        let (first, last) = text.split_once("..")?;
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last).then_some(Self { first, last })
    }
}

impl fmt::Display for FixedDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.first, self.last)
    }
}

/// The origin of a site that may show a page within its own: scheme, host and port (RFC 6454).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Origin(String);

/// A text that is no [`Origin`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the origin of a site: write https:// and its host, without a path")]
pub struct InvalidOrigin(pub String);

impl Origin {
    /// The most bytes of an origin: those of a host's name, a scheme and a port.
    const MAX_BYTES: usize = 270;

    /// Checks an origin. It becomes a part of a header, so it has none of that header's signs.
    ///
    /// # Errors
    /// [`InvalidOrigin`] unless it is `http://` or `https://`, a host, and a port or none.
    pub fn try_new(text: &str) -> Result<Self, InvalidOrigin> {
        let authority = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let is_valid = text.len() <= Self::MAX_BYTES
            && authority.is_some_and(|authority| {
                let (host, port) = match authority.rsplit_once(':') {
                    Some((host, port)) => (host, port.parse::<u16>().is_ok()),
                    None => (authority, true),
                };
                port && is_host(host)
            });
        if is_valid {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidOrigin(text.chars().take(Self::MAX_BYTES).collect()))
        }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name of ASCII letters, digits, hyphens and dots; names in other scripts come as Punycode.
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        !label.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.split('.').all(is_label)
}

/// A link to a page of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The name by which the link is listed and revoked: random text, which opens nothing.
    pub id: String,
    /// The site.
    pub site: SiteId,
    /// The page.
    pub page: SharedPage,
    /// The parameters of the page, as in an address.
    pub view: String,
    /// The only days that it shows; none where visitors choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<FixedDays>,
    /// The e-mail address of whoever made it.
    pub by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// When it was last opened, to the hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_opened: Option<Timestamp>,
    /// The hashed password, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordHash>,
    /// The sites that may show it within a page of theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<Origin>,
}

impl Share {
    /// Returns whether the link opens its page at `now`.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// Returns what a browser shows after the password was given to it; none without a password.
    ///
    /// It follows from the stored hash, which has a salt of its own, so it ends with the link and
    /// cannot be made without it.
    #[must_use]
    pub fn proof(&self, token: &KeyHash) -> Option<KeyHash> {
        let password = self.password.as_ref()?;
        Some(KeyHash::of(&format!("share {token} {}", password.0)))
    }
}

/// Returns the cookie's text for a browser that gave the password.
#[must_use]
pub fn pass(token: &KeyHash, proof: &KeyHash) -> String {
    format!("{token}.{proof}")
}

/// Reads the cookie's text back.
pub(crate) fn read_pass(text: &str) -> Option<(KeyHash, KeyHash)> {
    let (token, proof) = text.split_once('.')?;
    Some((KeyHash::of_hex(token)?, KeyHash::of_hex(proof)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_a_scheme_a_host_and_nothing_else() {
        for text in [
            "https://intranet.example",
            "https://Intranet.Example:8443",
            "http://localhost:3000",
            "https://xn--bcher-kva.example",
        ] {
            let origin = Origin::try_new(text).expect(text);
            assert_eq!(origin.as_str(), text.to_ascii_lowercase());
        }
        for text in [
            "",
            "intranet.example",
            "https://",
            "https://intranet.example/",
            "https://intranet.example/page",
            "https://*.example",
            "https://a.example; script-src *",
            "https://a.example https://b.example",
            "https://a.example:port",
            "https://a.example:",
            "https://user@a.example",
            "https://a..example",
            "ftp://a.example",
            "https://bücher.example",
            "https://a.example,b",
        ] {
            assert!(Origin::try_new(text).is_err(), "{text}");
        }
        let long = format!("https://{}.example", "a".repeat(300));
        assert!(Origin::try_new(&long).is_err());
    }

    #[test]
    fn days_are_read_as_an_address_writes_them() {
        let days = FixedDays::of_text("2026-04-12..2026-05-11").expect("two days");
        assert_eq!(days.to_string(), "2026-04-12..2026-05-11");
        for text in [
            "",
            "30d",
            "2026-04-12",
            "2026-05-11..2026-04-12",
            "2026-04-31..2026-05-11",
            "2026-04-12...2026-05-11",
            "2026-04-12..2026-05-11..2026-06-11",
        ] {
            assert_eq!(FixedDays::of_text(text), None, "{text}");
        }
    }

    #[test]
    fn a_pass_is_read_back_and_nothing_else_is_one() {
        let (token, proof) = (KeyHash::of("token"), KeyHash::of("proof"));
        assert_eq!(read_pass(&pass(&token, &proof)), Some((token, proof)));
        for text in ["", ".", "a.b", &token.to_string(), &format!("{token}.x")] {
            assert_eq!(read_pass(text), None, "{text}");
        }
    }
}
