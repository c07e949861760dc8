//! One session with the engine, and the results and streams of its statements.
//!
//! A session runs one statement at a time. Borrowing enforces that: a stream borrows the session
//! mutably until it is dropped. Dropping an unfinished stream cancels its statement.
#![expect(unsafe_code, reason = "calls into a C library")]

use std::ffi::{CString, c_char, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::{Library, RawConnection, RawResult, RunWithParams, text};

/// A session, with its own settings, current database and temporary tables.
pub(crate) struct Connection {
    library: Arc<Library>,
    /// The return value of `chdb_connect`: the address of the connection.
    handle: NonNull<RawConnection>,
}

// SAFETY: the library lets any thread use a session, one call at a time; `&mut self` on every
// method that runs something prevents concurrent calls.
unsafe impl Send for Connection {}

impl Connection {
    /// Opens a session. The first one of the process opens the data folder. `None` if the engine
    /// refuses; it writes the reason to stderr.
    pub(crate) fn open(library: &Arc<Library>, arguments: &[CString]) -> Option<Self> {
        let mut pointers: Vec<*mut c_char> = arguments
            .iter()
            .map(|argument| argument.as_ptr().cast_mut())
            .collect();
        let count = i32::try_from(pointers.len()).ok()?;
        pointers.push(ptr::null_mut());
        let _one_at_a_time = library.sessions.lock();
        // SAFETY: like the arguments of `main`: `count` strings and a null pointer; they are
        // copied, not changed.
        let handle = unsafe { (library.functions.connect)(count, pointers.as_mut_ptr()) };
        let handle = NonNull::new(handle)?;
        // SAFETY: `chdb_connect` returned it, so it points to a connection, which may be null.
        let is_open = unsafe { !handle.as_ref().is_null() };
        is_open.then(|| Self {
            library: Arc::clone(library),
            handle,
        })
    }

    /// Runs a statement and collects its whole output.
    pub(crate) fn run(
        &mut self,
        statement: &[u8],
        format: &str,
        parameters: &[(String, String)],
    ) -> Result<QueryOutput, String> {
        let run = self.library.functions.query_with_params;
        let result = self.call(run, statement, format, parameters);
        QueryOutput::checked(&self.library, result)
    }

    /// Starts a query whose output is read block by block.
    pub(crate) fn stream(
        &mut self,
        statement: &[u8],
        format: &str,
        parameters: &[(String, String)],
    ) -> Result<RowStream<'_>, String> {
        let run = self.library.functions.stream_query_with_params;
        let result = self.call(run, statement, format, parameters);
        let result = QueryOutput::checked(&self.library, result)?;
        Ok(RowStream {
            connection: self,
            result,
            is_finished: false,
        })
    }

    /// Starts an insert; `statement` is the `INSERT` without its `FORMAT` and data.
    pub(crate) fn insert(
        &mut self,
        statement: &[u8],
        format: &str,
        parameters: &[(String, String)],
    ) -> Result<InsertStream<'_>, String> {
        let run = self.library.functions.insert_with_params;
        let raw = self.call(run, statement, format, parameters);
        let raw = NonNull::new(raw).ok_or_else(nothing)?;
        let stream = InsertStream {
            connection: self,
            raw,
            is_finished: false,
        };
        match stream.error() {
            Some(message) => Err(message),
            None => Ok(stream),
        }
    }

    /// Returns the connection in the form that the functions take.
    fn raw(&self) -> RawConnection {
        // SAFETY: `handle` came from `chdb_connect` and is closed only when `self` is dropped.
        unsafe { *self.handle.as_ref() }
    }

    fn call(
        &mut self,
        function: RunWithParams,
        statement: &[u8],
        format: &str,
        parameters: &[(String, String)],
    ) -> *mut c_void {
        let names: Vec<*const c_char> = parameters
            .iter()
            .map(|(name, _)| name.as_ptr().cast())
            .collect();
        let name_lengths: Vec<usize> = parameters.iter().map(|(name, _)| name.len()).collect();
        let values: Vec<*const c_char> = parameters
            .iter()
            .map(|(_, value)| value.as_ptr().cast())
            .collect();
        let value_lengths: Vec<usize> = parameters.iter().map(|(_, value)| value.len()).collect();
        // SAFETY: every pointer comes with its length and outlives the call, which copies what it
        // keeps; `&mut self` prevents other calls on this session.
        unsafe {
            function(
                self.raw(),
                statement.as_ptr().cast(),
                statement.len(),
                format.as_ptr().cast(),
                format.len(),
                names.as_ptr(),
                name_lengths.as_ptr(),
                values.as_ptr(),
                value_lengths.as_ptr(),
                parameters.len(),
            )
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let _one_at_a_time = self.library.sessions.lock();
        // SAFETY: opened by `open` and closed only here; streams borrow the session, so none is
        // left.
        unsafe { (self.library.functions.close_conn)(self.handle.as_ptr()) };
    }
}

/// The error text for a null pointer instead of a result.
fn nothing() -> String {
    "the engine returned nothing".to_owned()
}

