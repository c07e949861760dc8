//! The engine of a running Etappe: its process, its address, its secret.
//!
//! All of them are found from outside, in `/proc` and in the data folder, so that the product needs
//! no code for it.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bytes::Bytes;
use reqwest::Url;
use rustix::process::{Pid as SystemPid, Signal, kill_process};
use serde::Deserialize;

use crate::process::{Pid, with_children};
use crate::rows::Database;

const SECRET_FILE: &str = "engine-secret.json";
/// How deep the data folder is searched for the secret.
const SECRET_DEPTH: usize = 3;
/// The state of a listening socket in `/proc/PID/net/tcp`.
const LISTENING: &str = "0A";

/// The engine's process and access to its data.
#[derive(Debug, Clone)]
pub(crate) struct EmbeddedEngine {
    pub(crate) pid: Pid,
    pub(crate) url: String,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) database: Database,
}

/// Stops the engine's process while this value lives, so that everything behind the event log
/// stands still and the collector can be measured alone.
#[derive(Debug)]
pub(crate) struct Paused(SystemPid);

#[derive(Deserialize)]
struct Secrets {
    writer: Login,
}

#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

impl EmbeddedEngine {
    /// Finds the engine that is a child of `etappe up`.
    pub(crate) async fn find(etappe: Pid, data: &Path) -> anyhow::Result<Self> {
        let children = with_children(etappe, "etappe")?;
        let engine = children.iter().skip(1).find(|(role, _)| role == "engine");
        let (_, pid) = engine.context("Etappe has no engine among its child processes")?;
        let port = listening_port(*pid)?;
        let path =
            find_file(data, SECRET_FILE, SECRET_DEPTH).context("the engine's secret is missing")?;
        let secrets: Secrets = serde_json::from_str(&fs::read_to_string(path)?)?;
        let Login { user, password } = secrets.writer;
        let server = format!("http://127.0.0.1:{port}/");
        let statement = "SELECT database FROM system.tables WHERE name = 'arrivals' FORMAT TSVRaw";
        let default = Database::new(&server, &user, &password);
        let found = default.run(statement, &[], Bytes::new()).await?;
        let url = format!("{server}?database={}", found.trim());
        let database = Database::new(&url, &user, &password);
        Ok(Self {
            pid: *pid,
            url,
            user,
            password,
            database,
        })
    }

    /// Refers to a separately running engine by its address with the login.
    pub(crate) fn at(pid: Pid, address: &str) -> anyhow::Result<Self> {
        let address = Url::parse(address)?;
        let (user, password) = (address.username(), address.password().unwrap_or_default());
        let (host, port) = (address.host_str(), address.port());
        let (host, port) = (host.context("no host")?, port.context("no port")?);
        let database = address.path().trim_start_matches('/');
        let url = format!("http://{host}:{port}/?database={database}");
        Ok(Self {
            pid,
            database: Database::new(&url, user, password),
            url,
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }

    /// Stops the process until the returned value is dropped.
    pub(crate) fn pause(&self) -> anyhow::Result<Paused> {
        let pid = i32::try_from(self.pid).ok().and_then(SystemPid::from_raw);
        let pid = pid.context("the engine's process id is invalid")?;
        kill_process(pid, Signal::STOP)?;
        Ok(Paused(pid))
    }

    /// Returns the number of stored events of the site.
    pub(crate) async fn stored_events(&self, site: &str) -> anyhow::Result<u64> {
        let statement = format!("SELECT count() FROM events WHERE site = '{site}' FORMAT TSV");
        let text = self.database.run(&statement, &[], Bytes::new()).await?;
        let count = text.trim().parse();
        count.with_context(|| format!("the engine answered `{}`", text.trim()))
    }

    /// Returns the number of stored events of the site, and of their actors.
    pub(crate) async fn size(&self, site: &str) -> anyhow::Result<(u64, u64)> {
        let statement = format!(
            "SELECT count(), uniq(actor_hash) FROM events WHERE site = '{site}' FORMAT TSV"
        );
        let text = self.database.run(&statement, &[], Bytes::new()).await?;
        let mut numbers = text.split_whitespace().map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(events)), Some(Ok(actors))) => Ok((events, actors)),
            _ => bail!("the engine answered `{}`", text.trim()),
        }
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        // If it has ended, there is nothing to continue.
        kill_process(self.0, Signal::CONT).unwrap_or_default();
    }
}

