//! `etappe up` on its local log: how each fault is injected.
//!
//! Either everything runs inside `up`, on a separate disk, or ClickHouse runs beside it, behind a
//! proxy.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use etappe_testkit::process::{binary_path, free_address};
use rand::RngExt;
use rand::rngs::StdRng;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;

use super::checker::Database;
use super::fault::{Fault, Lengths};
use super::installation::Installation;
use super::power_loss;
use super::proxy::{Proxy, Treatment};
use super::shim::Shim;
use super::tail::{self, Damage};
use crate::fleet::start_engine;
use crate::role::{RoleProcess, Surroundings};
use crate::site::TestSite;
use crate::small_disk::SmallDisk;

/// One `etappe up`.
#[derive(Debug)]
pub struct OnOneMachine {
    folder: TempDir,
    up: RoleProcess,
    disk: Option<Arc<SmallDisk>>,
    beside: Option<Beside>,
    /// The engine alone, once nothing else runs any more.
    alone: Option<RoleProcess>,
    lengths: Lengths,
    unreadable: u64,
}

/// ClickHouse as a separate server.
#[derive(Debug)]
struct Beside {
    engine: RoleProcess,
    url: String,
    proxy: Proxy,
}

impl OnOneMachine {
    /// Starts `etappe up` with everything inside, on a disk of `bytes` bytes.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn on_a_small_disk(bytes: u64, lengths: Lengths) -> anyhow::Result<Self> {
        let folder = folder()?;
        let path = data(&folder);
        std::fs::create_dir_all(&path)?;
        let disk = Arc::new(SmallDisk::mount(&path, bytes).await?);
        let up = start_up(&folder, Some(Arc::clone(&disk)), &[]).await?;
        Ok(Self::new(folder, up, lengths).with_disk(disk))
    }

    /// Starts `etappe up` with ClickHouse beside it.
    ///
    /// # Errors
    /// When a part does not become ready.
    pub async fn beside_clickhouse(lengths: Lengths) -> anyhow::Result<Self> {
        let folder = folder()?;
        let (engine, url) = start_engine(folder.path()).await?;
        let address = engine.said("listen");
        let proxy = Proxy::start(&format!("http://{address}")).await?;
        proxy.refuse_poison(true);
        let through = url.replace(&address, proxy.address());
        let up = start_up(&folder, None, &["--clickhouse", &through]).await?;
        let mut machine = Self::new(folder, up, lengths);
        machine.beside = Some(Beside { engine, url, proxy });
        Ok(machine)
    }

    fn new(folder: TempDir, up: RoleProcess, lengths: Lengths) -> Self {
        Self {
            folder,
            up,
            disk: None,
            beside: None,
            alone: None,
            lengths,
            unreadable: 0,
        }
    }

    fn with_disk(mut self, disk: Arc<SmallDisk>) -> Self {
        self.disk = Some(disk);
        self
    }
}

fn folder() -> anyhow::Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("etappe-up-").tempdir()?)
}

fn data(folder: &TempDir) -> PathBuf {
    folder.path().join("data")
}

async fn start_up(
    folder: &TempDir,
    disk: Option<Arc<SmallDisk>>,
    more: &[&str],
) -> anyhow::Result<RoleProcess> {
    let library = Shim::build(folder.path()).await?;
    let control = folder.path().join("shim");
    let data = data(folder);
    let shim = Shim::new(&library, &control, &data.join("log"))?;
    let data = data.to_str().context("a folder whose name is text")?;
    let (listen, admin) = (free_address()?, free_address()?);
    let own = ["up", "--data", data, "--listen", &listen, "--admin", &admin];
    let arguments = [&own[..], &["--json"], more].concat();
    let surroundings = Surroundings {
        shim: Some(shim),
        disk,
        is_group: true,
    };
    RoleProcess::start_in(surroundings, folder.path(), "up", arguments).await
}

