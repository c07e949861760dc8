//! The fence around the engine's process: a Landlock sandbox, in which a process permanently drops
//! rights.
//!
//! Statements are checked before the engine gets them (see `statement`), and that check should keep
//! them inside. The fence contains the damage if the check has a bug. Behind it the process writes
//! only in ClickHouse's own folder. It reads only that folder, its library and what the C library
//! needs. It starts no program, opens no port and connects to none. Secrets, the log and
//! configuration files are out of its reach.
//!
//! The fence covers the calling thread and the threads it starts later, so it must be raised before
//! there are other threads. It cannot be removed.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
    path_beneath_rules,
};
use serde::{Deserialize, Serialize};

use crate::error::EngineError;

/// System files that the C library, the loader and the engine read. None of them is secret.
const SYSTEM_FILES: &[&str] = &[
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
];

/// Additional files to read if the engine may connect to other servers. A dictionary over one of
/// its own tables resolves `localhost`, for which the files above are enough.
const NETWORK_FILES: &[&str] = &["/etc/resolv.conf", "/etc/ssl", "/run/systemd/resolve"];

/// Whether the engine may run without its fence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FenceMode {
    /// The engine does not start unless file and network access are restricted (Linux 6.7 or later
    /// with Landlock).
    Required,
    /// Restricts what the kernel supports and warns of the rest.
    #[default]
    Preferred,
    /// No fence.
    Off,
}

/// What the process may still access.
#[derive(Debug, Clone, Default)]
pub(crate) struct FenceGaps {
    /// Folders it may read and write.
    pub(crate) writable: Vec<PathBuf>,
    /// Files and folders it may read, besides those of the system.
    pub(crate) readable: Vec<PathBuf>,
    /// Whether connections to other servers are allowed.
    pub(crate) network: bool,
}

/// Raises the fence around this thread and the threads it starts.
///
/// # Errors
///
/// [`EngineError::FenceMissing`] if the fence is required and the kernel does not support all of
/// it.
pub(crate) fn raise(mode: FenceMode, gaps: &FenceGaps) -> Result<(), EngineError> {
    if mode == FenceMode::Off {
        tracing::warn!("`engine.fence` is off: only its own checks confine the engine");
        return Ok(());
    }
    match restrict(mode, gaps) {
        Ok(status) => {
            report(&status, gaps);
            Ok(())
        }
        Err(error) if mode == FenceMode::Required => Err(EngineError::FenceMissing {
            reason: error.to_string(),
        }),
        Err(error) => {
            tracing::warn!(
                %error,
                "NO FENCE around the engine: this kernel has no Landlock, or an old one (5.19 is \
                 needed); only the engine's own checks keep statements from files and networks"
            );
            Ok(())
        }
    }
}

fn restrict(mode: FenceMode, gaps: &FenceGaps) -> Result<RestrictionStatus, RulesetError> {
    let wanted = match mode {
        FenceMode::Required => CompatLevel::HardRequirement,
        FenceMode::Preferred | FenceMode::Off => CompatLevel::BestEffort,
    };
    // The engine needs to move files between folders, a right that only Landlock's second version
    // can grant.
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V2))?
        .set_compatibility(wanted)
        .handle_access(AccessFs::from_all(ABI::V3))?;
    if !gaps.network {
        ruleset = ruleset.handle_access(AccessNet::from_all(ABI::V4))?;
    }
    let network: &[&str] = if gaps.network { NETWORK_FILES } else { &[] };
    ruleset
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?
        .add_rules(path_beneath_rules(&gaps.writable, writing()))?
        .add_rules(path_beneath_rules(
            ["/dev/null"],
            AccessFs::from_file(ABI::V3),
        ))?
        .add_rules(path_beneath_rules(&gaps.readable, reading()))?
        .add_rules(path_beneath_rules(SYSTEM_FILES, reading()))?
        .add_rules(path_beneath_rules(network, reading()))?
        .restrict_self()
}

fn reading() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

/// Every right except executing programs and creating devices, sockets and pipes.
fn writing() -> BitFlags<AccessFs> {
    let unneeded = AccessFs::Execute
        | AccessFs::MakeChar
        | AccessFs::MakeBlock
        | AccessFs::MakeSock
        | AccessFs::MakeFifo
        | AccessFs::IoctlDev;
    AccessFs::from_all(ABI::V5) & !unneeded
}

