//! Keeps the C library's allocator from holding back memory for each of many threads.
//!
//! By default it has up to eight arenas for each core, and every one keeps what was given back to it.
//! The threads that do the blocking work, and the Kafka client's, spread large and short-lived
//! buffers over all of them. One arena for each core is enough, since most small pieces come from the
//! threads' own caches. The allocator looks for its settings when the process begins, so the
//! program is begun again: same process, same arguments.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Where glibc looks for the number; others ignore it.
const ARENAS: &str = "MALLOC_ARENA_MAX";

/// Begins the program again with one arena for each core, unless somebody has said how many; returns
/// if that is so, or not possible. To be called before anything else is done.
pub(crate) fn limit_arenas() {
    if std::env::var_os(ARENAS).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| OsString::from("etappe"));
    // It returns only if it fails: then memory is held back, and that is all.
    let _error = Command::new(program)
        .arg0(name)
        .args(arguments)
        .env(ARENAS, cores.to_string())
        .exec();
}