impl Installation for OnOneMachine {
    fn faults(&self) -> &'static [Fault] {
        match self.beside {
            Some(_) => Fault::ON_ONE_MACHINE,
            None => Fault::ON_A_SMALL_DISK,
        }
    }

    fn collectors(&self) -> Vec<String> {
        vec![self.up.said("listen")]
    }

    async fn create_site(&self, name: &str) -> anyhow::Result<TestSite> {
        let made = self.run(&["keys", "create", "--site", name]).await?;
        let text = |field: &str| made[field].as_str().unwrap_or_default().to_owned();
        let listen = self.up.said("listen");
        let keys = (text("write_key"), text("read_token"));
        TestSite::of(&listen, &listen, name, keys)
    }

    async fn suffer(&mut self, fault: Fault, random: &mut StdRng) -> anyhow::Result<()> {
        let outage = self.lengths.outage;
        if let Some(treatment) = Treatment::of(fault, outage) {
            let beside = self.beside.as_ref();
            let beside = beside.context("there is a proxy")?;
            beside.proxy.treat_for(treatment, outage).await;
            return Ok(());
        }
        match fault {
            Fault::KillUp => self.kill_and(|_| Ok(())).await,
            Fault::StopUp => {
                self.up.stop().await?;
                self.up.restart().await
            }
            Fault::FreezeUp => {
                self.up.freeze();
                sleep(outage).await;
                self.up.thaw();
                Ok(())
            }
            Fault::KillEngine => self.kill_engine().await,
            Fault::StopEngine => {
                let beside = self.beside.as_mut().context("an engine beside")?;
                beside.engine.stop().await?;
                beside.engine.restart().await
            }
            Fault::PowerLoss => self.kill_and(|data| lose_power(data, random)).await,
            Fault::Poison => self.poison(random).await,
            Fault::TornLog => self.damage_log(Damage::Torn, random).await,
            Fault::CorruptLog => self.damage_log(Damage::Corrupt, random).await,
            Fault::FullLog => {
                let shim = self.up.shim().context("there is a shim")?;
                shim.fill_disk()?;
                sleep(outage).await;
                shim.free_disk()
            }
            Fault::FullDisk => {
                let disk = self.disk.as_ref().context("a disk of its own")?;
                disk.fill()?;
                sleep(outage).await;
                disk.give_back()
            }
            Fault::ClockJump => {
                let shim = self.up.shim().context("there is a shim")?;
                shim.move_clock(random.random_range(-7_200..7_200))?;
                sleep(outage).await;
                shim.move_clock(0)
            }
            other => bail!("{other:?} is not a fault on one machine"),
        }
    }

    fn unreadable(&self) -> u64 {
        self.unreadable
    }

    fn take_poison(&self) {
        if let Some(beside) = &self.beside {
            beside.proxy.refuse_poison(false);
        }
    }

    async fn dead_letters(&self) -> anyhow::Result<Vec<Value>> {
        let letters = self.run(&["dead-letters", "list"]).await?;
        Ok(letters.as_array().context("a list of letters")?.clone())
    }

    async fn replay(&self, letters: &[String]) -> anyhow::Result<()> {
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        let command = [&["dead-letters", "replay"], &letters[..]].concat();
        self.run(&command).await.map(drop)
    }

    async fn audit(&self) -> anyhow::Result<()> {
        self.run(&["audit"]).await.map(drop)
    }

    async fn database(&mut self) -> anyhow::Result<Database> {
        if let Some(beside) = &self.beside {
            return Database::of(&beside.url);
        }
        // The embedded engine is not accessible to others: it is queried once everything has
        // stopped.
        self.up.stop().await?;
        let path = data(&self.folder).join("engine");
        let path = path.to_str().context("a folder whose name is text")?;
        let listen = free_address()?;
        let surroundings = Surroundings {
            disk: self.disk.clone(),
            ..Surroundings::default()
        };
        let arguments = ["engine", "--data", path, "--listen", &listen];
        let folder = self.folder.path();
        let engine = RoleProcess::start_in(surroundings, folder, "engine", arguments).await?;
        self.alone = Some(engine);
        let url = self.output(&[&arguments[..], &["--url"]].concat()).await?;
        Database::of(url.trim())
    }

    fn last_words(&self) -> String {
        let beside = self.beside.as_ref().map(|beside| &beside.engine);
        let roles = [Some(&self.up), beside].into_iter().flatten();
        let said = roles.map(|role| format!("{}:\n{}\n", role.name(), role.log_tail()));
        said.collect()
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        self.up.stop().await?;
        if let Some(mut engine) = self.alone {
            engine.stop().await?;
        }
        if let Some(mut beside) = self.beside {
            beside.engine.stop().await?;
        }
        Ok(())
    }
}

impl OnOneMachine {
    /// Kills everything at once, modifies the data, and starts again.
    async fn kill_and(
        &mut self,
        change: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.up.kill().await?;
        let path = data(&self.folder);
        let path = match &self.disk {
            Some(disk) => disk.outside(&path),
            None => path,
        };
        change(&path)?;
        self.up.restart().await
    }

    async fn poison(&mut self, random: &mut StdRng) -> anyhow::Result<()> {
        let garbage = format!("{{\"v\":1,\"no record\":{}", random.random::<u64>());
        let mut appended = 0;
        self.kill_and(|data| {
            appended = tail::append(&data.join("log"), garbage.as_bytes())?;
            Ok(())
        })
        .await?;
        self.unreadable += appended;
        Ok(())
    }

    async fn damage_log(&mut self, damage: Damage, random: &mut StdRng) -> anyhow::Result<()> {
        self.kill_and(|data| tail::damage(&data.join("log"), damage, random))
            .await
    }

    async fn kill_engine(&mut self) -> anyhow::Result<()> {
        if let Some(beside) = &mut self.beside {
            beside.engine.kill().await?;
            return beside.engine.restart().await;
        }
        let up = self.up.id().context("it runs")?;
        let engine = children(up)?.first().copied();
        let engine = engine.context("the engine is a child")?;
        let engine = Pid::from_raw(engine).context("a process id")?;
        Ok(kill_process(engine, Signal::KILL)?)
    }

    /// Runs a command on the folder and returns the last line it printed, as JSON.
    async fn run(&self, command: &[&str]) -> anyhow::Result<Value> {
        let data = data(&self.folder);
        let data = data.to_str().context("a folder whose name is text")?;
        let all = [command, &["--data", data, "--json"]].concat();
        let printed = self.output(&all).await?;
        let last = printed.lines().last().unwrap_or_default();
        serde_json::from_str(last).with_context(|| format!("{command:?} printed `{printed}`"))
    }

    async fn output(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = match &self.disk {
            Some(disk) => disk.command(binary_path()),
            None => Command::new(binary_path()),
        };
        let output = command.args(arguments).output().await?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "etappe {arguments:?}: {errors}");
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// Simulates another boot of the machine that lost some of the last writes.
fn lose_power(data: &Path, random: &mut StdRng) -> anyhow::Result<()> {
    let boot = data.join("log/boot.json");
    let mut mark: Value = serde_json::from_slice(&std::fs::read(&boot)?)?;
    mark["boot_id"] = "another".into();
    std::fs::write(&boot, mark.to_string())?;
    power_loss::lose_parts(&data.join("engine"), random)?;
    Ok(())
}

/// Returns the children of a process, whichever of its threads started them.
fn children(process: u32) -> anyhow::Result<Vec<i32>> {
    let mut children = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end meanwhile.
        let list = std::fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
        for child in list.split_whitespace() {
            children.push(child.parse()?);
        }
    }
    Ok(children)
}
