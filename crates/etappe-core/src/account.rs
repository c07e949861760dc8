//! People who use the web interface: their roles, their passwords' hashes, their sessions and the
//! links that they share.
//!
//! Hashing a password and drawing a random token happen elsewhere; here is who may do what. Like
//! keys, session tokens are stored as SHA-256 only. Passwords are stored as PHC strings of Argon2id.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::id::SiteId;
use crate::share::{Share, read_pass};
use crate::site::KeyHash;
use crate::time::Timestamp;
use crate::trail::TrailEntry;

/// What a person may do at a site; each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks at figures.
    Viewer,
    /// Also says what events mean, and makes models.
    Editor,
    /// Also manages people, keys and settings.
    Admin,
}

impl Role {
    /// All roles, from the least to the most powerful.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Admin];

    /// Returns the name used in the API and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A user's identifier, which never changes: random text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(String);

impl UserId {
    /// Wraps a text that was drawn at random.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An e-mail address that a person signs in with, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

/// A text that is no [`Email`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an e-mail address: it needs one @ with text on both sides, and no spaces")]
pub struct InvalidEmail(pub String);

impl Email {
    /// The most bytes of an address (RFC 5321, section 4.5.3.1.3).
    pub const MAX_BYTES: usize = 254;

    /// Checks an address as far as its form shows; whether mail arrives there is not known.
    ///
    /// # Errors
    /// [`InvalidEmail`] without one @ between two texts, with spaces or controls, or when too long.
    pub fn try_new(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let is_valid = text.len() <= Self::MAX_BYTES
            && !text.chars().any(|c| c.is_whitespace() || c.is_control())
            && text
                .split_once('@')
                .is_some_and(|(name, host)| !name.is_empty() && is_host(host));
        if is_valid {
            Ok(Self(text.to_lowercase()))
        } else {
            Err(InvalidEmail(text.chars().take(Self::MAX_BYTES).collect()))
        }
    }

    /// Returns the address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_host(text: &str) -> bool {
    !text.contains('@') && text.split('.').all(|label| !label.is_empty())
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A hashed password: a PHC string, which names the algorithm, its costs and the salt.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    /// Hides the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

/// A person who can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user's identifier.
    pub id: UserId,
    /// The address to sign in with; no two users share one.
    pub email: Email,
    /// The name to show.
    pub name: String,
    /// The hashed password.
    pub password: PasswordHash,
    /// The role at every site, also at later ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everywhere: Option<Role>,
    /// The roles at single sites.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sites: BTreeMap<SiteId, Role>,
}

impl User {
    /// Returns the role at `site`: the more powerful of that at every site and that at this one.
    #[must_use]
    pub fn role_at(&self, site: &SiteId) -> Option<Role> {
        self.everywhere.max(self.sites.get(site).copied())
    }
}

/// A sign-in that is still valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The user who signed in.
    pub user: UserId,
    /// When its token was drawn.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// All users, sessions and share links of an installation at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accounts {
    /// The users.
    pub users: BTreeMap<UserId, User>,
    /// The sessions by the hash of their token.
    pub sessions: BTreeMap<KeyHash, Session>,
    /// The share links by the hash of their token.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub shares: BTreeMap<KeyHash, Share>,
    /// The hash of the token that the first account is made with, while there is no user.
    pub first_account: Option<KeyHash>,
}

/// A change of the accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountChange {
    /// Adds a user, or replaces one.
    PutUser(Box<User>),
    /// Removes a user and their sessions.
    RemoveUser(UserId),
    /// Adds a session, or replaces one.
    PutSession(KeyHash, Session),
    /// Ends a session.
    RemoveSession(KeyHash),
    /// Adds a share link, or replaces one.
    PutShare(KeyHash, Box<Share>),
    /// Removes a share link.
    RemoveShare(KeyHash),
    /// Sets or withdraws the token of the first account.
    FirstAccount(Option<KeyHash>),
}

/// Changes that are made together, and what the audit trail tells of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountChanges {
    /// The changes.
    pub changes: Vec<AccountChange>,
    /// What is told; signing in and out is not.
    pub told: Option<TrailEntry>,
}

