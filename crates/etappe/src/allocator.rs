//! Limits the memory that glibc's allocator retains for many threads.
//!
//! By default the allocator has up to eight arenas per core, and every arena keeps memory that was
//! freed to it. The blocking threads and the Kafka client's threads spread large, short-lived
//! buffers over all of them. One arena per core is enough, since most small allocations come from
//! the threads' own caches. The allocator reads its settings when the process starts, so the
//! program re-executes itself: same process, same arguments.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The variable with glibc's number of arenas; other C libraries ignore it.
const ARENAS: &str = "MALLOC_ARENA_MAX";

/// Re-executes the program with one arena per core. Returns if the number is set already or if this
/// is not possible. Must be called before anything else.
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
    // Returns only on failure, which merely leaves the memory retained.
    let _error = Command::new(program)
        .arg0(name)
        .args(arguments)
        .env(ARENAS, cores.to_string())
        .exec();
}
