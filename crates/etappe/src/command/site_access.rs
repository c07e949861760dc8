//! How commands reach an installation's sites and accounts: in the shared table on Kafka, through
//! the running `up` of a folder or, while none runs, directly.

use std::sync::Arc;

use etappe_core::ports::Clock;
use etappe_log::sites::SiteStore;
use etappe_runtime::clock::SystemClock;
use etappe_web::users::{self, ListedUser, UserAnswer, UserRequest};
use serde_json::Value;

use crate::cli::KeysData;
use crate::config::{Config, Needs};
use crate::control::{ControlClient, sites_as_json};
use crate::data_dir::{DataDir, DataLock};
use crate::service::Service;

/// How a command reaches the sites and accounts.
pub(crate) enum SiteAccess {
    /// Through the running process of the folder.
    Running(ControlClient),
    /// Directly; a folder is locked meanwhile.
    Direct(Arc<SiteStore>, Option<DataLock>),
}

impl SiteAccess {
    pub(crate) async fn open(data: &KeysData) -> anyhow::Result<Self> {
        let config = Config::load(&data.config, data.kafka.flags().collect(), Needs::NOTHING)?;
        if config.uses_kafka() {
            let service = Service::start(config)?;
            let cluster = service.kafka()?;
            cluster.ensure_topics().await?;
            return Ok(Self::Direct(
                service.share_sites(&cluster, None).await?,
                None,
            ));
        }
        let folder = DataDir::existing(&data.data)?;
        if folder.read_run_info()?.is_some() {
            let control = ControlClient::of(&folder)?;
            if control.sites().await.is_ok() {
                return Ok(Self::Running(control));
            }
        }
        // Either a killed process left the file behind or one is running: the lock tells which.
        let lock = folder.lock().await?;
        Ok(Self::Direct(
            Arc::new(SiteStore::open_file(folder.path("sites.json"))?),
            Some(lock),
        ))
    }

    pub(crate) async fn sites(&self) -> anyhow::Result<Value> {
        match self {
            Self::Running(control) => control.sites().await,
            Self::Direct(store, _) => Ok(sites_as_json(store.subscribe().borrow().sites())),
        }
    }

    /// Returns the users.
    pub(crate) async fn users(&self) -> anyhow::Result<Vec<ListedUser>> {
        match self {
            Self::Running(control) => control.users().await,
            Self::Direct(store, _) => {
                let directory = store.subscribe();
                let users = users::list(directory.borrow().accounts());
                Ok(users)
            }
        }
    }

    /// Changes a user.
    pub(crate) async fn change_user(&self, request: UserRequest) -> anyhow::Result<UserAnswer> {
        match self {
            Self::Running(control) => control.change_user(&request).await,
            Self::Direct(store, _) => {
                Ok(users::apply(store.as_ref(), request, SystemClock.now()).await?)
            }
        }
    }
}
