//! Tests the server over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod http_server;
