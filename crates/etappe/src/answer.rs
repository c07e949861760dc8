//! Writes the answers of commands to standard output.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::process::exit;

/// `EX_IOERR` of sysexits.h: the answer could not be written.
const EXIT_NOT_WRITTEN: i32 = 74;

/// Writes a line to standard output, with the arguments of `println!`.
///
/// If the reader closes the pipe, as in `etappe explain … | head -1`, the command continues without
/// output and ends with its own exit code. Any other write error ends the process.
macro_rules! answer {
    ($($text:tt)*) => {
        $crate::answer::write(format_args!("{}\n", format_args!($($text)*)))
    };
}
pub(crate) use answer;

/// Writes a remark for the user to standard error.
pub(crate) fn note(text: Arguments<'_>) {
    // Standard error may be closed; the answer does not depend on it.
    writeln!(stderr(), "note: {text}").ok();
}

/// Writes a text unchanged; see [`answer!`].
pub(crate) fn write(text: Arguments<'_>) {
    match stdout().write_fmt(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            // Standard error may be closed as well.
            writeln!(stderr(), "etappe: the answer could not be written: {error}").ok();
            exit(EXIT_NOT_WRITTEN)
        }
        _ => {}
    }
}
