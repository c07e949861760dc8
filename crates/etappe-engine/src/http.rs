//! The subset of ClickHouse's HTTP interface that clients need: requests, responses, and the
//! encodings of their bodies.

pub(crate) mod block;
pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod handler;
pub(crate) mod multipart;
mod reader_settings;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod slot;
pub(crate) mod upload;
