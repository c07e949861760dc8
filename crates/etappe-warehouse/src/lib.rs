//! ClickHouse: migrations, batch writer, KPI views and queries.
