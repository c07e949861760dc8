//! A node's process, and the shell that watches it.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// The script's input closes when the test program ends, for whatever reason. The script then kills
/// the node and, once it is gone, removes its data.
const WATCH: &str = r#"read -r _
kill -KILL "$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
  kill -0 "$1" 2>/dev/null || break
  sleep 0.1
done
rm -rf "$2""#;

/// A running node; dropping it kills it.
#[derive(Debug)]
pub(super) struct Running {
    node: Child,
    watch: Child,
}

impl Running {
    /// Runs the node in `folder`; `data` is removed if the test program dies.
    pub(super) fn start(script: &Path, folder: &Path, data: &Path) -> io::Result<Self> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join("node.log"))?;
        // In separate process groups: an interrupt at the terminal is for the test program.
        let mut node = Command::new(script)
            .arg("run")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        let watch = Command::new("sh")
            .args(["-c", WATCH, "watch"])
            .arg(node.id().to_string())
            .arg(data)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match watch {
            Ok(watch) => Ok(Self { node, watch }),
            Err(error) => {
                end(&mut node)?;
                Err(error)
            }
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.node.id()
    }

    pub(super) fn is_alive(&mut self) -> io::Result<bool> {
        Ok(self.node.try_wait()?.is_none())
    }

    pub(super) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.node.id()).ok();
        if let Some(id) = id.and_then(Pid::from_raw) {
            // A node that has already ended needs no signal.
            kill_process(id, signal).unwrap_or_default();
        }
    }

    /// Closes the watch's input, as the death of the test program would.
    #[cfg(test)]
    pub(super) fn close_watch(&mut self) {
        drop(self.watch.stdin.take());
    }

    /// Kills the watch, which would remove the data, and then the node.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        end(&mut self.watch)?;
        end(&mut self.node)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that the process has already ended.
        self.kill().unwrap_or_default();
    }
}

/// Kills a process and waits for its end; a process that has already ended is fine.
fn end(child: &mut Child) -> io::Result<()> {
    if child.try_wait()?.is_none() {
        child.kill()?;
        child.wait()?;
    }
    Ok(())
}
