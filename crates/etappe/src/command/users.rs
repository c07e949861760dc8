//! `etappe users`: manages the people who sign in to the web interface.

use etappe_core::id::SiteId;
use etappe_web::users::{ListedUser, UserAnswer, UserRequest};

use crate::answer::answer;
use crate::cli::{KeysData, RoleArgument, UsersCommand};
use crate::command::site_access::SiteAccess;

/// Runs one of the commands.
pub(crate) async fn run(command: UsersCommand) -> anyhow::Result<()> {
    let (request, data) = match command {
        UsersCommand::List { data } => {
            let users = SiteAccess::open(&data).await?.users().await?;
            return print_all(&data, &users);
        }
        UsersCommand::Add {
            email,
            name,
            role,
            site,
            data,
        } => {
            let name = name.unwrap_or_else(|| email.clone());
            let (role, site) = (role.into(), site_of(site)?);
            let request = UserRequest::Add {
                email,
                name,
                role,
                site,
            };
            (request, data)
        }
        UsersCommand::Role {
            email,
            role,
            site,
            data,
        } => {
            let role = role.map(RoleArgument::into);
            let site = site_of(site)?;
            (UserRequest::Role { email, role, site }, data)
        }
        UsersCommand::Reset { email, data } => (UserRequest::Reset { email }, data),
        UsersCommand::Remove { email, data } => (UserRequest::Remove { email }, data),
    };
    let done = SiteAccess::open(&data).await?.change_user(request).await?;
    print(&data, &done)
}

fn site_of(name: Option<String>) -> anyhow::Result<Option<SiteId>> {
    Ok(name.map(|name| SiteId::try_new(&name)).transpose()?)
}

fn print(data: &KeysData, done: &UserAnswer) -> anyhow::Result<()> {
    if data.json {
        answer!("{}", serde_json::to_string(done)?);
        return Ok(());
    }
    answer!("user         {}", done.email);
    if let Some(password) = &done.password {
        answer!("password     {password}   (shown only now; to be changed after signing in)");
    }
    Ok(())
}

fn print_all(data: &KeysData, users: &[ListedUser]) -> anyhow::Result<()> {
    if data.json {
        answer!("{}", serde_json::to_string(users)?);
        return Ok(());
    }
    for user in users {
        let everywhere = user.everywhere.map(|role| format!("{role} everywhere"));
        let sites = user
            .sites
            .iter()
            .map(|(site, role)| format!("{role} at {site}"));
        let roles: Vec<_> = everywhere.into_iter().chain(sites).collect();
        answer!(
            "{:32} {:24} {}",
            user.email.as_str(),
            user.name,
            roles.join(", ")
        );
    }
    if users.is_empty() {
        answer!("no users yet: `etappe up` prints a link for the first account at its start");
    }
    Ok(())
}