/// The output of a statement, or one block of it. The bytes stay in the library's memory.
pub(crate) struct QueryOutput {
    library: Arc<Library>,
    raw: NonNull<c_void>,
}

// SAFETY: a result is plain data owned by the holder of the pointer; the library's functions on it
// only read.
unsafe impl Send for QueryOutput {}
// SAFETY: as above, shared references only read.
unsafe impl Sync for QueryOutput {}

/// What a statement read and wrote, as counted by the engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) read_rows: u64,
    pub(crate) read_bytes: u64,
    pub(crate) written_rows: u64,
    pub(crate) written_bytes: u64,
}

impl QueryOutput {
    /// Takes ownership of a result; returns the error's text if it is an error.
    fn checked(library: &Arc<Library>, raw: RawResult) -> Result<Self, String> {
        let raw = NonNull::new(raw).ok_or_else(nothing)?;
        let output = Self {
            library: Arc::clone(library),
            raw,
        };
        // SAFETY: a live result.
        match text(unsafe { (output.library.functions.result_error)(output.raw.as_ptr()) }) {
            Some(message) => Err(message),
            None => Ok(output),
        }
    }

    /// Returns what the statement read and wrote.
    pub(crate) fn progress(&self) -> Progress {
        let functions = &self.library.functions;
        // SAFETY: a live result.
        unsafe {
            Progress {
                read_rows: (functions.result_storage_rows_read)(self.raw.as_ptr()),
                read_bytes: (functions.result_storage_bytes_read)(self.raw.as_ptr()),
                written_rows: (functions.result_rows_written)(self.raw.as_ptr()),
                written_bytes: (functions.result_bytes_written)(self.raw.as_ptr()),
            }
        }
    }
}

impl AsRef<[u8]> for QueryOutput {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: a live result; its buffer has that length and does not change.
        unsafe {
            let buffer = (self.library.functions.result_buffer)(self.raw.as_ptr());
            let length = (self.library.functions.result_length)(self.raw.as_ptr());
            if buffer.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(buffer, length)
            }
        }
    }
}

impl Drop for QueryOutput {
    fn drop(&mut self) {
        // SAFETY: this is the result's only owner.
        unsafe { (self.library.functions.destroy_result)(self.raw.as_ptr()) };
    }
}

/// A query whose output arrives block by block. Each block is a complete document: in a format with
/// a header, every block has one.
pub(crate) struct RowStream<'connection> {
    connection: &'connection mut Connection,
    result: QueryOutput,
    is_finished: bool,
}

impl RowStream<'_> {
    /// Returns the next block, or `None` after the last.
    pub(crate) fn next_block(&mut self) -> Result<Option<QueryOutput>, String> {
        if self.is_finished {
            return Ok(None);
        }
        let library = Arc::clone(&self.connection.library);
        // SAFETY: the stream belongs to this session and has not ended.
        let raw = unsafe {
            (library.functions.stream_fetch)(self.connection.raw(), self.result.raw.as_ptr())
        };
        let block = QueryOutput::checked(&library, raw).inspect_err(|_| self.is_finished = true)?;
        if block.as_ref().is_empty() {
            self.is_finished = true;
            return Ok(None);
        }
        Ok(Some(block))
    }
}

impl Drop for RowStream<'_> {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        let cancel = self.connection.library.functions.stream_cancel;
        // SAFETY: the stream belongs to this session and has not ended.
        unsafe { cancel(self.connection.raw(), self.result.raw.as_ptr()) };
    }
}

/// An insert that takes its data in pieces.
pub(crate) struct InsertStream<'connection> {
    connection: &'connection mut Connection,
    raw: NonNull<c_void>,
    is_finished: bool,
}

impl InsertStream<'_> {
    /// Passes a piece of the data to the engine; blocks while the engine is behind.
    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), String> {
        let append = self.connection.library.functions.insert_append;
        // SAFETY: a live stream; the data is copied.
        let state = unsafe { append(self.raw.as_ptr(), data.as_ptr().cast(), data.len()) };
        if state == 0 {
            Ok(())
        } else {
            Err(self.error().unwrap_or_default())
        }
    }

    /// Ends the data, waits until it is inserted and returns the rows and bytes written.
    pub(crate) fn finish(mut self) -> Result<Progress, String> {
        self.is_finished = true;
        let library = Arc::clone(&self.connection.library);
        // SAFETY: a live stream that has not been finished.
        let result = unsafe { (library.functions.insert_done)(self.raw.as_ptr()) };
        QueryOutput::checked(&library, result).map(|output| output.progress())
    }

    fn error(&self) -> Option<String> {
        // SAFETY: a live stream.
        text(unsafe { (self.connection.library.functions.insert_error)(self.raw.as_ptr()) })
    }
}

impl Drop for InsertStream<'_> {
    fn drop(&mut self) {
        let functions = &self.connection.library.functions;
        // SAFETY: this is the stream's only owner; cancelling before the end of the data inserts
        // only blocks that were completely sent.
        unsafe {
            if !self.is_finished {
                (functions.insert_cancel)(self.raw.as_ptr());
            }
            (functions.insert_destroy)(self.raw.as_ptr());
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
