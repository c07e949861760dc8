//! Why a request of the web interface was refused.

use std::time::Duration;

use etappe_core::account::{InvalidEmail, Role};
use etappe_core::meaning::UnusableMeaning;
use etappe_core::share::MOST_OF_A_SITE;
use etappe_core::site::UnusableKey;

use crate::password::UnusablePassword;
use crate::practice::NameTaken;
use crate::shares::UnusableShare;

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// There is no valid session.
    #[error("sign in first")]
    NotSignedIn,
    /// There is no account yet.
    #[error("make the first account with the link that Etappe printed at its start")]
    FirstAccountNeeded,
    /// The address or the password is wrong; which one is not said.
    #[error("that combination is not right")]
    WrongPassword,
    /// The link of the first account is used, replaced or mistyped.
    #[error(
        "this link does not work (any more): Etappe prints a new one at its start while there is no account"
    )]
    WrongLink,
    /// Too many tries failed.
    #[error("too many tries: again in {} s", .0.as_secs().max(1))]
    TooManyTries(Duration),
    /// Another site made the browser send the request, or it lacks its CSRF token.
    #[error("the request was not made by this site's own page: reload the page")]
    NotFromOurPage,
    /// The body is not the JSON that is wanted.
    #[error("the body is not as expected: {0}")]
    BadBody(String),
    /// The body is too large.
    #[error("the body is too large")]
    BodyTooLarge,
    /// The address is none.
    #[error(transparent)]
    Email(#[from] InvalidEmail),
    /// The password cannot be used.
    #[error(transparent)]
    Password(#[from] UnusablePassword),
    /// The name cannot be used.
    #[error("a name has 1 to 100 characters")]
    Name,
    /// The site does not exist, or the user has no role there.
    #[error("you have no access to a site of this name")]
    NotYourSite,
    /// The user's role is not enough.
    #[error("this takes the role of {0} at this site")]
    RoleNeeded(Role),
    /// The user does not administer every site.
    #[error("this takes an administrator of every site")]
    AdminNeeded,
    /// The name of the practice site is taken.
    #[error(transparent)]
    NameTaken(#[from] NameTaken),
    /// The meaning cannot be saved.
    #[error(transparent)]
    Meaning(#[from] UnusableMeaning),
    /// The key cannot be made or revoked.
    #[error(transparent)]
    Key(#[from] UnusableKey),
    /// The share link cannot be made.
    #[error(transparent)]
    Share(#[from] UnusableShare),
    /// The site has as many share links as it may.
    #[error("this site has {MOST_OF_A_SITE} links, which is the most: revoke one first")]
    TooManyLinks,
    /// There is no such share link.
    #[error("there is no such link: perhaps a part of it is missing")]
    UnknownLink,
    /// The share link has ended or was revoked.
    #[error("this link no longer works: whoever sent it can make a new one")]
    LinkOver,
    /// The accounts cannot be changed now.
    #[error("accounts cannot be changed now: try again in a moment")]
    StoreUnavailable,
}
