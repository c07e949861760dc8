//! A library that returns null pointers causes errors, and nothing worse.

use std::ffi::c_int;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::sync::atomic::{AtomicPtr, Ordering};

use parking_lot::Mutex;

use super::*;
use crate::ffi::{Functions, RawInsert};

/// The target of a connection in these tests; its address has no meaning.
static SESSION: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

extern "C" fn no_text() -> *const c_char {
    ptr::null()
}
extern "C" fn ignore_flag(_: c_int) {}
extern "C" fn no_number() -> c_int {
    1
}
extern "C" fn connects(_: c_int, _: *mut *mut c_char) -> *mut RawConnection {
    SESSION.store(ptr::dangling_mut::<u64>().cast(), Ordering::Relaxed);
    SESSION.as_ptr()
}
extern "C" fn connects_to_null(_: c_int, _: *mut *mut c_char) -> *mut RawConnection {
    static NULL: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
    NULL.as_ptr()
}
extern "C" fn connects_to_nothing(_: c_int, _: *mut *mut c_char) -> *mut RawConnection {
    ptr::null_mut()
}
extern "C" fn close(_: *mut RawConnection) {}
extern "C" fn runs_to_null(
    _: RawConnection,
    _: *const c_char,
    _: usize,
    _: *const c_char,
    _: usize,
    _: *const *const c_char,
    _: *const usize,
    _: *const *const c_char,
    _: *const usize,
    _: usize,
) -> *mut c_void {
    ptr::null_mut()
}
extern "C" fn fetch(_: RawConnection, _: RawResult) -> RawResult {
    ptr::null_mut()
}
// The functions below must never be called with a null pointer.
extern "C" fn cancel(_: RawConnection, result: RawResult) {
    assert!(!result.is_null());
}
extern "C" fn destroy(result: RawResult) {
    assert!(!result.is_null());
}
extern "C" fn buffer(result: RawResult) -> *const u8 {
    assert!(!result.is_null());
    ptr::null()
}
extern "C" fn length(result: RawResult) -> usize {
    assert!(!result.is_null());
    7
}
extern "C" fn error_of(result: RawResult) -> *const c_char {
    assert!(!result.is_null());
    ptr::null()
}
extern "C" fn count(result: RawResult) -> u64 {
    assert!(!result.is_null());
    0
}
extern "C" fn append(insert: RawInsert, _: *const c_void, _: usize) -> c_int {
    assert!(!insert.is_null());
    1
}
extern "C" fn done(insert: RawInsert) -> RawResult {
    assert!(!insert.is_null());
    ptr::null_mut()
}

type Connect = unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut RawConnection;

fn library(connect: Connect) -> Arc<Library> {
    let functions = Functions {
        version: no_text,
        set_signal_handlers_enabled: ignore_flag,
        shutdown: no_number,
        connect,
        close_conn: close,
        query_with_params: runs_to_null,
        stream_query_with_params: runs_to_null,
        stream_fetch: fetch,
        stream_cancel: cancel,
        destroy_result: destroy,
        result_buffer: buffer,
        result_length: length,
        result_error: error_of,
        result_storage_rows_read: count,
        result_storage_bytes_read: count,
        result_rows_written: count,
        result_bytes_written: count,
        insert_with_params: runs_to_null,
        insert_append: append,
        insert_done: done,
        insert_cancel: destroy,
        insert_error: error_of,
        insert_destroy: destroy,
    };
    Arc::new(Library {
        functions,
        path: PathBuf::new(),
        sessions: Mutex::new(()),
        _handle: ManuallyDrop::new(libloading::os::unix::Library::this().into()),
    })
}

#[test]
fn a_statement_without_a_result_fails() {
    let mut connection = Connection::open(&library(connects), &[]).unwrap();
    assert!(connection.run(b"SELECT 1", "TSV", &[]).is_err());
    assert!(connection.stream(b"SELECT 1", "TSV", &[]).is_err());
    assert!(connection.insert(b"INSERT INTO t", "TSV", &[]).is_err());
    assert_eq!(connection.library.version(), "");
}

#[test]
fn a_null_session_is_none() {
    assert!(Connection::open(&library(connects_to_nothing), &[]).is_none());
    assert!(Connection::open(&library(connects_to_null), &[]).is_none());
}

#[test]
fn a_result_without_a_buffer_is_empty() {
    let raw: RawResult = ptr::dangling_mut::<u64>().cast();
    let output = QueryOutput::checked(&library(connects), raw).unwrap();
    assert!(output.as_ref().is_empty());
    assert_eq!(output.progress(), Progress::default());
}
