//! Formats: tracker protocols in, log records, ClickHouse rows.
