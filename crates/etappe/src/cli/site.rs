//! Arguments of the commands about sites, their keys and their users.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use etappe_core::account::Role;
use etappe_core::event::KeyScope;

use super::{ConfigSource, KafkaFlag};

/// The commands about keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Create a site, or another pair of keys for it; the keys are shown only now.
    Create {
        /// The site's name.
        #[arg(long)]
        site: String,
        #[command(flatten)]
        data: KeysData,
        /// Where the write key will be used.
        #[arg(long, value_enum, default_value_t = ScopeArgument::Browser)]
        scope: ScopeArgument,
    },
    /// List sites, settings and the hashes of keys.
    List {
        #[command(flatten)]
        data: KeysData,
    },
    /// Replace the admin token; the old one stops working.
    Admin {
        #[command(flatten)]
        data: KeysData,
    },
    /// Revoke a key.
    Revoke {
        /// The site's name.
        #[arg(long)]
        site: String,
        /// The start of the key's hash, as `keys list` shows it.
        #[arg(long)]
        hash: String,
        #[command(flatten)]
        data: KeysData,
    },
    /// Change a site's settings: time zone, currency, origins, pixel revenue, rate.
    Set {
        /// The site's name.
        #[arg(long)]
        site: String,
        /// `name=value`, such as `timezone=Europe/Amsterdam` or `allowed_origins=shop.example,https://app.example`. A host alone
        /// stands for HTTPS on it, with and without `www.`; an empty value lets all pages send.
        #[arg(required = true, value_name = "NAME=VALUE")]
        settings: Vec<String>,
        #[command(flatten)]
        data: KeysData,
    },
}

/// The commands about users.
#[derive(Debug, Subcommand)]
pub(crate) enum UsersCommand {
    /// List users and their roles.
    List {
        #[command(flatten)]
        data: KeysData,
    },
    /// Add a user; the password is shown only now.
    Add {
        /// The e-mail address to sign in with.
        email: String,
        /// The name to show; the address by default.
        #[arg(long)]
        name: Option<String>,
        /// What they may do.
        #[arg(long, value_enum, default_value_t = RoleArgument::Viewer)]
        role: RoleArgument,
        /// The site of the role; without it the role holds at every site.
        #[arg(long)]
        site: Option<String>,
        #[command(flatten)]
        data: KeysData,
    },
    /// Change what a user may do.
    Role {
        /// The e-mail address.
        email: String,
        /// What they may do; without it the role is taken away.
        #[arg(long, value_enum)]
        role: Option<RoleArgument>,
        /// The site of the role; without it the role at every site is changed.
        #[arg(long)]
        site: Option<String>,
        #[command(flatten)]
        data: KeysData,
    },
    /// Give a user a new password, shown only now, and sign them out everywhere.
    Reset {
        /// The e-mail address.
        email: String,
        #[command(flatten)]
        data: KeysData,
    },
    /// Remove a user and sign them out everywhere.
    Remove {
        /// The e-mail address.
        email: String,
        #[command(flatten)]
        data: KeysData,
    },
}

/// What a user may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleArgument {
    /// Look at figures.
    Viewer,
    /// Also say what events mean, and make models.
    Editor,
    /// Also manage people, keys and settings.
    Admin,
}

impl From<RoleArgument> for Role {
    fn from(role: RoleArgument) -> Self {
        match role {
            RoleArgument::Viewer => Self::Viewer,
            RoleArgument::Editor => Self::Editor,
            RoleArgument::Admin => Self::Admin,
        }
    }
}

/// Whose keys or users.
#[derive(Debug, Args)]
pub(crate) struct KeysData {
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = "etappe-data")]
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) config: ConfigSource,
    #[command(flatten)]
    pub(crate) kafka: KafkaFlag,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where a write key will be used.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ScopeArgument {
    /// In web pages and apps, where anyone can read it.
    Browser,
    /// On a server, kept secret.
    Server,
    /// In image addresses.
    Pixel,
}

impl From<ScopeArgument> for KeyScope {
    fn from(scope: ScopeArgument) -> Self {
        match scope {
            ScopeArgument::Browser => Self::Browser,
            ScopeArgument::Server => Self::Server,
            ScopeArgument::Pixel => Self::Pixel,
        }
    }
}