/// Logs which restrictions are active.
fn report(status: &RestrictionStatus, gaps: &FenceGaps) {
    let LandlockStatus::Available { effective_abi, .. } = status.landlock else {
        tracing::warn!("NO FENCE around the engine: this kernel has no Landlock");
        return;
    };
    if gaps.network {
        tracing::info!("the engine is fenced in; it may connect to other servers");
    } else if effective_abi < ABI::V4 {
        tracing::warn!(
            "the engine is fenced off from files, but not from the network: that takes Linux 6.7"
        );
    } else {
        tracing::info!("the engine is fenced in");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `work` on its own thread, because a fence is permanent.
    fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(work).join().unwrap()
    }

    fn gaps(dir: &std::path::Path) -> FenceGaps {
        FenceGaps {
            writable: vec![dir.join("inside")],
            readable: vec![dir.join("readable")],
            network: false,
        }
    }

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("inside")).unwrap();
        std::fs::write(dir.path().join("readable"), "r").unwrap();
        std::fs::write(dir.path().join("secret"), "s").unwrap();
        dir
    }

    #[test]
    fn the_fence_allows_one_folder_and_no_network() {
        let (dir, door) = (
            folder(),
            std::net::TcpListener::bind("127.0.0.1:0").unwrap(),
        );
        let address = door.local_addr().unwrap();
        let path = dir.path().to_owned();
        let mut denied = on_thread(move || {
            raise(FenceMode::Required, &gaps(&path)).unwrap();
            let inside = path.join("inside/file");
            std::fs::write(&inside, "x").unwrap();
            std::fs::rename(&inside, path.join("inside/other")).unwrap();
            assert_eq!(std::fs::read(path.join("readable")).unwrap(), b"r");
            [
                std::fs::read(path.join("secret")).map(drop),
                std::fs::write(path.join("readable"), "x"),
                std::fs::write(path.join("secret"), "x"),
                std::fs::write(path.join("new"), "x"),
                std::fs::read("/proc/self/environ").map(drop),
                std::fs::read("/etc/passwd").map(drop),
                std::process::Command::new("/bin/true").status().map(drop),
                std::net::TcpStream::connect(address).map(drop),
                std::net::TcpListener::bind("127.0.0.1:0").map(drop),
            ]
            .map(|outcome| outcome.map_err(|error| error.kind()))
        })
        .into_iter();
        assert!(denied.all(|outcome| outcome == Err(std::io::ErrorKind::PermissionDenied)));
        assert_eq!(std::fs::read(dir.path().join("secret")).unwrap(), b"s");
    }

    #[test]
    fn an_engine_that_may_connect_is_still_fenced_off_from_files() {
        let (dir, door) = (
            folder(),
            std::net::TcpListener::bind("127.0.0.1:0").unwrap(),
        );
        let address = door.local_addr().unwrap();
        let path = dir.path().to_owned();
        let (secret, connected) = on_thread(move || {
            let network = FenceGaps {
                network: true,
                ..gaps(&path)
            };
            raise(FenceMode::Preferred, &network).unwrap();
            (
                std::fs::read(path.join("secret")).is_ok(),
                std::net::TcpStream::connect(address).is_ok(),
            )
        });
        assert_eq!((secret, connected), (false, true));
    }

    /// The kernel stacks at most sixteen fences per thread. The next one fails, as on a kernel
    /// without Landlock.
    fn use_up_all_fences() {
        for _ in 0..16 {
            let ruleset = Ruleset::default().handle_access(AccessFs::Execute);
            ruleset.unwrap().create().unwrap().restrict_self().unwrap();
        }
    }

    #[test]
    fn a_fence_that_cannot_be_put_up_stops_the_start_only_if_it_is_required() {
        let dir = folder();
        let path = dir.path().to_owned();
        let (error, secret) = on_thread(move || {
            use_up_all_fences();
            let error = raise(FenceMode::Required, &gaps(&path)).unwrap_err();
            raise(FenceMode::Preferred, &gaps(&path)).unwrap();
            (
                error.to_string(),
                std::fs::read(path.join("secret")).unwrap(),
            )
        });
        assert!(error.contains("engine.fence"), "{error}");
        assert_eq!(secret, b"s");
    }

    #[test]
    fn the_mode_off_restricts_nothing() {
        let dir = folder();
        let path = dir.path().to_owned();
        let secret = on_thread(move || {
            raise(FenceMode::Off, &gaps(&path)).unwrap();
            std::fs::read(path.join("secret")).unwrap()
        });
        assert_eq!(secret, b"s");
    }

    #[test]
    fn modes_round_trip_through_text() {
        let mode = |word: &str| serde_json::from_str::<FenceMode>(&format!("\"{word}\"")).ok();
        assert_eq!(mode("required"), Some(FenceMode::Required));
        assert_eq!(mode("preferred"), Some(FenceMode::default()));
        assert_eq!(mode("off"), Some(FenceMode::Off));
        assert_eq!(mode("on"), None);
    }
}
