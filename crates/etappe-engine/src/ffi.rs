//! The C interface of libchdb. This is the only module with `unsafe` code.
//!
//! [`Library`] is the loaded library with its functions; [`Connection`] is one session. Results and
//! streams borrow their connection and are freed when dropped, so nothing outlives the memory it
//! points into. The functions are declared in `chdb.h` of chdb 26.7.
//!
//! The library is never unloaded: its threads may run until the process ends.
#![expect(unsafe_code, reason = "calls into a C library")]

mod connection;

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::error::EngineError;

pub(crate) use connection::{Connection, Progress};

/// `chdb_connection`, the type that the functions take.
type RawConnection = *mut c_void;
/// `chdb_result *`, also for a running streaming query.
type RawResult = *mut c_void;
/// `chdb_insert_stream`.
type RawInsert = *mut c_void;

type RunWithParams = unsafe extern "C" fn(
    RawConnection,
    *const c_char,
    usize,
    *const c_char,
    usize,
    *const *const c_char,
    *const usize,
    *const *const c_char,
    *const usize,
    usize,
) -> *mut c_void;

/// The functions in use, with their names from `chdb.h`.
struct Functions {
    version: unsafe extern "C" fn() -> *const c_char,
    set_signal_handlers_enabled: unsafe extern "C" fn(c_int),
    shutdown: unsafe extern "C" fn() -> c_int,
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut RawConnection,
    close_conn: unsafe extern "C" fn(*mut RawConnection),
    query_with_params: RunWithParams,
    stream_query_with_params: RunWithParams,
    stream_fetch: unsafe extern "C" fn(RawConnection, RawResult) -> RawResult,
    stream_cancel: unsafe extern "C" fn(RawConnection, RawResult),
    destroy_result: unsafe extern "C" fn(RawResult),
    result_buffer: unsafe extern "C" fn(RawResult) -> *const u8,
    result_length: unsafe extern "C" fn(RawResult) -> usize,
    result_error: unsafe extern "C" fn(RawResult) -> *const c_char,
    result_storage_rows_read: unsafe extern "C" fn(RawResult) -> u64,
    result_storage_bytes_read: unsafe extern "C" fn(RawResult) -> u64,
    result_rows_written: unsafe extern "C" fn(RawResult) -> u64,
    result_bytes_written: unsafe extern "C" fn(RawResult) -> u64,
    insert_with_params: RunWithParams,
    insert_append: unsafe extern "C" fn(RawInsert, *const c_void, usize) -> c_int,
    insert_done: unsafe extern "C" fn(RawInsert) -> RawResult,
    insert_cancel: unsafe extern "C" fn(RawInsert),
    insert_error: unsafe extern "C" fn(RawInsert) -> *const c_char,
    insert_destroy: unsafe extern "C" fn(RawInsert),
}

/// The loaded library.
pub(crate) struct Library {
    functions: Functions,
    path: PathBuf,
    /// Opening and closing sessions changes process-wide state of the library (signal handlers, the
    /// count of sessions), so only one thread at a time may do it.
    sessions: Mutex<()>,
    _handle: ManuallyDrop<libloading::Library>,
}

impl Library {
    /// Loads the library at `path` and tells it to leave signals alone.
    pub(crate) fn load(path: &Path) -> Result<Self, EngineError> {
        // SAFETY: loading a shared library runs its initialisers; the file was verified, or the
        // operator named it.
        let handle = unsafe { libloading::Library::new(path) }.map_err(|source| {
            EngineError::LibraryUnusable {
                path: path.to_owned(),
                reason: source.to_string(),
            }
        })?;
        let functions =
            Functions::resolve(&handle).map_err(|source| EngineError::LibraryUnusable {
                path: path.to_owned(),
                reason: format!("it is not a libchdb of version 26.7 or later: {source}"),
            })?;
        let library = Self {
            functions,
            path: path.to_owned(),
            sessions: Mutex::new(()),
            _handle: ManuallyDrop::new(handle),
        };
        // SAFETY: takes a flag; called before the first session, as the header asks.
        unsafe { (library.functions.set_signal_handlers_enabled)(0) };
        Ok(library)
    }

    /// Returns chdb's own version, such as `26.7.3`.
    pub(crate) fn version(&self) -> String {
        // SAFETY: returns a static string.
        text(unsafe { (self.functions.version)() }).unwrap_or_default()
    }

    /// Returns where the library was loaded from.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Stops the library's threads. Does nothing while a session is open. Afterwards no session can
    /// be opened.
    pub(crate) fn shut_down(&self) -> bool {
        let _one_at_a_time = self.sessions.lock();
        // SAFETY: no arguments; the function refuses if a session is open.
        unsafe { (self.functions.shutdown)() == 0 }
    }
}

impl Functions {
    fn resolve(library: &libloading::Library) -> Result<Self, libloading::Error> {
        /// Resolves one function; its type is that of the field.
        fn function<T: Copy>(
            library: &libloading::Library,
            name: &str,
        ) -> Result<T, libloading::Error> {
            // SAFETY: the field's type repeats the declaration in `chdb.h`.
            unsafe { library.get::<T>(name) }.map(|symbol| *symbol)
        }
        Ok(Self {
            version: function(library, "chdb_version")?,
            set_signal_handlers_enabled: function(library, "chdb_set_signal_handlers_enabled")?,
            shutdown: function(library, "chdb_shutdown")?,
            connect: function(library, "chdb_connect")?,
            close_conn: function(library, "chdb_close_conn")?,
            query_with_params: function(library, "chdb_query_with_params_n")?,
            stream_query_with_params: function(library, "chdb_stream_query_with_params_n")?,
            stream_fetch: function(library, "chdb_stream_fetch_result")?,
            stream_cancel: function(library, "chdb_stream_cancel_query")?,
            destroy_result: function(library, "chdb_destroy_query_result")?,
            result_buffer: function(library, "chdb_result_buffer")?,
            result_length: function(library, "chdb_result_length")?,
            result_error: function(library, "chdb_result_error")?,
            result_storage_rows_read: function(library, "chdb_result_storage_rows_read")?,
            result_storage_bytes_read: function(library, "chdb_result_storage_bytes_read")?,
            result_rows_written: function(library, "chdb_result_rows_written")?,
            result_bytes_written: function(library, "chdb_result_bytes_written")?,
            insert_with_params: function(library, "chdb_stream_insert_with_params_n")?,
            insert_append: function(library, "chdb_stream_append")?,
            insert_done: function(library, "chdb_stream_done")?,
            insert_cancel: function(library, "chdb_stream_cancel_insert")?,
            insert_error: function(library, "chdb_stream_insert_error")?,
            insert_destroy: function(library, "chdb_destroy_insert_stream")?,
        })
    }
}

/// Copies a C string; `None` for a null pointer.
fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: the library returns zero-terminated strings that live at least until the next call on
    // the object they belong to; the string is copied at once.
    let text = unsafe { CStr::from_ptr(pointer) };
    Some(text.to_string_lossy().into_owned())
}
