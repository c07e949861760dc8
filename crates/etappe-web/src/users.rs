//! Managing users from the command line: adding, changing, resetting and removing them.
//!
//! New passwords are drawn at random and shown once; whoever gets one changes it after signing in.

use std::collections::BTreeMap;

use etappe_core::account::{AccountChange, AccountChanges, Accounts, Email, Role, User, UserId};
use etappe_core::id::SiteId;
use etappe_core::ports::AccountStore;
use etappe_core::time::Timestamp;
use etappe_core::trail::{Action, COMMAND_LINE, TrailEntry};
use etappe_runtime::random_key::random_key;
use serde::{Deserialize, Serialize};

use crate::password;

/// What to do with a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "do")]
pub enum UserRequest {
    /// Adds a user with a random password.
    Add {
        /// The address to sign in with.
        email: String,
        /// The name to show.
        name: String,
        /// The first role.
        role: Role,
        /// The site of the role; every site if absent.
        site: Option<SiteId>,
    },
    /// Gives a user a role.
    Role {
        /// The user's address.
        email: String,
        /// The role; `None` takes it away.
        role: Option<Role>,
        /// The site of the role; every site if absent.
        site: Option<SiteId>,
    },
    /// Gives a user a new random password, and ends all their sessions.
    Reset {
        /// The user's address.
        email: String,
    },
    /// Removes a user, and ends all their sessions.
    Remove {
        /// The user's address.
        email: String,
    },
}

/// The answer to a change of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserAnswer {
    /// The user's address.
    pub email: Email,
    /// The new password, shown only now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// A user as the command line lists them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedUser {
    /// The address.
    pub email: Email,
    /// The name.
    pub name: String,
    /// The role at every site.
    pub everywhere: Option<Role>,
    /// The roles at single sites.
    pub sites: BTreeMap<SiteId, Role>,
    /// How many sessions are open.
    pub sessions: usize,
}

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The address is none.
    #[error(transparent)]
    Email(#[from] etappe_core::account::InvalidEmail),
    /// There is a user with this address.
    #[error("a user with the address {0} exists already; `etappe users role` changes their role")]
    Taken(Email),
    /// There is no user with this address.
    #[error("no user has the address {0}; `etappe users list` shows all")]
    Unknown(Email),
    /// The change cannot be stored.
    #[error("the change cannot be stored")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Lists the users.
#[must_use]
pub fn list(accounts: &Accounts) -> Vec<ListedUser> {
    let listed = |user: &User| ListedUser {
        email: user.email.clone(),
        name: user.name.clone(),
        everywhere: user.everywhere,
        sites: user.sites.clone(),
        sessions: accounts.sessions_of(&user.id).count(),
    };
    accounts.users.values().map(listed).collect()
}

/// Does what is asked. Where a password is drawn, it is hashed on the caller's thread.
///
/// # Errors
/// [`UserError`] if the address is taken or unknown, or the change cannot be stored.
pub async fn apply<A: AccountStore>(
    accounts: &A,
    request: UserRequest,
    now: Timestamp,
) -> Result<UserAnswer, UserError> {
    let (UserRequest::Add { email, .. }
    | UserRequest::Role { email, .. }
    | UserRequest::Reset { email }
    | UserRequest::Remove { email }) = &request;
    let email = Email::try_new(email)?;
    let draws = matches!(request, UserRequest::Add { .. } | UserRequest::Reset { .. });
    let password = draws.then(|| random_key("ep"));
    let hash = password.as_deref().map(password::hash);
    let address = email.clone();
    let told = request.told(&email, now);
    let decided = accounts.change(move |known| {
        let user = known.user_of(&address).cloned();
        if let UserRequest::Add {
            name, role, site, ..
        } = request
        {
            return match (user, hash) {
                (None, Some(password)) => {
                    let mut user = User {
                        id: UserId::new(&random_key("eu")),
                        email: address,
                        name,
                        password,
                        everywhere: None,
                        sites: BTreeMap::new(),
                    };
                    give_role(&mut user, Some(role), site);
                    // The link of the first account ends with the first account.
                    let changes = vec![
                        AccountChange::PutUser(Box::new(user)),
                        AccountChange::FirstAccount(None),
                    ];
                    Ok(AccountChanges::from(changes).told(told))
                }
                _ => Err(UserError::Taken(address)),
            };
        }
        let mut user = user.ok_or(UserError::Unknown(address))?;
        let changes = match request {
            UserRequest::Role { role, site, .. } => {
                give_role(&mut user, role, site);
                vec![AccountChange::PutUser(Box::new(user))]
            }
            UserRequest::Remove { .. } => vec![AccountChange::RemoveUser(user.id)],
            UserRequest::Reset { .. } | UserRequest::Add { .. } => {
                let ended = known.sessions_of(&user.id);
                let mut changes: Vec<_> = ended.map(AccountChange::RemoveSession).collect();
                user.password = hash.unwrap_or(user.password);
                changes.push(AccountChange::PutUser(Box::new(user)));
                changes
            }
        };
        Ok(AccountChanges::from(changes).told(told))
    });
    let decided = decided.await;
    decided.map_err(|error| UserError::Store(Box::new(error)))??;
    Ok(UserAnswer { email, password })
}

impl UserRequest {
    /// Returns what the audit trail tells of the request.
    fn told(&self, email: &Email, now: Timestamp) -> TrailEntry {
        let (action, site, role) = match self {
            Self::Add { site, role, .. } => (Action::UserAdded, site.clone(), Some(*role)),
            Self::Role { site, role, .. } => (Action::RoleChanged, site.clone(), *role),
            Self::Reset { .. } => (Action::PasswordReset, None, None),
            Self::Remove { .. } => (Action::UserRemoved, None, None),
        };
        let what = match role {
            Some(role) => format!("{email}: {role}"),
            None => email.to_string(),
        };
        TrailEntry {
            at: now,
            by: COMMAND_LINE.to_owned(),
            site,
            action,
            what,
        }
    }
}

fn give_role(user: &mut User, role: Option<Role>, site: Option<SiteId>) {
    match (site, role) {
        (None, role) => user.everywhere = role,
        (Some(site), Some(role)) => {
            user.sites.insert(site, role);
        }
        (Some(site), None) => {
            user.sites.remove(&site);
        }
    }
}