impl From<Vec<AccountChange>> for AccountChanges {
    fn from(changes: Vec<AccountChange>) -> Self {
        Self {
            changes,
            told: None,
        }
    }
}

impl AccountChanges {
    /// Tells of the changes in the audit trail.
    #[must_use]
    pub fn told(self, entry: TrailEntry) -> Self {
        Self {
            told: Some(entry),
            ..self
        }
    }
}

impl Accounts {
    /// Returns the user who holds the session of `token`, unless it has ended.
    ///
    /// The look-up is by hash, so its duration reveals nothing about stored tokens.
    #[must_use]
    pub fn signed_in(&self, token: &str, now: Timestamp) -> Option<(&User, &Session)> {
        let session = self.sessions.get(&KeyHash::of(token))?;
        let is_valid = session.expires_at > now;
        Some((self.users.get(&session.user).filter(|_| is_valid)?, session))
    }

    /// Returns the share link with this token, whether it still opens its page or not.
    #[must_use]
    pub fn share_of(&self, token: &str) -> Option<(KeyHash, &Share)> {
        let hash = KeyHash::of(token);
        Some((hash, self.shares.get(&hash)?))
    }

    /// Returns the share link that `token` alone opens: one without a password.
    #[must_use]
    pub fn shared_by_token(&self, token: &str, now: Timestamp) -> Option<&Share> {
        let (_, share) = self.share_of(token)?;
        (share.is_open(now) && share.password.is_none()).then_some(share)
    }

    /// Returns the share link that a browser may open because its password was given there before.
    /// `pass` is the cookie's text, as [`pass`](crate::share::pass) makes it.
    #[must_use]
    pub fn shared_by_pass(&self, pass: &str, now: Timestamp) -> Option<&Share> {
        let (hash, shown) = read_pass(pass)?;
        let share = self.shares.get(&hash).filter(|share| share.is_open(now))?;
        // Hashed once more, so that the time of the comparison reveals nothing about the proof.
        let again = |proof: KeyHash| KeyHash::of(&proof.to_string());
        (again(share.proof(&hash)?) == again(shown)).then_some(share)
    }

    /// Returns the user with this address.
    #[must_use]
    pub fn user_of(&self, email: &Email) -> Option<&User> {
        self.users.values().find(|user| user.email == *email)
    }

    /// Returns the sessions of a user.
    pub fn sessions_of(&self, user: &UserId) -> impl Iterator<Item = KeyHash> {
        let of_user = move |it: &(&KeyHash, &Session)| it.1.user == *user;
        self.sessions.iter().filter(of_user).map(|(hash, _)| *hash)
    }

    /// Applies a change.
    pub fn apply(&mut self, change: AccountChange) {
        match change {
            AccountChange::PutUser(user) => {
                self.users.insert(user.id.clone(), *user);
            }
            AccountChange::RemoveUser(id) => {
                self.users.remove(&id);
                self.sessions.retain(|_, session| session.user != id);
            }
            AccountChange::PutSession(hash, session) => {
                self.sessions.insert(hash, session);
            }
            AccountChange::RemoveSession(hash) => {
                self.sessions.remove(&hash);
            }
            AccountChange::PutShare(hash, share) => {
                self.shares.insert(hash, *share);
            }
            AccountChange::RemoveShare(hash) => {
                self.shares.remove(&hash);
            }
            AccountChange::FirstAccount(hash) => self.first_account = hash,
        }
    }
}

const FIRST_ACCOUNT: &str = "first-account";

impl AccountChange {
    /// Returns the row of a shared table for this change; no value deletes the row.
    #[must_use]
    pub fn to_row(&self) -> (String, Option<Bytes>) {
        match self {
            Self::PutUser(user) => (format!("user/{}", user.id), Some(json(user))),
            Self::RemoveUser(id) => (format!("user/{id}"), None),
            Self::PutSession(hash, session) => (format!("session/{hash}"), Some(json(session))),
            Self::RemoveSession(hash) => (format!("session/{hash}"), None),
            Self::PutShare(hash, share) => (format!("share/{hash}"), Some(json(share))),
            Self::RemoveShare(hash) => (format!("share/{hash}"), None),
            Self::FirstAccount(hash) => (FIRST_ACCOUNT.to_owned(), hash.as_ref().map(json)),
        }
    }