fn find_file(dir: &Path, name: &str, depth: usize) -> Option<PathBuf> {
    let path = dir.join(name);
    if path.is_file() {
        return Some(path);
    }
    let deeper = depth.checked_sub(1)?;
    let entries = fs::read_dir(dir).ok()?.flatten();
    entries
        .filter(|entry| entry.path().is_dir())
        .find_map(|e| find_file(&e.path(), name, deeper))
}

/// Returns the port on which a process listens.
fn listening_port(pid: Pid) -> anyhow::Result<u16> {
    let mut sockets = HashSet::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))?.flatten() {
        let Ok(target) = fs::read_link(entry.path()) else {
            continue;
        };
        let inode = target
            .to_str()
            .and_then(|t| t.strip_prefix("socket:[")?.strip_suffix(']'));
        sockets.extend(inode.map(str::to_owned));
    }
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp"))?;
    port_of(&table, &sockets).with_context(|| format!("process {pid} does not listen"))
}

/// Finds the port of the listening socket in the kernel's table that is one of `sockets`.
fn port_of(table: &str, sockets: &HashSet<String>) -> Option<u16> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let ours = *state == LISTENING && sockets.contains(*inode);
        let (_, port) = local.split_once(':')?;
        ours.then(|| u16::from_str_radix(port, 16).ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_listening_socket_of_the_process_counts() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1\n\
             1: 0100007F:1F91 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 222 1\n\
             2: 0100007F:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1\n";
        let sockets = |inodes: &[&str]| inodes.iter().map(|i| (*i).to_owned()).collect();
        assert_eq!(port_of(table, &sockets(&["222", "333"])), Some(0x1f92));
        assert_eq!(port_of(table, &sockets(&["222"])), None);
    }

    #[test]
    fn the_port_that_this_process_listens_on_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let table = fs::read_to_string("/proc/self/net/tcp").unwrap();
        let link = format!(
            "/proc/self/fd/{}",
            std::os::fd::AsRawFd::as_raw_fd(&listener)
        );
        let inode = fs::read_link(link).unwrap();
        let inode = inode
            .to_str()
            .unwrap()
            .trim_start_matches("socket:[")
            .trim_end_matches(']');
        let port = port_of(&table, &HashSet::from([inode.to_owned()]));
        assert_eq!(port, Some(listener.local_addr().unwrap().port()));
    }

    #[test]
    fn an_address_names_the_engine() {
        let engine = EmbeddedEngine::at(7, "http://writer:secret@127.0.0.1:8123/etappe").unwrap();
        assert_eq!(engine.url, "http://127.0.0.1:8123/?database=etappe");
        assert_eq!((&*engine.user, &*engine.password), ("writer", "secret"));
        assert!(EmbeddedEngine::at(7, "127.0.0.1:8123").is_err());
    }

    #[test]
    fn a_file_is_found_in_a_folder_within_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("x.json"), "{}").unwrap();
        assert_eq!(
            find_file(dir.path(), "x.json", 2),
            Some(inner.join("x.json"))
        );
        assert_eq!(find_file(dir.path(), "x.json", 1), None);
    }

    #[test]
    fn a_paused_process_continues_when_the_pause_is_dropped() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let state = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
            stat.rsplit_once(')')
                .unwrap()
                .1
                .trim()
                .chars()
                .next()
                .unwrap()
        };
        let wait_for = |stopped: bool| {
            (0..2_000).any(|_| {
                std::thread::park_timeout(std::time::Duration::from_millis(5));
                (state() == 'T') == stopped
            })
        };
        let paused = Paused(SystemPid::from_child(&child));
        kill_process(paused.0, Signal::STOP).unwrap();
        assert!(wait_for(true));
        drop(paused);
        assert!(wait_for(false));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
