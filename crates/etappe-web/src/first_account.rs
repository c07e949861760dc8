//! Makes the first account, with the link that Etappe prints at its start while there is none.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use etappe_core::account::{AccountChange, AccountChanges, Accounts, Email, Role, User, UserId};
use etappe_core::ports::{AccountStore, Clock};
use etappe_core::site::KeyHash;
use etappe_core::trail::Action;
use etappe_runtime::random_key::random_key;
use http::HeaderMap;
use serde::Deserialize;

use crate::error::WebError;
use crate::sign_in::{begin_session, store};
use crate::state::WebState;
use crate::{body, csrf, password};

/// The most characters of a name.
const NAME_LETTERS: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirstAccount {
    token: String,
    name: String,
    email: String,
    password: String,
}

pub(crate) async fn create<A: AccountStore, C: Clock>(
    State(state): State<WebState<A, C>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, WebError> {
    csrf::check_origin(&headers)?;
    let asked: FirstAccount = body::read(&headers, body).await?;
    let hash = KeyHash::of(&asked.token);
    // Looked at before the password is hashed, which is costly, and again when the account is made.
    expect_link(state.directory().accounts(), hash)?;
    let name = asked.name.trim().to_owned();
    if !(1..=NAME_LETTERS).contains(&name.chars().count()) {
        return Err(WebError::Name);
    }
    let email = Email::try_new(&asked.email)?;
    password::check(&asked.password)?;
    let user = User {
        id: UserId::new(&random_key("eu")),
        email,
        name,
        password: state.passwords().hash(asked.password).await,
        everywhere: Some(Role::Admin),
        sites: BTreeMap::new(),
    };
    let new = user.clone();
    let told = state.told(&user, None, Action::FirstAccountMade, user.email.as_str());
    store(&state, move |accounts| {
        expect_link(accounts, hash)?;
        let changes = vec![
            AccountChange::PutUser(Box::new(new)),
            AccountChange::FirstAccount(None),
        ];
        Ok(AccountChanges::from(changes).told(told))
    })
    .await?;
    tracing::info!(user = %user.id, "the first account was made");
    begin_session(&state, &user, &headers).await
}

fn expect_link(accounts: &Accounts, hash: KeyHash) -> Result<(), WebError> {
    let is_right = accounts.users.is_empty() && accounts.first_account == Some(hash);
    is_right.then_some(()).ok_or(WebError::WrongLink)
}