    /// Reads a row; `None` if it is not one of these, or unreadable.
    pub(crate) fn of_row(key: &str, value: &[u8]) -> Option<Self> {
        if key == FIRST_ACCOUNT {
            return Some(Self::FirstAccount(Some(
                serde_json::from_slice(value).ok()?,
            )));
        }
        match key.split_once('/')? {
            ("user", id) => {
                let user: Box<User> = serde_json::from_slice(value).ok()?;
                (user.id.as_str() == id).then_some(Self::PutUser(user))
            }
            ("session", hash) => Some(Self::PutSession(
                serde_json::from_value(hash.into()).ok()?,
                serde_json::from_slice(value).ok()?,
            )),
            ("share", hash) => Some(Self::PutShare(
                serde_json::from_value(hash.into()).ok()?,
                serde_json::from_slice(value).ok()?,
            )),
            _ => None,
        }
    }
}

fn json(value: &impl Serialize) -> Bytes {
    let text = serde_json::to_vec(value).expect("names and numbers are valid JSON");
    Bytes::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::SharedPage;

    fn user(id: &str, everywhere: Option<Role>) -> User {
        User {
            id: UserId::new(id),
            email: Email::try_new(&format!("{id}@example.com")).expect("an address"),
            name: id.to_owned(),
            password: PasswordHash("$argon2id$".to_owned()),
            everywhere,
            sites: BTreeMap::new(),
        }
    }

    fn session(user: &str, expires_at: i64) -> Session {
        Session {
            user: UserId::new(user),
            created_at: Timestamp::from_millis(0),
            expires_at: Timestamp::from_millis(expires_at),
        }
    }

    fn share(expires_at: i64, password: Option<&str>) -> Share {
        Share {
            id: "one".to_owned(),
            site: SiteId::try_new("shop").expect("a name"),
            page: SharedPage::Today,
            view: "p=30d".to_owned(),
            fixed: None,
            by: "anna@example.com".to_owned(),
            created_at: Timestamp::from_millis(0),
            expires_at: Timestamp::from_millis(expires_at),
            revoked_at: None,
            last_opened: None,
            password: password.map(|text| PasswordHash(text.to_owned())),
            origins: Vec::new(),
        }
    }

    #[test]
    fn a_share_link_opens_by_its_token_until_it_ends_or_is_revoked() {
        let mut accounts = Accounts::default();
        let hash = KeyHash::of("token");
        accounts.apply(AccountChange::PutShare(hash, Box::new(share(10, None))));
        let at = Timestamp::from_millis;
        assert!(accounts.shared_by_token("token", at(9)).is_some());
        assert!(accounts.shared_by_token("token", at(10)).is_none());
        assert!(accounts.shared_by_token("other", at(9)).is_none());
        let revoked = Share {
            revoked_at: Some(at(5)),
            ..share(10, None)
        };
        accounts.apply(AccountChange::PutShare(hash, Box::new(revoked)));
        assert!(accounts.shared_by_token("token", at(9)).is_none());
        assert!(accounts.share_of("token").is_some(), "it is still known");
    }

    #[test]
    fn a_share_link_with_a_password_opens_only_where_it_was_given() {
        let mut accounts = Accounts::default();
        let hash = KeyHash::of("token");
        let locked = share(10, Some("$argon2id$a"));
        let pass = crate::share::pass(&hash, &locked.proof(&hash).expect("a password"));
        accounts.apply(AccountChange::PutShare(hash, Box::new(locked)));
        let at = Timestamp::from_millis;
        assert!(accounts.shared_by_token("token", at(9)).is_none());
        assert!(accounts.shared_by_pass(&pass, at(9)).is_some());
        assert!(accounts.shared_by_pass(&pass, at(10)).is_none());
        let forged = crate::share::pass(&hash, &KeyHash::of("guess"));
        assert!(accounts.shared_by_pass(&forged, at(9)).is_none());
        // Another password, even the same word with another salt, ends what was given before.
        let renewed = share(10, Some("$argon2id$b"));
        accounts.apply(AccountChange::PutShare(hash, Box::new(renewed)));
        assert!(accounts.shared_by_pass(&pass, at(9)).is_none());
        let open = share(10, None);
        accounts.apply(AccountChange::PutShare(hash, Box::new(open)));
        assert!(accounts.shared_by_pass(&pass, at(9)).is_none());
    }

    #[test]
    fn an_address_is_checked_for_its_form_and_kept_in_lower_case() {
        for text in ["Anna@Example.com", " anna@example.com "] {
            let email = Email::try_new(text).expect("an address");
            assert_eq!(email.as_str(), "anna@example.com");
        }
        for text in ["", "@", "a@", "@b", "a b@c.nl", "a@b@c", "a@b..c", "a@.nl"] {
            assert!(Email::try_new(text).is_err(), "{text}");
        }
        assert!(Email::try_new(&format!("{}@b.nl", "a".repeat(250))).is_err());
    }

    #[test]
    fn the_more_powerful_of_two_roles_counts() {
        let shop = SiteId::try_new("shop").expect("a name");
        let mut anna = user("anna", None);
        assert_eq!(anna.role_at(&shop), None);
        anna.sites.insert(shop.clone(), Role::Editor);
        assert_eq!(anna.role_at(&shop), Some(Role::Editor));
        anna.everywhere = Some(Role::Viewer);
        assert_eq!(anna.role_at(&shop), Some(Role::Editor));
        anna.everywhere = Some(Role::Admin);
        assert_eq!(anna.role_at(&shop), Some(Role::Admin));
    }

    #[test]
    fn a_session_signs_in_until_it_ends_or_its_user_goes() {
        let mut accounts = Accounts::default();
        accounts.apply(AccountChange::PutUser(Box::new(user("anna", None))));
        accounts.apply(AccountChange::PutSession(
            KeyHash::of("token"),
            session("anna", 10),
        ));
        let at = Timestamp::from_millis;
        let name = |accounts: &Accounts, token, now| {
            let found = accounts.signed_in(token, now);
            found.map(|(user, _)| user.name.clone())
        };
        assert_eq!(name(&accounts, "token", at(9)).as_deref(), Some("anna"));
        assert_eq!(name(&accounts, "token", at(10)), None);
        assert_eq!(name(&accounts, "other", at(9)), None);
        accounts.apply(AccountChange::RemoveUser(UserId::new("anna")));
        assert_eq!(name(&accounts, "token", at(9)), None);
        assert!(accounts.sessions.is_empty());
    }

    #[test]
    fn the_rows_of_changes_give_the_same_accounts_as_the_changes() {
        let changes = [
            AccountChange::FirstAccount(Some(KeyHash::of("once"))),
            AccountChange::PutUser(Box::new(user("anna", Some(Role::Admin)))),
            AccountChange::PutUser(Box::new(user("bob", None))),
            AccountChange::PutSession(KeyHash::of("a"), session("anna", 5)),
            AccountChange::PutSession(KeyHash::of("b"), session("anna", 6)),
            AccountChange::RemoveSession(KeyHash::of("a")),
            AccountChange::RemoveUser(UserId::new("bob")),
            AccountChange::PutShare(KeyHash::of("c"), Box::new(share(5, Some("$argon2id$")))),
            AccountChange::PutShare(KeyHash::of("d"), Box::new(share(6, None))),
            AccountChange::RemoveShare(KeyHash::of("d")),
            AccountChange::FirstAccount(None),
        ];
        let mut rows = BTreeMap::new();
        let mut expected = Accounts::default();
        for change in changes {
            match change.to_row() {
                (key, Some(value)) => rows.insert(key, value),
                (key, None) => rows.remove(&key),
            };
            expected.apply(change);
        }
        let mut found = Accounts::default();
        for (key, value) in &rows {
            found.apply(AccountChange::of_row(key, value).expect("readable"));
        }
        assert_eq!(found, expected);
        assert_eq!((found.users.len(), found.shares.len()), (1, 1));
        assert!(AccountChange::of_row("user/else", &rows["user/anna"]).is_none());
    }

    #[test]
    fn a_password_is_hidden_in_debug_output() {
        assert!(!format!("{:?}", user("anna", None)).contains("argon2"));
    }
}
